# SPDX-License-Identifier: MIT
"""What a model is."""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any

from . import _abi
from ._handle import Owner
from ._library import check, library, name_of

_NAMED = {
    "schedule": _abi.ENUM_SCHEDULE,
    "prediction": _abi.ENUM_PREDICTION,
    "device": _abi.ENUM_DEVICE,
    "isolation": _abi.ENUM_ISOLATION,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model is. The fields are those of the C header's artfusion_model_info."""

    name: str
    description: str
    licence: str
    origin: str
    weights_sha256: str
    engine: str
    device: str
    device_index: int
    device_name: str
    arithmetic: str
    threads: int
    isolation: str
    latent_channels: int
    downsample: int
    size_multiple: int
    native_width: int
    native_height: int
    style_width: int
    style_min_size: int
    timesteps: int
    schedule: str
    prediction: str
    latent_shift: tuple[float, ...] = dataclasses.field(repr=False)
    latent_scale: tuple[float, ...] = dataclasses.field(repr=False)
    alphas_cumprod: tuple[float, ...] = dataclasses.field(repr=False)


def model_info(owner: Owner) -> ModelInfo:
    c = _abi.ModelInfo()
    check(library().artfusion_model_get_info(owner, c, ctypes.sizeof(c)))
    values: dict[str, Any] = {}
    for field in dataclasses.fields(ModelInfo):
        value = getattr(c, field.name)
        if field.name in _NAMED:
            value = name_of(_NAMED[field.name], value)
        elif isinstance(value, bytes):
            value = value.decode()
        elif field.name == "alphas_cumprod":
            value = tuple(value[: c.timesteps])
        elif not isinstance(value, int):
            value = tuple(value[: c.latent_channels])
        values[field.name] = value
    return ModelInfo(**values)
