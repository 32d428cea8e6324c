# SPDX-License-Identifier: MIT
"""The stages of the pipeline by their names in a golden file, each run through the C library."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import artfusion_c as af
import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)
Array = NDArray[np.generic]
Golden = Mapping[str, Array]

SCHEDULE_BOUND = 1e-6
NETWORK_BOUND = 5e-5
# In bfloat16, with random weights. The VAE encoder's differ most by the CPU's instructions: content
# features by 0.024 with AVX-512 BF16, 0.030 with AMX, 0.037 by torch's own operators with AVX2.
UNET_BOUND_16, ENCODER_BOUND_16, NETWORK_BOUND_16 = 2e-2, 5e-2, 3e-2
_ENCODED = frozenset(("posterior_mode", "latent_scaled", "content_features"))
SAMPLE_BOUND = 1e-4
PICTURE_BOUND = 1.0  # levels of 255
EXACT = 0.0

# What a golden holds to start from; not results.
INPUTS = frozenset(
    "content_u8 style_u8 unet_x unet_t decode_z x_T noise mask q_noise".split()
)
_LINEAR = (0.0015, 0.0195)
_TRAIN_TIMESTEPS = 1000
_SCHEDULES = {
    "linear": af.SCHEDULE_LINEAR,
    "cosine": af.SCHEDULE_COSINE,
    "sqrt_linear": af.SCHEDULE_SQRT_LINEAR,
    "sqrt": af.SCHEDULE_SQRT,
}
_SPACINGS = {"uniform": af.SPACING_UNIFORM, "quad": af.SPACING_QUAD}


class UnknownStage(Exception):
    """No stage has this name, or the golden lacks what the stage starts from."""


@dataclass(frozen=True)
class Result:
    name: str
    error: float
    bound: float

    @property
    def ok(self) -> bool:
        return self.error <= self.bound  # false for NaN


@dataclass
class Sample:
    """What a sample's name says; the defaults are those of the golden files."""

    solver: int
    steps: int
    content_scale: float = 1.0
    style_scale: float = 1.0
    eta: float = 0.0
    temperature: float = 1.0
    spacing: int = af.SPACING_UNIFORM
    keep_every: int = 100
    masked: bool = False
    timesteps: list[int] | None = None


def parse_sample(name: str, default_steps: int) -> Sample:
    """`ddim[S]_token_token...` or `ddpmS`.

    Where neither c nor s says otherwise the scales are 0.5 and 2, except that `plain` and `log`
    stand for an unguided run and a temperature comes with 0.75 and 1.5.
    """
    if match := re.fullmatch(r"ddpm(\d+)", name):
        steps = int(match[1])
        return Sample(af.SOLVER_DDPM, steps, timesteps=list(range(steps - 1, -1, -1)))
    match = re.fullmatch(r"ddim(\d*)((?:_[a-z]+[\d.]*)*)", name)
    if not match:
        raise UnknownStage(name)
    sample = Sample(af.SOLVER_DDIM, int(match[1] or default_steps))
    tokens = dict(re.findall(r"_([a-z]+)([\d.]*)", match[2]))
    if not tokens.keys() & {"c", "s", "plain", "log"}:
        scales = (0.75, 1.5) if "temp" in tokens else (0.5, 2.0)
        sample.content_scale, sample.style_scale = scales
    for token, value in tokens.items():
        _apply(sample, token, value, name)
    return sample


def _apply(sample: Sample, token: str, value: str, name: str) -> None:
    numbers = {"c": "content_scale", "s": "style_scale", "eta": "eta", "temp": "temperature"}
    if token in numbers and value:
        setattr(sample, numbers[token], float(value))
    elif token == "log" and value:
        sample.keep_every = int(value)
    elif token == "quad" and not value:
        sample.spacing = af.SPACING_QUAD
    elif token == "mask" and not value:
        sample.masked = True
    elif token != "plain" or value:
        raise UnknownStage(name)


def relative_error(got: Array, expected: Array) -> float:
    """max |a - b| / max |b|; infinite for different shapes."""
    if got.shape != expected.shape:
        return float("inf")
    a, b = got.astype(np.float64), expected.astype(np.float64)
    scale = np.abs(b).max(initial=0.0)
    return float(np.abs(a - b).max(initial=0.0) / (scale if scale > 0.0 else 1.0))


