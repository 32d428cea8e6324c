# SPDX-License-Identifier: MIT
"""What the networks look like: read from the tensors' shapes if possible, and otherwise from
the published YAML layout or from options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .autoencoder import AutoencoderShape
from .unet import UNetShape

Shapes = Mapping[str, tuple[int, ...]]

DEFAULT_HEAD_CHANNELS = 64
_UNET = "model_ema.diffusion_model"
_VAE = "first_stage_model."


class ConfigError(Exception):
    """Tensors, configuration and options do not fit together; the message says which."""


@dataclass(frozen=True)
class Settings:
    """What no tensor's shape shows, and what a configuration repeats of what the shapes show.

    Either `head_channels` or `heads` is None.
    """

    head_channels: int | None = DEFAULT_HEAD_CHANNELS
    heads: int | None = None
    linear_start: float = 0.0015
    linear_end: float = 0.0195
    model_channels: int | None = None
    residual_blocks: int | None = None


def settings_from(config: Path | None, head_channels: int | None) -> Settings:
    """The option takes precedence over the configuration, and the configuration over the published value."""
    params = _params(_load_yaml(config), config) if config else {}
    unet = _section(params, "unet_config", config)
    # -1 is the published code's word for "the other one says it".
    heads, configured = (
        None if value == -1 else value
        for value in (_integer(unet, name, config) for name in ("num_heads", "num_head_channels"))
    )
    chosen = head_channels or configured or (DEFAULT_HEAD_CHANNELS if heads is None else None)
    _reject_other_kinds(params, config)
    return Settings(
        head_channels=chosen,
        heads=None if chosen else heads,
        linear_start=_number(params, "linear_start", config, 0.0015),
        linear_end=_number(params, "linear_end", config, 0.0195),
        model_channels=_integer(unet, "model_channels", config),
        residual_blocks=_integer(unet, "num_res_blocks", config),
    )


def _load_yaml(path: Path) -> Any:
    import yaml  # only who gives a configuration needs it

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error


def _params(tree: Any, path: Path | None) -> Mapping[str, Any]:
    model = tree.get("model") if isinstance(tree, dict) else None
    params = model.get("params") if isinstance(model, dict) else None
    if not isinstance(params, dict):
        raise ConfigError(f"{path}: has no model.params; the published layout has")
    return params


def _section(params: Mapping[str, Any], name: str, path: Path | None) -> Mapping[str, Any]:
    section = params.get(name, {})
    inner = section.get("params", {}) if isinstance(section, dict) else None
    if not isinstance(inner, dict):
        raise ConfigError(f"{path}: {name}.params is not a mapping")
    return inner


def _integer(section: Mapping[str, Any], name: str, path: Path | None) -> int | None:
    value = section.get(name)
    if value is None or (type(value) is int and (value > 0 or value == -1)):
        return value
    raise ConfigError(f"{path}: {name} is {value!r}, not a positive integer")


def _number(section: Mapping[str, Any], name: str, path: Path | None, default: float) -> float:
    value = section.get(name, default)
    if isinstance(value, (int, float)) and 0.0 < value < 1.0:
        return float(value)
    raise ConfigError(f"{path}: {name} is {value!r}, not a number between 0 and 1")


def _reject_other_kinds(params: Mapping[str, Any], path: Path | None) -> None:
    for name, only in (("beta_schedule", "linear"), ("parameterization", "eps")):
        if params.get(name, only) != only:
            raise ConfigError(f"{path}: {name} is {params[name]!r}; only {only!r} is supported")


def _shape(shapes: Shapes, key: str, rank: int) -> tuple[int, ...]:
    shape = shapes.get(key)
    if shape is None:
        raise ConfigError(f"tensor {key} is missing")
    if len(shape) != rank or 0 in shape:
        raise ConfigError(f"tensor {key} has shape {list(shape)}, not {rank} sizes above 0")
    return shape


def unet_shape(shapes: Shapes, settings: Settings) -> UNetShape:
    embedding, time_channels = _shape(shapes, _UNET + "time_embedmlp0weight", 2)
    base = _shape(shapes, _UNET + "input_blocks00weight", 4)[0]
    refined = None
    if _UNET + "content_in0weight" in shapes:
        refined = _shape(shapes, _UNET + "content_in0weight", 4)[0]
    levels = _unet_levels(shapes)
    for width, _ in (level[0] for level in levels):
        if width % base:
            raise ConfigError(f"a UNet level's {width} channels are not a multiple of {base}")
        _check_heads(width, settings)
    _check_stated("model_channels", settings.model_channels, base)
    _check_stated("num_res_blocks", settings.residual_blocks, len(levels[0]))
    return UNetShape(
        latent_channels=_shape(shapes, _UNET + "outconvweight", 4)[0],
        refined_channels=refined,
        style_width=_shape(shapes, _UNET + "context_emb0weight", 2)[1],
        model_channels=base,
        multipliers=tuple(level[0][0] // base for level in levels),
        attention=tuple(level[0][1] for level in levels),
        blocks=len(levels[0]),
        head_channels=settings.head_channels,
        heads=settings.heads,
        time_channels=time_channels,
        embedding_channels=embedding,
    )


def _unet_levels(shapes: Shapes) -> list[list[tuple[int, bool]]]:
    """(channels, attention) of each level's residual blocks on the way down.

    Averages' names have no dots: input_blocks.12.0 is input_blocks120. The second number has one
    digit always.
    """
    pattern = re.compile(re.escape(_UNET) + r"input_blocks(\d+)(\d)(op|\D)")
    parts: dict[int, set[str]] = {}
    for match in filter(None, map(pattern.match, shapes)):
        parts.setdefault(int(match[1]), set()).add("op" if match[3] == "op" else match[2])
    levels: list[list[tuple[int, bool]]] = [[]]
    for block in range(1, max(parts, default=0) + 1):
        if "op" in parts.get(block, ()):
            levels.append([])
            continue
        width = _shape(shapes, f"{_UNET}input_blocks{block}0in_layers2weight", 4)[0]
        levels[-1].append((width, "1" in parts[block]))
    count = len(levels[0])
    if count == 0 or any(len(level) != count or len(set(level)) > 1 for level in levels):
        raise ConfigError(
            f"the UNet's levels are irregular: (channels, attention) of their blocks are {levels}"
        )
    return levels


def _check_heads(width: int, settings: Settings) -> None:
    divisor = settings.head_channels or settings.heads or 1
    if width % divisor:
        what = "channels a head" if settings.head_channels else "heads"
        raise ConfigError(f"{divisor} {what} do not divide the UNet's {width} channels")


def _check_stated(name: str, stated: int | None, found: int) -> None:
    if stated is not None and stated != found:
        raise ConfigError(
            f"the configuration's {name} is {stated}, the tensors' is {found}: "
            "it belongs to another checkpoint"
        )


def autoencoder_shape(shapes: Shapes) -> AutoencoderShape:
    down = _VAE + "encoder.down."
    pattern = re.compile(re.escape(down) + r"(\d+)\.(block|attn)\.(\d+)\.")
    found = [(int(m[1]), m[2], int(m[3])) for m in filter(None, map(pattern.match, shapes))]
    levels = range(1 + max((level for level, _, _ in found), default=0))
    return AutoencoderShape(
        latent_channels=_shape(shapes, _VAE + "post_quant_conv.weight", 4)[0],
        widths=tuple(
            _shape(shapes, f"{down}{level}.block.0.conv1.weight", 4)[0] for level in levels
        ),
        attention=tuple(any((level, "attn") == at[:2] for at in found) for level in levels),
        blocks=1 + max((block for _, part, block in found if part == "block"), default=0),
    )
