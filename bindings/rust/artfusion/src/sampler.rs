// SPDX-License-Identifier: MIT
use crate::closures::{eps_callback, noise_callback, step_callback, Noise, Pinned};
use crate::constants::NoiseUse;
use crate::context::SharedLog;
use crate::error::Result;
use crate::ffi::{self, Handle};
use crate::image::Image;
use crate::model::Model;
use crate::options::Options;
use crate::step::{Progress, Step, Steps};
use crate::style::Style;
use artfusion_sys as sys;
use std::fmt;
use std::ops::ControlFlow;
use std::os::raw::c_void;
use std::path::Path;
use std::ptr;
use std::sync::{Arc, Weak};

/// Which pictures of a batch: [`ALL`], or a number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Every one.
    All,
    /// That one.
    Picture(u32),
}

/// Every picture of the batch.
pub const ALL: Index = Index::All;

impl From<u32> for Index {
    fn from(picture: u32) -> Index {
        Index::Picture(picture)
    }
}

impl Index {
    fn to_raw(self) -> i32 {
        match self {
            Index::All => sys::ARTFUSION_ALL,
            Index::Picture(picture) => ffi::int(picture),
        }
    }
}

/// Latents that a run kept, each `[batch, channels, height, width]`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kept<'s> {
    /// The latent.
    pub x: &'s [f32],
    /// The x0 predicted in that step; `None` for x_T.
    pub x0: Option<&'s [f32]>,
}

/// The C sampler, which cancellers may look at, and the log that it may write to.
struct Shared {
    handle: Handle<sys::artfusion_sampler>,
    _log: SharedLog,
}

// SAFETY: the `Sampler` uses it on one thread at a time. Cancellers call artfusion_sampler_cancel
// alone, which may come from any thread, and may end it, which any thread may: no other use is left
// then.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// One run. It keeps its model alive, so that the [`Model`] may be dropped first.
///
/// ```
/// use artfusion::{Context, Image, Model, Options, Sampler, ALL};
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))?;
///
/// let model = Model::open(&Context::new()?, "models/mini.artfusion")?;
/// let options = Options::new(&model).size(64, 64).steps(2);
/// let mut sampler = Sampler::new(&model, &options)?;
/// sampler.set_content(ALL, &Image::open("examples/images/pagoda.jpg")?)?;
/// for step in sampler.steps() {
///     let step = step?;
///     let preview = step.preview(0)?;
///     println!("{} of {}: {:?}", step.progress().step, step.progress().steps, preview);
/// }
/// let result = sampler.image(0)?;
/// # assert_eq!(result.width(), 64);
/// # fn send<T: Send>(_: T) {}
/// # send(sampler);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A sampler can be sent to another thread, but one at a time uses it:
///
/// ```compile_fail,E0277
/// fn sync<T: Sync>() {}
/// sync::<artfusion::Sampler<'static>>();
/// ```
///
/// `'a` is what its closures borrow.
pub struct Sampler<'a> {
    // In this order: the closures outlive what calls them.
    shared: Arc<Shared>,
    closures: Pinned<'a>,
    /// Pixels of a latent channel, and values of a latent.
    pixels: Option<usize>,
    values: Option<usize>,
}

// SAFETY: artfusion.h: samplers "are used by one thread at a time", whichever that is. The closures
// are Send.
unsafe impl Send for Sampler<'_> {}

