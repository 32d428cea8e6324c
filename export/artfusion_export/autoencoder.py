# SPDX-License-Identifier: MIT
"""The KL-regularised autoencoder of latent diffusion (arXiv 2112.10752), encoder and decoder.

Attributes are named as in the published checkpoints, so that a tensor's key is its path here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_GROUPS = 32
_EPS = 1e-6


@dataclass(frozen=True)
class AutoencoderShape:
    """Sizes; `widths` and `attention` hold each level's channels and whether it attends, finest
    level first. The decoder has one block a level more than the encoder's `blocks`."""

    latent_channels: int
    widths: tuple[int, ...]
    attention: tuple[bool, ...]
    blocks: int

    @property
    def downsample(self) -> int:
        return 1 << (len(self.widths) - 1)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(_GROUPS, channels, eps=_EPS)


class Block(nn.Module):
    """Residual block."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm1 = _norm(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm2 = _norm(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.nin_shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return self.nin_shortcut(x) + h


class Attention(nn.Module):
    """Self-attention with one head over all pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q = nn.Linear(channels, channels)
        self.k = nn.Linear(channels, channels)
        self.v = nn.Linear(channels, channels)
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(2).transpose(1, 2).unsqueeze(1)
        h = F.scaled_dot_product_attention(self.q(tokens), self.k(tokens), self.v(tokens))
        return x + self.proj_out(h).squeeze(1).transpose(1, 2).reshape(x.shape)


class Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        # Right and bottom only, as the published weights were trained.
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        # F.interpolate's script has the operators of all modes: an older libtorch may lack one.
        return self.conv(torch.ops.aten.upsample_nearest2d(x, None, [2.0, 2.0]))


class Level(nn.Module):
    """One resolution: blocks, each with its attention where the level has any."""

    def __init__(
        self,
        cin: int,
        cout: int,
        blocks: int,
        attention: bool,
        downsample: bool = False,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(Block(cin if i == 0 else cout, cout) for i in range(blocks))
        self.attn = nn.ModuleList(
            Attention(cout) if attention else nn.Identity() for _ in range(blocks)
        )
        self.downsample = Downsample(cout) if downsample else nn.Identity()
        self.upsample = Upsample(cout) if upsample else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for block, attention in zip(self.block, self.attn):  # noqa: B905 - TorchScript's has no strict
            x = attention(block(x))
        return self.upsample(self.downsample(x))


class Middle(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = Block(channels, channels)
        self.attn_1 = Attention(channels)
        self.block_2 = Block(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Encoder(nn.Module):
    """rgb[N, 3, H, W] in [-1, 1] -> mode of the posterior[N, C, H / f, W / f], unscaled."""

    def __init__(self, shape: AutoencoderShape) -> None:
        super().__init__()
        widths, last = shape.widths, len(shape.widths) - 1
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(
                widths[max(i - 1, 0)],
                width,
                shape.blocks,
                shape.attention[i],
                downsample=i < last,
            )
            for i, width in enumerate(widths)
        )
        self.mid = Middle(widths[-1])
        self.norm_out = _norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], 2 * shape.latent_channels, 3, padding=1)
        self.quant_conv = nn.Conv2d(2 * shape.latent_channels, 2 * shape.latent_channels, 1)

    def forward(self, rgb: Tensor) -> Tensor:
        h = self.conv_in(rgb)
        for level in self.down:
            h = level(h)
        h = self.conv_out(F.silu(self.norm_out(self.mid(h))))
        mean, _ = self.quant_conv(h).chunk(2, dim=1)
        # A contiguous copy: the chunk would keep the variances alive.
        return mean.contiguous()

    def slots(self) -> Iterator[tuple[str, Tensor]]:
        """Where the checkpoint's tensors go: (key, destination)."""
        for name, slot in _published(self):
            prefix = "" if name.startswith("quant_conv.") else "encoder."
            yield f"first_stage_model.{prefix}{name}", slot


class Decoder(nn.Module):
    """z[N, C, h, w], unscaled -> rgb[N, 3, h * f, w * f], nominally in [-1, 1], not clamped."""

    def __init__(self, shape: AutoencoderShape) -> None:
        super().__init__()
        coarse_first = shape.widths[::-1]
        self.post_quant_conv = nn.Conv2d(shape.latent_channels, shape.latent_channels, 1)
        self.conv_in = nn.Conv2d(shape.latent_channels, coarse_first[0], 3, padding=1)
        self.mid = Middle(coarse_first[0])
        last = len(coarse_first) - 1
        self.up = nn.ModuleList(
            Level(
                coarse_first[max(i - 1, 0)],
                width,
                shape.blocks + 1,
                shape.attention[last - i],
                upsample=i < last,
            )
            for i, width in enumerate(coarse_first)
        )
        self.norm_out = _norm(coarse_first[-1])
        self.conv_out = nn.Conv2d(coarse_first[-1], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid(self.conv_in(self.post_quant_conv(z)))
        for level in self.up:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))

    def slots(self) -> Iterator[tuple[str, Tensor]]:
        """Where the checkpoint's tensors go; there, `up` is numbered finest first."""
        last = len(self.up) - 1
        for name, slot in _published(self):
            if name.startswith("up."):
                _, level, rest = name.split(".", 2)
                name = f"up.{last - int(level)}.{rest}"
            prefix = "" if name.startswith("post_quant_conv.") else "decoder."
            yield f"first_stage_model.{prefix}{name}", slot


def _published(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters in the published shapes, where attention's products are 1x1 convolutions."""
    for name, parameter in network.named_parameters():
        yield name, parameter[:, :, None, None] if parameter.dim() == 2 else parameter
