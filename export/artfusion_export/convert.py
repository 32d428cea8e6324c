# SPDX-License-Identifier: MIT
"""Builds the networks of a checkpoint, fills in its averaged weights, writes the model file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .autoencoder import AutoencoderShape, Decoder, Encoder
from .bundle import write_bundle
from .checkpoint import Checkpoint, CheckpointError, averaged, listed
from .config import ConfigError, Settings, autoencoder_shape, unet_shape
from .unet import UNet, UNetShape
from .vgg import MIN_SIZE, STYLE_WIDTH, StyleNetwork


class Networks(NamedTuple):
    encoder: Encoder
    decoder: Decoder
    style: StyleNetwork
    unet: UNet


# Held by the published checkpoint and of no use here: tables that follow from the betas, and
# the averaging's own state.
_UNUSED = frozenset(
    (
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
        "logvar",
        "model_ema.decay",
        "model_ema.num_updates",
        "null_style_vector_ema.decay",
        "null_style_vector_ema.num_updates",
    )
)
_NATIVE_SIZE = 256
_SECOND_ORDER = {"solver": "dpmpp_2m", "spacing": "trailing", "eta": 0.0}


def convert(
    checkpoint: Path,
    output: Path,
    settings: Settings,
    dtype: torch.dtype,
    report: Callable[[str], None],
) -> None:
    """Writes `output`, checked against the networks, or raises and leaves it as it was."""
    _check_writable(output)
    with Checkpoint(checkpoint) as source:
        unet = unet_shape(source.shapes, settings)
        autoencoder = autoencoder_shape(source.shapes)
        networks = build_networks(unet, autoencoder)
        report(f"reading {len(source.tensors)} tensors")
        latent = load(source, networks)
        timesteps = _check_schedule(source, settings)
    manifest = _manifest(checkpoint, source.step, unet, autoencoder, latent, settings, timesteps)
    report(f"writing {output} and checking it against the networks")
    write_bundle(output, manifest=manifest, dtype=dtype, **networks._asdict())


def _check_writable(output: Path) -> None:
    """What would otherwise show after minutes of work only."""
    if output.is_dir():
        raise IsADirectoryError(f"{output}: is a directory; the model is one file")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"{output}: there is no directory {output.parent}")


def build_networks(unet: UNetShape, autoencoder: AutoencoderShape) -> Networks:
    """The networks with memory for their weights but nothing in it yet."""
    if unet.style_width != STYLE_WIDTH:
        raise ConfigError(f"the UNet takes style codes of {unet.style_width}, not {STYLE_WIDTH}")
    if unet.latent_channels != autoencoder.latent_channels:
        raise ConfigError(
            f"the UNet has {unet.latent_channels} latent channels, "
            f"the autoencoder {autoencoder.latent_channels}"
        )
    with torch.device("meta"):
        networks = Networks(
            Encoder(autoencoder), Decoder(autoencoder), StyleNetwork(), UNet(unet)
        )
    for network in networks:
        network.to_empty(device="cpu").eval().requires_grad_(False)
    return networks


def load(source: Checkpoint, networks: Networks) -> dict[str, list[float]]:
    """Fills the networks with the averaged weights. Returns the latent's shift and scale."""
    check_names(source, networks)
    for name, slot in _averaged_slots(networks).items():
        slot.copy_(_finite(source, name))
    return {
        "shift": _finite(source, "shift_values").tolist(),
        "scale": _finite(source, "scale_factors").tolist(),
    }


def _finite(source: Checkpoint, name: str) -> Tensor:
    tensor = source.read(name)
    if not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(f"tensor {name} holds NaN or infinity")
    return tensor


def _raw_slots(networks: Networks) -> dict[str, Tensor]:
    return {key: slot for network in networks for key, slot in network.slots()}


def _averaged_slots(networks: Networks) -> dict[str, Tensor]:
    return {averaged(key): slot for key, slot in _raw_slots(networks).items()}


def check_names(source: Checkpoint, networks: Networks) -> None:
    """Names every tensor that is missing, unexpected or of another shape."""
    found = source.shapes
    raw = {key: slot.shape for key, slot in _raw_slots(networks).items()}
    wanted = {averaged(key): shape for key, shape in raw.items()}
    # Raw weights are not used, but half a set of them is a sign of a damaged file.
    if any(key in found for key in raw.keys() - wanted.keys()):
        wanted |= raw
    channels = networks.unet.conv_out.weight.shape[:1]
    wanted |= {"shift_values": channels, "scale_factors": channels}
    missing = [key for key in (*wanted, "betas") if key not in found]
    extra = [key for key in found if key not in wanted and key not in _UNUSED and key != "betas"]
    misshapen = [
        f"{key} is {list(found[key])}, should be {list(shape)}"
        for key, shape in wanted.items()
        if key in found and found[key] != tuple(shape)
    ]
    problems = [
        f"{kind}: {listed(names)}"
        for kind, names in (
            ("missing", missing),
            ("unexpected", extra),
            ("of another shape", misshapen),
        )
        if names
    ]
    if problems:
        raise CheckpointError("the tensors are not those of one network; " + "; ".join(problems))


def _check_schedule(source: Checkpoint, settings: Settings) -> int:
    """The number of training timesteps, once the betas are known to be the linear ones."""
    betas = source.read("betas").double().numpy()
    start, end = settings.linear_start, settings.linear_end
    expected = np.linspace(start**0.5, end**0.5, betas.size) ** 2
    if betas.ndim != 1 or betas.size == 0 or not np.allclose(betas, expected, rtol=1e-5, atol=0):
        raise ConfigError(
            f"the checkpoint's betas are not linear from {start} to {end}; "
            "linear_start and linear_end of its configuration (--config) say what they are"
        )
    return int(betas.size)


def _manifest(
    checkpoint: Path,
    step: int | None,
    unet: UNetShape,
    autoencoder: AutoencoderShape,
    latent: Mapping[str, list[float]],
    settings: Settings,
    timesteps: int,
) -> dict[str, Any]:
    """What the C library must know. The defaults are the published notebook's style transfer."""
    down = autoencoder.downsample
    trained = "" if step is None else f" after {step} steps"
    return {
        "format": "artfusion-model",
        "format_version": 2,
        "name": f"artfusion-kl{down}",
        "description": "ArtFusion, dual-conditional latent diffusion (arXiv 2306.09330)",
        "licence": "the checkpoint's",
        "origin": f"{checkpoint.name}, averaged weights{trained}",
        "latent": {"channels": unet.latent_channels, "downsample": down, **latent},
        "size": {
            "multiple": down * unet.size_multiple,
            "native_width": _NATIVE_SIZE,
            "native_height": _NATIVE_SIZE,
        },
        "style": {"width": unet.style_width, "min_size": MIN_SIZE},
        "content": {"normalise": True},
        "schedule": {
            "kind": "linear",
            "timesteps": timesteps,
            "linear_start": settings.linear_start,
            "linear_end": settings.linear_end,
        },
        "prediction": "eps",
        "defaults": {
            "solver": "ddim",
            "spacing": "uniform",
            "steps": 250,
            "eta": 1.0,
            "content_scale": 0.5,
            "style_scale": 2.0,
        },
        # Of the same ODE; how near they come to its solution is in docs/solvers.md.
        "presets": {
            "fast": {**_SECOND_ORDER, "steps": 8},
            "balanced": {**_SECOND_ORDER, "steps": 15},
            "reference": {},
        },
    }