def level_error(got: Array, expected: Array) -> float:
    """The largest difference of two 8-bit pictures, in levels."""
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got.astype(np.int64) - expected.astype(np.int64)).max())


class Stages:
    """Runs the stages of one golden with one model."""

    def __init__(
        self, model: af.Model, golden: Golden, default_steps: int, precision: int
    ) -> None:
        self._model = model
        self._precision = precision
        self._golden = golden
        self._steps = default_steps
        self._info = model.info()
        self._networks: dict[str, Callable[[], Array]] = {
            "style_features": lambda: self._style.values()[None],
            "vgg_relu1_2_mean": self._first_layer_mean,
            "posterior_mode": lambda: self._encode(af.LATENT_MODE),
            "latent_scaled": lambda: self._encode(af.LATENT_SCALED),
            "content_features": lambda: self._encode(af.LATENT_CONTENT),
            "null_style": lambda: self._model.null_style().values()[None],
            "unet_eps": lambda: self._denoise(content=True, style=True),
            "unet_eps_null_content": lambda: self._denoise(content=False, style=True),
            "unet_eps_null_style": lambda: self._denoise(content=True, style=False),
            "decode_rgb": lambda: self._model.decode(self._input("decode_z", np.float32)),
        }

    def known_networks(self) -> list[str]:
        return list(self._networks)

    def names(self) -> list[str]:
        """The stages the golden holds: what is neither an input nor part of a sample.

        In 16 bits, the networks alone: what a sample makes of their rounding says more of the
        golden's random weights than of the arithmetic.
        """
        if self._precision != af.PRECISION_FLOAT32:
            return [name for name in self._golden if name in self._networks]
        return [name for name in self._golden if name not in INPUTS and "__" not in name]

    def run(self, name: str) -> Iterator[Result]:
        """Yields one result for a stage, several for a sample."""
        expected = self._golden[name]
        if name in self._networks:
            got = self._networks[name]()
            yield Result(name, relative_error(got, expected), self._network_bound(name))
        elif re.match(r"(randn?|seq)_\d", name):
            different = not np.array_equal(self._random(name, expected.shape), expected)
            yield Result(name, float(different), EXACT)
        elif re.match(r"(betas|ts|alphas|sigmas)_", name):
            yield Result(name, relative_error(self._schedule(name), expected), SCHEDULE_BOUND)
        else:
            yield from self._sample(name, parse_sample(name, self._steps))

    def _network_bound(self, name: str) -> float:
        if self._precision == af.PRECISION_FLOAT32:
            return NETWORK_BOUND
        if name in _ENCODED:
            return ENCODER_BOUND_16
        return UNET_BOUND_16 if name.startswith("unet_") else NETWORK_BOUND_16

    def _input(self, name: str, dtype: type[Value]) -> NDArray[Value]:
        if name not in self._golden:
            raise UnknownStage(f"the golden has no {name}")
        return np.ascontiguousarray(self._golden[name], dtype=dtype)

    def _image(self, name: str) -> af.Image:
        return af.Image.from_array(self._input(name, np.uint8))

    @functools.cached_property
    def _style(self) -> af.Style:
        return self._model.style_exact(self._image("style_u8"))

    def _first_layer_mean(self) -> Array:
        """Of a style code, whose layers' deviations and means alternate."""
        channels = self._golden["vgg_relu1_2_mean"].shape[1]
        return self._style.values()[None, channels : 2 * channels]

    def _encode(self, kind: int) -> Array:
        return self._model.encode(self._image("content_u8"), kind)[None]

    def _denoise(self, *, content: bool, style: bool) -> Array:
        x = self._input("unet_x", np.float32)
        batch = x.shape[0]
        contents = np.repeat(self._input("content_features", np.float32), batch, axis=0)
        styles = np.repeat(self._input("style_features", np.float32), batch, axis=0)
        return self._model.denoise(
            x,
            self._input("unet_t", np.int32),
            contents if content else None,
            styles if style else None,
        )

    def _random(self, name: str, shape: tuple[int, ...]) -> Array:
        """`randn_SEED_SHAPE`, `rand_SEED_SHAPE`, `seq_SEED_DRAW_DRAW...`."""
        first, seed, *draws = name.split("_")
        kinds, count = (draws, shape[0]) if first == "seq" else ([first], 1)
        if len(kinds) != count:
            raise UnknownStage(name)
        values = np.empty((count, int(np.prod(shape)) // count), np.float32)
        with af.Rng(af.RNG_TORCH_CPU, int(seed)) as rng:
            for row, kind in zip(values, kinds, strict=True):
                row[...] = (rng.normal if kind == "randn" else rng.uniform)(row.size)
        return values.reshape(shape)

    def _schedule(self, name: str) -> Array:
        kind, _, rest = name.partition("_")
        if kind == "betas" and rest in _SCHEDULES:
            return af.schedule_betas(_SCHEDULES[rest], *_LINEAR, _TRAIN_TIMESTEPS)
        alphas_cumprod = np.ctypeslib.as_array(
            self._info.alphas_cumprod, (self._info.timesteps,)
        ).copy()
        if name == "alphas_cumprod_f32":
            return alphas_cumprod.astype(np.float32)
        table = r"(ts|alphas|alphas_prev|sigmas)_(uniform|quad)_(\d+)(?:_([\d.]+))?"
        match = re.fullmatch(table, name)
        if not match or (match[1] == "sigmas") != (match[4] is not None):
            raise UnknownStage(name)
        spacing, steps = _SPACINGS[match[2]], int(match[3])
        timesteps = af.timesteps(spacing, steps, self._info.timesteps)
        # The goldens go from the last step to the first.
        if match[1] == "ts":
            return timesteps[::-1]
        alphas, alphas_prev, sigmas = af.ddim_coefficients(
            alphas_cumprod, spacing, timesteps, float(match[4] or 0.0)
        )
        return {"alphas": alphas, "alphas_prev": alphas_prev, "sigmas": sigmas}[match[1]][::-1]

    def _sample(self, name: str, sample: Sample) -> Iterator[Result]:
        golden = self._golden
        x_t = self._input("x_T", np.float32)
        image = self._image("content_u8")
        with af.Sampler(
            self._model,
            noise=self._noise(sample),
            width=x_t.shape[3] * self._info.downsample,
            height=x_t.shape[2] * self._info.downsample,
            batch=x_t.shape[0],
            steps=sample.steps,
            solver=sample.solver,
            spacing=sample.spacing,
            keep_every=sample.keep_every,
            content_scale=sample.content_scale,
            style_scale=sample.style_scale,
            eta=sample.eta,
            temperature=sample.temperature,
            timesteps=sample.timesteps,
        ) as sampler:
            sampler.set_content(image)
            sampler.set_style(self._style)
            if sample.masked:
                sampler.set_init_latent(self._model.encode(image, af.LATENT_SCALED))
                sampler.set_mask(self._input("mask", np.float32))
            sampler.next()
            if (first := golden.get(f"{name}__x0_first")) is not None:
                error = relative_error(sampler.x0(), first)
                yield Result(f"{name}__x0_first", error, SAMPLE_BOUND)
            sampler.run()
            yield Result(name, relative_error(sampler.x(), golden[name]), SAMPLE_BOUND)
            if (rgb := golden.get(f"{name}__rgb")) is not None:
                pictures = [sampler.image(i).array() for i in range(x_t.shape[0])]
                error = level_error(np.stack(pictures).transpose(0, 3, 1, 2), rgb)
                yield Result(f"{name}__rgb", error, PICTURE_BOUND)
            if (kept := golden.get(f"{name}__n_inter")) is not None:
                error = abs(len(sampler.kept()) - int(kept))
                yield Result(f"{name}__n_inter", error, EXACT)

    def _noise(self, sample: Sample) -> Callable[[int, int, af.FloatArray], int]:
        """Gives the sampler the golden's own draws."""
        x_t, noise = self._input("x_T", np.float32), self._input("noise", np.float32)
        q_noise = self._input("q_noise", np.float32) if sample.masked else None

        def fill(use: int, step: int, values: af.FloatArray) -> int:
            if use == af.NOISE_X_T:
                values[...] = x_t.ravel()
            elif use == af.NOISE_STEP:
                values[...] = noise[step].ravel()
            elif q_noise is not None:
                values[...] = q_noise[step].ravel()
            return 0

        return fill
