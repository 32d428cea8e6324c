# SPDX-License-Identifier: MIT
"""The C library for tests: the Python package's declarations, owners of handles, exceptions.

This adds nothing to the header but ownership and the turning of error statuses into exceptions.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from ctypes import c_int32, c_size_t, c_void_p
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artfusion._abi import *  # noqa: F403 - all of the header under this name
from artfusion._abi import (
    ALL,
    FILTER_BICUBIC,
    ContextOptions,
    ModelInfo,
    Progress,
    SamplerOptions,
    doubles_p,
    eps_callback,
    floats_p,
    ints_p,
    noise_callback,
    step_callback,
)
from artfusion._library import library

FloatArray = NDArray[np.float32]


class ArtfusionError(Exception):
    """A negative status, with the library's sentence about it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{library().artfusion_status_name(status).decode()}: {message}")
        self.status = status
        self.message = message


def check(status: int) -> int:
    """Raises ArtfusionError for an error; hands any other status on."""
    if status < 0:
        raise ArtfusionError(status, library().artfusion_error_message().decode())
    return status


def floats(array: FloatArray) -> Any:
    """A C-contiguous float32 array as `float *`; the array must outlive the call."""
    assert array.dtype == np.float32 and array.flags.c_contiguous
    return array.ctypes.data_as(floats_p)


def doubles(array: NDArray[np.float64]) -> Any:
    assert array.dtype == np.float64 and array.flags.c_contiguous
    return array.ctypes.data_as(doubles_p)


def ints(array: NDArray[np.int32]) -> Any:
    assert array.dtype == np.int32 and array.flags.c_contiguous
    return array.ctypes.data_as(ints_p)


class Handle:
    """Owns a C handle until close(), the end of a `with`, or garbage collection."""

    _kind = ""

    def __init__(self, pointer: int | None) -> None:
        self.pointer = pointer

    @classmethod
    def _create(cls, function: str, *arguments: Any) -> int | None:
        out = c_void_p()
        check(getattr(library(), "artfusion_" + function)(*arguments, ctypes.byref(out)))
        return out.value

    def close(self) -> None:
        pointer, self.pointer = self.pointer, None
        getattr(library(), f"artfusion_{self._kind}_destroy")(pointer)

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self.close()


class Context(Handle):
    _kind = "context"

    def __init__(self, **options: Any) -> None:
        c = ContextOptions()
        check(library().artfusion_context_options_init(c, ctypes.sizeof(c)))
        for name, value in options.items():
            setattr(c, name, value)
        super().__init__(self._create("context_create", c))


class Image(Handle):
    _kind = "image"

    @classmethod
    def from_array(cls, pixels: NDArray[np.uint8]) -> Image:
        """A copy of pixels[height, width, 3]."""
        height, width, _ = pixels.shape
        image = cls(cls._create("image_create", width, height))
        image._view()[...] = pixels
        return image

    @classmethod
    def load(cls, path: str) -> Image:
        return cls(cls._create("image_load_file", os.fsencode(path), None))

    def _view(self) -> NDArray[np.uint8]:
        lib = library()
        height = lib.artfusion_image_height(self.pointer)
        width = lib.artfusion_image_width(self.pointer)
        stride = lib.artfusion_image_stride(self.pointer)
        rows = np.ctypeslib.as_array(lib.artfusion_image_pixels(self.pointer), (height * stride,))
        return np.lib.stride_tricks.as_strided(rows, (height, width, 3), (stride, 3, 1))

    def array(self) -> NDArray[np.uint8]:
        """A copy of its pixels[height, width, 3]."""
        return self._view().copy()

    def resize(self, width: int, height: int, kernel: int = FILTER_BICUBIC) -> Image:
        return Image(self._create("image_resize", self.pointer, width, height, kernel))


class Style(Handle):
    _kind = "style"

    def values(self) -> FloatArray:
        count = c_size_t()
        pointer = library().artfusion_style_values(self.pointer, ctypes.byref(count))
        return np.ctypeslib.as_array(pointer, (count.value,)).copy()


