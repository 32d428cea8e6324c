// SPDX-License-Identifier: MIT
use crate::constants::{NoiseKind, RngKind, Solver, Spacing};
use crate::error::{Error, Result};
use crate::ffi;
use crate::image::Image;
use crate::model::Model;
use artfusion_sys as sys;
use std::convert::identity;
use std::ptr;

/// How a [`Sampler`](crate::Sampler) samples.
///
/// ```
/// use artfusion::{Context, Model, Options, Solver};
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))?;
///
/// let model = Model::open(&Context::new()?, "models/mini.artfusion")?;
/// let (width, height) = model.fit_size(1024, 512, 64)?;
/// let options = Options::new(&model)
///     .preset(&model, "subtle")?
///     .size(width, height)
///     .solver(Solver::Ddim)
///     .steps(8);
/// assert_eq!(options.get_size(), (64, 32));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Its pointers stay NULL: `to_c` adds that of the timesteps, the sampler its callbacks.
    c: sys::artfusion_sampler_options,
    timesteps: Option<Vec<i32>>,
    /// Whether width and height were set.
    sized: bool,
}

// SAFETY: the pointers in it, which are why it is not by itself, are NULL.
unsafe impl Send for Options {}
// SAFETY: as above.
unsafe impl Sync for Options {}

