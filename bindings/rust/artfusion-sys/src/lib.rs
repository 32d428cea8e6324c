// SPDX-License-Identifier: MIT
//! Declarations of libartfusion's C functions, in the order of `artfusion.h`, which documents them.
//!
//! They are kept by hand and compared with the library's table of its ABI by `tests/abi.rs`. The
//! crate `artfusion` is the safe way to use them.
#![allow(non_camel_case_types)]

use std::marker::{PhantomData, PhantomPinned};
use std::os::raw::{c_char, c_void};

/// A handle's type: known by its address alone, and as little `Send` or `Sync` as a pointer.
macro_rules! handle {
    ($name:ident) => {
        #[repr(C)]
        pub struct $name {
            _data: [u8; 0],
            _marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    };
}

mod sampler;
pub use sampler::*;

/// The release these declarations belong to, as `major * 1000000 + minor * 1000 + patch`.
pub const ARTFUSION_VERSION: u32 = 1_001_000;

extern "C" {
    pub fn artfusion_version() -> u32;
    pub fn artfusion_version_string() -> *const c_char;
}

// --- Errors --------------------------------------------------------------------------------------

pub type artfusion_status = i32;
pub const ARTFUSION_OK: artfusion_status = 0;
pub const ARTFUSION_DONE: artfusion_status = 1;
pub const ARTFUSION_ERROR_ARGUMENT: artfusion_status = -1;
pub const ARTFUSION_ERROR_MEMORY: artfusion_status = -2;
pub const ARTFUSION_ERROR_IO: artfusion_status = -3;
pub const ARTFUSION_ERROR_FORMAT: artfusion_status = -4;
pub const ARTFUSION_ERROR_UNSUPPORTED: artfusion_status = -5;
pub const ARTFUSION_ERROR_LIMIT: artfusion_status = -6;
pub const ARTFUSION_ERROR_STATE: artfusion_status = -7;
pub const ARTFUSION_ERROR_CANCELLED: artfusion_status = -8;
pub const ARTFUSION_ERROR_ENGINE: artfusion_status = -9;
pub const ARTFUSION_ERROR_MISMATCH: artfusion_status = -10;
pub const ARTFUSION_ERROR_NUMERIC: artfusion_status = -11;
pub const ARTFUSION_ERROR_CHECKSUM: artfusion_status = -12;

extern "C" {
    pub fn artfusion_error_message() -> *const c_char;
    pub fn artfusion_status_name(status: artfusion_status) -> *const c_char;
    pub fn artfusion_check_version(header_version: u32) -> artfusion_status;
}

// --- One call ------------------------------------------------------------------------------------

extern "C" {
    pub fn artfusion_stylize_file(
        model_path: *const c_char,
        content_path: *const c_char,
        style_path: *const c_char,
        output_path: *const c_char,
    ) -> artfusion_status;
}

// --- Context -------------------------------------------------------------------------------------

handle!(artfusion_context);

pub type artfusion_device = i32;
pub const ARTFUSION_DEVICE_AUTO: artfusion_device = 0;
pub const ARTFUSION_DEVICE_CPU: artfusion_device = 1;
pub const ARTFUSION_DEVICE_CUDA: artfusion_device = 2;

pub type artfusion_precision = i32;
pub const ARTFUSION_PRECISION_AUTO: artfusion_precision = 0;
pub const ARTFUSION_PRECISION_FLOAT32: artfusion_precision = 1;
pub const ARTFUSION_PRECISION_BFLOAT16: artfusion_precision = 2;
pub const ARTFUSION_PRECISION_FLOAT16: artfusion_precision = 3;

pub type artfusion_isolation = i32;
pub const ARTFUSION_ISOLATION_NONE: artfusion_isolation = 0;
pub const ARTFUSION_ISOLATION_PROCESS: artfusion_isolation = 1;
pub const ARTFUSION_ISOLATION_AUTO: artfusion_isolation = 2;

pub type artfusion_log_level = i32;
pub const ARTFUSION_LOG_NONE: artfusion_log_level = 0;
pub const ARTFUSION_LOG_WARNING: artfusion_log_level = 1;
pub const ARTFUSION_LOG_INFO: artfusion_log_level = 2;
pub const ARTFUSION_LOG_DEBUG: artfusion_log_level = 3;

pub type artfusion_log_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        level: artfusion_log_level,
        message: *const c_char,
    ),
>;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct artfusion_context_options {
    pub struct_size: u32,
    pub device: artfusion_device,
    pub device_index: i32,
    pub threads: i32,
    pub engine_path: *const c_char,
    pub log: artfusion_log_callback,
    pub log_user_data: *mut c_void,
    pub log_level: artfusion_log_level,
    pub precision: artfusion_precision,
    pub memory_limit: u64,
    pub isolation: artfusion_isolation,
    pub isolation_timeout: i32,
    pub trusted: *const c_char,
}

