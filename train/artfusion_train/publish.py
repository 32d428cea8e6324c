# SPDX-License-Identifier: MIT
"""From trained networks to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from . import config as configs
from . import latents, stylenet, train_autoencoder, train_unet
from .borrowed import write_bundle


def manifest(config: configs.Config, data: latents.Dataset) -> dict[str, Any]:
    size = config.data.size
    return {
        "format": "artfusion-model",
        "format_version": 2,
        "name": config.name,
        "description": config.publish.description,
        "licence": config.publish.licence,
        "origin": config.publish.origin,
        "latent": {
            "channels": config.autoencoder.latent_channels,
            "downsample": 8,
            "shift": data.shift.tolist(),
            "scale": data.scale.tolist(),
        },
        "size": {"multiple": 32, "native_width": size, "native_height": size},
        "style": {"width": stylenet.STYLE_WIDTH, "min_size": 32},
        "content": {"normalise": True},
        "schedule": {
            "kind": "linear",
            "timesteps": 1000,
            "linear_start": 0.0015,
            "linear_end": 0.0195,
        },
        "prediction": "v",
        "defaults": {
            "solver": "dpmpp_2m",
            "spacing": "trailing",
            "steps": config.publish.steps,
            "eta": 0.0,
            "content_scale": config.publish.content_scale,
            "style_scale": config.publish.style_scale,
        },
        "presets": config.publish.presets,
    }


def bundle(config: configs.Config, work: Path, out: Path, blur: float) -> None:
    """Writes the model file from what is trained so far."""
    cpu = torch.device("cpu")
    autoencoder = train_autoencoder.load(config, work, cpu)
    networks = train_unet.load(config, work, cpu, blur)
    write_bundle(
        out,
        encoder=autoencoder.encoder,
        decoder=networks.decoder,
        style=stylenet.pretrained(),
        unet=networks.unet,
        manifest=manifest(config, latents.load(config, work, cpu)),
        dtype=torch.float16,
    )
    print(f"{out}: {out.stat().st_size} bytes")
