// SPDX-License-Identifier: MIT
//! Of `artfusion.h`, from the sampler on.
use crate::*;
use std::marker::{PhantomData, PhantomPinned};
use std::os::raw::{c_char, c_void};

// --- Sampler -------------------------------------------------------------------------------------

handle!(artfusion_sampler);

/// For an index: every picture of the batch.
pub const ARTFUSION_ALL: i32 = -1;

pub type artfusion_rng_kind = i32;
pub const ARTFUSION_RNG_COUNTER: artfusion_rng_kind = 0;
pub const ARTFUSION_RNG_TORCH_CPU: artfusion_rng_kind = 1;

pub type artfusion_noise_kind = i32;
pub const ARTFUSION_NOISE_NORMAL: artfusion_noise_kind = 0;
pub const ARTFUSION_NOISE_UNIFORM: artfusion_noise_kind = 1;

pub type artfusion_noise_use = i32;
pub const ARTFUSION_NOISE_X_T: artfusion_noise_use = 0;
pub const ARTFUSION_NOISE_STEP: artfusion_noise_use = 1;
pub const ARTFUSION_NOISE_MASK: artfusion_noise_use = 2;

pub type artfusion_noise_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        noise_use: artfusion_noise_use,
        step: i32,
        values: *mut f32,
        count: usize,
    ) -> i32,
>;

pub type artfusion_step_callback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, sampler: *mut artfusion_sampler) -> i32>;

pub type artfusion_eps_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        sampler: *mut artfusion_sampler,
        eps: *mut f32,
        count: usize,
    ) -> i32,
