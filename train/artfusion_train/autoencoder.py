# SPDX-License-Identifier: MIT
"""The autoencoder: 8x down, a Gaussian posterior per latent pixel, no attention.

The shape follows latent diffusion's KL autoencoder (Rombach et al., arXiv 2112.10752),
shrunk so that two CPU cores can train it: pixel (un)shuffle keeps the costly resolutions
free of convolutions.

A local one looks at no statistics of the whole picture and repeats the border instead of padding it
with zeros: what a place becomes depends on its neighbourhood alone, so that bands of a large picture
are what they are in the whole, and no border shows. Group normalisation's part, to begin with
values of a known size, is done once, by a first batch (`settle`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


_GROUP = 8  # channels that are normalised together


class Affine(nn.Module):
    """A factor and an addend for each channel of [N,C,h,w]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        # In the type of x: of two types a product is of the wider one, and twice as slow in 16 bits.
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return x * weight[:, None, None] + bias[:, None, None]


def _norm(channels: int, local: bool) -> nn.Module:
    return Affine(channels) if local else nn.GroupNorm(channels // _GROUP, channels)


def _conv(cin: int, cout: int, local: bool, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, 3, stride, 1, padding_mode="replicate" if local else "zeros")


class ResBlock(nn.Module):
    def __init__(self, channels: int, local: bool) -> None:
        super().__init__()
        self.norm1 = _norm(channels, local)
        self.conv1 = _conv(channels, channels, local)
        self.norm2 = _norm(channels, local)
        self.conv2 = _conv(channels, channels, local)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


class Upsample(nn.Module):
    def __init__(self, cin: int, cout: int, local: bool) -> None:
        super().__init__()
        self.conv = _conv(cin, cout, local)

    def forward(self, x: Tensor) -> Tensor:
        # F.interpolate's script has the operators of all modes: an older libtorch may lack one.
        return self.conv(torch.ops.aten.upsample_nearest2d(x, None, [2.0, 2.0]))


class Encoder(nn.Module):
    """RGB [N,3,H,W] in [-1,1], H and W multiples of 8 -> posterior mode [N,C,H/8,W/8]."""

    def __init__(self, channels: tuple[int, ...], latent: int, local: bool) -> None:
        super().__init__()
        _, mid, low = channels
        self.latent = latent
        self.body = nn.Sequential(
            nn.PixelUnshuffle(4),
            _conv(48, mid, local),
            ResBlock(mid, local),
            ResBlock(mid, local),
            _conv(mid, low, local, stride=2),
            ResBlock(low, local),
            ResBlock(low, local),
            _norm(low, local),
            nn.SiLU(),
            _conv(low, 2 * latent, local),
        )

    def moments(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior."""
        both = self.body(rgb)
        return both[:, : self.latent], both[:, self.latent :].clamp(-20.0, 10.0)

    def forward(self, rgb: Tensor) -> Tensor:
        return self.moments(rgb)[0]


class Decoder(nn.Module):
    """Latent [N,C,h,w] -> RGB [N,3,8h,8w], not clamped."""

    def __init__(self, channels: tuple[int, ...], latent: int, local: bool) -> None:
        super().__init__()
        high, mid, low = channels
        self.body = nn.Sequential(
            _conv(latent, low, local),
            ResBlock(low, local),
            ResBlock(low, local),
            ResBlock(low, local),
            Upsample(low, mid, local),
            ResBlock(mid, local),
            ResBlock(mid, local),
            Upsample(mid, high, local),
            ResBlock(high, local),
            _norm(high, local),
            nn.SiLU(),
            _conv(high, 12, local),
            nn.PixelShuffle(2),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z)


class Autoencoder(nn.Module):
    def __init__(self, channels: tuple[int, ...], latent: int, local: bool) -> None:
        super().__init__()
        self.encoder = Encoder(channels, latent, local)
        self.decoder = Decoder(channels, latent, local)

    def forward(self, rgb: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction through a drawn latent, and the posterior's mean and log variance."""
        mean, logvar = self.encoder.moments(rgb)
        return self.decoder(mean + noise * torch.exp(0.5 * logvar)), mean, logvar


@torch.no_grad()
def settle(network: nn.Module, rgb: Tensor) -> None:
    """Gives the factors and addends of a local autoencoder what group normalisation would take from
    these pictures, so that training begins with values of a known size, and weights that were
    trained with group normalisation nearly mean what they meant (the data-dependent start of Salimans
    and Kingma, arXiv 1602.07868, section 3)."""

    def take(affine: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(affine, Affine)
        x = given[0].float()
        groups = x.unflatten(1, (-1, _GROUP))
        mean = groups.mean(dim=(0, 2, 3, 4)).repeat_interleave(_GROUP)
        # Of each picture by itself, as it would be normalised.
        std = groups.var(dim=(2, 3, 4)).mean(dim=0).add(1e-5).sqrt().repeat_interleave(_GROUP)
        affine.bias.sub_(affine.weight * mean / std)
        affine.weight.div_(std)

    hooks = [m.register_forward_pre_hook(take) for m in network.modules() if isinstance(m, Affine)]
    try:
        mean = network.encoder.moments(rgb)[0]  # type: ignore[operator, union-attr]
        network.decoder(mean)  # type: ignore[operator]
    finally:
        for hook in hooks:
            hook.remove()
