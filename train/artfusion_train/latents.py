# SPDX-License-Identifier: MIT
"""Everything the UNet trains on, computed once: latents and style codes in 16 bits.

Of each picture, and of its mirror image where the recipe wants it, two latents: as it is, and
in changed colours. The latter serves as content only, so that the UNet learns to take shapes
from the content and colours from the style, instead of trusting the content's own palette.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import config as configs
from . import pictures, stylenet, train_autoencoder
from .loop import TrainingError, mixed
from .unet import Latents, gaussian_blur

_BATCH = 32
_BLUR_POINTS = 9
_MEASURED_ON = 1024  # pictures, for the table of what blurring takes away


@dataclass(frozen=True)
class Dataset:
    """All tensors are on one device."""

    latents: Tensor  # float16 [N, recoloured (2), mirrored (1 or 2), C, h, w], not scaled
    styles: Tensor  # float16 [N, width]
    shift: Tensor  # [C]; scaled = (z - shift) * scale
    scale: Tensor  # [C]

    def scaled(self, rows: object, recoloured: object = 0, mirrored: object = 0) -> Tensor:
        """Scaled latents of some pictures, float32; the last two are one number or one each."""
        device = self.latents.device
        index = torch.broadcast_tensors(*(pictures.on(device, v) for v in (rows, recoloured, mirrored)))
        z = self.latents[index].float()
        return (z - self.shift[:, None, None]) * self.scale[:, None, None]

    def codes(self, rows: object) -> Tensor:
        """Style codes of some pictures, float32."""
        return self.styles[pictures.on(self.styles.device, rows)].float()

    def unscaled(self, scaled: Tensor) -> Tensor:
        """What the decoder takes, of scaled latents."""
        return scaled / self.scale[:, None, None] + self.shift[:, None, None]


def normalised(scaled: Tensor) -> Tensor:
    """The content condition: each channel of [N,C,h,w] without its mean, by its deviation."""
    std, mean = torch.std_mean(scaled, dim=(2, 3), keepdim=True)
    return (scaled - mean) / std.clamp_min(1e-6)


def recolour(rgb: Tensor, rng: np.random.Generator) -> Tensor:
    """Each picture [N,3,H,W] in [-1,1] with hue, saturation, gamma and tint changed."""
    n = rgb.shape[0]
    draw = torch.from_numpy(rng.random((n, 8), np.float32)).to(rgb.device)
    angle = (draw[:, 0] * 2.0 * math.pi)[:, None]
    saturation = (0.2 + 1.4 * draw[:, 1])[:, None]
    # Rotation about the grey axis (Rodrigues), chroma scaled, grey left alone.
    eye = torch.eye(3, device=rgb.device).flatten()[None]
    grey = torch.full((1, 9), 1.0 / 3.0, device=rgb.device)
    cross = torch.tensor([0, -1, 1, 1, 0, -1, -1, 1, 0], device=rgb.device)[None] / math.sqrt(3)
    turn = torch.cos(angle) * (eye - grey) + torch.sin(angle) * cross
    matrix = (grey + saturation * turn).view(n, 3, 3)
    out = torch.einsum("nij,njhw->nihw", matrix, (rgb + 1.0) / 2.0).clamp(0.0, 1.0)
    gamma = torch.exp2(1.6 * draw[:, 2:5] - 0.8)[:, :, None, None]
    tint = (0.3 * draw[:, 5:8] - 0.15)[:, :, None, None]
    return ((out**gamma + tint).clamp(0.0, 1.0) * 2.0 - 1.0).contiguous(
        memory_format=torch.channels_last
    )


def _digest(network: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class _Moments:
    """Sums over latents, from which mean and deviation of each channel follow."""

    def __init__(self, channels: int, device: torch.device) -> None:
        self.sums = torch.zeros((2, channels), dtype=torch.float64, device=device)
        self.count = 0

    def add(self, z: Tensor) -> None:
        """z [N,C,h,w]"""
        wide = z.double()
        self.sums += torch.stack([wide.sum(dim=(0, 2, 3)), wide.square().sum(dim=(0, 2, 3))])
        self.count += z.numel() // z.shape[1]

    def of(self) -> tuple[Tensor, Tensor]:
        """Mean, and one over the deviation."""
        mean, square = (self.sums / self.count).cpu()
        return mean.float(), (square - mean.square()).rsqrt().float()


@torch.inference_mode()
def compute(config: configs.Config, work: Path, device: torch.device) -> None:
    """Writes work/latents.f16, styles.f16 and latents.json."""
    data = pictures.load(work, device)
    autoencoder = train_autoencoder.load(config, work, device)
    style = stylenet.pretrained().to(device, memory_format=torch.channels_last)
    n, low = len(data.names), config.data.size // 8
    shape = (n, 2, 1 + config.data.mirror, config.autoencoder.latent_channels, low, low)
    latents = np.memmap(work / "latents.f16", np.float16, "w+", shape=shape)
    codes = np.memmap(work / "styles.f16", np.float16, "w+", shape=(n, stylenet.STYLE_WIDTH))
    moments = _Moments(config.autoencoder.latent_channels, device)
    for at in range(0, n, _BATCH):
        rows = slice(at, min(at + _BATCH, n))
        rng = np.random.default_rng((config.seed, at))
        rgb = train_autoencoder.to_rgb(data.pixels[rows])
        with mixed(device):
            codes[rows] = style(rgb).float().cpu().numpy()
        for mirrored in range(shape[2]):
            turned = rgb.flip(3) if mirrored else rgb
            for recoloured in (0, 1):
                seen = recolour(turned, rng) if recoloured else turned
                with mixed(device):
                    z = autoencoder.encoder(seen)
                if not recoloured:
                    moments.add(z[pictures.on(device, ~data.heldout[rows])])
                latents[rows, recoloured, mirrored] = z.float().cpu().numpy()
        if at // _BATCH % 20 == 0:
            print(f"{at}/{n} pictures encoded", flush=True)
    latents.flush()
    codes.flush()
    shift, scale = moments.of()
    index = {
        "shape": shape,
        "autoencoder": _digest(autoencoder),
        "shift": shift.tolist(),
        "scale": scale.tolist(),
    }
    (work / "latents.json").write_text(json.dumps(index), encoding="utf-8")


def load(config: configs.Config, work: Path, device: torch.device) -> Dataset:
    """The stored latents; TrainingError when they are of another autoencoder."""
    index = json.loads((work / "latents.json").read_text(encoding="utf-8"))
    autoencoder = train_autoencoder.load(config, work, torch.device("cpu"))
    if index["autoencoder"] != _digest(autoencoder):
        raise TrainingError(f"{work}/latents.f16 is of another autoencoder: run 'latents' again")
    shape = tuple(index["shape"])
    return Dataset(
        pictures.stored(work / "latents.f16", np.float16, shape, device),
        pictures.stored(
            work / "styles.f16", np.float16, (shape[0], stylenet.STYLE_WIDTH), device
        ),
        torch.tensor(index["shift"], device=device),
        torch.tensor(index["scale"], device=device),
    )


def measure(dataset: Dataset, rows: NDArray[np.int64], blur: tuple[float, float]) -> Latents:
    """What the UNet's closed form needs to know about the training pictures."""
    styles = dataset.codes(rows)
    std, mean = torch.std_mean(styles, dim=0)
    some = rows[:: max(1, len(rows) // _MEASURED_ON)]
    target = normalised(dataset.scaled(some))
    contents = [target, normalised(dataset.scaled(some, 1))]
    blurs = torch.linspace(blur[0], blur[1], _BLUR_POINTS, device=target.device)
    table = []
    for value in blurs:
        soft = [gaussian_blur(content, value.expand(len(some))) for content in contents]
        errors = [(target - s).square().mean(dim=(0, 2, 3)) for s in soft]
        table.append(torch.stack(errors).mean(dim=0).sqrt())
    return Latents(mean, std.clamp_min(1e-3), blurs, torch.stack(table))
