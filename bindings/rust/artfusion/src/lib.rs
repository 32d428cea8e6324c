// SPDX-License-Identifier: MIT
//! Style transfer by latent diffusion: a photo, a painting, and the photo in the painting's style.
//! This is libartfusion, a C library, for safe Rust.
//!
//! ```
//! use artfusion::{default_model_path, Context, Image, Model, Options};
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))?;
//! # let result = std::env::temp_dir().join(format!("artfusion-doc-{}.png", std::process::id()));
//!
//! let model = Model::open(&Context::new()?, default_model_path()?)?;
//! let photo = Image::open("examples/images/pagoda.jpg")?;
//! let painting = Image::open("examples/images/van-gogh.jpg")?;
//!
//! let options = Options::new(&model).preset(&model, "bold")?.steps(2);
//! model.stylize(&photo, &painting, &options)?.save(&result)?;
//! # assert_eq!(Image::open(&result)?.width(), 256);
//! # std::fs::remove_file(&result)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Sampler`] is a run step by step, with previews.
//!
//! The C header, `artfusion.h`, says more about what a model, a step or an option means.
//!
//! # Threads
//!
//! The rules are the header's. Any number of threads may use a [`Context`] and a [`Model`] at once,
//! and read an [`Image`] and a [`Style`]. A [`Sampler`] and an [`Rng`] can be sent to another
//! thread, but one at a time uses them. A [`Canceller`] ends a sampler's call from any thread.
//!
//! # Panics in closures
//!
//! A panic never enters the C library. If one of your closures panics, the call that the closure
//! belongs to ends as if it were cancelled, and the panic continues in your code.
#![deny(missing_docs)]
#![deny(missing_debug_implementations)]
#![deny(unsafe_op_in_unsafe_fn)]

mod closures;
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
mod stylize;

pub use closures::Noise;
pub use constants::{
    Device, FileFormat, Filter, Isolation, LatentKind, LogLevel, NoiseKind, NoiseUse, Precision,
    Prediction, Reading, RngKind, Schedule, Solver, Spacing,
};
pub use context::{Context, ContextBuilder};
pub use error::{Error, ErrorKind, Result};
pub use image::{Image, ImageView, LoadOptions, SaveOptions};
pub use model::{Denoise, Model, ModelInfo};
pub use options::Options;
pub use rng::Rng;
pub use sampler::{Canceller, Index, Kept, Sampler, ALL};
pub use schedule::{ddim_coefficients, schedule_betas, timesteps, DdimCoefficients};
pub use step::{Progress, Step, Steps};
pub use style::Style;
pub use stylize::{default_model_path, stylize_file};

use artfusion_sys as sys;

/// The release of the running library, as `major * 1000000 + minor * 1000 + patch`.
pub fn version() -> u32 {
    // SAFETY: it takes nothing and reads nothing that changes.
    unsafe { sys::artfusion_version() }
}

/// What each type may do across threads, checked at compile time. Examples beside them, which must
/// not compile, check that `Sampler` and `Rng` are not `Sync`, and `Step` and `Steps` not `Send`.
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
