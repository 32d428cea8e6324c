#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a synthetic checkpoint with the published layout from a key table.

    make_checkpoint.py keys_tiny.tsv --seed 1 -o tiny.ckpt

Every tensor is a pure function of (seed, key, shape), so that a checkpoint of any size follows from
a table of a few kilobytes: one `key<TAB>shape` a line, shape as comma-separated sizes, empty for a
scalar. Averages get values of their own, different from the raw weights', so that a reader that
takes the wrong set shows at once.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LINEAR_START, LINEAR_END, TIMESTEPS = 0.0015, 0.0195, 1000

# As published: (z - SHIFT) * SCALE has about zero mean and unit variance in each latent channel.
SCALE = (
    (0.3335, 0.1840, 0.3386, 0.3695, 0.3052, 0.3254, 0.3262, 0.2794)
    + (0.3670, 0.3812, 0.2283, 0.3122, 0.3555, 0.3291, 0.3485, 0.3699)
)  # fmt: skip
SHIFT = (
    (-0.7449, -0.4035, 0.4347, -0.2002, -0.4501, 0.4839, -1.0560, 1.5971)
    + (0.4377, -1.4263, -0.3681, -1.1490, 0.1817, -0.2732, -1.2297, -0.3025)
)  # fmt: skip
VGG_SHIFT = (-0.030, -0.088, -0.188)
VGG_SCALE = (0.458, 0.448, 0.450)


def schedule_tables() -> dict[str, NDArray[np.float64]]:
    """The buffers that the published model registers for its schedule."""
    betas = np.linspace(LINEAR_START**0.5, LINEAR_END**0.5, TIMESTEPS) ** 2
    alphas = 1.0 - betas
    cumprod = np.cumprod(alphas)
    previous = np.append(1.0, cumprod[:-1])
    variance = betas * (1.0 - previous) / (1.0 - cumprod)
    return {
        "betas": betas,
        "alphas_cumprod": cumprod,
        "alphas_cumprod_prev": previous,
        "sqrt_alphas_cumprod": np.sqrt(cumprod),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(1.0 - cumprod),
        "log_one_minus_alphas_cumprod": np.log(1.0 - cumprod),
        "sqrt_recip_alphas_cumprod": np.sqrt(1.0 / cumprod),
        "sqrt_recipm1_alphas_cumprod": np.sqrt(1.0 / cumprod - 1.0),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
        "posterior_mean_coef1": betas * np.sqrt(previous) / (1.0 - cumprod),
        "posterior_mean_coef2": (1.0 - previous) * np.sqrt(alphas) / (1.0 - cumprod),
        "logvar": np.zeros(TIMESTEPS),
    }


def fixed_tensors() -> dict[str, Tensor]:
    """The tensors that do not depend on the seed."""
    tensors = {
        key: torch.tensor(table, dtype=torch.float32) for key, table in schedule_tables().items()
    }
    tensors["scale_factors"] = torch.tensor(SCALE)
    tensors["shift_values"] = torch.tensor(SHIFT)
    tensors["vgg_scaling_layer.shift"] = torch.tensor(VGG_SHIFT)[None, :, None, None]
    tensors["vgg_scaling_layer.scale"] = torch.tensor(VGG_SCALE)[None, :, None, None]
    for prefix in ("model_ema", "null_style_vector_ema"):
        tensors[f"{prefix}.decay"] = torch.tensor(0.9999)
        tensors[f"{prefix}.num_updates"] = torch.tensor(317673, dtype=torch.int32)
    return tensors


def random_tensor(seed: int, key: str, shape: tuple[int, ...]) -> Tensor:
    """Values at which activations neither vanish nor blow up."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    x = generator.standard_normal(shape, dtype=np.float32)
    if "null_style_vector" in key:
        x *= 0.5
    elif len(shape) >= 2:
        fan_in = int(np.prod(shape[1:]))
        gain = 1.4 if key.startswith("vgg.") else 0.9
        x *= gain / fan_in**0.5
        if "out.conv" in key or "outconv" in key:
            x *= 0.4  # keeps the predicted noise near unit variance
    elif key.endswith("weight"):
        x = 1 + 0.1 * x
    else:
        x *= 0.05
    return torch.from_numpy(np.ascontiguousarray(x))


def read_keys(path: Path) -> dict[str, tuple[int, ...]]:
    lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {key: tuple(int(n) for n in shape.split(",") if n) for key, shape in lines}


def make_state(keys: Path, seed: int) -> dict[str, Tensor]:
    fixed = fixed_tensors()
    return {
        key: fixed[key] if key in fixed else random_tensor(seed, key, shape)
        for key, shape in read_keys(keys).items()
    }


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("keys", type=Path, help="key table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    state = make_state(options.keys, options.seed)
    torch.save({"epoch": 0, "global_step": 317673, "state_dict": state}, options.output)
    print(f"{options.output}: {len(state)} tensors")


if __name__ == "__main__":
    main()