impl<'a> Sampler<'a> {
    /// Makes a sampler. Until the setters are called, it paints from null content and null style.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory), and with a
    /// [`memory_limit`](crate::ContextBuilder::memory_limit) also [`Limit`](crate::ErrorKind::Limit)
    /// and [`Engine`](crate::ErrorKind::Engine).
    pub fn new(model: &Model, options: &Options) -> Result<Sampler<'a>> {
        let closures = Pinned::new();
        let user_data: *mut c_void = closures.as_ptr().cast();
        let mut c = options.to_c()?;
        // Always there, so that closures can be set at any time: without one, each does what the
        // library does without a callback.
        c.step_callback = Some(step_callback);
        c.step_user_data = user_data;
        c.eps_callback = Some(eps_callback);
        c.eps_user_data = user_data;
        c.noise_callback = Some(noise_callback);
        c.noise_user_data = user_data;
        // SAFETY: model and options live through the call, the closures as long as any call that
        // may come to them.
        let handle = Handle::make(|out| unsafe {
            sys::artfusion_sampler_create(model.handle.get(), &c, out)
        })?;
        // SAFETY: the handle lives.
        let (width, height) = unsafe { latent_size(handle.get()) }?;
        Ok(Sampler {
            shared: Arc::new(Shared {
                handle,
                _log: model.log.clone(),
            }),
            closures,
            pixels: ffi::product(&[width, height]),
            values: ffi::product(&[model.info().latent_channels, width, height]),
        })
    }

    fn get(&self) -> *mut sys::artfusion_sampler {
        self.shared.handle.get()
    }

    /// Calls `closure` after each step, in whichever call does it. [`ControlFlow::Break`] ends that
    /// call with [`Cancelled`](crate::ErrorKind::Cancelled); the step is done, and the next call does
    /// the one after it.
    ///
    /// No other return value ends the call: what a progress bar or a file returns is not a
    /// [`ControlFlow`].
    ///
    /// ```compile_fail,E0308
    /// # fn bar(sampler: &mut artfusion::Sampler<'_>) {
    /// sampler.on_step(|step| step.progress().step == 1);
    /// # }
    /// ```
    pub fn on_step(
        &mut self,
        closure: impl FnMut(&Step<'_>) -> ControlFlow<()> + Send + 'a,
    ) -> &mut Self {
        // SAFETY: no callback is running, as those run in calls that borrow the sampler.
        unsafe { (*self.closures.as_ptr()).step = Some(Box::new(closure)) };
        self
    }

    /// Calls `closure` before each solver update with the guided eps
    /// `[batch, channels, height, width]`, which it may change. [`ControlFlow::Break`] ends the call
    /// with [`Cancelled`](crate::ErrorKind::Cancelled), before the step.
    pub fn on_eps(
        &mut self,
        closure: impl FnMut(&Progress, &mut [f32]) -> ControlFlow<()> + Send + 'a,
    ) -> &mut Self {
        // SAFETY: as above.
        unsafe { (*self.closures.as_ptr()).eps = Some(Box::new(closure)) };
        self
    }

    /// Calls `closure` for the noise `[batch, channels, height, width]` of a step; the first step
    /// is 0.
    pub fn on_noise(
        &mut self,
        closure: impl FnMut(NoiseUse, u32, &mut [f32]) -> Noise + Send + 'a,
    ) -> &mut Self {
        // SAFETY: as above.
        unsafe { (*self.closures.as_ptr()).noise = Some(Box::new(closure)) };
        self
    }

    /// Sets the picture whose shapes are kept; it is resized (bicubic) to the run's size.
    ///
    /// Like the other setters, this must come before the first step.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State),
    /// [`Engine`](crate::ErrorKind::Engine), [`Numeric`](crate::ErrorKind::Numeric),
    /// [`Memory`](crate::ErrorKind::Memory).
    pub fn set_content(&mut self, index: impl Into<Index>, image: &Image) -> Result<()> {
        let index = index.into().to_raw();
        // SAFETY: both handles live through the call.
        ffi::check(unsafe { sys::artfusion_sampler_set_content(self.get(), index, image.get()) })?;
        Ok(())
    }

    /// Sets the content by its scaled latent `[channels, height, width]`, as [`Model::encode`]
    /// returns it.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State).
    pub fn set_content_latent(&mut self, index: impl Into<Index>, latent: &[f32]) -> Result<()> {
        ffi::check_len("latent", latent.len(), self.values)?;
        let index = index.into().to_raw();
        // SAFETY: the handle lives through the call, and there are as many values as said.
        ffi::check(unsafe {
            sys::artfusion_sampler_set_content_latent(
                self.get(),
                index,
                latent.as_ptr(),
                latent.len(),
            )
        })?;
        Ok(())
    }

    /// Sets the null content again.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State).
    pub fn clear_content(&mut self, index: impl Into<Index>) -> Result<()> {
        let index = index.into().to_raw();
        // SAFETY: the handle lives through the call.
        ffi::check(unsafe { sys::artfusion_sampler_set_content(self.get(), index, ptr::null()) })?;
        Ok(())
    }

    /// Sets the style, which is copied.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State),
    /// [`Mismatch`](crate::ErrorKind::Mismatch).
    pub fn set_style(&mut self, index: impl Into<Index>, style: &Style) -> Result<()> {
        let index = index.into().to_raw();
        // SAFETY: both handles live through the call.
        ffi::check(unsafe {
            sys::artfusion_sampler_set_style(self.get(), index, style.handle.get())
        })?;
        Ok(())
    }

    /// Sets the null style again.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State).
    pub fn clear_style(&mut self, index: impl Into<Index>) -> Result<()> {
        let index = index.into().to_raw();
        // SAFETY: the handle lives through the call.
        ffi::check(unsafe { sys::artfusion_sampler_set_style(self.get(), index, ptr::null()) })?;
        Ok(())
    }

    /// Sets the scaled latent `[channels, height, width]` that a denoising strength below 1 starts
    /// from and that a mask keeps. Default: the content's own.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State).
    pub fn set_init_latent(&mut self, index: impl Into<Index>, latent: &[f32]) -> Result<()> {
        ffi::check_len("latent", latent.len(), self.values)?;
        let index = index.into().to_raw();
        // SAFETY: the handle lives through the call, and there are as many values as said.
        ffi::check(unsafe {
            sys::artfusion_sampler_set_init_latent(self.get(), index, latent.as_ptr(), latent.len())
        })?;
        Ok(())
    }

    /// Sets a mask `[height, width]` in latent pixels, with values from 0 to 1: 1 keeps the init
    /// latent, 0 paints.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State).
    pub fn set_mask(&mut self, index: impl Into<Index>, mask: &[f32]) -> Result<()> {
        ffi::check_len("mask", mask.len(), self.pixels)?;
        let index = index.into().to_raw();
        // SAFETY: the handle lives through the call, and there are as many values as said.
        ffi::check(unsafe {
            sys::artfusion_sampler_set_mask(self.get(), index, mask.as_ptr(), mask.len())
        })?;
        Ok(())
    }

    /// Removes the mask: the run paints everywhere.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State).
    pub fn clear_mask(&mut self, index: impl Into<Index>) -> Result<()> {
        let index = index.into().to_raw();
        // SAFETY: the handle lives through the call.
        ffi::check(unsafe { sys::artfusion_sampler_set_mask(self.get(), index, ptr::null(), 0) })?;
        Ok(())
    }

    /// Does one step; `None` if none was left.
    ///
    /// After an error, also if the call was cancelled, the sampler stands before the step it was
    /// in, and the next call tries that step again. If a step closure ended the call, the step was
    /// done. If a latent overflowed ([`Numeric`](crate::ErrorKind::Numeric)), the run is lost.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument) (an init latent is needed and missing),
    /// [`Cancelled`](crate::ErrorKind::Cancelled), [`Engine`](crate::ErrorKind::Engine),
    /// [`Numeric`](crate::ErrorKind::Numeric), [`Memory`](crate::ErrorKind::Memory).
    pub fn next_step(&mut self) -> Result<Option<Step<'_>>> {
        // SAFETY: the step borrows the sampler, which so is on this thread and used by nobody else.
        unsafe { self.advance() }
    }

    /// # Safety
    ///
    /// No call of the sampler is running, and none comes from another thread while `'s` lasts.
    pub(crate) unsafe fn advance<'s>(&self) -> Result<Option<Step<'s>>> {
        // SAFETY: by the caller, who also ties 's to a borrow of the sampler.
        unsafe {
            if ffi::check(sys::artfusion_sampler_next(self.get()))? == sys::ARTFUSION_DONE {
                return Ok(None);
            }
            Step::of(self.get()).map(Some)
        }
    }

    /// The steps that are left; each is done when the iterator is asked for it. An error ends the
    /// iterator, not the run: another call of `steps` continues from where the sampler stands.
    pub fn steps(&mut self) -> Steps<'_, 'a> {
        Steps::new(self)
    }

    /// Does all steps that are left.
    ///
    /// # Errors
    ///
    /// As [`next_step`](Sampler::next_step).
    pub fn run(&mut self) -> Result<()> {
        // SAFETY: the handle lives through the call.
        ffi::check(unsafe { sys::artfusion_sampler_run(self.get()) })?;
        Ok(())
    }

    /// A handle that cancels this sampler's calls from any thread.
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::downgrade(&self.shared))
    }

    /// How far the run is.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn progress(&self) -> Result<Progress> {
        // SAFETY: the handle lives, and the sampler is no Sync.
        unsafe { Progress::of(self.get()) }
    }

    /// The width and height of latents and masks: the picture's, rounded up to a multiple of the
    /// model's `size_multiple`, in latent pixels.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn latent_size(&self) -> Result<(u32, u32)> {
        // SAFETY: the handle lives.
        unsafe { latent_size(self.get()) }
    }

    fn latent(
        &self,
        get: unsafe extern "C" fn(*const sys::artfusion_sampler, *mut usize) -> *const f32,
    ) -> Option<&[f32]> {
        let mut count = 0;
        // SAFETY: as many values as the sampler says, until its next step, which needs `&mut`.
        unsafe { ffi::slice(get(self.get(), &mut count), count) }
    }

    /// The current scaled latent, `[batch, channels, height, width]`; `None` before there is one.
    pub fn x(&self) -> Option<&[f32]> {
        self.latent(sys::artfusion_sampler_x)
    }

    /// The x0 predicted in the last step, of the same size; `None` before there is one.
    pub fn x0(&self) -> Option<&[f32]> {
        self.latent(sys::artfusion_sampler_x0)
    }

    /// The latents that [`Options::keep_every`] kept. The first is x_T.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn kept(&self) -> Result<Vec<Kept<'_>>> {
        let count = self.x().map_or(0, <[f32]>::len);
        // SAFETY: the handle lives. Each entry has as many values as x, until the next step, which
        // needs `&mut`.
        unsafe {
            (0..sys::artfusion_sampler_kept_count(self.get()))
                .map(|entry| {
                    let (mut x, mut x0) = (ptr::null(), ptr::null());
                    ffi::check(sys::artfusion_sampler_kept(
                        self.get(),
                        entry,
                        &mut x,
                        &mut x0,
                    ))?;
                    Ok(Kept {
                        x: ffi::slice(x, count).unwrap_or(&[]),
                        x0: ffi::slice(x0, count),
                    })
                })
                .collect()
        }
    }

    /// Decodes picture `index` of the batch: after the last step the result, before it a preview of
    /// the current x0.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`State`](crate::ErrorKind::State) (no step done),
    /// [`Cancelled`](crate::ErrorKind::Cancelled), [`Engine`](crate::ErrorKind::Engine),
    /// [`Numeric`](crate::ErrorKind::Numeric), [`Memory`](crate::ErrorKind::Memory).
    pub fn image(&mut self, index: u32) -> Result<Image> {
        // SAFETY: the handle lives through the call.
        Image::make(|out| unsafe { sys::artfusion_sampler_image(self.get(), ffi::int(index), out) })
    }

    /// Saves where the run is, between two steps, with everything that its next steps depend on:
    /// what the setters were given, latents, the solver's history and the generator, but not
    /// closures. The file is written under a temporary name, then renamed: a process that is killed
    /// at any moment leaves a complete state. A [`Step`] does the same in a loop over
    /// [`steps`](Sampler::steps) or in a closure.
    ///
    /// ```
    /// use artfusion::{Context, Image, Model, Options, Sampler, ALL};
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))?;
    /// # let file = std::env::temp_dir().join(format!("artfusion-doc-{}.state", std::process::id()));
    ///
    /// let model = Model::open(&Context::new()?, "models/mini.artfusion")?;
    /// let options = Options::new(&model).size(64, 64).steps(2);
    /// let mut sampler = Sampler::new(&model, &options)?;
    /// sampler.set_content(ALL, &Image::open("examples/images/pagoda.jpg")?)?;
    /// sampler.next_step()?;
    /// sampler.save_state(&file)?;
    ///
    /// // In this process or another one:
    /// let mut later = Sampler::new(&model, &options)?;
    /// later.load_state(&file)?;
    /// assert_eq!(later.progress()?.step, 1);
    /// later.run()?;
    /// # sampler.run()?;
    /// # assert_eq!(later.x(), sampler.x());
    /// # std::fs::remove_file(&file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument) for a path that is not UTF-8,
    /// [`Io`](crate::ErrorKind::Io), [`Memory`](crate::ErrorKind::Memory),
    /// [`Engine`](crate::ErrorKind::Engine) (the system's SHA-256 failed).
    pub fn save_state(&self, path: impl AsRef<Path>) -> Result<()> {
        // SAFETY: the handle lives, and the sampler is no Sync.
        unsafe { save_state(self.get(), path.as_ref()) }
    }

    /// The bytes that [`save_state`](Sampler::save_state) writes.
    ///
    /// # Errors
    ///
    /// [`Memory`](crate::ErrorKind::Memory), [`Engine`](crate::ErrorKind::Engine).
    pub fn encode_state(&self) -> Result<Vec<u8>> {
        // SAFETY: as above.
        unsafe { encode_state(self.get()) }
    }

    /// Restores a saved state. This sampler must have the same options, and a model with the same
    /// weights, as the one saved. It replaces what the setters were given. On the same machine the
    /// next steps give the bytes that the saved sampler's would have given. After an error the
    /// sampler is as it was.
    ///
    /// # Errors
    ///
    /// As [`decode_state`](Sampler::decode_state), [`Argument`](crate::ErrorKind::Argument) for a
    /// path that is not UTF-8, [`Io`](crate::ErrorKind::Io), and
    /// [`Limit`](crate::ErrorKind::Limit) (a file far larger than this sampler's state).
    pub fn load_state(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = ffi::c_path(path.as_ref())?;
        // SAFETY: handle and path live through the call.
        ffi::check(unsafe { sys::artfusion_sampler_load_state_file(self.get(), path.as_ptr()) })?;
        Ok(())
    }

    /// Restores the bytes that [`encode_state`](Sampler::encode_state) returned.
    ///
    /// # Errors
    ///
    /// [`Format`](crate::ErrorKind::Format), [`Unsupported`](crate::ErrorKind::Unsupported) (a newer
    /// format), [`Checksum`](crate::ErrorKind::Checksum), [`Mismatch`](crate::ErrorKind::Mismatch)
    /// (the sentence names the option, or the model), [`Memory`](crate::ErrorKind::Memory),
    /// [`Engine`](crate::ErrorKind::Engine).
    pub fn decode_state(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: the handle lives through the call, and there are as many bytes as said.
        ffi::check(unsafe {
            sys::artfusion_sampler_load_state_memory(self.get(), bytes.as_ptr().cast(), bytes.len())
        })?;
        Ok(())
    }
}

