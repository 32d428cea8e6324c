# SPDX-License-Identifier: MIT
"""The dual-conditional UNet of arXiv 2306.09330, cut into two methods.

`condition` computes all that depends on timestep and style alone, as one row of numbers;
`denoise` takes such rows. A quarter of the published network's weights are in the former, and a
run needs it once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_GROUPS = 32
_EPS = 1e-5
_MAX_PERIOD = 10000.0


@dataclass(frozen=True)
class UNetShape:
    """Sizes. `refined_channels` is None where the content goes in as it is.

    Of `head_channels` and `heads`, the channels of an attention head and their number, the former
    counts where it is not None.
    """

    latent_channels: int
    refined_channels: int | None
    style_width: int
    model_channels: int
    multipliers: tuple[int, ...]
    attention: tuple[bool, ...]
    blocks: int
    head_channels: int | None
    heads: int | None
    time_channels: int
    embedding_channels: int

    @property
    def size_multiple(self) -> int:
        """Of a latent's height and width: every halving must come out even."""
        return 1 << (len(self.multipliers) - 1)

    def heads_of(self, channels: int) -> int:
        return channels // self.head_channels if self.head_channels else self.heads or 1


class _Row:
    """Hands out slices of the modulation row as the blocks are built."""

    def __init__(self) -> None:
        self.width = 0

    def take(self, count: int) -> int:
        start = self.width
        self.width += count
        return start


class ResidualBlock(nn.Module):
    """Residual block whose second normalisation is modulated: gate, scale, shift."""

    def __init__(self, cin: int, cout: int, row: _Row) -> None:
        super().__init__()
        self.channels = cout
        self.start = row.take(3 * cout)
        self.norm_in = nn.GroupNorm(_GROUPS, cin, eps=_EPS)
        self.conv_in = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm_out = nn.GroupNorm(_GROUPS, cout, eps=_EPS, affine=False)
        self.conv_out = nn.Conv2d(cout, cout, 3, padding=1)
        self.skip = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        row = modulation[:, self.start : self.start + 3 * self.channels, None, None]
        gate, scale, shift = row.chunk(3, dim=1)
        h = self.conv_in(F.silu(self.norm_in(x)))
        h = self.norm_out(h) * (1.0 + scale) + shift
        return self.skip(x) + gate * self.conv_out(F.silu(h))


class AttentionBlock(nn.Module):
    """Self-attention over all pixels, modulated: shift, scale, gate."""

    def __init__(self, channels: int, heads: int, row: _Row) -> None:
        super().__init__()
        self.channels = channels
        self.heads = heads
        self.start = row.take(3 * channels)
        self.norm = nn.GroupNorm(_GROUPS, channels, eps=_EPS, affine=False)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        row = modulation[:, self.start : self.start + 3 * self.channels, None, None]
        shift, scale, gate = row.chunk(3, dim=1)
        h = self.norm(x) * (1.0 + scale) + shift
        # Heads are split before q, k and v. Channels come last in memory, without which the
        # attention that needs no matrix of all pairs is not taken.
        tokens = self.qkv(h.flatten(2).transpose(1, 2))
        q, k, v = tokens.unflatten(2, (self.heads, -1)).transpose(1, 2).chunk(3, dim=3)
        h = F.scaled_dot_product_attention(q, k, v)
        h = self.proj_out(h.transpose(1, 2).flatten(2))
        return x + gate * h.transpose(1, 2).reshape(x.shape)


class NoAttention(nn.Module):
    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        return x


class Stage(nn.Module):
    """A residual block, and attention where its level has it."""

    def __init__(self, cin: int, cout: int, level: int, shape: UNetShape, row: _Row) -> None:
        super().__init__()
        self.residual = ResidualBlock(cin, cout, row)
        self.attention: AttentionBlock | NoAttention = NoAttention()
        if shape.attention[level]:
            self.attention = AttentionBlock(cout, shape.heads_of(cout), row)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        return self.attention(self.residual(x, modulation), modulation)


class Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        return self.conv(x)


class UpStage(nn.Module):
    """A stage that takes a skip, and the upsampling after a level's last one."""

    def __init__(self, stage: Stage, upsampled: int) -> None:
        super().__init__()
        self.stage = stage
        self.upsamples = upsampled > 0
        self.conv = nn.Conv2d(upsampled, upsampled, 3, padding=1) if upsampled else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor, modulation: Tensor) -> Tensor:
        h = self.stage(torch.cat((x, skip), dim=1), modulation)
        if self.upsamples:
            # F.interpolate's script has the operators of all modes: an older libtorch may lack one.
            h = torch.ops.aten.upsample_nearest2d(h, None, [2.0, 2.0])
        return self.conv(h)


