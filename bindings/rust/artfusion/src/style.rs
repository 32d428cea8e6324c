// SPDX-License-Identifier: MIT
use crate::context::SharedLog;
use crate::error::Result;
use crate::ffi::{self, Handle};
use crate::image::Image;
use crate::model::Model;
use artfusion_sys as sys;
use std::fmt;
use std::path::Path;

/// A style code of a model. It needs no picture any more.
///
/// ```
/// use artfusion::{Context, Image, Model};
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))?;
///
/// let model = Model::open(&Context::new()?, "models/mini.artfusion")?;
/// let style = model.style(&Image::open("examples/images/van-gogh.jpg")?)?;
/// let bytes = style.encode()?;
/// assert_eq!(model.decode_style(&bytes)?.values(), style.values());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Style {
    pub(crate) handle: Handle<sys::artfusion_style>,
    log: SharedLog,
}

// SAFETY: artfusion.h: styles are used by one thread at a time, and "styles that nobody changes may
// be read by many". Nothing changes one.
unsafe impl Send for Style {}
// SAFETY: as above.
unsafe impl Sync for Style {}

impl Style {
    fn make(
        log: SharedLog,
        call: impl FnOnce(*mut *mut sys::artfusion_style) -> sys::artfusion_status,
    ) -> Result<Style> {
        let handle = Handle::make(call)?;
        Ok(Style { handle, log })
    }

    /// The sum of styles of one model, each multiplied by its weight. Weights must be finite and
    /// need not add up to 1.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), also if there is none;
    /// [`Mismatch`](crate::ErrorKind::Mismatch), [`Memory`](crate::ErrorKind::Memory).
    pub fn blend(parts: &[(&Style, f64)]) -> Result<Style> {
        let styles: Vec<_> = parts
            .iter()
            .map(|(style, _)| style.handle.get() as *const sys::artfusion_style)
            .collect();
        let weights: Vec<f64> = parts.iter().map(|&(_, weight)| weight).collect();
        let log = parts.first().and_then(|(style, _)| style.log.clone());
        // SAFETY: as many handles, which live through the call, and as many weights as said.
        Style::make(log, |out| unsafe {
            sys::artfusion_style_blend(styles.as_ptr(), weights.as_ptr(), parts.len(), out)
        })
    }

    /// The code's values.
    pub fn values(&self) -> &[f32] {
        let mut count = 0;
        // SAFETY: the values are the style's, as many as it says, and never change.
        unsafe {
            let values = sys::artfusion_style_values(self.handle.get(), &mut count);
            ffi::slice(values, count).unwrap_or(&[])
        }
    }

    /// Writes the code for [`Model::load_style`]. The file is written under a temporary
    /// name, then renamed.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument) for a path that is not UTF-8,
    /// [`Io`](crate::ErrorKind::Io), [`Memory`](crate::ErrorKind::Memory),
    /// [`Engine`](crate::ErrorKind::Engine) (the system's SHA-256 failed).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = ffi::c_path(path.as_ref())?;
        // SAFETY: handle and path live through the call.
        ffi::check(unsafe { sys::artfusion_style_save_file(self.handle.get(), path.as_ptr()) })?;
        Ok(())
    }

    /// The bytes that [`save`](Style::save) writes, the same on every machine.
    ///
    /// # Errors
    ///
    /// [`Memory`](crate::ErrorKind::Memory), [`Engine`](crate::ErrorKind::Engine).
    pub fn encode(&self) -> Result<Vec<u8>> {
        // SAFETY: the handle lives through the call.
        ffi::bytes(|data, size| unsafe {
            sys::artfusion_style_save_memory(self.handle.get(), data, size)
        })
    }
}

impl fmt::Debug for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Style")
            .field("values", &self.values())
            .finish_non_exhaustive()
    }
}

impl Model {
    /// The style of a picture of any size, which is read at the model's native size.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Engine`](crate::ErrorKind::Engine),
    /// [`Numeric`](crate::ErrorKind::Numeric), [`Memory`](crate::ErrorKind::Memory).
    pub fn style(&self, image: &Image) -> Result<Style> {
        // SAFETY: both handles live through the call.
        Style::make(self.log.clone(), |out| unsafe {
            sys::artfusion_style_from_image(self.handle.get(), image.get(), out)
        })
    }

    /// The style of a picture that is read as it is, for parity with the published code and for
    /// sizes of your own. It is enlarged only if a side is below the model's `style_min_size`.
    ///
    /// # Errors
    ///
    /// As [`style`](Model::style).
    pub fn style_exact(&self, image: &Image) -> Result<Style> {
        // SAFETY: both handles live through the call.
        Style::make(self.log.clone(), |out| unsafe {
            sys::artfusion_style_from_image_exact(self.handle.get(), image.get(), out)
        })
    }

    /// A style from its values: as many as the model's `style_width`, all finite.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory).
    pub fn style_from_values(&self, values: &[f32]) -> Result<Style> {
        // SAFETY: the handle lives through the call, and there are as many values as said.
        Style::make(self.log.clone(), |out| unsafe {
            sys::artfusion_style_from_values(self.handle.get(), values.as_ptr(), values.len(), out)
        })
    }

    /// The model's learned null style, which stands for "any".
    ///
    /// # Errors
    ///
    /// [`Memory`](crate::ErrorKind::Memory).
    pub fn null_style(&self) -> Result<Style> {
        // SAFETY: the handle lives through the call.
        Style::make(self.log.clone(), |out| unsafe {
            sys::artfusion_style_null(self.handle.get(), out)
        })
    }

    /// Loads what [`Style::save`] wrote, for a model with the same weights.
    ///
    /// # Errors
    ///
    /// As [`decode_style`](Model::decode_style), [`Argument`](crate::ErrorKind::Argument) for a path
    /// that is not UTF-8, [`Io`](crate::ErrorKind::Io), and [`Limit`](crate::ErrorKind::Limit) (a
    /// file far larger than a style code).
    pub fn load_style(&self, path: impl AsRef<Path>) -> Result<Style> {
        let path = ffi::c_path(path.as_ref())?;
        // SAFETY: handle and path live through the call.
        Style::make(self.log.clone(), |out| unsafe {
            sys::artfusion_style_load_file(self.handle.get(), path.as_ptr(), out)
        })
    }

    /// Restores what [`Style::encode`] returned, for a model with the same weights.
    ///
    /// # Errors
    ///
    /// [`Format`](crate::ErrorKind::Format), [`Unsupported`](crate::ErrorKind::Unsupported) (a newer
    /// format), [`Checksum`](crate::ErrorKind::Checksum), [`Mismatch`](crate::ErrorKind::Mismatch)
    /// (of another model), [`Memory`](crate::ErrorKind::Memory),
    /// [`Engine`](crate::ErrorKind::Engine).
    pub fn decode_style(&self, bytes: &[u8]) -> Result<Style> {
        // SAFETY: the handle lives through the call, and there are as many bytes as said.
        Style::make(self.log.clone(), |out| unsafe {
            sys::artfusion_style_load_memory(
                self.handle.get(),
                bytes.as_ptr().cast(),
                bytes.len(),
                out,
            )
        })
    }
}
