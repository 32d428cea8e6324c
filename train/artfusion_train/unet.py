# SPDX-License-Identifier: MIT
"""The denoising UNet: a residual around a closed-form restyling of the content.

Two ideas frame a small UNet of the published structure (Chen, arXiv 2306.09330: content
normalised, refined by time-modulated 1x1 convolutions and concatenated; style through
adaptive normalisation with gates).

1. The content is blurred by `blur` latent pixels and given the mean and deviation that
   the style code foretells (adaptive instance normalisation, Huang and Belongie, arXiv
   1703.06868, in latent space): that is `base`.
2. With x0 ~ N(base, spread^2) the best prediction has a closed form; the network adds to
   it in units of what is left to explain (preconditioning after Karras et al., arXiv
   2206.00364, section 5, here for v-prediction, Salimans and Ho, arXiv 2202.00512).

With D = alpha^2 spread^2 + sigma^2, all per channel:
    v = sigma (alpha (1 - spread^2) x - base) / D  +  spread / sqrt(D) * F,
and F sees (x - alpha base) / sqrt(D); both that input and F's target have unit variance.

TorchScript-compatible throughout. A "modulation" row holds everything that depends on
timestep and style alone, so that it can be computed once for all steps of a run.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import UNet as UNetConfig

_GROUPS = 32
_SEEN = 16  # places each way that attention looks at: all that 256 pixels have
_FINE = 64  # channels of what is done at the full resolution


class Latents(NamedTuple):
    """What the latents of the training pictures measure."""

    style_mean: Tensor  # [width] of the style codes
    style_std: Tensor  # [width]
    blurs: Tensor  # [B] ascending, latent pixels
    residual: Tensor  # [B, C] deviation of (x0 - base) / deviation of x0, at each blur


def alphas_cumprod() -> Tensor:
    """The published schedule, arXiv 2306.09330 with linear_start .0015, linear_end .0195."""
    betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - betas, 0).float()


def wave(value: Tensor, width: int, longest: float) -> Tensor:
    """Cosines and sines of `value` [N] at geometrically spaced periods -> [N, width]."""
    half = width // 2
    steps = torch.arange(half, device=value.device, dtype=torch.float32)
    angles = value[:, None] * torch.exp(steps * (-math.log(longest) / half))[None]
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)


def _blur_matrix(size: int, blur: Tensor) -> Tensor:
    at = torch.arange(size, device=blur.device, dtype=blur.dtype)
    distance = (at[:, None] - at[None, :])[None] / blur[:, None, None]
    weights = torch.exp(-0.5 * distance * distance)
    return weights / weights.sum(dim=2, keepdim=True)


def gaussian_blur(x: Tensor, blur: Tensor) -> Tensor:
    """Blurs x [N,C,h,w] by a Gaussian of deviation blur [N] pixels; at the borders the
    weights that fall outside are left out and the rest sums to one."""
    rows = _blur_matrix(x.shape[2], blur)[:, None]
    cols = _blur_matrix(x.shape[3], blur)[:, None]
    return torch.matmul(torch.matmul(rows, x), cols.transpose(2, 3))


def conv3(cin: int, cout: int, stride: int = 1) -> nn.Conv2d:
    """3x3, the border repeated. Zeros there would tell the network where the border is, and one
    that is judged by statistics of the whole picture earns them by painting a frame."""
    return nn.Conv2d(cin, cout, 3, stride, padding=1, padding_mode="replicate")


def modulated(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Adaptive group normalisation; scale, shift [N,C]."""
    y = F.group_norm(x, 32, eps=1e-5)
    return y * (1.0 + scale[:, :, None, None]) + shift[:, :, None, None]


