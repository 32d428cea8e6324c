# SPDX-License-Identifier: MIT
"""Measures of pictures, rgb [N,3,H,W] in 0..255, and the scores of a list of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .judge import Judge, found

Pair = tuple[int, int]  # index of the content, index of the style
_AT_ONCE = 8


def as_rgb(pictures: Tensor) -> Tensor:
    """uint8, or floats in -1..1 (clamped), to float32 in 0..255."""
    if pictures.dtype == torch.uint8:
        return pictures.float()
    return (pictures.float().clamp(-1.0, 1.0) + 1.0) * 127.5


def luma(rgb: Tensor) -> Tensor:
    """[N,1,H,W] in 0..255: ITU-R BT.601, of the values as they are."""
    weights = rgb.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (rgb * weights).sum(1, keepdim=True)


def filtered(x: Tensor, taps: Tensor) -> Tensor:
    """Separable, where the whole window lies inside. As products of matrices: convolutions of one
    channel are what a CPU has no fast code for, nor for their gradients."""
    return _bands(x.shape[2], taps, x) @ x @ _bands(x.shape[3], taps, x).T


def _bands(size: int, taps: Tensor, like: Tensor) -> Tensor:
    """[size - taps + 1, size]: row i has the taps from column i on."""
    return sum(
        tap * torch.eye(size - len(taps) + 1, size, dtype=like.dtype, device=like.device).roll(i, dims=1)
        for i, tap in enumerate(taps.to(like))
    )


def sharpness(rgb: Tensor) -> Tensor:
    """[N]: mean square of luma less its 5 x 5 binomial low-pass (1 4 6 4 1)/16 each way."""
    y = luma(rgb)
    low = filtered(y, torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0)
    return (y[:, :, 2:-2, 2:-2] - low).square().mean((1, 2, 3))


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """[N]: dB of peak 255 over the mean square difference of all channels."""
    return 10.0 * torch.log10(255.0**2 / (a - b).square().mean((1, 2, 3)))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """[N]: Wang et al. 2004, "Image quality assessment", equation 13 on luma: 11 x 11 Gaussian
    window of sigma 1.5, K1 = .01, K2 = .03, L = 255, where the window lies inside."""
    x, y = luma(a).double(), luma(b).double()
    window = torch.exp(-torch.arange(-5.0, 6.0, dtype=torch.float64).square() / (2.0 * 1.5**2))
    window /= window.sum()
    mx, my = filtered(x, window), filtered(y, window)
    vx, vy = filtered(x * x, window) - mx * mx, filtered(y * y, window) - my * my
    cov = filtered(x * y, window) - mx * my
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return index.mean((1, 2, 3)).float()


def cielab(rgb: Tensor) -> Tensor:
    """[N,3,H,W] in float64: sRGB (IEC 61966-2-1) to CIE 1976 L*a*b* under D65."""
    v = rgb.double() / 255.0
    linear = torch.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    to_xyz = linear.new_tensor(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    to_xyz = to_xyz / to_xyz.sum(1, keepdim=True)  # white is (1, 1, 1)
    t = torch.einsum("ij,njhw->nihw", to_xyz, linear)
    d = 6.0 / 29.0
    x, y, z = torch.where(t > d**3, t.clamp(min=0.0) ** (1 / 3), t / (3 * d * d) + 4 / 29).unbind(1)
    return torch.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], 1)


def colour_distance(a: Tensor, b: Tensor) -> Tensor:
    """[N]: Wasserstein-2 distance of the pictures' colours taken as Gaussians in CIELAB, in units
    of Delta E: |m - n|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2), squared (Dowson and Landau 1982,
    "The Frechet distance between multivariate normal distributions", equation 4)."""

    def gaussian(rgb: Tensor) -> tuple[Tensor, Tensor]:
        colours = cielab(rgb).flatten(2)
        mean = colours.mean(2, keepdim=True)
        return mean[:, :, 0], (colours - mean) @ (colours - mean).mT / colours.shape[2]

    def root(matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        rooted: Tensor = (vectors * values.clamp(min=0.0).sqrt()[:, None]) @ vectors.mT
        return rooted

    (m, p), (n, q) = gaussian(a), gaussian(b)
    half = root(p)
    between = p + q - 2.0 * root(half @ q @ half)
    squared = (m - n).square().sum(1) + between.diagonal(dim1=1, dim2=2).sum(1)
    return squared.clamp(min=0.0).sqrt().float()


def compare(judge: Judge, results: Tensor, originals: Tensor) -> dict[str, Tensor]:
    """One number a picture for each quantity that tells how near results are to the originals."""
    device = next(judge.parameters()).device
    a, b = as_rgb(results.to(device)), as_rgb(originals.to(device))
    columns = {
        "psnr": psnr(a, b),
        "ssim": ssim(a, b),
        "feature_distance": judge.feature_distance(a, b),
        "energy": sharpness(a),
        "reference_energy": sharpness(b),
    }
    return {name: column.cpu() for name, column in columns.items()}


class Scorer:
    """Scores results against fixed lists of contents and styles, which are read once.

    Distances of style are in standard deviations of a statistic over the styles, each map weighing
    the same: about 1.4 between two of them. Distances of content are one less the mean cosine:
    0 for the same picture, about 1 for unrelated ones.
    """

    def __init__(self, judge: Judge, contents: Tensor, styles: Tensor) -> None:
        if len(styles) < 2:
            raise ValueError("at least two styles are needed to tell one from another")
        self.judge = judge
        self.device = next(judge.parameters()).device
        self.contents, self.styles = contents, styles
        statistics, _ = judge.look(as_rgb(styles.to(self.device)))
        scales = []
        for layer in statistics:
            spread = layer.std(0, correction=0)
            # A nearly dead channel, constant but for a few styles, must not drown the others.
            spread = spread.clamp(min=max(0.1 * float(spread.median()), 1e-6))
            scales.append((layer.shape[1] * len(statistics)) ** -0.5 / spread)
        self._scale = torch.cat(scales)
        self._styles = self._weighed(statistics)
        self._contents = judge.look(as_rgb(contents.to(self.device)))[1]

    def _weighed(self, statistics: list[Tensor]) -> Tensor:
        return torch.cat(statistics, 1) * self._scale

    def distances(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """(to every style [P,S], to every content [P,C])"""
        statistics, content = self.judge.look(rgb)
        exact = "donot_use_mm_for_euclid_dist"
        style = torch.cdist(self._weighed(statistics), self._styles, compute_mode=exact)
        return style, 1.0 - content @ self._contents.T

    @torch.no_grad()
    def measure(self, results: Tensor, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """One number a result for each quantity that `summary` averages, and the distances to all
        styles."""
        rgb = as_rgb(results.to(self.device))
        content, style = torch.tensor(pairs, device=self.device).T
        paintings = as_rgb(self.styles[style.cpu()].to(self.device))
        to_style, to_content = self.distances(rgb)
        columns = {
            "style_top1": found(to_style, style, 1),
            "style_top5": found(to_style, style, 5),
            "content_top1": found(to_content, content, 1),
            "style_distance": to_style.gather(1, style[:, None])[:, 0],
            "content_distance": to_content.gather(1, content[:, None])[:, 0].clamp(min=0.0),
            "colour_distance": colour_distance(rgb, paintings),
            "energy": sharpness(rgb),
            "reference_energy": sharpness(paintings),
            "to_style": to_style,
        }
        return {name: column.float().cpu() for name, column in columns.items()}

    def score(self, results: Tensor, pairs: Sequence[Pair] | None = None) -> dict[str, float]:
        """Scores of results[p] for content and style pairs[p]; without pairs the results are those
        of every content with every style, the styles of the first content first."""
        if pairs is None:
            pairs = [(c, s) for c in range(len(self.contents)) for s in range(len(self.styles))]
        if len(results) != len(pairs):
            raise ValueError(f"{len(results)} results for {len(pairs)} pairs")
        parts = [slice(i, i + _AT_ONCE) for i in range(0, len(pairs), _AT_ONCE)]
        return summary([self.measure(results[part], pairs[part]) for part in parts])


def hubs_discounted(to_style: Tensor) -> Tensor:
    """Distances [P,S] of which a style that is near to everything has no advantage: cross-domain
    similarity local scaling (Conneau et al., arXiv 1710.04087, section 2.3) of distances, by the
    ten results nearest to each style. Its other term is the same for all styles of a result."""
    nearest = to_style.topk(min(10, len(to_style)), dim=0, largest=False).values
    return 2.0 * to_style - nearest.mean(0)


def joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def mean(column: Tensor, weights: Tensor) -> Tensor:
    """[R,...] of a column [P,...] whose values weigh [R,P]."""
    flat = column.double().reshape(len(column), -1)
    return ((weights @ flat) / weights.sum(1, keepdim=True)).view(-1, *column.shape[1:])


def scores(columns: Mapping[str, Tensor], weights: Tensor) -> dict[str, Tensor]:
    """[R] each, of what `measure` or `compare` gave of P pictures that weigh [R,P]: means;
    sharpness is a ratio of means, 1 for the paintings, or the originals, themselves."""
    means = {k: mean(column, weights) for k, column in columns.items() if k != "to_style"}
    means["sharpness"] = means.pop("energy") / means.pop("reference_energy")
    return means


def summary(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """`scores` of pictures that weigh alike."""
    columns = joined(parts)
    alike = torch.ones(1, len(columns["energy"]), dtype=torch.float64)
    return {name: float(value) for name, value in scores(columns, alike).items()}


def reconstruction(judge: Judge, results: Tensor, originals: Tensor) -> dict[str, float]:
    """Scores of pictures that should be the originals; [N,3,H,W], uint8 or -1..1."""
    parts = zip(torch.split(results, _AT_ONCE), torch.split(originals, _AT_ONCE), strict=True)
    return summary([compare(judge, *part) for part in parts])


def score(
    results: Tensor,
    contents: Tensor,
    styles: Tensor,
    judge: Judge,
    pairs: Sequence[Pair] | None = None,
) -> dict[str, float]:
    """Scorer.score for lists that are used once. Pictures are [N,3,H,W], uint8 or -1..1."""
    return Scorer(judge, contents, styles).score(results, pairs)