class ContentRefinement(nn.Module):
    """1x1 convolutions of the content after a shift and scale that depend on the timestep."""

    def __init__(self, channels: int, refined: int, embedding: int) -> None:
        super().__init__()
        self.width = 2 * channels
        self.time_in = nn.Linear(embedding, self.width)
        self.time_out = nn.Linear(self.width, self.width)
        self.conv_in = nn.Conv2d(channels, refined, 1)
        self.conv_out = nn.Conv2d(refined, refined, 1)

    def condition(self, time: Tensor) -> Tensor:
        return self.time_out(F.silu(self.time_in(time)))

    def forward(self, content: Tensor, modulation: Tensor) -> Tensor:
        shift, scale = modulation[:, : self.width, None, None].chunk(2, dim=1)
        return self.conv_out(F.silu(self.conv_in(content * (1.0 + scale) + shift)))


class NoRefinement(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.width = 0

    def condition(self, time: Tensor) -> Tensor:
        return time[:, :0]

    def forward(self, content: Tensor, modulation: Tensor) -> Tensor:
        return content


class UNet(nn.Module):
    """Predicts the noise in a scaled latent, given a content condition and a style code."""

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        channels, embedding = shape.latent_channels, shape.embedding_channels
        self.time_channels = shape.time_channels
        self.decay = math.log(_MAX_PERIOD)
        self.null_style = nn.Buffer(torch.zeros(shape.style_width))
        self.time_in = nn.Linear(shape.time_channels, embedding)
        self.time_out = nn.Linear(embedding, embedding)
        self.style_in = nn.Linear(shape.style_width, embedding)
        self.style_out = nn.Linear(embedding, embedding)
        self.refinement: ContentRefinement | NoRefinement = NoRefinement()
        if shape.refined_channels is not None:
            self.refinement = ContentRefinement(channels, shape.refined_channels, embedding)
        row = _Row()
        row.take(self.refinement.width)
        self._build_trunk(shape, row)
        self.out_channels = shape.model_channels
        self.out_start = row.take(2 * shape.model_channels)
        self.norm_out = nn.GroupNorm(_GROUPS, shape.model_channels, eps=_EPS)
        self.conv_out = nn.Conv2d(shape.model_channels, channels, 3, padding=1, bias=False)
        # All blocks' modulations in one product.
        self.modulation = nn.Linear(embedding, row.width - self.refinement.width)

    def _build_trunk(self, shape: UNetShape, row: _Row) -> None:
        base, last = shape.model_channels, len(shape.multipliers) - 1
        condition = shape.refined_channels or shape.latent_channels
        self.conv_in = nn.Conv2d(shape.latent_channels + condition, base, 3, padding=1)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        skips, width = [base], base
        for level, multiplier in enumerate(shape.multipliers):
            for _ in range(shape.blocks):
                down.append(Stage(width, base * multiplier, level, shape, row))
                width = base * multiplier
                skips.append(width)
            if level < last:
                down.append(Downsample(width))
                skips.append(width)
        self.down = nn.ModuleList(down)
        self.middle_in = ResidualBlock(width, width, row)
        self.middle_attention = AttentionBlock(width, shape.heads_of(width), row)
        self.middle_out = ResidualBlock(width, width, row)
        for level in range(last, -1, -1):
            cout = base * shape.multipliers[level]
            for i in range(shape.blocks + 1):
                stage = Stage(width + skips.pop(), cout, level, shape, row)
                up.append(UpStage(stage, cout if level > 0 and i == shape.blocks else 0))
                width = cout
        self.up = nn.ModuleList(up)

    def _time_embedding(self, timesteps: Tensor) -> Tensor:
        half = self.time_channels // 2
        steps = torch.arange(half, dtype=torch.float32, device=timesteps.device)
        angles = timesteps[:, None] * torch.exp(-self.decay * steps / half)[None]
        waves = torch.cat((angles.cos(), angles.sin()), dim=1).to(self.time_in.weight.dtype)
        return self.time_out(F.silu(self.time_in(waves)))

    @torch.jit.export
    def condition(self, timesteps: Tensor, styles: Tensor) -> Tensor:
        """timesteps[T], float; styles[S, W] -> rows[T * S, M]: row t * S + s.

        A row holds the content's shift and scale, which depend on the timestep alone, then the
        blocks' modulations in the order of `denoise`.
        """
        time = self._time_embedding(timesteps)
        style = self.style_out(F.silu(self.style_in(styles)))
        embedding = (time[:, None] + style[None]).flatten(0, 1)
        content = self.refinement.condition(time).repeat_interleave(styles.shape[0], dim=0)
        return torch.cat((content, self.modulation(F.silu(embedding))), dim=1)

    @torch.jit.export
    def denoise(self, x: Tensor, content: Tensor, modulation: Tensor) -> Tensor:
        """x, content[N, C, h, w]; modulation[N, M] -> eps[N, C, h, w].

        h and w are multiples of UNetShape.size_multiple.
        """
        h = self.conv_in(torch.cat((x, self.refinement(content, modulation)), dim=1))
        skips = [h]
        for block in self.down:
            h = block(h, modulation)
            skips.append(h)
        h = self.middle_in(h, modulation)
        h = self.middle_attention(h, modulation)
        h = self.middle_out(h, modulation)
        for block in self.up:
            h = block(h, skips.pop(), modulation)
        row = modulation[:, self.out_start : self.out_start + 2 * self.out_channels, None, None]
        shift, scale = row.chunk(2, dim=1)
        return self.conv_out(self.norm_out(h) * (1.0 + scale) + shift)

    def slots(self) -> Iterator[tuple[str, Tensor]]:
        """Where the checkpoint's tensors go: (key of the raw weights, destination)."""
        yield "null_style_vector.weight", self.null_style[None]
        for key, tensor in self._network_slots():
            yield "model.diffusion_model." + key, tensor

    def _network_slots(self) -> Iterator[tuple[str, Tensor]]:
        yield from _of("time_embed.mlp.0", self.time_in)
        yield from _of("time_embed.mlp.2", self.time_out)
        yield from _of("context_emb.0", self.style_in)
        yield from _of("context_emb.2", self.style_out)
        if isinstance(self.refinement, ContentRefinement):
            yield from _of("content_adaLN_modulation.0", self.refinement.time_in)
            yield from _of("content_adaLN_modulation.2", self.refinement.time_out)
            yield from _of("content_in.0", self.refinement.conv_in)
            yield from _of("content_in.2", self.refinement.conv_out)
        yield from _of("input_blocks.0.0", self.conv_in)
        for i, block in enumerate(self.down, start=1):
            if isinstance(block, Stage):
                yield from self._stage_slots(f"input_blocks.{i}", block)
            else:
                assert isinstance(block, Downsample)
                yield from _of(f"input_blocks.{i}.0.op", block.conv)
        yield from self._residual_slots("middle_block.0", self.middle_in)
        yield from self._attention_slots("middle_block.1", self.middle_attention)
        yield from self._residual_slots("middle_block.2", self.middle_out)
        for i, block in enumerate(self.up):
            assert isinstance(block, UpStage)
            yield from self._stage_slots(f"output_blocks.{i}", block.stage)
            place = 2 if isinstance(block.stage.attention, AttentionBlock) else 1
            yield from _of(f"output_blocks.{i}.{place}.conv", block.conv)
        yield from _of("out.norm_final", self.norm_out)
        yield from self._modulation_slots("out", self.out_start, 2 * self.out_channels)
        yield from _of("out.conv", self.conv_out)

    def _stage_slots(self, key: str, stage: Stage) -> Iterator[tuple[str, Tensor]]:
        yield from self._residual_slots(f"{key}.0", stage.residual)
        if isinstance(stage.attention, AttentionBlock):
            yield from self._attention_slots(f"{key}.1", stage.attention)

    def _residual_slots(self, key: str, block: ResidualBlock) -> Iterator[tuple[str, Tensor]]:
        yield from _of(f"{key}.in_layers.0", block.norm_in)
        yield from _of(f"{key}.in_layers.2", block.conv_in)
        yield from self._modulation_slots(key, block.start, 3 * block.channels)
        yield from _of(f"{key}.out_layers.3", block.conv_out)
        yield from _of(f"{key}.skip_connection", block.skip)

    def _attention_slots(self, key: str, block: AttentionBlock) -> Iterator[tuple[str, Tensor]]:
        # There, 1x1 convolutions in one dimension.
        for name, linear in (("qkv", block.qkv), ("proj_out", block.proj_out)):
            yield f"{key}.{name}.weight", linear.weight[:, :, None]
            yield f"{key}.{name}.bias", linear.bias
        yield from self._modulation_slots(key, block.start, 3 * block.channels)

    def _modulation_slots(self, key: str, start: int, count: int) -> Iterator[tuple[str, Tensor]]:
        first = start - self.refinement.width
        for name, parameter in self.modulation.named_parameters():
            yield f"{key}.adaLN_modulation.1.{name}", parameter[first : first + count]


def _of(key: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in module.named_parameters():
        yield f"{key}.{name}", parameter
