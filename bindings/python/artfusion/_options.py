# SPDX-License-Identifier: MIT
"""How a run goes: what can be chosen, and the C struct of it."""

from __future__ import annotations

import ast
import contextlib
import ctypes
import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from . import _abi
from ._errors import ArgumentError
from ._image import Image
from ._library import check, encoded, int32, library, name_of, value_of, whole
from ._math import RngKind, Spacing

if TYPE_CHECKING:
    from ._arrays import FloatArray
    from ._model import Model
    from ._sampler import Sampler, Step

Solver: TypeAlias = Literal["ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde", "unipc"]
NoiseKind: TypeAlias = Literal["normal", "uniform"]
NoiseUse: TypeAlias = Literal["x_t", "step", "mask"]

NAMED = {
    "solver": _abi.ENUM_SOLVER,
    "spacing": _abi.ENUM_SPACING,
    "rng": _abi.ENUM_RNG,
    "noise": _abi.ENUM_NOISE,
}
# What other programs, and the project's own command, call them.
_ELSEWHERE = {
    "strength": "preset",
    "num_inference_steps": "steps",
    "guidance_scale": "style_scale",
    "generator": "seed",
    "num_images_per_prompt": "batch",
    "callback": "on_step",
    "callback_on_step_end": "on_step",
    "scheduler": "solver",
    "sampler": "solver",
    "size": "longest",
    "fit": "longest",
}


class Options(TypedDict, total=False):
    """How a run goes. Options that are left out have the preset's value, or the model's default.

    If options are written apart from a call, annotate them: `options: artfusion.Options = {"steps":
    30}`, then `model.stylize(photo, painting, **options)`.
    """

    preset: str
    """How much of the style is wanted: one of Model.presets."""
    width: int
    """In pixels. If `height` is not given, it follows from the content's proportions."""
    height: int
    """In pixels, like `width`."""
    longest: int
    """The longer side of a size that fits the content's proportions, instead of both."""
    batch: int
    """How many pictures the run makes, 1 to 256; with lists, as many as they have."""
    steps: int
    """The number of steps. More take longer and give finer pictures."""
    solver: Solver
    """"ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde" or "unipc"."""
    spacing: Spacing
    """Which timesteps are visited: "uniform", "quad", "trailing" or "linspace"."""
    rng: RngKind
    """"counter", or "torch_cpu" for the numbers of torch.manual_seed(seed)."""
    noise: NoiseKind
    """The random numbers that the run starts from: "normal" or "uniform"."""
    keep_every: int
    """Keep the latents of every so many steps, for Sampler.kept(); 0 keeps none."""
    seed: int
    """The seed of the random numbers, 0 to 2^64 - 1. Another seed gives another picture."""
    content_scale: float
    """Guidance by the content: 0 ignores it, 1 uses it as trained, above 1 exaggerates it."""
    style_scale: float
    """Guidance by the style, in the same way."""
    content_start: float
    """The fraction of the steps, 0 to 1, from which content_scale holds; before it is 1."""
    content_end: float
    """The fraction of the steps up to which content_scale holds; after it is 1."""
    style_start: float
    """The fraction of the steps from which style_scale holds; before it is 1."""
    style_end: float
    """The fraction of the steps up to which style_scale holds; after it is 1."""
    eta: float
    """How much noise a step adds: 0 adds none, 1 adds as much as ddpm."""
    temperature: float
    """A factor for that noise."""
    noise_dropout: float
    """The share of that noise's values that are dropped, from 0 to below 1."""
    denoising_strength: float
    """Below 1, the run starts from the init latent with that much noise; see
    Sampler.set_init_latent()."""
    timesteps: Sequence[int]
    """The timesteps to visit, in falling order. They replace `steps` and `spacing`."""
    on_step: Callable[[Step], object]
    """Called after each step. Its return value is ignored. To end the run early, raise an
    exception, such as artfusion.CancelledError: the call raises it, too."""
    on_eps: Callable[[Sampler, FloatArray], object]
    """Called before each update, and may change eps[batch, channels, height, width] in place."""
    on_noise: Callable[[NoiseUse, int, FloatArray], bool]
    """Called for the noise of a step. It fills in the noise and returns True, or returns False to
    leave it to the generator."""


def _document(options: type) -> None:
    """Makes help() show the text below each option, as editors do."""
    with contextlib.suppress(OSError):  # without its source
        (node,) = ast.parse(inspect.getsource(options)).body
        assert isinstance(node, ast.ClassDef)
        lines = ["", "", "Options:"]
        for field, text in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                lines.append(f"  {ast.unparse(field.target)}: {ast.unparse(field.annotation)}")
                lines += [f"      {line}" for line in ast.literal_eval(text.value).split("\n    ")]
        options.__doc__ = inspect.cleandoc(options.__doc__ or "") + "\n".join(lines)


