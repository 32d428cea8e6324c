# SPDX-License-Identifier: MIT
"""The autoencoder: 8x down, a Gaussian posterior per latent pixel, no attention.

The shape follows latent diffusion's KL autoencoder (Rombach et al., arXiv 2112.10752),
shrunk so that two CPU cores can train it: pixel (un)shuffle keeps the costly resolutions
free of convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(channels // 8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(channels // 8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


class Upsample(nn.Module):
    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        # F.interpolate's script has the operators of all modes: an older libtorch may lack one.
        return self.conv(torch.ops.aten.upsample_nearest2d(x, None, [2.0, 2.0]))


class Encoder(nn.Module):
    """RGB [N,3,H,W] in [-1,1], H and W multiples of 8 -> posterior mode [N,C,H/8,W/8]."""

    def __init__(self, channels: tuple[int, ...], latent: int) -> None:
        super().__init__()
        _, mid, low = channels
        self.latent = latent
        self.body = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, mid, 3, padding=1),
            ResBlock(mid),
            ResBlock(mid),
            nn.Conv2d(mid, low, 3, stride=2, padding=1),
            ResBlock(low),
            ResBlock(low),
            nn.GroupNorm(low // 8, low),
            nn.SiLU(),
            nn.Conv2d(low, 2 * latent, 3, padding=1),
        )

    def moments(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior."""
        both = self.body(rgb)
        return both[:, : self.latent], both[:, self.latent :].clamp(-20.0, 10.0)

    def forward(self, rgb: Tensor) -> Tensor:
        return self.moments(rgb)[0]


class Decoder(nn.Module):
    """Latent [N,C,h,w] -> RGB [N,3,8h,8w], not clamped."""

    def __init__(self, channels: tuple[int, ...], latent: int) -> None:
        super().__init__()
        high, mid, low = channels
        self.body = nn.Sequential(
            nn.Conv2d(latent, low, 3, padding=1),
            ResBlock(low),
            ResBlock(low),
            ResBlock(low),
            Upsample(low, mid),
            ResBlock(mid),
            ResBlock(mid),
            Upsample(mid, high),
            ResBlock(high),
            nn.GroupNorm(high // 8, high),
            nn.SiLU(),
            nn.Conv2d(high, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z)


class Autoencoder(nn.Module):
    def __init__(self, channels: tuple[int, ...], latent: int) -> None:
        super().__init__()
        self.encoder = Encoder(channels, latent)
        self.decoder = Decoder(channels, latent)

    def forward(self, rgb: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction through a drawn latent, and the posterior's mean and log variance."""
        mean, logvar = self.encoder.moments(rgb)
        return self.decoder(mean + noise * torch.exp(0.5 * logvar)), mean, logvar
