# SPDX-License-Identifier: MIT
"""Whole pictures in memory, as a program makes them that has its model open: N photos in the style of one
painting, by 15 steps with both guidances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .networks import CHANNELS, DOWN

STEPS, CONTENT_SCALE, STYLE_SCALE = 15, 0.5, 2.0
PART = 8  # pictures that the peers compute at once: more are slower


def _photos(count: int, size: int) -> np.ndarray:
    draw = np.random.Generator(np.random.PCG64(3))
    return draw.integers(0, 256, (count + 1, size, size, 3), dtype=np.uint8)


def _sampler(model: Any, count: int, size: int, steps: int) -> Any:
    return model.sampler(
        batch=count, width=size, height=size, steps=steps, solver="dpmpp_2m", spacing="trailing",
        content_scale=CONTENT_SCALE, style_scale=STYLE_SCALE,
    )  # fmt: skip


class Painter:
    """By this library. Pictures differ from call to call, since it remembers those it has seen."""

    def __init__(self, model: Any) -> None:
        self._model, self._calls = model, 0

    def paint(self, count: int, size: int, *, new: bool = True, steps: int = STEPS) -> Any:
        """The sampler, after its run; all pictures are decoded."""
        photos = _photos(count, size)
        self._calls += new
        photos[:, 0, 0, 0] = self._calls % 256
        photos[:, 0, 0, 1] = self._calls // 256
        sampler = _sampler(self._model, count, size, steps)
        sampler.set_style(self._model.style(photos[count]))
        for index in range(count):
            sampler.set_content(photos[index], index)
        sampler.run()
        sampler.images()
        return sampler

    def outside(self, size: int) -> float:
        """The part of a run's time that was not spent in networks."""
        progress = self.paint(1, size).progress()
        networks = progress.seconds_encode + progress.seconds_denoise + progress.seconds_decode
        return float(1.0 - networks / progress.seconds_total)


def by_torch(
    networks: dict[str, Any], step: Any, device: Any, dtype: Any, count: int, size: int
) -> Callable[[], Any]:
    """The same by PyTorch's modules; the update is DDIM's, whose cost is next to nothing."""
    import torch

    photos = torch.from_numpy(_photos(count, size)).permute(0, 3, 1, 2)
    null = networks["unet"].null_style
    alphas = torch.linspace(0.005, 0.999, STEPS + 1).tolist()

    def part(given: Any, style: Any) -> Any:
        latent = networks["encoder"]((given / 127.5 - 1.0).to(device, dtype)).float()
        deviation = latent.flatten(2).std(2)[..., None, None]
        content = ((latent - latent.mean((2, 3), True)) / deviation).to(dtype)
        n = len(given)
        contents = torch.cat((content, torch.zeros_like(content), content))
        styles = torch.cat((style.expand(2 * n, -1), null.expand(n, -1))).contiguous()
        x = torch.randn(n, CHANNELS, size // DOWN, size // DOWN, device=device)
        for i in range(STEPS):
            timestep = torch.tensor([999.0 - 999.0 * i / STEPS], device=device)
            e, e1, e2 = step(x.to(dtype).repeat(3, 1, 1, 1), contents, timestep, styles).float().chunk(3)
            eps = e1 + CONTENT_SCALE * (e - e1) + e2 + STYLE_SCALE * (e - e2) - e
            a, a_next = alphas[i], alphas[i + 1]
            x0 = (x - (1 - a) ** 0.5 * eps) / a**0.5
            x = a_next**0.5 * x0 + (1 - a_next) ** 0.5 * eps
        rgb = networks["decoder"](x.to(dtype)).float().clamp(-1, 1)
        return ((rgb + 1) * 127.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def paint() -> list[Any]:
        style = networks["style"]((photos[count:] / 127.5 - 1.0).to(device, dtype))
        return [part(some, style) for some in photos[:count].split(PART)]

    return paint
