# SPDX-License-Identifier: MIT
"""Held-out photos in the styles of held-out paintings, scored at every checkpoint.

The scores are those of bench/quality.py, by the same judge, of fewer pictures and without the C
library: they tell where training goes, bench/quality.py tells where a model file stands.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import config as configs
from . import latents, pictures, sampling
from .autoencoder import Decoder
from .borrowed import quality
from .unet import UNet

_STYLES_EACH = 2
_AT_ONCE = 16
_TOLD = ("style_top1", "style_top5", "content_top1", "style_distance", "sharpness")


class Gallery:
    """Every held-out photo with two held-out paintings."""

    def __init__(
        self,
        config: configs.Config,
        index: pictures.Pictures,
        data: latents.Dataset,
        contents: np.ndarray,
        styles: np.ndarray,
        device: torch.device,
    ) -> None:
        self.publish, self.blur = config.publish, config.unet.content_blur
        self.data = data
        self.pairs = [
            (i, (i + step * max(1, len(styles) // _STYLES_EACH)) % len(styles))
            for i in range(len(contents))
            for step in range(_STYLES_EACH)
        ]
        self.content = latents.normalised(data.scaled(contents))
        self.codes = data.codes(styles)
        shape = (len(self.pairs), *self.content.shape[1:])
        self.noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
        shown = [index.pixels[rows].permute(0, 3, 1, 2) for rows in (contents, styles)]
        self.scorer = quality.Scorer(quality.pretrained().to(device), *shown)

    @classmethod
    def of(
        cls,
        config: configs.Config,
        index: pictures.Pictures,
        data: latents.Dataset,
        device: torch.device,
    ) -> Gallery | None:
        """None where too few pictures are held out to tell one style from another."""
        contents = np.flatnonzero(index.heldout & index.photo)
        styles = np.flatnonzero(index.heldout & ~index.photo)
        if len(contents) < 1 or len(styles) < 2:
            return None
        return cls(config, index, data, contents, styles, device)

    def paint(self, net: UNet, decoder: Decoder, pairs: slice) -> Tensor:
        """The decoded results [N,3,H,W] of some pairs, in [-1,1]."""
        contents, styles = (list(side) for side in zip(*self.pairs[pairs], strict=True))
        z = sampling.sample(
            net,
            self.content[contents],
            self.codes[styles],
            self.noise[pairs],
            steps=self.publish.steps,
            scales=(self.publish.content_scale, self.publish.style_scale),
        )
        out: Tensor = decoder(self.data.unscaled(z))
        return out

    @torch.inference_mode()
    def scores(self, net: UNet, decoder: Decoder) -> dict[str, float]:
        """net: with the weights to be judged; its null style is settled by them."""
        net.finish(self.blur)
        parts = [slice(i, i + _AT_ONCE) for i in range(0, len(self.pairs), _AT_ONCE)]
        results = torch.cat([self.paint(net, decoder, part) for part in parts])
        found = self.scorer.score(results, self.pairs)
        return {name: found[name] for name in _TOLD}