>;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct artfusion_sampler_options {
    pub struct_size: u32,
    pub width: i32,
    pub height: i32,
    pub batch: i32,
    pub steps: i32,
    pub solver: artfusion_solver,
    pub spacing: artfusion_spacing,
    pub rng: artfusion_rng_kind,
    pub noise: artfusion_noise_kind,
    pub keep_every: i32,
    pub seed: u64,
    pub content_scale: f64,
    pub style_scale: f64,
    pub content_start: f64,
    pub content_end: f64,
    pub style_start: f64,
    pub style_end: f64,
    pub eta: f64,
    pub temperature: f64,
    pub noise_dropout: f64,
    pub denoising_strength: f64,
    pub timesteps: *const i32,
    pub noise_callback: artfusion_noise_callback,
    pub noise_user_data: *mut c_void,
    pub step_callback: artfusion_step_callback,
    pub step_user_data: *mut c_void,
    pub eps_callback: artfusion_eps_callback,
    pub eps_user_data: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct artfusion_progress {
    pub struct_size: u32,
    pub step: i32,
    pub steps: i32,
    pub timestep: i32,
    pub passes: i32,
    pub batch: i32,
    pub seconds_encode: f64,
    pub seconds_denoise: f64,
    pub seconds_decode: f64,
    pub seconds_total: f64,
}

extern "C" {
    pub fn artfusion_sampler_options_init(
        options: *mut artfusion_sampler_options,
        struct_size: usize,
        model: *const artfusion_model,
    ) -> artfusion_status;
    pub fn artfusion_sampler_options_set_preset(
        options: *mut artfusion_sampler_options,
        model: *const artfusion_model,
        name: *const c_char,
    ) -> artfusion_status;
    pub fn artfusion_sampler_options_set_size(
        options: *mut artfusion_sampler_options,
        model: *const artfusion_model,
        image: *const artfusion_image,
        longest: i32,
    ) -> artfusion_status;
    pub fn artfusion_sampler_memory_needed(
        model: *mut artfusion_model,
        options: *const artfusion_sampler_options,
        bytes: *mut u64,
    ) -> artfusion_status;
    pub fn artfusion_sampler_create(
        model: *mut artfusion_model,
        options: *const artfusion_sampler_options,
        sampler: *mut *mut artfusion_sampler,
    ) -> artfusion_status;
    pub fn artfusion_sampler_set_content(
        sampler: *mut artfusion_sampler,
        index: i32,
        image: *const artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_sampler_set_content_latent(
        sampler: *mut artfusion_sampler,
        index: i32,
        latent: *const f32,
        count: usize,
    ) -> artfusion_status;
    pub fn artfusion_sampler_set_style(
        sampler: *mut artfusion_sampler,
        index: i32,
        style: *const artfusion_style,
    ) -> artfusion_status;
    pub fn artfusion_sampler_set_init_latent(
        sampler: *mut artfusion_sampler,
        index: i32,
        latent: *const f32,
        count: usize,
    ) -> artfusion_status;
    pub fn artfusion_sampler_set_mask(
        sampler: *mut artfusion_sampler,
        index: i32,
        mask: *const f32,
        count: usize,
    ) -> artfusion_status;
    pub fn artfusion_sampler_next(sampler: *mut artfusion_sampler) -> artfusion_status;
    pub fn artfusion_sampler_run(sampler: *mut artfusion_sampler) -> artfusion_status;
    pub fn artfusion_sampler_cancel(sampler: *mut artfusion_sampler);
    pub fn artfusion_sampler_get_progress(
        sampler: *const artfusion_sampler,
        progress: *mut artfusion_progress,
        struct_size: usize,
    ) -> artfusion_status;
    pub fn artfusion_sampler_latent_size(
        sampler: *const artfusion_sampler,
        width: *mut i32,
        height: *mut i32,
    ) -> artfusion_status;
    pub fn artfusion_sampler_x(sampler: *const artfusion_sampler, count: *mut usize) -> *const f32;
    pub fn artfusion_sampler_x0(sampler: *const artfusion_sampler, count: *mut usize)
        -> *const f32;
    pub fn artfusion_sampler_kept_count(sampler: *const artfusion_sampler) -> i32;
    pub fn artfusion_sampler_kept(
        sampler: *const artfusion_sampler,
        entry: i32,
        x: *mut *const f32,
        x0: *mut *const f32,
    ) -> artfusion_status;
    pub fn artfusion_sampler_image(
        sampler: *mut artfusion_sampler,
        index: i32,
        image: *mut *mut artfusion_image,
    ) -> artfusion_status;
    pub fn artfusion_sampler_save_state_memory(
        sampler: *mut artfusion_sampler,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> artfusion_status;
    pub fn artfusion_sampler_save_state_file(
        sampler: *mut artfusion_sampler,
        path: *const c_char,
    ) -> artfusion_status;
    pub fn artfusion_sampler_load_state_memory(
        sampler: *mut artfusion_sampler,
        data: *const c_void,
        size: usize,
    ) -> artfusion_status;
    pub fn artfusion_sampler_load_state_file(
        sampler: *mut artfusion_sampler,
        path: *const c_char,
    ) -> artfusion_status;
    pub fn artfusion_sampler_destroy(sampler: *mut artfusion_sampler);
}

// --- The stages, one by one ----------------------------------------------------------------------

pub type artfusion_latent_kind = i32;
pub const ARTFUSION_LATENT_MODE: artfusion_latent_kind = 0;
pub const ARTFUSION_LATENT_SCALED: artfusion_latent_kind = 1;
pub const ARTFUSION_LATENT_CONTENT: artfusion_latent_kind = 2;

handle!(artfusion_rng);

pub type artfusion_enumeration = i32;
pub const ARTFUSION_ENUM_SOLVER: artfusion_enumeration = 0;
pub const ARTFUSION_ENUM_SPACING: artfusion_enumeration = 1;
pub const ARTFUSION_ENUM_SCHEDULE: artfusion_enumeration = 2;
pub const ARTFUSION_ENUM_PREDICTION: artfusion_enumeration = 3;
pub const ARTFUSION_ENUM_DEVICE: artfusion_enumeration = 4;
pub const ARTFUSION_ENUM_FILTER: artfusion_enumeration = 5;
pub const ARTFUSION_ENUM_RNG: artfusion_enumeration = 6;
pub const ARTFUSION_ENUM_NOISE: artfusion_enumeration = 7;
pub const ARTFUSION_ENUM_PRECISION: artfusion_enumeration = 8;
pub const ARTFUSION_ENUM_ISOLATION: artfusion_enumeration = 9;

extern "C" {
    pub fn artfusion_model_encode(
        model: *mut artfusion_model,
        image: *const artfusion_image,
        kind: artfusion_latent_kind,
        latent: *mut f32,
        count: usize,
    ) -> artfusion_status;
    pub fn artfusion_model_decode(
        model: *mut artfusion_model,
        latent: *const f32,
        batch: i32,
        latent_width: i32,
        latent_height: i32,
        rgb: *mut f32,
        count: usize,
    ) -> artfusion_status;
    pub fn artfusion_model_denoise(
        model: *mut artfusion_model,
        x: *const f32,
        timesteps: *const i32,
        content: *const f32,
        styles: *const f32,
        batch: i32,
        latent_width: i32,
        latent_height: i32,
        prediction: *mut f32,
    ) -> artfusion_status;
    pub fn artfusion_schedule_betas(
        schedule: artfusion_schedule,
        start: f64,
        end: f64,
        timesteps: i32,
        betas: *mut f64,
    ) -> artfusion_status;
    pub fn artfusion_timesteps(
        spacing: artfusion_spacing,
        steps: i32,
        train_timesteps: i32,
        timesteps: *mut i32,
    ) -> artfusion_status;
    pub fn artfusion_ddim_coefficients(
        alphas_cumprod: *const f64,
        train_timesteps: i32,
        spacing: artfusion_spacing,
        timesteps: *const i32,
        steps: i32,
        eta: f64,
        alphas: *mut f64,
        alphas_prev: *mut f64,
        sigmas: *mut f64,
    ) -> artfusion_status;
    pub fn artfusion_rng_create(
        kind: artfusion_rng_kind,
        seed: u64,
        rng: *mut *mut artfusion_rng,
    ) -> artfusion_status;
    pub fn artfusion_rng_normal(
        rng: *mut artfusion_rng,
        values: *mut f32,
        count: usize,
    ) -> artfusion_status;
    pub fn artfusion_rng_uniform(
        rng: *mut artfusion_rng,
        values: *mut f32,
        count: usize,
    ) -> artfusion_status;
    pub fn artfusion_rng_destroy(rng: *mut artfusion_rng);
    pub fn artfusion_name_of(enumeration: artfusion_enumeration, value: i32) -> *const c_char;
    pub fn artfusion_value_of(
        enumeration: artfusion_enumeration,
        name: *const c_char,
        value: *mut i32,
    ) -> artfusion_status;
}
