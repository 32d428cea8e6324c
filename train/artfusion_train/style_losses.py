# SPDX-License-Identifier: MIT
"""How far a picture is from another's style and from a third's shapes, to a fixed network.

Style is judged by what can be said of a picture without saying where: how features are
distributed, along their own axes and random ones (Heitz et al., arXiv 2006.07229), how they
correlate with each other at the same place (Gatys et al., arXiv 1508.06576) and some way off
(Berger and Memisevic, arXiv 1606.01286), which tells a long stroke from a dab and a lattice from
either; and energies of octaves. Content is what is left of features when their channel statistics
are taken out.

Means and deviations alone (Huang and Belongie, arXiv 1703.06868, eq. 13) will not do: a network
with a good decoder learns to meet them by a few loud motifs, the same in every picture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .borrowed import metrics
from .stylenet import StyleNet

# Of StyleNet.features. Statistics of the last, at 1/16 of the picture, count objects: judged by
# them a network paints small faces wherever the painting has one.
_STYLE_MAPS = slice(0, 4)  # at 1/2, 1/2, 1/4 and 1/8 of the picture
_CONTENT_MAPS = (3, 4)  # at 1/8 and 1/16
# (rows, columns) of a map at which the features of each correlated map meet. The two finest, at
# half the picture, cost the most and see few pixels far: three do.
_NEAR = ((0, 0), (0, 2), (2, 0))
_FAR = (*_NEAR, (2, 2), (2, -2), (0, 5), (5, 0))
_CORRELATED = (_NEAR, _NEAR, _FAR, _FAR)  # maps at 1/2, 1/2, 1/4 and 1/8 of the picture
_PLACES = 1024  # of a map, to estimate its distribution from
_OCTAVES = 3


def correlations(maps: list[Tensor]) -> list[Tensor]:
    """Of the finer maps, at every offset, the correlation of each channel with each: [N,C,C]."""
    out = []
    for features, offsets in zip(maps, _CORRELATED):
        # Two rounded factors of a mean over thousands of places: 16 bits do, and are twice as fast.
        m = F.instance_norm(features.float()).bfloat16().permute(0, 2, 3, 1)
        rows, columns = m.shape[1:3]
        for dy, dx in offsets:
            left, right = max(0, -dx), max(0, dx)
            a = m[:, : rows - dy, left : columns - right].flatten(1, 2)
            b = m[:, dy:, right : columns - left].flatten(1, 2)
            out.append((a.mT @ b).float() / a.shape[1])
    return out


def directions(channels: int) -> Tensor:
    """Unit vectors [D,C]: the channels' axes and as many random ones, always the same."""
    random = torch.randn((channels, channels), generator=torch.Generator().manual_seed(channels))
    return torch.cat([torch.eye(channels), F.normalize(random, dim=1)])


def quantiles(m: Tensor, level: Tensor, spread: Tensor, along: Tensor) -> Tensor:
    """Features [N,C,h,w], standardised by level and spread [C], at some places in ascending order
    along each direction [D,C]: [N,D,places]."""
    flat = m.float().flatten(2)
    count = min(flat.shape[2], _PLACES)
    places = torch.arange(count, device=m.device) * flat.shape[2] // count
    scaled = (flat[:, :, places] - level[:, None]) / spread[:, None]
    return (along @ scaled).sort(dim=2).values


def band_energies(rgb: Tensor) -> Tensor:
    """Logarithms of the luma's energy in three octaves from the finest, [N,3], of rgb in [-1,1]: how
    sharp and how rough a picture is (after Heeger and Bergen, SIGGRAPH 1995), of which features
    that were trained to name things keep little."""
    octaves = []
    x = metrics.luma(rgb.float())
    taps = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    kernel = (taps[:, None] * taps[None])[None, None]
    for _ in range(_OCTAVES):
        low = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel)
        octaves.append((x - low).square().mean(dim=(1, 2, 3)))
        x = low[:, :, ::2, ::2]
    return (torch.stack(octaves, dim=1) + 1e-5).log()


def whitened(m: Tensor) -> Tensor:
    """Features [N,C,h,w] without their channel statistics, of unit length at every place."""
    return F.normalize(F.instance_norm(m.float()), dim=1)


def content_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """One minus the mean cosine of whitened features, over the layers that carry shapes."""
    terms = [1.0 - (whitened(a[i]) * whitened(b[i])).sum(dim=1).mean() for i in _CONTENT_MAPS]
    return torch.stack(terms).mean()


class Measured:
    """Two distances in units of what is common among paintings."""

    def __init__(self, judge: StyleNet, paintings: list[Tensor]) -> None:
        """paintings: some batches [N,3,H,W] in [-1,1]."""
        with torch.no_grad():
            seen = [judge.features(batch) for batch in paintings]
            pairs = [torch.cat(part) for part in zip(*map(correlations, seen), strict=True)]
            flat = [[m.float().flatten(2) for m in maps[_STYLE_MAPS]] for maps in seen]
            levels = [torch.cat([m.mean(dim=2) for m in each]) for each in zip(*flat, strict=True)]
            spreads = [torch.cat([m.std(dim=2) for m in each]) for each in zip(*flat, strict=True)]
        self.level = [part.mean(dim=0) for part in levels]
        # A nearly dead channel must not drown the others.
        means = [part.mean(dim=0) for part in spreads]
        self.spread = [s.clamp_min(max(0.1 * float(s.median()), 1e-4)) for s in means]
        self.along = [directions(len(s)).to(s.device) for s in self.spread]
        self.variance = [part.var(dim=0).sum() for part in pairs]

    def distribution_distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """Huber distance (delta 1/2 a deviation) of the quantiles of two pictures' feature maps,
        every map alike."""
        terms = []
        fixed = zip(self.level, self.spread, self.along, strict=True)
        for x, y, (level, spread, along) in zip(a, b, fixed):
            p, q = quantiles(x, level, spread, along), quantiles(y, level, spread, along)
            terms.append(F.smooth_l1_loss(p, q, beta=0.5))
        return torch.stack(terms).mean()

    def correlation_distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """Squared difference of correlations; 1 is what lies between two paintings."""
        terms = []
        for x, y, v in zip(correlations(a), correlations(b), self.variance, strict=True):
            terms.append((x - y).square().sum(dim=(1, 2)).mean() / (2.0 * v))
        return torch.stack(terms).mean()
