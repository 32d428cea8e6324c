# SPDX-License-Identifier: MIT
"""The public header for ctypes: every constant, struct and function.

A test holds it to abi/table.tsv, which is made from the header.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_char,
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
from typing import Any

VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH = 1, 1, 0
VERSION = VERSION_MAJOR * 1_000_000 + VERSION_MINOR * 1_000 + VERSION_PATCH

# artfusion_status
OK, DONE = 0, 1
ERROR_ARGUMENT, ERROR_MEMORY, ERROR_IO, ERROR_FORMAT = -1, -2, -3, -4
ERROR_UNSUPPORTED, ERROR_LIMIT, ERROR_STATE, ERROR_CANCELLED = -5, -6, -7, -8
ERROR_ENGINE, ERROR_MISMATCH, ERROR_NUMERIC, ERROR_CHECKSUM = -9, -10, -11, -12
DEVICE_AUTO, DEVICE_CPU, DEVICE_CUDA = 0, 1, 2
PRECISION_AUTO, PRECISION_FLOAT32, PRECISION_BFLOAT16, PRECISION_FLOAT16 = 0, 1, 2, 3
ISOLATION_NONE, ISOLATION_PROCESS, ISOLATION_AUTO = 0, 1, 2
LOG_NONE, LOG_WARNING, LOG_INFO, LOG_DEBUG = 0, 1, 2, 3
FILTER_BICUBIC, FILTER_BOX, FILTER_BILINEAR, FILTER_LANCZOS = 0, 1, 2, 3
FORMAT_AUTO, FORMAT_PNG, FORMAT_JPEG, FORMAT_WEBP = 0, 1, 2, 3
READING_VIEWED, READING_REFERENCE = 0, 1
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
ENUM_PRECISION, ENUM_ISOLATION = 8, 9
ALL = -1

floats_p, doubles_p, ints_p = POINTER(c_float), POINTER(c_double), POINTER(c_int32)
bytes_p, chars_p = POINTER(c_uint8), POINTER(c_char)

log_callback = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
read_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_size_t)
noise_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_int32, c_int32, floats_p, c_size_t)
step_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)
eps_callback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, floats_p, c_size_t)


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
        ("precision", c_int32),
        ("memory_limit", c_uint64),
        ("isolation", c_int32),
        ("isolation_timeout", c_int32),
        ("trusted", c_char_p),
    ]


class LoadOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("ignore_orientation", c_int32),
        ("max_pixels", c_uint64),
        ("max_file_bytes", c_uint64),
        ("background", c_uint8 * 4),
        ("reading", c_int32),
        ("salvage", c_int32),
        ("reserved", c_uint32),
    ]


class SaveOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("format", c_int32),
        ("jpeg_quality", c_int32),
        ("png_compression", c_int32),
        ("webp_quality", c_int32),
        ("webp_lossless", c_int32),
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
        ("latent_shift", floats_p),
        ("latent_scale", floats_p),
        ("alphas_cumprod", doubles_p),
        ("device_index", c_int32),
        ("threads", c_int32),
        ("isolation", c_int32),
        ("reserved", c_int32),
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
        ("denoising_strength", c_double),
        ("timesteps", ints_p),
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
sizes_p, sizes64_p = POINTER(c_size_t), POINTER(c_uint64)

# name without its prefix: (result, arguments)
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "version": (c_uint32, []),
    "version_string": (c_char_p, []),
    "error_message": (c_char_p, []),
    "status_name": (c_char_p, [c_int32]),
    "check_version": (c_int32, [c_uint32]),
    "stylize_file": (c_int32, [c_char_p] * 4),
    "context_options_init": (c_int32, [POINTER(ContextOptions), c_size_t]),
    "context_create": (c_int32, [POINTER(ContextOptions), _out]),
    "context_destroy": (None, [_handle]),
    "load_options_init": (c_int32, [POINTER(LoadOptions), c_size_t]),
    "save_options_init": (c_int32, [POINTER(SaveOptions), c_size_t]),
    "image_create": (c_int32, [c_int32, c_int32, _out]),
    "image_wrap": (c_int32, [bytes_p, c_int32, c_int32, c_size_t, _out]),
    "image_load_file": (c_int32, [c_char_p, POINTER(LoadOptions), _out]),
    "image_load_memory": (c_int32, [c_void_p, c_size_t, POINTER(LoadOptions), _out]),
    "image_warning": (c_char_p, [_handle]),
    "image_save_file": (c_int32, [_handle, c_char_p, POINTER(SaveOptions)]),
    "image_save_memory": (c_int32, [_handle, POINTER(SaveOptions), POINTER(bytes_p), sizes_p]),
    "image_resize": (c_int32, [_handle, c_int32, c_int32, c_int32, _out]),
    "image_resize_fit": (c_int32, [_handle, c_int32, c_int32, c_int32, _out]),
    "image_resize_cover": (c_int32, [_handle, c_int32, c_int32, c_int32, _out]),
    "image_width": (c_int32, [_handle]),
    "image_height": (c_int32, [_handle]),
    "image_stride": (c_size_t, [_handle]),
    "image_pixels": (bytes_p, [_handle]),
    "image_destroy": (None, [_handle]),
    "free": (None, [c_void_p]),
    "default_model_path": (c_int32, [POINTER(chars_p)]),
    "model_open_file": (c_int32, [_handle, c_char_p, _out]),
    "model_open_memory": (c_int32, [_handle, c_void_p, c_size_t, _out]),
    "model_open_reader": (c_int32, [_handle, read_callback, c_void_p, c_uint64, _out]),
    "model_destroy": (None, [_handle]),
    "model_get_info": (c_int32, [_handle, POINTER(ModelInfo), c_size_t]),
    "model_fit_size": (c_int32, [_handle, c_int32, c_int32, c_int32, ints_p, ints_p]),
    "model_preset_count": (c_int32, [_handle]),
    "model_preset_name": (c_char_p, [_handle, c_int32]),
    "style_from_image": (c_int32, [_handle, _handle, _out]),
    "style_from_image_exact": (c_int32, [_handle, _handle, _out]),
    "style_blend": (c_int32, [_out, doubles_p, c_size_t, _out]),
    "style_from_values": (c_int32, [_handle, floats_p, c_size_t, _out]),
    "style_null": (c_int32, [_handle, _out]),
    "style_save_memory": (c_int32, [_handle, POINTER(bytes_p), sizes_p]),
    "style_save_file": (c_int32, [_handle, c_char_p]),
    "style_load_memory": (c_int32, [_handle, c_void_p, c_size_t, _out]),
    "style_load_file": (c_int32, [_handle, c_char_p, _out]),
    "style_values": (floats_p, [_handle, sizes_p]),
    "style_destroy": (None, [_handle]),
    "sampler_options_init": (c_int32, [POINTER(SamplerOptions), c_size_t, _handle]),
    "sampler_options_set_preset": (c_int32, [POINTER(SamplerOptions), _handle, c_char_p]),
    "sampler_options_set_size": (c_int32, [POINTER(SamplerOptions), _handle, _handle, c_int32]),
    "sampler_memory_needed": (c_int32, [_handle, POINTER(SamplerOptions), sizes64_p]),
    "sampler_create": (c_int32, [_handle, POINTER(SamplerOptions), _out]),
    "sampler_set_content": (c_int32, [_handle, c_int32, _handle]),
    "sampler_set_content_latent": (c_int32, [_handle, c_int32, floats_p, c_size_t]),
    "sampler_set_style": (c_int32, [_handle, c_int32, _handle]),
    "sampler_set_init_latent": (c_int32, [_handle, c_int32, floats_p, c_size_t]),
    "sampler_set_mask": (c_int32, [_handle, c_int32, floats_p, c_size_t]),
    "sampler_next": (c_int32, [_handle]),
    "sampler_run": (c_int32, [_handle]),
    "sampler_cancel": (None, [_handle]),
    "sampler_get_progress": (c_int32, [_handle, POINTER(Progress), c_size_t]),
    "sampler_latent_size": (c_int32, [_handle, ints_p, ints_p]),
    "sampler_x": (floats_p, [_handle, sizes_p]),
    "sampler_x0": (floats_p, [_handle, sizes_p]),
    "sampler_kept_count": (c_int32, [_handle]),
    "sampler_kept": (c_int32, [_handle, c_int32, POINTER(floats_p), POINTER(floats_p)]),
    "sampler_image": (c_int32, [_handle, c_int32, _out]),
    "sampler_save_state_memory": (c_int32, [_handle, POINTER(bytes_p), sizes_p]),
    "sampler_save_state_file": (c_int32, [_handle, c_char_p]),
    "sampler_load_state_memory": (c_int32, [_handle, c_void_p, c_size_t]),
    "sampler_load_state_file": (c_int32, [_handle, c_char_p]),
    "sampler_destroy": (None, [_handle]),
    "model_encode": (c_int32, [_handle, _handle, c_int32, floats_p, c_size_t]),
    "model_decode": (c_int32, [_handle, floats_p, c_int32, c_int32, c_int32, floats_p, c_size_t]),
    "model_denoise": (
        c_int32,
        [_handle, floats_p, ints_p, floats_p, floats_p, c_int32, c_int32, c_int32, floats_p],
    ),
    "schedule_betas": (c_int32, [c_int32, c_double, c_double, c_int32, doubles_p]),
    "timesteps": (c_int32, [c_int32, c_int32, c_int32, ints_p]),
    "ddim_coefficients": (
        c_int32,
        [doubles_p, c_int32, c_int32, ints_p, c_int32, c_double, doubles_p, doubles_p, doubles_p],
    ),
    "rng_create": (c_int32, [c_int32, c_uint64, _out]),
    "rng_normal": (c_int32, [_handle, floats_p, c_size_t]),
    "rng_uniform": (c_int32, [_handle, floats_p, c_size_t]),
    "rng_destroy": (None, [_handle]),
    "name_of": (c_char_p, [c_int32, c_int32]),
    "value_of": (c_int32, [c_int32, c_char_p, ints_p]),
}


def declare(library: ctypes.CDLL) -> None:
    """Gives every function its types. CDLL's calls release the interpreter's lock."""
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, "artfusion_" + name)
        function.restype, function.argtypes = result, arguments
