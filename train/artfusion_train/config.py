# SPDX-License-Identifier: MIT
"""The recipe file: one TOML file, read into frozen dataclasses."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ConfigError(ValueError):
    """The recipe file is wrong; the message says where."""


@dataclass(frozen=True)
class Data:
    paintings: str
    photos: str
    heldout: str
    size: int
    mirror: bool
    recolour: bool


@dataclass(frozen=True)
class Autoencoder:
    channels: tuple[int, ...]
    latent_channels: int
    local: bool
    crop: int
    batch: int
    crops: int
    learning_rate: float
    final_rate: float
    warmup: int
    feature_weight: float
    ssim_weight: float
    kl_weight: float
    ema: float

    # What may change between a run and its continuation.
    adjustable = ("crops", "learning_rate", "final_rate", "feature_weight", "ssim_weight")


@dataclass(frozen=True)
class Pairs:
    count: int
    teachers: tuple[str, ...]
    photo_share: float
    zooms: tuple[float, ...]
    zoom_share: float
    content_price: float
    content_limit: float
    repetition_limit: float

    adjustable = ("count",)


@dataclass(frozen=True)
class UNet:
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    details: int
    head_channels: int
    embedding: int
    content_channels: int
    blur: tuple[float, float]
    content_blur: float
    content_dropout: float
    style_dropout: float
    photo_share: float
    batch: int
    samples: int
    learning_rate: float
    final_rate: float
    warmup: int
    ema: float
    statistics_weight: float
    pair_share: float
    restyle_batch: int
    restyle_crop: int
    style_weight: float
    band_weight: float
    content_weight: float
    likeness_weight: float
    lattice_weight: float
    critic_weight: float
    critic_rate: float
    decoder_rate: float
    decoder_yield: float
    decoder_mix: float

    adjustable = (
        "samples", "learning_rate", "final_rate", "content_blur", "pair_share",
        "restyle_batch", "restyle_crop", "style_weight", "band_weight", "content_weight",
        "likeness_weight", "lattice_weight", "critic_weight", "critic_rate", "decoder_rate",
        "decoder_yield", "decoder_mix",
    )


@dataclass(frozen=True)
class Checkpoint:
    seconds: float
    score_seconds: float


@dataclass(frozen=True)
class Publish:
    description: str
    licence: str
    origin: str
    steps: int
    content_scale: float
    style_scale: float
    presets: dict[str, dict[str, float]]  # name -> what it sets otherwise


@dataclass(frozen=True)
class Config:
    name: str
    seed: int
    folder: Path  # of the recipe file
    data: Data
    autoencoder: Autoencoder
    pairs: Pairs
    unet: UNet
    checkpoint: Checkpoint
    publish: Publish


def _section(kind: type, table: dict[str, Any], where: str) -> Any:
    names = {field.name: field for field in dataclasses.fields(kind)}
    for key in table:
        if key not in names:
            raise ConfigError(f"{where}: unknown key '{key}'")
    for key in names:
        if key not in table:
            raise ConfigError(f"{where}: '{key}' is missing")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return kind(**values)


def load(path: Path) -> Config:
    """Reads a recipe; ConfigError names the key that is missing, unknown or no TOML."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    kinds = {
        "data": Data,
        "autoencoder": Autoencoder,
        "pairs": Pairs,
        "unet": UNet,
        "checkpoint": Checkpoint,
        "publish": Publish,
    }
    sections = {
        key: _section(kind, table.pop(key, {}), f"{path} [{key}]") for key, kind in kinds.items()
    }
    return _section(Config, {**table, "folder": path.parent, **sections}, str(path))


def identity(config: Config, stage: str) -> str:
    """Hash of everything a stage's checkpoint depends on, its adjustable keys left out."""
    section = getattr(config, stage)
    table = dataclasses.asdict(section)
    for key in section.adjustable:
        table.pop(key)
    if stage == "unet":  # its latents come out of the autoencoder
        table["autoencoder"] = identity(config, "autoencoder")
    table["seed"] = config.seed
    table["size"] = config.data.size
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:16]
