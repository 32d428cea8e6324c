# SPDX-License-Identifier: MIT
"""What reconstruction cannot teach: a photo's shapes in another picture's style.

The published training asks the network only for pictures whose content and style are one
picture's own (arXiv 2306.09330, section 3.3); with those a small network learns to leave the
content's texture where it is. Here it also predicts pictures that nobody has painted, and what
it predicts is decoded and judged by a fixed network: channel statistics near those of the style
picture (Huang and Belongie, arXiv 1703.06868, eq. 13) and, with these taken out, features near
those of the content picture, place by place. The decoder learns along: it knows the latents that
pictures encode to, and has to paint from such as no picture has.

Half of such predictions start from noise alone, as the first step of sampling does. The others
start from the network's own first prediction, noised again to a random timestep: what later
steps see.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from . import config as configs
from . import latents, pictures, stylenet, train_autoencoder
from .autoencoder import Decoder
from .borrowed import metrics
from .unet import UNet

_CONTENT_MAPS = (3, 4)  # of StyleNet.features: at 1/8 and 1/16 of the picture; finer is style
_BORDER = 8  # pixels: one latent
_OCTAVES = 3
_LAST = 999.0


def style_distance(maps: list[Tensor], code: Tensor, spread: Tensor) -> Tensor:
    """Huber distance (delta 1) of feature statistics and a style code [N,448], in deviations
    `spread` of the codes of paintings; every layer counts the same."""
    terms, at = [], 0
    for m in maps:
        flat = m.float().flatten(2)
        for part in (flat.std(dim=2), flat.mean(dim=2)):
            width = part.shape[1]
            error = (part - code[:, at : at + width]) / spread[at : at + width]
            # Far outliers pull no harder than near ones: the code saturates there as well.
            terms.append(F.smooth_l1_loss(error, torch.zeros_like(error), beta=1.0))
            at += width
    return torch.stack(terms).mean()


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


def inner(rgb: Tensor) -> Tensor:
    """Without the border, where a decoder that knows it by its padding can earn statistics that
    belong to the whole."""
    return rgb[:, :, _BORDER:-_BORDER, _BORDER:-_BORDER]


class Restyle:
    """Losses of predicted pictures; see the module's own text."""

    def __init__(
        self,
        config: configs.Config,
        work: Path,
        data: latents.Dataset,
        paintings: NDArray[np.int64],
        photos: NDArray[np.int64],
        device: torch.device,
    ) -> None:
        self.section, self.data, self.device = config.unet, data, device
        self.paintings, self.photos = paintings, photos
        self.pixels = pictures.load(work).pixels
        self.judge = stylenet.pretrained().to(device, memory_format=torch.channels_last)
        self.shift = data.shift[:, None, None].to(device)
        self.scale = data.scale[:, None, None].to(device)

    def _predict(self, net: UNet, x: Tensor, content: Tensor, rows: Tensor, blur: Tensor) -> Tensor:
        """The scaled latent x0 that the network sees in x."""
        prior = net.prior(x, content, rows, blur)
        with torch.autocast(self.device.type, torch.bfloat16):
            inputs = prior.inputs.contiguous(memory_format=torch.channels_last)
            out = net.body(inputs, net.body_modulation(rows))
        v = prior.v + prior.unit * out.float()
        return rows[:, 0, None, None, None] * x - rows[:, 1, None, None, None] * v

    def _rgb(self, rows: NDArray[np.int64], mirror: NDArray[np.int64]) -> Tensor:
        seen = self.pixels[rows]
        seen[mirror > 0] = seen[mirror > 0, :, ::-1]
        return train_autoencoder.to_rgb(seen, self.device)

    def losses(
        self, net: UNet, decoder: Decoder, rng: np.random.Generator, noise: torch.Generator
    ) -> dict[str, Tensor]:
        s, n = self.section, self.section.restyle_batch
        photo = rng.random(n) < 0.5
        shapes = np.where(photo, rng.choice(self.photos, n), rng.choice(self.paintings, n))
        painted = rng.choice(self.paintings, n)
        mirror = rng.integers(0, self.data.latents.shape[2], n)
        draws = np.stack([
            np.where(np.arange(n) < n // 2, _LAST, np.floor(rng.random(n) * 1000.0)),
            s.blur[0] + (s.blur[1] - s.blur[0]) * rng.random(n) ** 2,
        ]).astype(np.float32)
        time, blur = torch.from_numpy(draws).to(self.device)

        content = latents.normalised(self.data.scaled((shapes, 0, mirror))).to(self.device)
        styles = torch.from_numpy(np.asarray(self.data.styles[painted], np.float32))
        styles = styles.to(self.device)
        code = net.code(styles)
        statistics = net.statistics(code).detach()
        x = torch.randn(content.shape, generator=noise, device=self.device)
        with torch.no_grad():
            late = slice(n // 2, n)
            last = torch.full_like(time[late], _LAST)
            rows = net.rows(last, code[late], statistics[late], blur[late])
            first = self._predict(net, x[late], content[late], rows, blur[late])
            eps = torch.randn(first.shape, generator=noise, device=self.device)
        rows = net.rows(time, code, statistics, blur)
        alpha, sigma = rows[late, 0, None, None, None], rows[late, 1, None, None, None]
        x = torch.cat([x[: n // 2], (alpha * first + sigma * eps).detach()])
        z = self._predict(net, x, content, rows, blur) / self.scale + self.shift

        with torch.autocast(self.device.type, torch.bfloat16):
            out = inner(decoder(z))
            maps = self.judge.features(out)
            with torch.no_grad():
                wanted = self.judge.features(inner(self._rgb(shapes, mirror)))
        bands = band_energies(self._rgb(painted, np.zeros(n, np.int64)))
        style = style_distance(maps, styles, net.style_std)
        rough = F.smooth_l1_loss(band_energies(out), bands)
        shape = content_distance(maps, wanted)
        return {
            "loss": s.style_weight * style + s.band_weight * rough + s.content_weight * shape,
            "style": style,
            "bands": rough,
            "shape": shape,
        }
