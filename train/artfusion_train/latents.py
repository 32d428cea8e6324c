# SPDX-License-Identifier: MIT
"""Everything the UNet trains on, computed once: latents and style codes in 16 bits.

Of each picture, and of its mirror image where the recipe wants it, one or two latents: as it is, and
in changed colours. The latter serves as content only, so that the UNet learns to take shapes
from the content and colours from the style, instead of trusting the content's own palette; pairs
teach the same.
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
_KEPT_EVERY = 20  # batches
_BLUR_POINTS = 9
_MEASURED_ON = 1024  # pictures, for the table of what blurring takes away


@dataclass(frozen=True)
class Dataset:
    """All tensors are on one device."""

    latents: Tensor  # float16 [N, recoloured (1 or 2), mirrored (1 or 2), C, h, w], not scaled
    styles: Tensor  # float16 [N, width]
    shift: Tensor  # [C]; scaled = (z - shift) * scale
    scale: Tensor  # [C]
    autoencoder: str  # digest of that whose latents they are

    def scaled(self, rows: object, recoloured: object = 0, mirrored: object = 0) -> Tensor:
        """Scaled latents of some pictures, float32; the last two are one number or one each."""
        device = self.latents.device
        index = torch.broadcast_tensors(*(pictures.on(device, v) for v in (rows, recoloured, mirrored)))
        return self.rescaled(self.latents[index].float())

    def codes(self, rows: object) -> Tensor:
        """Style codes of some pictures, float32."""
        return self.styles[pictures.on(self.styles.device, rows)].float()

    def rescaled(self, z: Tensor) -> Tensor:
        """The inverse of `unscaled`."""
        return (z - self.shift[:, None, None]) * self.scale[:, None, None]

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


def digest(network: torch.nn.Module) -> str:
    """Of the weights."""
    sums = hashlib.sha256()
    for value in network.state_dict().values():
        sums.update(value.cpu().contiguous().numpy().tobytes())
    return sums.hexdigest()


def _moments(latents: NDArray[np.float16], rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Mean of each channel over the rows' pictures as they are, and one over its deviation."""
    sums, count = torch.zeros((2, latents.shape[3]), dtype=torch.float64), 0
    for some in np.array_split(rows, -(-len(rows) // _BATCH)):
        z = torch.from_numpy(latents[some, 0].astype(np.float64))
        sums += torch.stack([z.sum(dim=(0, 1, 3, 4)), z.square().sum(dim=(0, 1, 3, 4))])
        count += z.numel() // z.shape[2]
    mean, square = sums / count
    return mean.float(), (square - mean.square()).rsqrt().float()


def _described(path: Path, begun: dict[str, object]) -> dict[str, object] | None:
    """What a file says of latents, if they are of the same pictures and autoencoder."""
    try:
        state: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return state if all(state.get(key) == value for key, value in begun.items()) else None


@torch.inference_mode()
def compute(config: configs.Config, work: Path, device: torch.device) -> None:
    """Writes work/latents.f16, styles.f16 and latents.json. Goes on where it was stopped."""
    data = pictures.load(work, device)
    autoencoder = train_autoencoder.load(config, work, device)
    style = stylenet.pretrained().to(device, memory_format=torch.channels_last)
    n, low, kinds = len(data.names), config.data.size // 8, 1 + config.data.recolour
    shape = (n, kinds, 1 + config.data.mirror, config.autoencoder.latent_channels, low, low)
    begun = {
        "shape": list(shape),
        "autoencoder": digest(autoencoder),
        "pictures": pictures.listing(work),
    }
    described, under_way = work / "latents.json", work / "latents.json.partial"
    if _described(described, begun):
        print(f"{n} pictures are encoded", flush=True)
        return
    state = _described(under_way, begun)
    mode = "r+" if state else "w+"
    latents = np.memmap(work / "latents.f16", np.float16, mode, shape=shape)
    codes = np.memmap(work / "styles.f16", np.float16, mode, shape=(n, stylenet.STYLE_WIDTH))
    for at in range(int(str(state["done"])) if state else 0, n, _BATCH):
        rows = slice(at, min(at + _BATCH, n))
        rng = np.random.default_rng((config.seed, at))
        rgb = train_autoencoder.to_rgb(data.pixels[rows])
        with mixed(device):
            codes[rows] = style(rgb).float().cpu().numpy()
        for mirrored in range(shape[2]):
            turned = rgb.flip(3) if mirrored else rgb
            for recoloured in range(kinds):
                seen = recolour(turned, rng) if recoloured else turned
                with mixed(device):
                    z = autoencoder.encoder(seen)
                latents[rows, recoloured, mirrored] = z.float().cpu().numpy()
        if at // _BATCH % _KEPT_EVERY == 0:
            latents.flush()
            codes.flush()
            under_way.write_text(json.dumps({**begun, "done": at}), encoding="utf-8")
            print(f"{at}/{n} pictures encoded", flush=True)
    latents.flush()
    codes.flush()
    shift, scale = _moments(latents, np.flatnonzero(~data.heldout))
    index = {**begun, "shift": shift.tolist(), "scale": scale.tolist()}
    described.write_text(json.dumps(index), encoding="utf-8")
    under_way.unlink()


def load(config: configs.Config, work: Path, device: torch.device) -> Dataset:
    """The stored latents; TrainingError if they belong to another autoencoder."""
    index = json.loads((work / "latents.json").read_text(encoding="utf-8"))
    autoencoder = train_autoencoder.load(config, work, torch.device("cpu"))
    if index["autoencoder"] != digest(autoencoder):
        raise TrainingError(f"{work}/latents.f16 belongs to another autoencoder: run 'latents' again")
    shape = tuple(index["shape"])
    return Dataset(
        pictures.stored(work / "latents.f16", np.float16, shape, device),
        pictures.stored(
            work / "styles.f16", np.float16, (shape[0], stylenet.STYLE_WIDTH), device
        ),
        torch.tensor(index["shift"], device=device),
        torch.tensor(index["scale"], device=device),
        index["autoencoder"],
    )


def measure(
    dataset: Dataset,
    rows: NDArray[np.int64],
    blur: tuple[float, float],
    painted: tuple[Tensor, Tensor] | None = None,
    share: float = 0.0,
) -> Latents:
    """What the UNet's closed form needs to know about the training pictures. painted: scaled latents
    of some teachers' pictures and of their contents, which make up a share of what is trained."""
    styles = dataset.codes(rows)
    std, mean = torch.std_mean(styles, dim=0)
    some = rows[:: max(1, len(rows) // _MEASURED_ON)]
    target = normalised(dataset.scaled(some))
    kinds = dataset.latents.shape[1]
    # Of each what it is to be, what the network sees instead, and how often that is drawn.
    seen = [normalised(dataset.scaled(some, kind)) for kind in range(kinds)]
    examples = [(target, content, (1.0 - share) / kinds) for content in seen]
    if painted:
        examples.append((normalised(painted[0]), normalised(painted[1]), share))
    blurs = torch.linspace(blur[0], blur[1], _BLUR_POINTS, device=target.device)
    table = torch.zeros((len(blurs), target.shape[1]), device=target.device)
    for row, value in zip(table, blurs, strict=True):
        for wanted, content, weight in examples:
            soft = gaussian_blur(content, value.expand(len(content)))
            row += weight * (wanted - soft).square().mean(dim=(0, 2, 3))
    return Latents(mean, std.clamp_min(1e-3), blurs, table.sqrt())