class Model(Handle):
    _kind = "model"

    def __init__(self, context: Context, path: str | os.PathLike[str]) -> None:
        super().__init__(self._create("model_open_file", context.pointer, os.fsencode(path)))

    def info(self) -> ModelInfo:
        """Its strings and arrays live as long as the model."""
        info = ModelInfo()
        check(library().artfusion_model_get_info(self.pointer, info, ctypes.sizeof(info)))
        return info

    def presets(self) -> list[str]:
        lib = library()
        count = lib.artfusion_model_preset_count(self.pointer)
        names = (lib.artfusion_model_preset_name(self.pointer, i) for i in range(count))
        return [name.decode() for name in names]

    def style(self, image: Image) -> Style:
        return Style(self._create("style_from_image", self.pointer, image.pointer))

    def style_exact(self, image: Image) -> Style:
        return Style(self._create("style_from_image_exact", self.pointer, image.pointer))

    def style_from_values(self, values: FloatArray) -> Style:
        return Style(
            self._create("style_from_values", self.pointer, floats(values), values.size)
        )

    def null_style(self) -> Style:
        return Style(self._create("style_null", self.pointer))

    def encode(self, image: Image, kind: int) -> FloatArray:
        """latent[channels, height, width] of one of LATENT_*."""
        info, lib = self.info(), library()
        height = lib.artfusion_image_height(image.pointer) // info.downsample
        width = lib.artfusion_image_width(image.pointer) // info.downsample
        latent = np.empty((info.latent_channels, height, width), np.float32)
        check(
            lib.artfusion_model_encode(
                self.pointer, image.pointer, kind, floats(latent), latent.size
            )
        )
        return latent

    def decode(self, latent: FloatArray) -> FloatArray:
        """rgb[batch, 3, H, W] of a scaled latent[batch, channels, height, width]."""
        batch, _, height, width = latent.shape
        down = self.info().downsample
        rgb = np.empty((batch, 3, height * down, width * down), np.float32)
        check(
            library().artfusion_model_decode(
                self.pointer, floats(latent), batch, width, height, floats(rgb), rgb.size
            )
        )
        return rgb

    def denoise(
        self,
        x: FloatArray,
        timesteps: NDArray[np.int32],
        content: FloatArray | None,
        styles: FloatArray | None,
    ) -> FloatArray:
        """The UNet's prediction for x[batch, ...]; None stands for a null condition."""
        batch, _, height, width = x.shape
        prediction = np.empty_like(x)
        check(
            library().artfusion_model_denoise(
                self.pointer,
                floats(x),
                ints(timesteps),
                None if content is None else floats(content),
                None if styles is None else floats(styles),
                batch,
                width,
                height,
                floats(prediction),
            )
        )
        return prediction


