# SPDX-License-Identifier: MIT
"""A small sampler for contact sheets: DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, alg. 2)
at trailing timesteps, with the two-condition guidance of arXiv 2306.09330."""

from __future__ import annotations

import torch
from torch import Tensor

from .unet import UNet


def _eps(
    net: UNet, x: Tensor, content: Tensor, rows: Tensor, null: Tensor, scales: tuple[float, float]
) -> Tensor:
    """Guided eps; rows, null: modulation of the styles and of the null style."""
    alpha, sigma = rows[:, 0, None, None, None], rows[:, 1, None, None, None]

    def eps(c: Tensor, m: Tensor) -> Tensor:
        return alpha * net.denoise(x, c, m) + sigma * x

    s1, s2 = scales
    both = eps(content, rows)
    out = both
    if s1 != 1.0:
        no_content = eps(torch.zeros_like(content), rows)
        out = no_content + s1 * (both - no_content)
    if s2 != 1.0:
        no_style = eps(content, null)
        styled = no_style + s2 * (both - no_style)
        out = styled if s1 == 1.0 else out + styled - both
    return out


@torch.inference_mode()
def sample(
    net: UNet,
    content: Tensor,
    styles: Tensor,
    noise: Tensor,
    steps: int = 20,
    scales: tuple[float, float] = (1.0, 1.0),
) -> Tensor:
    """content, noise [N,C,h,w], styles [N,width] -> scaled latent x0 [N,C,h,w]."""
    n = len(styles)
    times = (1000.0 - torch.arange(steps) * (1000.0 / steps)).round().to(noise) - 1.0
    rows = net.condition(times, styles)
    null = net.condition(times, net.null_style[None])
    x, last, last_h = noise, noise, 0.0
    for i in range(steps):
        here, there = rows[i * n : (i + 1) * n], rows[(i + 1) * n : (i + 2) * n]
        alpha, sigma = float(here[0, 0]), float(here[0, 1])
        eps = _eps(net, x, content, here, null[i : i + 1].expand(n, -1), scales)
        x0 = (x - sigma * eps) / alpha
        if i == steps - 1:
            return x0
        next_alpha, next_sigma = float(there[0, 0]), float(there[0, 1])
        ratio = next_sigma * alpha / (next_alpha * sigma)
        h = -float(torch.tensor(ratio).log())
        d = x0 if i == 0 else x0 + (x0 - last) * (h / (2.0 * last_h))
        x = (next_sigma / sigma) * x + next_alpha * (1.0 - ratio) * d
        last, last_h = x0, h
    return x
