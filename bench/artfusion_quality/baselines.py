# SPDX-License-Identifier: MIT
"""Style transfer without a network of its own: what a model must beat."""

from __future__ import annotations

import torch
from torch import Tensor

# Reinhard et al. 2001, "Color transfer between images", equations 4 and 6.
_TO_LMS = torch.tensor(
    [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]],
    dtype=torch.float64,
)
_TO_LAB = torch.diag(torch.tensor([3.0, 6.0, 2.0], dtype=torch.float64).rsqrt()) @ torch.tensor(
    [[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]], dtype=torch.float64
)


def match_moments(x: Tensor, y: Tensor) -> Tensor:
    """x[N,C,H,W] with each channel's mean and standard deviation those of y: AdaIN
    (Huang and Belongie, arXiv 1703.06868, equation 8)."""
    dims = (2, 3)
    deviation = x.std(dims, correction=0, keepdim=True).clamp(min=1e-6)
    unit = (x - x.mean(dims, keepdim=True)) / deviation
    return unit * y.std(dims, correction=0, keepdim=True) + y.mean(dims, keepdim=True)


def to_lab(rgb: Tensor) -> Tensor:
    """rgb in 0..255 as it is, from 1 up for the logarithm's sake, to Reinhard's l, alpha, beta."""
    lms = torch.einsum("ij,njhw->nihw", _TO_LMS, rgb.double().clamp(min=1.0) / 255.0)
    return torch.einsum("ij,njhw->nihw", _TO_LAB, lms.log10())


def from_lab(lab: Tensor) -> Tensor:
    """The inverse; not clipped."""
    lms = 10.0 ** torch.einsum("ij,njhw->nihw", torch.linalg.inv(_TO_LAB), lab)
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(_TO_LMS), lms) * 255.0


def reinhard(contents: Tensor, styles: Tensor) -> Tensor:
    """Reinhard's colour transfer: means and deviations in lab; uint8 -> uint8."""
    rgb = from_lab(match_moments(to_lab(contents), to_lab(styles)))
    return rgb.round().clamp(0.0, 255.0).to(torch.uint8)