class Sampler(Handle):
    """One run; `options` are fields of SamplerOptions, the rest is the preset's or the model's
    default.

    Callbacks are Python functions: `noise(use, step, values) -> int`, `step(sampler) -> int`,
    `eps(sampler, values) -> int`, where `values` is a flat array over the library's memory and
    `sampler` a raw pointer. An exception in one cancels the call and is raised from it.
    """

    _kind = "sampler"

    def __init__(
        self,
        model: Model,
        *,
        preset: str | None = None,
        noise: Callable[[int, int, FloatArray], int] | None = None,
        step: Callable[[int], int] | None = None,
        eps: Callable[[int, FloatArray], int] | None = None,
        timesteps: Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        self._raised: BaseException | None = None
        c = SamplerOptions()
        check(library().artfusion_sampler_options_init(c, ctypes.sizeof(c), model.pointer))
        if preset is not None:
            check(library().artfusion_sampler_options_set_preset(c, model.pointer, preset.encode()))
        for name, value in options.items():
            setattr(c, name, value)
        if timesteps is not None:
            c.timesteps = (c_int32 * len(timesteps))(*timesteps)
        if noise is not None:
            c.noise_callback = noise_callback(self._guard(noise))
        if step is not None:
            c.step_callback = step_callback(self._guard(step))
        if eps is not None:
            c.eps_callback = eps_callback(self._guard(eps))
        self._callbacks = (c.noise_callback, c.step_callback, c.eps_callback)
        self.options = c
        super().__init__(self._create("sampler_create", model.pointer, c))
        self.shape = (
            c.batch,
            model.info().latent_channels,
            c.height // model.info().downsample,
            c.width // model.info().downsample,
        )

    def _guard(self, function: Callable[..., int]) -> Callable[..., int]:
        """`function` without user_data, arrays for pointers, and its exception stashed."""

        def call(_user_data: int, *arguments: Any) -> int:
            try:
                if len(arguments) == 1:
                    return function(*arguments)
                *first, pointer, count = arguments
                return function(*first, np.ctypeslib.as_array(pointer, (count,)))
            except BaseException as error:  # must not cross the C frames
                self._raised = error
                return -1

        return call

    def _check(self, status: int) -> int:
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised
        return check(status)

    def set_content(self, image: Image | None, index: int = ALL) -> None:
        pointer = None if image is None else image.pointer
        self._check(library().artfusion_sampler_set_content(self.pointer, index, pointer))

    def set_content_latent(self, latent: FloatArray, index: int = ALL) -> None:
        self._check(
            library().artfusion_sampler_set_content_latent(
                self.pointer, index, floats(latent), latent.size
            )
        )

    def set_style(self, style: Style | None, index: int = ALL) -> None:
        pointer = None if style is None else style.pointer
        self._check(library().artfusion_sampler_set_style(self.pointer, index, pointer))

    def set_init_latent(self, latent: FloatArray, index: int = ALL) -> None:
        self._check(
            library().artfusion_sampler_set_init_latent(
                self.pointer, index, floats(latent), latent.size
            )
        )

    def set_mask(self, mask: FloatArray, index: int = ALL) -> None:
        self._check(
            library().artfusion_sampler_set_mask(self.pointer, index, floats(mask), mask.size)
        )

    def next(self) -> int:
        """OK after a step, DONE if none was left."""
        return self._check(library().artfusion_sampler_next(self.pointer))

    def run(self) -> None:
        self._check(library().artfusion_sampler_run(self.pointer))

    def cancel(self) -> None:
        library().artfusion_sampler_cancel(self.pointer)

    def progress(self) -> Progress:
        progress = Progress()
        check(
            library().artfusion_sampler_get_progress(
                self.pointer, progress, ctypes.sizeof(progress)
            )
        )
        return progress

    def x(self) -> FloatArray:
        pointer = library().artfusion_sampler_x(self.pointer, None)
        return np.ctypeslib.as_array(pointer, self.shape).copy()

    def x0(self) -> FloatArray:
        pointer = library().artfusion_sampler_x0(self.pointer, None)
        return np.ctypeslib.as_array(pointer, self.shape).copy()

    def kept(self) -> list[tuple[FloatArray, FloatArray | None]]:
        """(x, x0) of what `keep_every` kept; the first x0 is None."""
        lib = library()
        entries: list[tuple[FloatArray, FloatArray | None]] = []
        for i in range(lib.artfusion_sampler_kept_count(self.pointer)):
            x, x0 = floats_p(), floats_p()
            check(lib.artfusion_sampler_kept(self.pointer, i, ctypes.byref(x), ctypes.byref(x0)))
            entries.append(
                (
                    np.ctypeslib.as_array(x, self.shape).copy(),
                    np.ctypeslib.as_array(x0, self.shape).copy() if x0 else None,
                )
            )
        return entries

    def image(self, index: int = 0) -> Image:
        out = c_void_p()
        self._check(
            library().artfusion_sampler_image(self.pointer, index, ctypes.byref(out))
        )
        return Image(out.value)


class Rng(Handle):
    _kind = "rng"

    def __init__(self, kind: int, seed: int) -> None:
        super().__init__(self._create("rng_create", kind, seed))

    def normal(self, count: int) -> FloatArray:
        values = np.empty(count, np.float32)
        check(library().artfusion_rng_normal(self.pointer, floats(values), count))
        return values

    def uniform(self, count: int) -> FloatArray:
        values = np.empty(count, np.float32)
        check(library().artfusion_rng_uniform(self.pointer, floats(values), count))
        return values


def schedule_betas(
    kind: int, start: float, end: float, train_timesteps: int
) -> NDArray[np.float64]:
    betas = np.empty(train_timesteps, np.float64)
    check(
        library().artfusion_schedule_betas(kind, start, end, train_timesteps, doubles(betas))
    )
    return betas


def timesteps(spacing: int, steps: int, train_timesteps: int) -> NDArray[np.int32]:
    """First to last, descending."""
    values = np.empty(steps, np.int32)
    check(library().artfusion_timesteps(spacing, steps, train_timesteps, ints(values)))
    return values


def ddim_coefficients(
    alphas_cumprod: NDArray[np.float64], spacing: int, visited: NDArray[np.int32], eta: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(alphas, alphas_prev, sigmas) of the timesteps `visited`."""
    alphas, alphas_prev, sigmas = np.empty((3, visited.size), np.float64)
    check(
        library().artfusion_ddim_coefficients(
            doubles(alphas_cumprod),
            alphas_cumprod.size,
            spacing,
            ints(visited),
            visited.size,
            eta,
            doubles(alphas),
            doubles(alphas_prev),
            doubles(sigmas),
        )
    )
    return alphas, alphas_prev, sigmas
