// SPDX-License-Identifier: MIT
use crate::error::{Error, Result};
use crate::ffi;
use crate::image::Image;
use crate::model::Model;
use crate::options::Options;
use crate::sampler::{Sampler, ALL};
use artfusion_sys as sys;
use std::path::{Path, PathBuf};

/// The path of the default model: the one that the environment variable `ARTFUSION_MODEL` names, or
/// else the `mini.artfusion` that is installed with the library.
///
/// # Errors
///
/// [`Io`](crate::ErrorKind::Io) if there is none, with the places;
/// [`Memory`](crate::ErrorKind::Memory); [`Unsupported`](crate::ErrorKind::Unsupported) for a
/// library that does not fit this crate.
pub fn default_model_path() -> Result<PathBuf> {
    ffi::check_version(sys::ARTFUSION_VERSION)?;
    // SAFETY: the pointer lives through the call.
    ffi::path(|out| unsafe { sys::artfusion_default_model_path(out) })
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

impl Model {
    /// Repaints the photo in the painting's style, as [`stylize_file`] does, but in memory and with
    /// options. The size is that of the options if [`size`](Options::size) or
    /// [`size_for`](Options::size_for) has set one. Otherwise it has the photo's proportions, and
    /// its longer side is the model's native one.
    ///
    /// A [`Sampler`] is the same step by step, with previews, closures and a
    /// [`Canceller`](crate::Canceller).
    ///
    /// # Errors
    ///
    /// Those of the options, [`Argument`](crate::ErrorKind::Argument) also for a batch, which makes
    /// more than one picture; [`Engine`](crate::ErrorKind::Engine),
    /// [`Numeric`](crate::ErrorKind::Numeric), [`Memory`](crate::ErrorKind::Memory),
    /// [`Limit`](crate::ErrorKind::Limit).
    pub fn stylize(&self, photo: &Image, painting: &Image, options: &Options) -> Result<Image> {
        let batch = options.get_batch();
        if batch != 1 {
            return Err(Error::argument(format!(
                "batch is {}: stylize makes one picture, a Sampler makes several",
                batch
            )));
        }
        let mut sampler = if options.has_size() {
            Sampler::new(self, options)?
        } else {
            Sampler::new(self, &options.clone().size_for(self, photo, 0)?)?
        };
        sampler.set_content(ALL, photo)?;
        sampler.set_style(ALL, &self.style(painting)?)?;
        sampler.run()?;
        sampler.image(0)
    }
}