class ResBlock(nn.Module):
    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, cin)
        self.conv1 = conv3(cin, cout)
        self.conv2 = conv3(cout, cout)
        self.skip = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)
        self.width = 3 * cout
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        gate, scale, shift = modulation.chunk(3, dim=1)
        y = self.conv1(F.silu(self.norm(x)))
        y = self.conv2(F.silu(modulated(y, scale, shift)))
        return self.skip(x) + (1.0 + gate)[:, :, None, None] * y


class Attention(nn.Module):
    """Every place looks at all places, in a larger map than the training's at means of them: what it
    costs grows with the places and not with their square."""

    def __init__(self, channels: int, head: int) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.heads = channels // head
        self.most = _SEEN
        self.width = 3 * channels
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        gate, scale, shift = modulation.chunk(3, dim=1)
        n, c, h, w = x.shape
        qkv = self.qkv(modulated(x, scale, shift))
        kv = qkv[:, c:]
        if h > self.most or w > self.most:
            kv = F.adaptive_avg_pool2d(kv, [min(h, self.most), min(w, self.most)])
        q = qkv[:, :c].reshape(n, self.heads, c // self.heads, h * w).transpose(2, 3)
        k, v = kv.reshape(n, 2 * self.heads, c // self.heads, -1).transpose(2, 3).chunk(2, 1)
        y = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(n, c, h, w)
        return x + (1.0 + gate)[:, :, None, None] * self.out(y)


class Stage(nn.Module):
    """A residual block and attention at one resolution."""

    def __init__(self, cin: int, cout: int, head: int) -> None:
        super().__init__()
        self.block = ResBlock(cin, cout)
        self.attention = Attention(cout, head)
        self.split = self.block.width
        self.width = self.block.width + self.attention.width

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        x = self.block(x, modulation[:, : self.split])
        return self.attention(x, modulation[:, self.split :])


class Body(nn.Module):
    """The UNet proper, on latents folded 2x2 into channels, except for its last layers: what of a brush is
    finer than 16 pixels is decided there."""

    def __init__(self, cin: int, cout: int, config: UNetConfig) -> None:
        super().__init__()
        high, low = config.channels
        head = config.head_channels
        self.high = high
        self.fold = nn.PixelUnshuffle(2)
        self.stem = conv3(4 * cin, high)
        many, few = config.blocks
        self.down_high = nn.ModuleList([Stage(high, high, head) for _ in range(many)])
        self.down = conv3(high, low, stride=2)
        self.down_low = nn.ModuleList([Stage(low, low, head) for _ in range(few)])
        self.middle = Stage(low, low, head)
        self.up_low = nn.ModuleList([Stage(2 * low, low, head) for _ in range(few)])
        self.up = conv3(low, high)
        self.up_high = nn.ModuleList([Stage(2 * high, high, head) for _ in range(many)])
        # Not unfolded: each of four places would have weights of its own, and what a network is
        # free to paint into even areas becomes a lattice. What is repeated and convolved can't be.
        self.wide = conv3(high, _FINE)
        self.fine = conv3(cin, _FINE)
        self.details = nn.ModuleList([ResBlock(_FINE, _FINE) for _ in range(config.details)])
        self.out = conv3(_FINE, cout)
        nn.init.zeros_(self.out.weight)
        self.out_width = 2 * high + 2 * _FINE
        stages = [*self.down_high, *self.down_low, self.middle, *self.up_low, *self.up_high]
        self.width = sum(int(stage.width) for stage in stages) + self.out_width
        self.details_width = sum(int(block.width) for block in self.details)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        at = 0
        fine = self.fine(x)
        x = self.stem(self.fold(x))
        skips: list[Tensor] = []
        for stage in self.down_high:
            x = stage(x, modulation[:, at : at + stage.width])
            at += stage.width
            skips.append(x)
        x = self.down(x)
        for stage in self.down_low:
            x = stage(x, modulation[:, at : at + stage.width])
            at += stage.width
            skips.append(x)
        x = self.middle(x, modulation[:, at : at + self.middle.width])
        at += self.middle.width
        for stage in self.up_low:
            x = stage(torch.cat([x, skips.pop()], dim=1), modulation[:, at : at + stage.width])
            at += stage.width
        # F.interpolate's script has the operators of all modes: an older libtorch may lack one.
        x = self.up(torch.ops.aten.upsample_nearest2d(x, None, [2.0, 2.0]))
        for stage in self.up_high:
            x = stage(torch.cat([x, skips.pop()], dim=1), modulation[:, at : at + stage.width])
            at += stage.width
        scale, shift = modulation[:, at : at + 2 * self.high].chunk(2, dim=1)
        x = F.silu(modulated(x, scale, shift))
        x = torch.ops.aten.upsample_nearest2d(x, None, [2.0, 2.0])
        x = self.wide(x) + fine
        scale, shift = modulation[:, at + 2 * self.high : self.width].chunk(2, dim=1)
        at = self.width
        for block in self.details:
            x = block(x, modulation[:, at : at + block.width])
            at += block.width
        return self.out(F.silu(modulated(x, scale, shift)))


class Prior(NamedTuple):
    """The closed form around which the network predicts; all [N,C,h,w] or broadcast to it."""

    inputs: Tensor  # what the body sees
    v: Tensor  # the closed form's prediction
    unit: Tensor  # what one unit of the body's output is worth in v


class UNet(nn.Module):
    """`condition` then `denoise`; see the module's own text for the formulas."""

    def __init__(self, config: UNetConfig, latent: int, measured: Latents) -> None:
        super().__init__()
        width, refined = len(measured.style_mean), config.content_channels
        self.latent, self.refined = latent, refined
        self.content_blur = float(config.content_blur)
        self.wave_width = 128
        self.code_limit = 6.0  # standard deviations: an unheard-of style stays near
        # Half precision would spoil these: they stay float32 in a bundle of 16-bit weights.
        self.register_buffer("alphas_cumprod", alphas_cumprod())
        self.register_buffer("style_mean", measured.style_mean.float())
        self.register_buffer("style_std", measured.style_std.float())
        self.register_buffer("blurs", measured.blurs.float())
        self.register_buffer("residual", measured.residual.float())
        self.register_buffer("null_style", measured.style_mean.float().clone())
        self.null_code = nn.Parameter(torch.zeros(width))

        e = config.embedding
        self.time = nn.Sequential(nn.Linear(self.wave_width, e), nn.SiLU(), nn.Linear(e, e))
        self.blur = nn.Sequential(nn.Linear(self.wave_width, e), nn.SiLU(), nn.Linear(e, e))
        self.style = nn.Sequential(nn.Linear(width, e), nn.SiLU(), nn.Linear(e, e))
        self.statistics = nn.Sequential(
            nn.Linear(width, e), nn.SiLU(), nn.Linear(e, 2 * latent)
        )
        self.content_modulation = nn.Sequential(nn.SiLU(), nn.Linear(e, 2 * latent))
        self.content = nn.Sequential(
            nn.Conv2d(latent, refined, 1), nn.SiLU(), nn.Conv2d(refined, refined, 1)
        )
        self.body = Body(2 * latent + refined + 1, latent, config)
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(e, self.body.width))
        self.modulate_details = nn.Sequential(nn.SiLU(), nn.Linear(e, self.body.details_width))
        for layer in (
            self.statistics[2], self.content_modulation[1], self.modulate[1], self.modulate_details[1]
        ):
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def code(self, styles: Tensor) -> Tensor:
        """Style codes [N,width] in standard deviations."""
        scaled = (styles - self.style_mean) / self.style_std
        return scaled.clamp(-self.code_limit, self.code_limit)

    def rows(self, timesteps: Tensor, code: Tensor, statistics: Tensor, blur: Tensor) -> Tensor:
        """Modulation [N,M]: alpha, sigma, mean and deviation of the style, content
        modulation, then the body's. All arguments are row by row."""
        abar = self.alphas_cumprod[timesteps.round().long().clamp(0, 999)][:, None]
        time = self.time(wave(timesteps, self.wave_width, 10000.0))
        time = time + self.blur(wave(8.0 * blur, self.wave_width, 1000.0))
        mean, log_std = statistics.chunk(2, dim=1)
        embedded = time + self.style(code)
        parts = [
            abar.sqrt(),
            (1.0 - abar).sqrt(),
            mean,
            log_std.clamp(-4.0, 2.0).exp(),
            self.content_modulation(time),
            self.modulate(embedded),
            self.modulate_details(embedded),
        ]
        return torch.cat(parts, dim=1)

    def prior(self, x: Tensor, content: Tensor, modulation: Tensor, blur: Tensor) -> Prior:
        """x, content [N,C,h,w], modulation [N,M], blur [N]."""
        c = self.latent
        alpha = modulation[:, 0, None, None, None]
        sigma = modulation[:, 1, None, None, None]
        mean = modulation[:, 2 : 2 + c, None, None]
        std = modulation[:, 2 + c : 2 + 2 * c, None, None]
        shift, scale = modulation[:, 2 + 2 * c : 2 + 4 * c, None, None].chunk(2, dim=1)

        # Null content is zeros, and says so by that alone.
        present = (content.abs().amax(dim=[1, 2, 3]) > 0).to(x.dtype)[:, None, None, None]
        soft = gaussian_blur(content, blur)
        base = soft * std + mean
        spread = std * (1.0 + present * (self.residual_at(blur)[:, :, None, None] - 1.0))
        variance = (alpha * spread).square() + sigma.square()
        v = sigma * (alpha * (1.0 - spread.square()) * x - base) / variance
        white = variance.rsqrt()
        refined = self.content(soft * (1.0 + scale) + shift)
        plane = present.expand(-1, 1, x.shape[2], x.shape[3])
        inputs = torch.cat([(x - alpha * base) * white, base, refined, plane], dim=1)
        return Prior(inputs, v, spread * white)

    def residual_at(self, blur: Tensor) -> Tensor:
        """What blurring takes away, by the measured table: blur [N] -> [N,C]."""
        at = (blur - self.blurs[0]) / (self.blurs[1] - self.blurs[0])
        last = self.blurs.shape[0] - 1
        at = at.clamp(0.0, float(last))
        left = at.floor().clamp(max=float(last - 1)).long()
        part = (at - left)[:, None]
        return self.residual[left] * (1.0 - part) + self.residual[left + 1] * part

    def body_modulation(self, modulation: Tensor) -> Tensor:
        return modulation[:, 2 + 4 * self.latent :]

    @torch.jit.export
    def condition(self, timesteps: Tensor, styles: Tensor) -> Tensor:
        """timesteps [T], styles [S,width] -> modulation [T*S, M], row t * S + s."""
        count, each = timesteps.shape[0], styles.shape[0]
        code = self.code(styles)
        blur = torch.full_like(timesteps, self.content_blur)
        return self.rows(
            timesteps.repeat_interleave(each),
            code.repeat(count, 1),
            self.statistics(code).repeat(count, 1),
            blur.repeat_interleave(each),
        )

    @torch.jit.export
    def denoise(self, x: Tensor, content: Tensor, modulation: Tensor) -> Tensor:
        """x, content [N,C,h,w], modulation [N,M] -> v [N,C,h,w]; h, w multiples of 4."""
        blur = torch.full_like(modulation[:, 0], self.content_blur)
        prior = self.prior(x, content, modulation, blur)
        return prior.v + prior.unit * self.body(prior.inputs, self.body_modulation(modulation))

    @torch.no_grad()
    def finish(self, content_blur: float) -> None:
        """Settles what sampling uses: the null style as a style code, and the blur."""
        self.null_style.copy_(self.style_mean + self.style_std * self.null_code)
        self.content_blur = content_blur
