// SPDX-License-Identifier: MIT
//! Style transfer by latent diffusion: a photo, a painting, and the photo in the painting's manner.
//! This is libartfusion, a C library, for safe Rust.
//!
//! ```
//! use artfusion::{Context, Image, Model, Options, Sampler, ALL};
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))?;
//! # let result = std::env::temp_dir().join(format!("artfusion-doc-{}.png", std::process::id()));
//!
//! let model = Model::open(&Context::new()?, "models/mini.artfusion")?;
//! let photo = Image::open("examples/images/pagoda.jpg")?;
//! let painting = Image::open("examples/images/van-gogh.jpg")?;
//!
//! let options = Options::new(&model).preset(&model, "bold")?.size(64, 64).steps(2);
//! let mut sampler = Sampler::new(&model, &options)?;
//! sampler.set_content(ALL, &photo)?;
//! sampler.set_style(ALL, &model.style(&painting)?)?;
//! sampler.run()?;
//! sampler.image(0)?.save(&result)?;
//! # std::fs::remove_file(&result)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a model, a step or an option means is said in more words by the C header, `artfusion.h`.
//!
//! # Threads
//!
//! As the header has it: a [`Context`] and a [`Model`] may be used from any number of threads at
//! once, an [`Image`] and a [`Style`] may be read by many, a [`Sampler`] and an [`Rng`] go from
//! thread to thread but are used by one at a time. A [`Canceller`] ends a sampler's call from
//! anywhere.
//!
//! # Panics in closures
//!
//! A panic never enters the C library. One that leaves a closure of yours ends the call that the
//! closure belongs to as cancelling would, and goes on from there in your code.
#![deny(missing_docs)]
#![deny(missing_debug_implementations)]
#![deny(unsafe_op_in_unsafe_fn)]

mod constants;
mod context;
mod error;
mod ffi;
mod image;
mod model;
mod options;
mod rng;
mod sampler;
mod schedule;
mod step;
mod style;

pub use constants::{
    Device, FileFormat, Filter, LatentKind, LogLevel, NoiseKind, NoiseUse, Precision, Prediction,
    Reading, RngKind, Schedule, Solver, Spacing,
};
pub use context::{Context, ContextBuilder};
pub use error::{Error, ErrorKind, Result};
pub use image::{Image, ImageView, LoadOptions, SaveOptions};
pub use model::{Denoise, Model, ModelInfo};
pub use options::Options;
pub use rng::Rng;
pub use sampler::{Canceller, Index, Kept, Noise, Sampler, ALL};
pub use schedule::{ddim_coefficients, schedule_betas, timesteps, DdimCoefficients};
pub use step::{Progress, Step, Steps};
pub use style::Style;

use artfusion_sys as sys;
use std::path::{Path, PathBuf};

/// The release of the library that is running, as `major * 1000000 + minor * 1000 + patch`.
pub fn version() -> u32 {
    // SAFETY: it takes nothing and reads nothing that changes.
    unsafe { sys::artfusion_version() }
}

/// Where the default model is: what the environment's `ARTFUSION_MODEL` names, or else the
/// `mini.artfusion` that is installed with the library.
///
/// # Errors
///
/// [`Io`](ErrorKind::Io) where there is none, with the places; [`Memory`](ErrorKind::Memory);
/// [`Unsupported`](ErrorKind::Unsupported) for a library that does not serve this crate.
pub fn default_model_path() -> Result<PathBuf> {
    ffi::check_version(sys::ARTFUSION_VERSION)?;
    ffi::path(|out| {
        // SAFETY: the pointer lives through the call.
        unsafe { sys::artfusion_default_model_path(out) }
    })
}

/// Opens the model, stylises the content file with the style file at the content's own proportions,
/// and writes PNG, JPEG or WebP by the output's suffix. Everything else is the model's default.
///
/// # Errors
///
/// Any.
pub fn stylize_file(
    model: impl AsRef<Path>,
    content: impl AsRef<Path>,
    style: impl AsRef<Path>,
    output: impl AsRef<Path>,
) -> Result<()> {
    ffi::check_version(sys::ARTFUSION_VERSION)?;
    let model = ffi::c_path(model.as_ref())?;
    let content = ffi::c_path(content.as_ref())?;
    let style = ffi::c_path(style.as_ref())?;
    let output = ffi::c_path(output.as_ref())?;
    // SAFETY: four strings that live through the call.
    ffi::check(unsafe {
        sys::artfusion_stylize_file(
            model.as_ptr(),
            content.as_ptr(),
            style.as_ptr(),
            output.as_ptr(),
        )
    })?;
    Ok(())
}

/// What each type may do across threads, held at compile time. That `Sampler` and `Rng` are no
/// `Sync` and `Step` and `Steps` no `Send` is held by examples that must not compile, beside them.
const _: () = {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    send::<Context>();
    sync::<Context>();
    send::<Model>();
    sync::<Model>();
    send::<Image>();
    sync::<Image>();
    send::<ImageView<'static>>();
    sync::<ImageView<'static>>();
    send::<Style>();
    sync::<Style>();
    send::<Options>();
    sync::<Options>();
    send::<Sampler<'static>>();
    send::<Rng>();
    send::<Canceller>();
    sync::<Canceller>();
    send::<Error>();
    sync::<Error>();
};