/// A setter and a getter for each field that is a value.
macro_rules! options {
    ($($(#[$doc:meta])* $field:ident $get:ident: $type:ty, $to_c:expr, $from_c:expr;)*) => {
        /// Values of a run. Each is checked when the sampler is made.
        impl Options {
            $(
                $(#[$doc])*
                pub fn $field(mut self, $field: $type) -> Self {
                    self.c.$field = $to_c($field);
                    self
                }

                #[doc = concat!("What [`", stringify!($field), "`](Options::", stringify!($field), ") is.")]
                pub fn $get(&self) -> $type {
                    $from_c(self.c.$field)
                }
            )*
        }
    };
}

options! {
    /// Pictures in this run, 1 to 256. Default: 1.
    batch get_batch: u32, ffi::int, ffi::unsigned;
    /// 1 to the model's timesteps.
    steps get_steps: u32, ffi::int, ffi::unsigned;
    /// How a step gets from one noise level to the next.
    solver get_solver: Solver, Solver::to_raw, Solver::from_raw;
    /// Which timesteps are visited.
    spacing get_spacing: Spacing, Spacing::to_raw, Spacing::from_raw;
    /// The random number generator. Default: [`RngKind::Counter`].
    rng get_rng: RngKind, RngKind::to_raw, RngKind::from_raw;
    /// The distribution of x_T. Default: [`NoiseKind::Normal`].
    noise get_noise: NoiseKind, NoiseKind::to_raw, NoiseKind::from_raw;
    /// 0 keeps no latents. k keeps x_T, the first step's x and x0, and those of every k-th step,
    /// counted back from the last. Default: 0.
    keep_every get_keep_every: u32, ffi::int, ffi::unsigned;
    /// The seed of all random numbers. Default: 0.
    seed get_seed: u64, identity, identity;
    /// How much of the content is wanted: 0 ignores it, 1 uses it as trained, above 1 exaggerates
    /// it. A scale of 1 saves one pass through the UNet per step.
    content_scale get_content_scale: f64, identity, identity;
    /// The same for the style.
    style_scale get_style_scale: f64, identity, identity;
    /// The content's scale holds from this fraction of the steps on; elsewhere it is 1. Default: 0.
    content_start get_content_start: f64, identity, identity;
    /// And to this one. Default: 1.
    content_end get_content_end: f64, identity, identity;
    /// The style's scale holds from this fraction of the steps on; elsewhere it is 1. Default: 0.
    style_start get_style_start: f64, identity, identity;
    /// And to this one. Default: 1.
    style_end get_style_end: f64, identity, identity;
    /// 0 (DDIM's ODE) to 1 and more; for DDIM and 2M-SDE.
    eta get_eta: f64, identity, identity;
    /// A factor for each step's noise. Default: 1.
    temperature get_temperature: f64, identity, identity;
    /// The share of the noise's elements that are set to zero in each step, from 0 to below 1.
    /// Default: 0.
    noise_dropout get_noise_dropout: f64, identity, identity;
    /// 1: all steps, from x_T. Below 1 the run starts from the noised init latent and does the last
    /// round(this * steps) of the steps, at least one. Default: 1.
    denoising_strength get_denoising_strength: f64, identity, identity;
}

impl Options {
    /// The model's own defaults, its native size included.
    pub fn new(model: &Model) -> Options {
        Options::init(model.handle.get())
    }

    /// The defaults of the published code: 250 DDIM steps, eta 0, both scales 1, 256 x 256.
    pub fn published() -> Options {
        Options::init(ptr::null())
    }

    fn init(model: *const sys::artfusion_model) -> Options {
        // SAFETY: as many bytes as said; the model lives through the call or is NULL.
        let c =
            ffi::defaults(|c, size| unsafe { sys::artfusion_sampler_options_init(c, size, model) });
        Options {
            c,
            timesteps: None,
            sized: false,
        }
    }

    /// Sets the solver, spacing, steps, eta, both scales and both intervals as the model's preset
    /// of that name says, and discards timesteps that were given.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), with the names that exist.
    pub fn preset(mut self, model: &Model, name: &str) -> Result<Options> {
        let name = ffi::c_string("the preset", name)?;
        // SAFETY: model and name live through the call, and the options have their size in front.
        ffi::check(unsafe {
            sys::artfusion_sampler_options_set_preset(
                &mut self.c,
                model.handle.get(),
                name.as_ptr(),
            )
        })?;
        self.timesteps = None;
        Ok(self)
    }

    /// In pixels.
    pub fn size(mut self, width: u32, height: u32) -> Options {
        self.c.width = ffi::int(width);
        self.c.height = ffi::int(height);
        self.sized = true;
        self
    }

    /// Sets the size by the image's proportions, with a longer side of `longest` pixels; 0 is the
    /// model's native one. It is the size of [`Model::fit_size`].
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument).
    pub fn size_for(mut self, model: &Model, image: &Image, longest: u32) -> Result<Options> {
        // SAFETY: model and image live through the call, and the options have their size in front.
        ffi::check(unsafe {
            sys::artfusion_sampler_options_set_size(
                &mut self.c,
                model.handle.get(),
                image.get(),
                ffi::int(longest),
            )
        })?;
        self.sized = true;
        Ok(self)
    }

    pub(crate) fn has_size(&self) -> bool {
        self.sized
    }

    /// What [`size`](Options::size) is.
    pub fn get_size(&self) -> (u32, u32) {
        (ffi::unsigned(self.c.width), ffi::unsigned(self.c.height))
    }

    /// The timesteps themselves, instead of a spacing and a number of steps. They do not increase,
    /// and the run ends at x0.
    pub fn timesteps(mut self, timesteps: impl Into<Vec<i32>>) -> Options {
        let timesteps = timesteps.into();
        self.c.steps = ffi::len(timesteps.len());
        self.timesteps = Some(timesteps);
        self
    }

    /// What [`timesteps`](Options::timesteps) is; `None`: by the spacing.
    pub fn get_timesteps(&self) -> Option<&[i32]> {
        self.timesteps.as_deref()
    }

    /// The C options, which are valid as long as these are.
    pub(crate) fn to_c(&self) -> Result<sys::artfusion_sampler_options> {
        let mut c = self.c;
        if let Some(timesteps) = &self.timesteps {
            // The library reads as many as there are steps.
            if ffi::len(timesteps.len()) != c.steps {
                return Err(Error::argument(format!(
                    "steps is {}, and {} timesteps were given",
                    c.steps,
                    timesteps.len()
                )));
            }
            c.timesteps = timesteps.as_ptr();
        }
        Ok(c)
    }
}