_document(Options)


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def c_options(
    model: Model, options: Options, contents: Sequence[Image | None] = (None,), styles: int = 1
) -> _abi.SamplerOptions:
    """The options of a run with these contents and so many styles, without callbacks."""
    _check_names(model, options)
    c = _abi.SamplerOptions()
    check(library().artfusion_sampler_options_init(c, ctypes.sizeof(c), model._c))
    if (preset := options.get("preset")) is not None:
        if not isinstance(preset, str):
            raise TypeError(f"preset is {preset!r}: {_some(model.presets)} is right")
        name = encoded(preset)
        check(library().artfusion_sampler_options_set_preset(c, model._c, name))
    c.batch = _batch(len(contents), styles, options.get("batch"))
    c.width, c.height = _size(model, contents, options, (c.width, c.height))
    _set_values(c, options)
    return c


def effective(c: _abi.SamplerOptions, given: Options) -> Options:
    """The options that a run has, those of the model and of a preset included."""
    values: dict[str, Any] = {}
    for name in Options.__annotations__:
        if name in NAMED:
            values[name] = name_of(NAMED[name], getattr(c, name))
        elif name == "timesteps" or name.startswith("on_"):
            if name in given:
                values[name] = given[name]  # type: ignore[literal-required]
        elif name not in ("preset", "longest"):  # which the others have taken in
            values[name] = getattr(c, name)
    options: Options = values  # type: ignore[assignment]
    return options


def _some(names: Sequence[str]) -> str:
    *first, last = (repr(name) for name in names)
    return f"{', '.join(first)} or {last}" if first else last


def _check_names(model: Model, options: Options) -> None:
    known = sorted(Options.__annotations__)
    for name in sorted(options.keys() - Options.__annotations__.keys()):
        close = difflib.get_close_matches(name, known, 1)
        meant = _ELSEWHERE.get(name) or (close[0] if close else None)
        hint = f"; did you mean {meant}?" if meant else "."
        if meant == "preset" and model.presets:
            hint = f"; did you mean preset, which is {_some(model.presets)}?"
        raise TypeError(f"no such option: {name}{hint} The options are {', '.join(known)}")


def _batch(contents: int, styles: int, given: int | None) -> int:
    """How many pictures lists of so many contents and styles make; lists of one are for all."""
    asked = None if given is None else int32("batch", given)
    lengths = {n for n in (contents, styles, asked) if n is not None and n != 1}
    if len(lengths) > 1 or (asked == 1 and lengths):
        raise ArgumentError(
            f"{contents} contents and {styles} styles"
            + (f" for a batch of {asked}" if asked is not None else "")
            + ": one for all, or one for each picture"
        )
    return lengths.pop() if lengths else 1


def _size(
    model: Model, contents: Sequence[Image | None], options: Options, native: tuple[int, int]
) -> tuple[int, int]:
    if "width" in options and "height" in options:
        if "longest" in options:
            raise ArgumentError("longest is given with width and height: one or the other")
        return native  # until they are set
    pictures = [image.size for image in contents if image is not None] or [native]
    sizes = sorted({_fitted(model, size, options) for size in pictures})
    if len(sizes) > 1:
        raise ArgumentError(
            "the contents are of several proportions, and fit "
            + " and ".join(f"{width}x{height}" for width, height in sizes)
            + ": give width and height, or make them one by one"
        )
    return sizes[0]


def _fitted(model: Model, size: tuple[int, int], options: Options) -> tuple[int, int]:
    """The size of a run for a picture of this one."""
    width, height = size
    for name, own, other in (("width", width, height), ("height", height, width)):
        if name in options:
            if "longest" in options:
                raise ArgumentError(f"longest is given with {name}: one or the other")
            given = int32(name, options[name])  # type: ignore[literal-required]
            follows = max(1, int(given * other / own + 0.5))
            return (given, follows) if name == "width" else (follows, given)
    return model.fit_size(width, height, options.get("longest", 0))


def _set_values(c: _abi.SamplerOptions, options: Options) -> None:
    types = {name: kind for name, kind, *_ in _abi.SamplerOptions._fields_}
    values: dict[str, Any] = {**options}
    for name, value in values.items():
        if name in NAMED:
            if not isinstance(value, str):
                raise TypeError(f"{name} is {value!r}: a name is right")
            setattr(c, name, value_of(NAMED[name], value))
        elif name == "timesteps":
            if not isinstance(value, Iterable):
                raise TypeError(f"timesteps is {value!r}: a list of whole numbers is right")
            times = [int32("a timestep", t) for t in value]
            if options.get("steps", len(times)) != len(times):
                raise ArgumentError(f"steps is {options['steps']}, of {len(times)} timesteps")
            c.steps = len(times)
            c.timesteps = (ctypes.c_int32 * len(times))(*times)
        elif types.get(name) is ctypes.c_double:
            try:
                setattr(c, name, value)
            except TypeError:
                raise TypeError(f"{name} is {value!r}: a number is right") from None
        elif name in types:
            setattr(c, name, whole(name, value))
            if getattr(c, name) != value:
                raise ArgumentError(f"{name} is {value}: out of range")
        elif name.startswith("on_") and not callable(value):
            raise TypeError(f"{name} is {value!r}: a function is right")
