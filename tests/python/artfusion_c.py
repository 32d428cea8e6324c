# SPDX-License-Identifier: MIT
"""The public header for ctypes: every constant, struct and function, and owners of handles.

This is what the tests drive the C library with. It adds nothing to the header but ownership and
the turning of error statuses into exceptions. The library is the file that the environment
variable ARTFUSION_LIBRARY names.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable, Sequence
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

# artfusion_status
OK, DONE = 0, 1
ERROR_ARGUMENT, ERROR_MEMORY, ERROR_IO, ERROR_FORMAT = -1, -2, -3, -4
ERROR_UNSUPPORTED, ERROR_LIMIT, ERROR_STATE, ERROR_CANCELLED = -5, -6, -7, -8
ERROR_ENGINE, ERROR_MISMATCH, ERROR_NUMERIC, ERROR_CHECKSUM = -9, -10, -11, -12
DEVICE_AUTO, DEVICE_CPU, DEVICE_CUDA = 0, 1, 2
LOG_NONE, LOG_WARNING, LOG_INFO, LOG_DEBUG = 0, 1, 2, 3
FILTER_BICUBIC, FILTER_BOX, FILTER_BILINEAR, FILTER_LANCZOS = 0, 1, 2, 3
FORMAT_AUTO, FORMAT_PNG, FORMAT_JPEG = 0, 1, 2
SOLVER_DDIM, SOLVER_DDPM, SOLVER_DPMPP_2M, SOLVER_DPMPP_2M_SDE, SOLVER_UNIPC = 0, 1, 2, 3, 4
SPACING_UNIFORM, SPACING_QUAD, SPACING_TRAILING, SPACING_LINSPACE = 0, 1, 2, 3
SCHEDULE_LINEAR, SCHEDULE_COSINE, SCHEDULE_SQRT_LINEAR, SCHEDULE_SQRT = 0, 1, 2, 3
PREDICTION_EPS, PREDICTION_V, PREDICTION_X0 = 0, 1, 2
RNG_COUNTER, RNG_TORCH_CPU = 0, 1
NOISE_NORMAL, NOISE_UNIFORM = 0, 1
NOISE_X_T, NOISE_STEP, NOISE_MASK = 0, 1, 2
LATENT_MODE, LATENT_SCALED, LATENT_CONTENT = 0, 1, 2
ENUM_SOLVER, ENUM_SPACING, ENUM_SCHEDULE, ENUM_PREDICTION = 0, 1, 2, 3
ENUM_DEVICE, ENUM_FILTER, ENUM_RNG, ENUM_NOISE = 4, 5, 6, 7
ALL = -1

FloatArray = NDArray[np.float32]
_floats, _doubles, _ints = POINTER(c_float), POINTER(c_double), POINTER(c_int32)
_bytes = POINTER(c_uint8)

log_callback = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
read_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_size_t)
noise_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_int32, c_int32, _floats, c_size_t)
step_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)
eps_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, _floats, c_size_t)


class ContextOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("device", c_int32),
        ("device_index", c_int32),
        ("threads", c_int32),
        ("engine_path", c_char_p),
        ("log", log_callback),
        ("log_user_data", c_void_p),
        ("log_level", c_int32),
        ("reserved", c_uint32),
    ]


class LoadOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("ignore_orientation", c_int32),
        ("max_pixels", c_uint64),
        ("max_file_bytes", c_uint64),
        ("background", c_uint8 * 4),
        ("reserved", c_uint32),
    ]


class SaveOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("format", c_int32),
        ("jpeg_quality", c_int32),
        ("png_compression", c_int32),
    ]


class ModelInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("latent_channels", c_int32),
        ("downsample", c_int32),
        ("size_multiple", c_int32),
        ("native_width", c_int32),
        ("native_height", c_int32),
        ("style_width", c_int32),
        ("style_min_size", c_int32),
        ("timesteps", c_int32),
        ("schedule", c_int32),
        ("prediction", c_int32),
        ("device", c_int32),
        ("name", c_char_p),
        ("description", c_char_p),
        ("licence", c_char_p),
        ("origin", c_char_p),
        ("weights_sha256", c_char_p),
        ("engine", c_char_p),
        ("device_name", c_char_p),
        ("arithmetic", c_char_p),
        ("latent_shift", _floats),
        ("latent_scale", _floats),
        ("alphas_cumprod", _doubles),
        ("device_index", c_int32),
        ("threads", c_int32),
    ]


class SamplerOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("width", c_int32),
        ("height", c_int32),
        ("batch", c_int32),
        ("steps", c_int32),
        ("solver", c_int32),
        ("spacing", c_int32),
        ("rng", c_int32),
        ("noise", c_int32),
        ("keep_every", c_int32),
        ("seed", c_uint64),
        ("content_scale", c_double),
        ("style_scale", c_double),
        ("content_start", c_double),
        ("content_end", c_double),
        ("style_start", c_double),
        ("style_end", c_double),
        ("eta", c_double),
        ("temperature", c_double),
        ("noise_dropout", c_double),
        ("strength", c_double),
        ("timesteps", _ints),
        ("noise_callback", noise_callback),
        ("noise_user_data", c_void_p),
        ("step_callback", step_callback),
        ("step_user_data", c_void_p),
        ("eps_callback", eps_callback),
        ("eps_user_data", c_void_p),
    ]


class Progress(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("step", c_int32),
        ("steps", c_int32),
        ("timestep", c_int32),
        ("passes", c_int32),
        ("batch", c_int32),
        ("seconds_encode", c_double),
        ("seconds_denoise", c_double),
        ("seconds_decode", c_double),
        ("seconds_total", c_double),
    ]


_handle, _out = c_void_p, POINTER(c_void_p)
_sizes = POINTER(c_size_t)

# name without its prefix: (result, arguments)
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "version": (c_uint32, []),
    "version_string": (c_char_p, []),
    "error_message": (c_char_p, []),
    "status_name": (c_char_p, [c_int32]),
    "stylize_file": (c_int32, [c_char_p] * 4),
    "context_options_init": (c_int32, [POINTER(ContextOptions), c_size_t]),
    "context_create": (c_int32, [POINTER(ContextOptions), _out]),
    "context_destroy": (None, [_handle]),
    "load_options_init": (c_int32, [POINTER(LoadOptions), c_size_t]),
    "save_options_init": (c_int32, [POINTER(SaveOptions), c_size_t]),
    "image_create": (c_int32, [c_int32, c_int32, _out]),
    "image_wrap": (c_int32, [_bytes, c_int32, c_int32, c_size_t, _out]),
    "image_load_file": (c_int32, [c_char_p, POINTER(LoadOptions), _out]),
    "image_load_memory": (c_int32, [c_void_p, c_size_t, POINTER(LoadOptions), _out]),
    "image_save_file": (c_int32, [_handle, c_char_p, POINTER(SaveOptions)]),
    "image_save_memory": (c_int32, [_handle, POINTER(SaveOptions), POINTER(_bytes), _sizes]),
    "image_resize": (c_int32, [_handle, c_int32, c_int32, c_int32, _out]),
    "image_resize_fit": (c_int32, [_handle, c_int32, c_int32, c_int32, _out]),
    "image_resize_cover": (c_int32, [_handle, c_int32, c_int32, c_int32, _out]),
    "image_width": (c_int32, [_handle]),
    "image_height": (c_int32, [_handle]),
    "image_stride": (c_size_t, [_handle]),
    "image_pixels": (_bytes, [_handle]),
    "image_destroy": (None, [_handle]),
    "free": (None, [c_void_p]),
    "model_open_file": (c_int32, [_handle, c_char_p, _out]),
    "model_open_memory": (c_int32, [_handle, c_void_p, c_size_t, _out]),
    "model_open_reader": (c_int32, [_handle, read_callback, c_void_p, c_uint64, _out]),
    "model_destroy": (None, [_handle]),
    "model_get_info": (c_int32, [_handle, POINTER(ModelInfo), c_size_t]),
    "style_from_image": (c_int32, [_handle, _handle, _out]),
    "style_blend": (c_int32, [_out, _doubles, c_size_t, _out]),
    "style_from_values": (c_int32, [_handle, _floats, c_size_t, _out]),
    "style_null": (c_int32, [_handle, _out]),
    "style_values": (_floats, [_handle, _sizes]),
    "style_destroy": (None, [_handle]),
    "sampler_options_init": (c_int32, [POINTER(SamplerOptions), c_size_t, _handle]),
    "sampler_create": (c_int32, [_handle, POINTER(SamplerOptions), _out]),
    "sampler_set_content": (c_int32, [_handle, c_int32, _handle]),
    "sampler_set_content_latent": (c_int32, [_handle, c_int32, _floats, c_size_t]),
    "sampler_set_style": (c_int32, [_handle, c_int32, _handle]),
    "sampler_set_init_latent": (c_int32, [_handle, c_int32, _floats, c_size_t]),
    "sampler_set_mask": (c_int32, [_handle, c_int32, _floats, c_size_t]),
    "sampler_next": (c_int32, [_handle]),
    "sampler_run": (c_int32, [_handle]),
    "sampler_cancel": (None, [_handle]),
    "sampler_get_progress": (c_int32, [_handle, POINTER(Progress), c_size_t]),
    "sampler_x": (_floats, [_handle, _sizes]),
    "sampler_x0": (_floats, [_handle, _sizes]),
    "sampler_kept_count": (c_int32, [_handle]),
    "sampler_kept": (c_int32, [_handle, c_int32, POINTER(_floats), POINTER(_floats)]),
    "sampler_image": (c_int32, [_handle, c_int32, _out]),
    "sampler_destroy": (None, [_handle]),
    "model_encode": (c_int32, [_handle, _handle, c_int32, _floats, c_size_t]),
    "model_decode": (c_int32, [_handle, _floats, c_int32, c_int32, c_int32, _floats, c_size_t]),
    "model_denoise": (
        c_int32,
        [_handle, _floats, _ints, _floats, _floats, c_int32, c_int32, c_int32, _floats],
    ),
    "schedule_betas": (c_int32, [c_int32, c_double, c_double, c_int32, _doubles]),
    "timesteps": (c_int32, [c_int32, c_int32, c_int32, _ints]),
    "ddim_coefficients": (
        c_int32,
        [_doubles, c_int32, c_int32, _ints, c_int32, c_double, _doubles, _doubles, _doubles],
    ),
    "rng_create": (c_int32, [c_int32, c_uint64, _out]),
    "rng_normal": (c_int32, [_handle, _floats, c_size_t]),
    "rng_uniform": (c_int32, [_handle, _floats, c_size_t]),
    "rng_destroy": (None, [_handle]),
    "name_of": (c_char_p, [c_int32, c_int32]),
    "value_of": (c_int32, [c_int32, c_char_p, _ints]),
}


@functools.cache
def library() -> ctypes.CDLL:
    """The library, with every function declared."""
    path = os.environ.get("ARTFUSION_LIBRARY")
    if not path:
        raise RuntimeError("set ARTFUSION_LIBRARY to the path of libartfusion.so")
    lib = ctypes.CDLL(path)
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(lib, "artfusion_" + name)
        function.restype, function.argtypes = result, arguments
    return lib


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
    return array.ctypes.data_as(_floats)


def doubles(array: NDArray[np.float64]) -> Any:
    assert array.dtype == np.float64 and array.flags.c_contiguous
    return array.ctypes.data_as(_doubles)


def ints(array: NDArray[np.int32]) -> Any:
    assert array.dtype == np.int32 and array.flags.c_contiguous
    return array.ctypes.data_as(_ints)


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

    def style(self, image: Image) -> Style:
        return Style(self._create("style_from_image", self.pointer, image.pointer))

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
    """One run; `options` are fields of SamplerOptions, the rest is the model's default.

    Callbacks are Python functions: `noise(use, step, values) -> int`, `step(sampler) -> int`,
    `eps(sampler, values) -> int`, where `values` is a flat array over the library's memory and
    `sampler` a raw pointer. An exception in one cancels the call and is raised from it.
    """

    _kind = "sampler"

    def __init__(
        self,
        model: Model,
        *,
        noise: Callable[[int, int, FloatArray], int] | None = None,
        step: Callable[[int], int] | None = None,
        eps: Callable[[int, FloatArray], int] | None = None,
        timesteps: Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        self._raised: BaseException | None = None
        c = SamplerOptions()
        check(library().artfusion_sampler_options_init(c, ctypes.sizeof(c), model.pointer))
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
            x, x0 = _floats(), _floats()
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