extern "C" {
    pub fn artfusion_context_options_init(
        options: *mut artfusion_context_options,
        struct_size: usize,
    ) -> artfusion_status;
    pub fn artfusion_context_create(
        options: *const artfusion_context_options,
        context: *mut *mut artfusion_context,
    ) -> artfusion_status;
    pub fn artfusion_context_destroy(context: *mut artfusion_context);
}

// --- Images --------------------------------------------------------------------------------------

handle!(artfusion_image);

pub type artfusion_filter = i32;
pub const ARTFUSION_FILTER_BICUBIC: artfusion_filter = 0;
pub const ARTFUSION_FILTER_BOX: artfusion_filter = 1;
pub const ARTFUSION_FILTER_BILINEAR: artfusion_filter = 2;
pub const ARTFUSION_FILTER_LANCZOS: artfusion_filter = 3;

pub type artfusion_file_format = i32;
pub const ARTFUSION_FORMAT_AUTO: artfusion_file_format = 0;
pub const ARTFUSION_FORMAT_PNG: artfusion_file_format = 1;
pub const ARTFUSION_FORMAT_JPEG: artfusion_file_format = 2;
pub const ARTFUSION_FORMAT_WEBP: artfusion_file_format = 3;

pub type artfusion_reading = i32;
pub const ARTFUSION_READING_VIEWED: artfusion_reading = 0;
pub const ARTFUSION_READING_REFERENCE: artfusion_reading = 1;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct artfusion_load_options {
    pub struct_size: u32,
    pub ignore_orientation: i32,
    pub max_pixels: u64,
    pub max_file_bytes: u64,
    pub background: [u8; 4],
    pub reading: artfusion_reading,
    pub salvage: i32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct artfusion_save_options {
    pub struct_size: u32,
    pub format: artfusion_file_format,
    pub jpeg_quality: i32,
    pub png_compression: i32,
    pub webp_quality: i32,
    pub webp_lossless: i32,
}

extern "C" {
    pub fn artfusion_load_options_init(
        options: *mut artfusion_load_options,
        struct_size: usize,
    ) -> artfusion_status;
    pub fn artfusion_save_options_init(
        options: *mut artfusion_save_options,
        struct_size: usize,
    ) -> artfusion_status;
    pub fn artfusion_image_create(
        width: i32,
        height: i32,
        image: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_image_wrap(
        pixels: *mut u8,
        width: i32,
        height: i32,
        stride: usize,
        image: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_image_load_file(
        path: *const c_char,
        options: *const artfusion_load_options,
        image: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_image_load_memory(
        data: *const c_void,
        size: usize,
        options: *const artfusion_load_options,
        image: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_image_warning(image: *const artfusion_image) -> *const c_char;
    pub fn artfusion_image_save_file(
        image: *const artfusion_image,
        path: *const c_char,
        options: *const artfusion_save_options,
    ) -> artfusion_status;
    pub fn artfusion_image_save_memory(
        image: *const artfusion_image,
        options: *const artfusion_save_options,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> artfusion_status;
    pub fn artfusion_image_resize(
        image: *const artfusion_image,
        width: i32,
        height: i32,
        filter: artfusion_filter,
        resized: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_image_resize_fit(
        image: *const artfusion_image,
        width: i32,
        height: i32,
        filter: artfusion_filter,
        resized: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_image_resize_cover(
        image: *const artfusion_image,
        width: i32,
        height: i32,
        filter: artfusion_filter,
        resized: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_image_width(image: *const artfusion_image) -> i32;
    pub fn artfusion_image_height(image: *const artfusion_image) -> i32;
    pub fn artfusion_image_stride(image: *const artfusion_image) -> usize;
    pub fn artfusion_image_pixels(image: *mut artfusion_image) -> *mut u8;
    pub fn artfusion_image_destroy(image: *mut artfusion_image);
    pub fn artfusion_free(memory: *mut c_void);
}

// --- Model ---------------------------------------------------------------------------------------

handle!(artfusion_model);

pub type artfusion_solver = i32;
pub const ARTFUSION_SOLVER_DDIM: artfusion_solver = 0;
pub const ARTFUSION_SOLVER_DDPM: artfusion_solver = 1;
pub const ARTFUSION_SOLVER_DPMPP_2M: artfusion_solver = 2;
pub const ARTFUSION_SOLVER_DPMPP_2M_SDE: artfusion_solver = 3;
pub const ARTFUSION_SOLVER_UNIPC: artfusion_solver = 4;

pub type artfusion_spacing = i32;
pub const ARTFUSION_SPACING_UNIFORM: artfusion_spacing = 0;
pub const ARTFUSION_SPACING_QUAD: artfusion_spacing = 1;
pub const ARTFUSION_SPACING_TRAILING: artfusion_spacing = 2;
pub const ARTFUSION_SPACING_LINSPACE: artfusion_spacing = 3;

pub type artfusion_schedule = i32;
pub const ARTFUSION_SCHEDULE_LINEAR: artfusion_schedule = 0;
pub const ARTFUSION_SCHEDULE_COSINE: artfusion_schedule = 1;
pub const ARTFUSION_SCHEDULE_SQRT_LINEAR: artfusion_schedule = 2;
pub const ARTFUSION_SCHEDULE_SQRT: artfusion_schedule = 3;

pub type artfusion_prediction = i32;
pub const ARTFUSION_PREDICTION_EPS: artfusion_prediction = 0;
pub const ARTFUSION_PREDICTION_V: artfusion_prediction = 1;
pub const ARTFUSION_PREDICTION_X0: artfusion_prediction = 2;

pub type artfusion_read_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        offset: u64,
        buffer: *mut c_void,
        size: usize,
    ) -> i32,
>;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct artfusion_model_info {
    pub struct_size: u32,
    pub latent_channels: i32,
    pub downsample: i32,
    pub size_multiple: i32,
    pub native_width: i32,
    pub native_height: i32,
    pub style_width: i32,
    pub style_min_size: i32,
    pub timesteps: i32,
    pub schedule: artfusion_schedule,
    pub prediction: artfusion_prediction,
    pub device: artfusion_device,
    pub name: *const c_char,
    pub description: *const c_char,
    pub licence: *const c_char,
    pub origin: *const c_char,
    pub weights_sha256: *const c_char,
    pub engine: *const c_char,
    pub device_name: *const c_char,
    pub arithmetic: *const c_char,
    pub latent_shift: *const f32,
    pub latent_scale: *const f32,
    pub alphas_cumprod: *const f64,
    pub device_index: i32,
    pub threads: i32,
    pub isolation: artfusion_isolation,
    pub reserved: i32,
}

extern "C" {
    pub fn artfusion_default_model_path(path: *mut *mut c_char) -> artfusion_status;
    pub fn artfusion_model_open_file(
        context: *mut artfusion_context,
        path: *const c_char,
        model: *mut *mut artfusion_model,
    ) -> artfusion_status;
    pub fn artfusion_model_open_memory(
        context: *mut artfusion_context,
        data: *const c_void,
        size: usize,
        model: *mut *mut artfusion_model,
    ) -> artfusion_status;
    pub fn artfusion_model_open_reader(
        context: *mut artfusion_context,
        read: artfusion_read_callback,
        user_data: *mut c_void,
        size: u64,
        model: *mut *mut artfusion_model,
    ) -> artfusion_status;
    pub fn artfusion_model_destroy(model: *mut artfusion_model);
    pub fn artfusion_model_get_info(
        model: *const artfusion_model,
        info: *mut artfusion_model_info,
        struct_size: usize,
    ) -> artfusion_status;
    pub fn artfusion_model_fit_size(
        model: *const artfusion_model,
        width: i32,
        height: i32,
        longest: i32,
        fit_width: *mut i32,
        fit_height: *mut i32,
    ) -> artfusion_status;
    pub fn artfusion_model_preset_count(model: *const artfusion_model) -> i32;
    pub fn artfusion_model_preset_name(model: *const artfusion_model, index: i32) -> *const c_char;
}

// --- Style ---------------------------------------------------------------------------------------

handle!(artfusion_style);

extern "C" {
    pub fn artfusion_style_from_image(
        model: *mut artfusion_model,
        image: *const artfusion_image,
        style: *mut *mut artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_style_from_image_exact(
        model: *mut artfusion_model,
        image: *const artfusion_image,
        style: *mut *mut artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_style_blend(
        styles: *const *const artfusion_style,
        weights: *const f64,
        count: usize,
        style: *mut *mut artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_style_from_values(
        model: *mut artfusion_model,
        values: *const f32,
        count: usize,
        style: *mut *mut artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_style_null(
        model: *mut artfusion_model,
        style: *mut *mut artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_style_save_memory(
        style: *const artfusion_style,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> artfusion_status;
    pub fn artfusion_style_save_file(
        style: *const artfusion_style,
        path: *const c_char,
    ) -> artfusion_status;
    pub fn artfusion_style_load_memory(
        model: *mut artfusion_model,
        data: *const c_void,
        size: usize,
        style: *mut *mut artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_style_load_file(
        model: *mut artfusion_model,
        path: *const c_char,
        style: *mut *mut artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_style_values(style: *const artfusion_style, count: *mut usize) -> *const f32;
    pub fn artfusion_style_destroy(style: *mut artfusion_style);
}
