# SPDX-License-Identifier: MIT
"""What reconstruction cannot teach: a photo's shapes in another picture's style.

The published training asks the network only for pictures whose content and style are one
picture's own (arXiv 2306.09330, section 3.3); with those a small network learns to leave the
content's texture where it is. Here it also predicts pictures that nobody has painted, and what
it predicts is decoded and judged as style_losses.py tells: near the style picture by all that can
be said without saying where, near the content picture place by place. The decoder is the
autoencoder's and does not learn: one that does paints well what it decodes badly.

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
from .style_losses import Measured, band_energies, content_distance
from .unet import UNet

_BORDER = 16  # pixels
_MEASURED_ON = 512  # paintings
_LAST = 999.0


def inner(rgb: Tensor, y: int, x: int) -> Tensor:
    """Without a border of two latents in all, where a decoder that knows it by its padding can earn
    statistics that belong to the whole. The judge strides: cut at random (y, x from 0 to _BORDER),
    it sees no grid of the decoder always in the same phase."""
    h, w = rgb.shape[2:]
    return rgb[:, :, y : h - _BORDER + y, x : w - _BORDER + x]


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
        some = paintings[:: max(1, len(paintings) // _MEASURED_ON)]
        parts = [some[i : i + 8] for i in range(0, len(some), 8)]
        batches = [self._rgb(rows, np.zeros(len(rows), np.int64)) for rows in parts]
        self.measured = Measured(self.judge, batches)

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
        z = self.data.unscaled(self._predict(net, x, content, rows, blur))

        at = rng.integers(0, _BORDER + 1, 2)
        painting = inner(self._rgb(painted, np.zeros(n, np.int64)), *at)
        with torch.autocast(self.device.type, torch.bfloat16):
            out = inner(decoder(z), *at)
            maps = self.judge.features(out)
            with torch.no_grad():
                kept = self.judge.features(inner(self._rgb(shapes, mirror), *at))
                wanted = self.judge.features(painting)
        terms = {
            "style": self.measured.distribution_distance(maps, wanted),
            "strokes": self.measured.correlation_distance(maps, wanted),
            "bands": F.smooth_l1_loss(band_energies(out), band_energies(painting)),
            "shape": content_distance(maps, kept),
        }
        weights = (s.style_weight, s.stroke_weight, s.band_weight, s.content_weight)
        total = sum(w * term for w, term in zip(weights, terms.values(), strict=True))
        return {"loss": total, **terms}
