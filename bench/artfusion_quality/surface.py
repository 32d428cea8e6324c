# SPDX-License-Identifier: MIT
"""The surface of pictures in numbers that need no network: energy by octaves, the width of marks,
lines along the border, and what repeats. Pictures are rgb [N,3,H,W] in 0..255; all is of luma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .metrics import Pair, as_rgb, luma, mean

MIN_SIDE = 64  # of a picture
OCTAVES = 4
WIDTHS = 16  # pixels: wider marks do not count
DEPTH = 12  # pixels from the border within which a line is looked for
PERIODS = (4, 8, 16)  # pixels
_WINDOW = 64
_RING = 0.75  # steps of frequency
_ROUNDING = 1.0 / 12.0  # variance of the difference to the nearest whole number
_INTERIOR = 16  # depths
_FAINT = 0.5  # mean gradient below which a picture is taken to have this one
_HALVES = 200
_AT_ONCE = 8  # pictures: bounds the memory


def octaves(y: Tensor) -> Tensor:
    """[N,OCTAVES]: mean squares of the bands of an undecimated wavelet transform by the B3 spline
    (Starck et al. 2007, "The undecimated wavelet decomposition and its reconstruction"), finest
    first: half of a wave passes into them at wavelengths below 5.5 pixels, and from there on in
    octaves. The first is `metrics.sharpness`. Where a window reaches over the border, nothing is
    measured."""
    taps = y.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    energies = []
    for octave in range(OCTAVES):
        hole, edge = 2**octave, 2 ** (octave + 1)
        low = F.conv2d(y, taps.view(1, 1, 1, -1), dilation=(1, hole))
        low = F.conv2d(low, taps.view(1, 1, -1, 1), dilation=(hole, 1))
        energies.append((y[:, :, edge:-edge, edge:-edge] - low).square().mean((1, 2, 3)))
        y = low
    return torch.stack(energies, 1)


def _greatest(x: Tensor, side: int) -> Tensor:
    """Of each square of so many pixels a side that lies inside."""
    for dim in (2, 3):
        span = 1
        while span < side:  # doubled, and then what is left
            step = min(span, side - span)
            length = x.shape[dim] - step
            x = torch.maximum(x.narrow(dim, 0, length), x.narrow(dim, step, length))
            span += step
    return x


def _opening(y: Tensor, side: int) -> Tensor:
    """By squares that lie inside the picture."""
    eroded = -_greatest(-y, side)
    return _greatest(F.pad(eroded, (side - 1,) * 4, value=-torch.inf), side)


def granulometry(y: Tensor) -> Tensor:
    """[N,WIDTHS]: how much of a picture's marks is 1, 2, ... pixels wide, as shares of 1: what
    openings by squares of growing side take away of the bright ones and closings of the dark ones
    (Maragos 1989, "Pattern spectrum and multiscale shape representation"), area times height. A
    picture without marks has all of it at 1."""
    lost = torch.zeros(len(y), WIDTHS, dtype=y.dtype, device=y.device)
    for tone in (y, -y):
        before = tone
        for width in range(1, WIDTHS + 1):
            opened = _opening(tone, width + 1)
            lost[:, width - 1] += (before - opened).mean((1, 2, 3))
            before = opened
    lost[:, 0] += torch.finfo(y.dtype).tiny
    return lost / lost.sum(1, keepdim=True)


def spectrum(y: Tensor) -> Tensor:
    """[N,64,64]: logarithm of the power by horizontal (last) and vertical frequency in cycles a
    window of 64 pixels, zero in the middle (32, 32): Welch's periodogram (1967, "The use of fast
    Fourier transform for the estimation of power spectra") with Hann windows that overlap by half,
    the logarithm taken before the mean, so that a pattern in a dark even place counts as much as
    one in a busy bright one. Rounding's own power is added."""
    hann = torch.hann_window(_WINDOW, dtype=y.dtype, device=y.device)
    window = hann[:, None] * hann
    parts = y[:, 0].unfold(1, _WINDOW, _WINDOW // 2).unfold(2, _WINDOW, _WINDOW // 2)
    parts = (parts - parts.mean((-2, -1), keepdim=True)) * window
    power = torch.fft.fft2(parts).abs().square() / window.square().sum()
    return torch.fft.fftshift((power + _ROUNDING).log().mean((1, 2)), (1, 2))


def prominence(levels: Tensor) -> Tensor:
    """[...,64,64]: how far each frequency of a logarithmic spectrum, smoothed by (1 2 1)/4 each
    way as wide as a wave's own peak, stands above the mean of those 2 and 3 steps off, on both
    sides, in the direction in which these are highest of four: so it is not on a slope, nor on a
    ridge such as upright edges make."""
    for dim in (-2, -1):
        levels = 0.5 * levels + 0.25 * (levels.roll(1, dim) + levels.roll(-1, dim))
    around = []
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        steps = [(s * down, s * across) for s in (-3, -2, 2, 3)]
        around.append(torch.stack([levels.roll(s, (-2, -1)) for s in steps]).mean(0))
    return levels - torch.stack(around).amax(0)


def peak(levels: Tensor, period: int) -> Tensor:
    """[...]: the most prominent of the frequencies of waves so many pixels long, whatever their
    direction."""
    at = torch.arange(_WINDOW) - _WINDOW // 2
    ring = (torch.hypot(at[:, None].double(), at.double()) - _WINDOW / period).abs() <= _RING
    return prominence(levels)[..., ring].amax(-1)


def lines(y: Tensor) -> Tensor:
    """[N,4,DEPTH + interior]: how much a row of pixels, at each depth from each of the four
    borders, differs from its two neighbours along the whole of it: the mean of the middle half
    (which passes over what crosses the row) of luma less the neighbours' mean, without its sign,
    over the picture's mean gradient. The interior are up to `_INTERIOR` depths further inside."""
    picture = y[:, 0]
    down, across = (picture.diff(dim=d).abs().mean((1, 2)) for d in (1, 2))
    gradient = (0.5 * (down + across)).clamp(min=_FAINT)
    depths = [*range(1, DEPTH + 1), *_inside(min(picture.shape[1:]))]
    sides = (picture, picture.flip(1), picture.mT, picture.mT.flip(1))
    found = []
    for side in sides:
        rows = [side[:, d] - 0.5 * (side[:, d - 1] + side[:, d + 1]) for d in depths]
        along = torch.stack(rows, 1).sort(2).values
        quarter = along.shape[2] // 4
        found.append(along[:, :, quarter : along.shape[2] - quarter].mean(2).abs())
    return torch.stack(found, 1) / gradient.view(-1, 1, 1)


def _inside(side: int) -> list[int]:
    first, last = 2 * DEPTH, side // 2
    step = max(1, (last - first) // _INTERIOR)
    return list(range(first, last, step))[:_INTERIOR]


def border(found: Tensor, weights: Tensor) -> Tensor:
    """[R]: the strongest line within DEPTH pixels of the border that is not in the interior, of
    `lines` of P pictures weighing [R,P]: at each depth the mean of the middle half of all sides
    (which passes over pictures that have a frame of their own)."""
    share = weights.repeat_interleave(found.shape[1], 1)
    share = share / share.sum(1, keepdim=True)
    at_depths = []
    for values in found.flatten(0, 1).double().unbind(1):
        values, order = values.sort()
        up_to = share[:, order].cumsum(1).clamp(0.25, 0.75)
        middle = up_to.diff(dim=1, prepend=up_to.new_full((len(up_to), 1), 0.25))
        at_depths.append(middle @ values / 0.5)
    levels = torch.stack(at_depths, 1)
    return (levels[:, :DEPTH] - levels[:, DEPTH:].mean(1, keepdim=True)).amax(1)


class Surface:
    """Measures results beside the paintings whose manner they have."""

    def __init__(self, styles: Tensor) -> None:
        self._styles = _columns(styles)

    def measure(self, results: Tensor, pairs: Sequence[Pair]) -> dict[str, Tensor]:
        """A vector a result for each quantity that `scores` takes."""
        style = torch.tensor([s for _, s in pairs])
        own = _columns(results)
        paintings = {name: column[style] for name, column in self._styles.items()}
        apart = (own["marks"].cumsum(1) - paintings["marks"].cumsum(1)).abs().sum(1)
        return {
            "octaves": own["octaves"],
            "reference_octaves": paintings["octaves"],
            "marks_a_pixel": own["marks"] @ (1.0 / torch.arange(1.0, WIDTHS + 1.0)),
            "marks_distance": apart,
            "lines": own["lines"],
            "spectrum": own["spectrum"] - paintings["spectrum"],
        }

    def halves(self) -> dict[str, float]:
        """The instrument's own noise: peaks of one half of the paintings above those of the other
        half, the 95th percentile over random halves; a line along all the paintings' border."""
        spectra, count = self._styles["spectrum"], len(self._styles["spectrum"])
        rng = torch.Generator().manual_seed(0)
        found: dict[str, list[Tensor]] = {}
        for _ in range(_HALVES):
            order = torch.randperm(count, generator=rng)
            half = spectra[order[: count // 2]].mean(0) - spectra[order[count // 2 :]].mean(0)
            for period in PERIODS:
                found.setdefault(f"peak_{period}", []).append(peak(half, period))
        noise = {name: float(torch.stack(values).quantile(0.95)) for name, values in found.items()}
        all_alike = torch.ones(1, count, dtype=torch.float64)
        return noise | {"border": float(border(self._styles["lines"], all_alike))}


def _columns(pictures: Tensor) -> dict[str, Tensor]:
    parts = []
    for part in torch.split(pictures, _AT_ONCE):
        y = luma(as_rgb(part))
        parts.append((octaves(y), granulometry(y), lines(y), spectrum(y)))
    names = ("octaves", "marks", "lines", "spectrum")
    return {name: torch.cat(column).cpu() for name, column in zip(names, zip(*parts), strict=True)}


def scores(columns: Mapping[str, Tensor], weights: Tensor) -> dict[str, Tensor]:
    """[R] each, of results that weigh [R,P]."""
    means = {name: mean(columns[name], weights) for name in columns if name != "lines"}
    ratio = means["octaves"] / means["reference_octaves"]
    return (
        {f"octave_{i + 1}": ratio[:, i] for i in range(OCTAVES)}
        | {"brush": 1.0 / means["marks_a_pixel"], "marks_distance": means["marks_distance"]}
        | {f"peak_{period}": peak(means["spectrum"], period) for period in PERIODS}
        | {"border": border(columns["lines"], weights)}
    )