/// # Safety
///
/// The sampler lives, this is its thread, and it stands between two steps.
pub(crate) unsafe fn save_state(sampler: *mut sys::artfusion_sampler, path: &Path) -> Result<()> {
    let path = ffi::c_path(path)?;
    // SAFETY: by the caller; the path lives through the call.
    ffi::check(unsafe { sys::artfusion_sampler_save_state_file(sampler, path.as_ptr()) })?;
    Ok(())
}

/// # Safety
///
/// The sampler lives.
unsafe fn latent_size(sampler: *const sys::artfusion_sampler) -> Result<(u32, u32)> {
    let (mut width, mut height) = (0, 0);
    // SAFETY: by the caller; both numbers live through the call.
    ffi::check(unsafe { sys::artfusion_sampler_latent_size(sampler, &mut width, &mut height) })?;
    Ok((ffi::unsigned(width), ffi::unsigned(height)))
}

/// # Safety
///
/// As [`save_state`].
pub(crate) unsafe fn encode_state(sampler: *mut sys::artfusion_sampler) -> Result<Vec<u8>> {
    // SAFETY: by the caller.
    ffi::bytes(|data, size| unsafe {
        sys::artfusion_sampler_save_state_memory(sampler, data, size)
    })
}

impl fmt::Debug for Sampler<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler")
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

/// Ends a sampler's calls, from any thread. It does not keep the sampler alive: once that is
/// dropped, cancelling does nothing.
#[derive(Clone)]
pub struct Canceller(Weak<Shared>);

impl Canceller {
    /// Cancels the current call of [`next_step`](Sampler::next_step), [`run`](Sampler::run),
    /// [`image`](Sampler::image) or the iterator, or the next one if none is running. It ends with
    /// [`Cancelled`](crate::ErrorKind::Cancelled) within one call of the networks. One cancel ends one
    /// call.
    ///
    /// It takes no lock and allocates nothing. A signal handler may call it while no other thread
    /// drops the sampler.
    pub fn cancel(&self) {
        if let Some(shared) = self.0.upgrade() {
            // SAFETY: the handle lives as long as `shared` is held.
            unsafe { sys::artfusion_sampler_cancel(shared.handle.get()) };
        }
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}
