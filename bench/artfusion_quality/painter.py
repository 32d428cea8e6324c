# SPDX-License-Identifier: MIT
"""The C library at work: stylised pictures for pairs of a content and a style, and their cost."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .baselines import match_moments
from .lists import InputError
from .metrics import Pair

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / "tests" / "python"), str(_ROOT / "bindings" / "python")]

import artfusion  # noqa: E402
import artfusion_c as af  # noqa: E402

__all__ = ["Cost", "Painter", "Settings", "af", "choose_library"]


def choose_library(path: Path | None) -> None:
    """Lets ARTFUSION_LIBRARY name the library: `path`, what it names already, or build/release's;
    the engine is ARTFUSION_ENGINE's or lies beside it."""
    default = os.environ.get("ARTFUSION_LIBRARY") or _ROOT / "build/release/lib/libartfusion.so"
    chosen = Path(path or default)
    if not chosen.is_file():
        raise InputError(f"{chosen}: no library here; build it or name it by --library")
    os.environ["ARTFUSION_LIBRARY"] = str(chosen.resolve())
    try:
        af.library()
    except (OSError, AttributeError, artfusion.Error) as error:
        raise InputError(f"{chosen}: not this release's library: {error}") from error


@dataclass(frozen=True)
class Settings:
    """The settings of a run; None is the model's own default."""

    steps: int | None = None
    content_scale: float | None = None
    style_scale: float | None = None
    seed: int = 0
    solver: int | None = None  # af.SOLVER_*
    spacing: int | None = None  # af.SPACING_*
    eta: float | None = None

    def options(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass
class Cost:
    """What painting took: wall-clock seconds, and how far the process's resident memory rose at
    most above where it stood before a batch."""

    pictures: int = 0
    seconds: float = 0.0
    memory: float = 0.0  # MB a picture

    def summary(self) -> dict[str, float]:
        return {"seconds": self.seconds / max(self.pictures, 1), "memory_mb": self.memory}


def _resident() -> tuple[float, float]:
    """The process's resident MB now, and the most since the last call: /proc/self/status of proc(5)."""
    ctypes.CDLL(None).malloc_trim(0)  # glibc: what is free is not counted
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    status = dict(line.split(":", 1) for line in lines)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        pass  # where that is forbidden, the most is that since the start
    now, most = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def to_image(picture: Tensor) -> af.Image:
    return af.Image.from_array(picture.permute(1, 2, 0).numpy())


class Painter:
    """An open model, at one size of pictures; pictures are uint8 [N,3,size,size]."""

    def __init__(
        self,
        model: Path,
        size: int,
        device: int = af.DEVICE_AUTO,
        precision: int = af.PRECISION_AUTO,
    ) -> None:
        if not model.is_file():
            raise InputError(f"{model}: no such model file")
        try:
            self.model = af.Model(af.Context(device=device, precision=precision), model)
        except af.ArtfusionError as error:
            raise InputError(f"{model}: {error.message}") from error
        info = self.model.info()
        if size % info.size_multiple:
            raise InputError(
                f"{size} pixels: this model's pictures are multiples of {info.size_multiple}"
            )
        self.size = size
        self.name, self.sha256 = info.name.decode(), info.weights_sha256.decode()
        device_name, engine = info.device_name.decode(), info.engine.decode()
        arithmetic = info.arithmetic.decode()
        self.machine = f"{device_name}, {info.threads} threads, {engine}, {arithmetic}"

    def sampler(self, settings: Settings, **options: Any) -> af.Sampler:
        options = settings.options() | options
        return af.Sampler(self.model, width=self.size, height=self.size, **options)

    def resolve(self, settings: Settings) -> Settings:
        """The settings with the model's defaults filled in."""
        options = self.sampler(settings).options
        return Settings(**{name: getattr(options, name) for name in vars(settings)})

    def paint(
        self,
        contents: Tensor,
        styles: Tensor,
        pairs: Sequence[Pair],
        settings: Settings,
        cost: Cost | None = None,
    ) -> Tensor:
        """Paints each content with its style, in one run. The noise of pairs[p] depends on the seed and
        that pair alone, not on the batch."""

        def noise(use: int, step: int, values: NDArray[np.float32]) -> int:
            uniform = use == af.NOISE_X_T and sampler.options.noise == af.NOISE_UNIFORM
            for pair, row in zip(pairs, values.reshape(len(pairs), -1), strict=True):
                rng = np.random.default_rng((settings.seed, *pair, use, step))
                row[:] = (rng.random if uniform else rng.standard_normal)(row.size, np.float32)
            return 0

        before, _ = _resident()
        begin = time.perf_counter()
        sampler = self.sampler(settings, batch=len(pairs), noise=noise)
        with sampler:
            for i, (content, style) in enumerate(zip(contents, styles, strict=True)):
                sampler.set_content(to_image(content), i)
                sampler.set_style(self.model.style(to_image(style)), i)
            sampler.run()
            results = np.stack([sampler.image(i).array() for i in range(len(pairs))])
        if cost is not None:
            cost.seconds += time.perf_counter() - begin
            cost.memory = max(cost.memory, (_resident()[1] - before) / len(pairs))
            cost.pictures += len(pairs)
        return torch.from_numpy(results).permute(0, 3, 1, 2)

    def encode(self, pictures: Tensor) -> Tensor:
        """Scaled latents."""
        latents = [self.model.encode(to_image(p), af.LATENT_SCALED) for p in pictures]
        return torch.from_numpy(np.stack(latents))

    def decode(self, latents: Tensor) -> Tensor:
        """Floats, nominally -1..1; one at a time to bound the memory."""
        rgb = [self.model.decode(z.contiguous().numpy()) for z in torch.split(latents, 1)]
        return torch.from_numpy(np.concatenate(rgb))

    def reconstruct(self, pictures: Tensor) -> Tensor:
        return self.decode(self.encode(pictures))

    def adain(self, contents: Tensor, styles: Tensor) -> Tensor:
        """AdaIN between the autoencoder's latents; floats, nominally -1..1."""
        return self.decode(match_moments(self.encode(contents), self.encode(styles)))
