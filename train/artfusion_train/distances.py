# SPDX-License-Identifier: MIT
"""Distances of pictures by the feature maps of StyleNet.features, and by octaves of their luma: what a
restyled picture is asked to have of a painting, of a photo, and of what a teacher made of the two."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .borrowed import metrics

_CONTENT_MAPS = (3, 4)  # of StyleNet.features: at 1/8 and 1/16 of the picture; finer is style
_OCTAVES = 3
_PATCH = 8  # pixels
_CELL = 8  # pixels a latent
_UNSEEN = 0.01  # a step that no eye sees
_STYLE_MAPS = 4  # the first ones: down to 1/8 of the picture
_MOTIF_MAPS = (2, 3)  # of these, at 1/4 and 1/8: those that can see a motif


def style_distance(maps: list[Tensor], painted: list[Tensor], spread: Tensor) -> Tensor:
    """Huber distance (delta 1) of what two pictures' feature maps hold wherever it is, in standard
    deviations `spread` of the style codes of paintings; every layer but the last counts the same. The
    last, at 1/16, tells things apart more than manners: it is met by painting small things.

    Of fine maps it is that of a channel's deviation and mean, as in the style code. Of coarse ones,
    which see whole motifs, a deviation can be had by painting a few loud ones: there all values of a
    channel are compared, in order (the Wasserstein distance along the axes; Heitz et al.,
    arXiv 2006.07229)."""
    terms, at = [], 0
    for i, (m, p) in enumerate(zip(maps[:_STYLE_MAPS], painted[:_STYLE_MAPS], strict=True)):
        width = m.shape[1]
        ours, theirs = m.float().flatten(2), p.float().flatten(2)
        scales = spread[at : at + width], spread[at + width : at + 2 * width]
        at += 2 * width
        if i in _MOTIF_MAPS:
            error = (ours.sort(dim=2).values - theirs.sort(dim=2).values) / scales[1][:, None]
            terms += 2 * [_huber(error)]
        else:
            terms.append(_huber((ours.std(dim=2) - theirs.std(dim=2)) / scales[0]))
            terms.append(_huber((ours.mean(dim=2) - theirs.mean(dim=2)) / scales[1]))
    return torch.stack(terms).mean()


def _huber(error: Tensor) -> Tensor:
    """Far outliers pull no harder than near ones: the style code saturates there as well."""
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=1.0)


def band_energies(rgb: Tensor) -> Tensor:
    """The luma's energy in three octaves from the finest, of each patch of 8 pixels, [N,3,patches], of
    rgb in [-1,1]: how sharp and how rough a picture is (after Heeger and Bergen, SIGGRAPH 1995), of
    which features that were trained to name things keep little."""
    octaves = []
    x = metrics.luma(rgb.float())
    taps = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    for octave in range(_OCTAVES):
        low = metrics.filtered(F.pad(x, (2, 2, 2, 2), mode="reflect"), taps)
        energy = F.avg_pool2d((x - low).square(), _PATCH >> octave)
        octaves.append(energy.flatten(1))
        x = low[:, :, ::2, ::2]
    return torch.stack(octaves, dim=1)


def band_distance(a: Tensor, b: Tensor, placed: Tensor) -> Tensor:
    """Huber distance (delta 1) of the logarithms of band energies: of the whole, so that a picture is
    as sharp, and of its patches, since that could be had from a few loud ones. Pictures that are
    `placed`, [N] of bool, show the same shapes: there each patch is as rough as the other's at the same
    place. Of the rest the patches are compared in ascending order."""
    ordered = [torch.where(placed[:, None, None], x, x.sort(dim=2).values) for x in (a, b)]
    whole = [energy.mean(dim=2) for energy in (a, b)]
    return sum(
        (F.smooth_l1_loss((x + 1e-5).log(), (y + 1e-5).log()) for x, y in (ordered, whole)),
        a.new_zeros(()),
    )


def whitened(m: Tensor) -> Tensor:
    """Features [N,C,h,w] without their channel statistics, of unit length at every place."""
    return F.normalize(F.instance_norm(m.float()), dim=1)


def content_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """One minus the mean cosine of whitened features, over the layers that carry shapes."""
    terms = [1.0 - (whitened(a[i]) * whitened(b[i])).sum(dim=1).mean() for i in _CONTENT_MAPS]
    return torch.stack(terms).mean()


def likeness(maps: list[Tensor], taught: list[Tensor], scales: Tensor) -> Tensor:
    """Huber distance (delta 1) of features place by place, in units of how much each channel varies
    within a painting; every layer counts the same. scales: style codes of that, the mean one."""
    terms, at = [], 0
    for m, t in zip(maps, taught, strict=True):
        width = m.shape[1]
        unit = scales[at : at + width, None, None].clamp_min(1e-3)
        at += 2 * width
        terms.append(_huber((m.float() - t.float()) / unit))
    return torch.stack(terms).mean()


def lattice(rgb: Tensor) -> Tensor:
    """How much of the contrast of neighbouring pixels, of rgb [N,3,H,W] in [-1,1], is foretold by where in a
    square of 8 x 8 pixels they lie: a decoder draws 8 x 8 pixels of each latent, and paints their lattice
    where it is given latents that no picture has. Natural pictures know no such place.

    The variance over the places of the mean logarithm of squared differences, so that an even area counts
    as much as a busy one."""
    y = metrics.luma(rgb.float())
    h, w = (_CELL * ((side - 1) // _CELL) for side in y.shape[2:])
    here = y[:, :, :h, :w]
    found = []
    for there in (y[:, :, :h, 1 : w + 1], y[:, :, 1 : h + 1, :w]):
        contrast = ((there - here).square() + _UNSEEN**2).log()
        places = contrast.unflatten(3, (-1, _CELL)).unflatten(2, (-1, _CELL))
        found.append(places.mean(dim=(1, 2, 4)).var(dim=(1, 2), correction=0))
    return torch.stack(found).mean()
