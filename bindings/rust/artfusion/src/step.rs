// SPDX-License-Identifier: MIT
use crate::error::{Error, ErrorKind, Result};
use crate::ffi;
use crate::image::Image;
use crate::sampler::{self, Sampler};
use artfusion_sys as sys;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::mem::{size_of, MaybeUninit};
use std::path::Path;

/// How far along a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Steps done.
    pub step: u32,
    /// Steps in all: fewer than asked for if the denoising strength is below 1.
    pub steps: u32,
    /// The timestep of the last step done; `None` before the first.
    pub timestep: Option<u32>,
    /// Passes through the UNet so far, per picture.
    pub passes: u32,
    /// Pictures in this run.
    pub batch: u32,
    /// Seconds by the wall clock in the content encoder.
    pub seconds_encode: f64,
    /// In the UNet.
    pub seconds_denoise: f64,
    /// In the decoder.
    pub seconds_decode: f64,
    /// In all calls of this sampler.
    pub seconds_total: f64,
}

impl Progress {
    /// # Safety
    ///
    /// The sampler lives, and this is its thread.
    pub(crate) unsafe fn of(sampler: *const sys::artfusion_sampler) -> Result<Progress> {
        let mut c = MaybeUninit::<sys::artfusion_progress>::zeroed();
        // SAFETY: by the caller; the struct has the size that is said, and comes back filled in.
        let c = unsafe {
            ffi::check(sys::artfusion_sampler_get_progress(
                sampler,
                c.as_mut_ptr(),
                size_of::<sys::artfusion_progress>(),
            ))?;
            c.assume_init()
        };
        Ok(Progress {
            step: ffi::unsigned(c.step),
            steps: ffi::unsigned(c.steps),
            timestep: u32::try_from(c.timestep).ok(),
            passes: ffi::unsigned(c.passes),
            batch: ffi::unsigned(c.batch),
            seconds_encode: c.seconds_encode,
            seconds_denoise: c.seconds_denoise,
            seconds_decode: c.seconds_decode,
            seconds_total: c.seconds_total,
        })
    }
}

/// A step that has just been done. Until the next one its preview and latents can be read.
///
/// If a step is kept beyond the next one, its preview and latents fail with
/// [`State`](ErrorKind::State). Its latents are copies; [`Sampler::x`] and [`Sampler::x0`] copy
/// nothing.
///
/// A step stays on the thread that made it, because one thread at a time uses the sampler:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<artfusion::Step<'static>>();
/// ```
pub struct Step<'s> {
    /// A raw pointer, which also keeps the step on its thread.
    sampler: *mut sys::artfusion_sampler,
    progress: Progress,
    borrowed: PhantomData<&'s ()>,
}

impl Step<'_> {
    /// # Safety
    ///
    /// The sampler lives for the lifetime of the step, and is used on this thread alone.
    pub(crate) unsafe fn of(sampler: *mut sys::artfusion_sampler) -> Result<Self> {
        Ok(Step {
            sampler,
            // SAFETY: by the caller.
            progress: unsafe { Progress::of(sampler)? },
            borrowed: PhantomData,
        })
    }

    /// How far the run was after this step.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    fn check_present(&self) -> Result<()> {
        // SAFETY: by `of`.
        let done = unsafe { Progress::of(self.sampler)? }.step;
        if done == self.progress.step {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::State,
            format!(
                "step {} is past: the sampler has done {}",
                self.progress.step, done
            ),
        ))
    }

    /// What picture `index` of the batch would be by now: the current x0, decoded. After the last
    /// step it is the result.
    ///
    /// # Errors
    ///
    /// [`Argument`](ErrorKind::Argument), [`State`](ErrorKind::State) (the step is past),
    /// [`Cancelled`](ErrorKind::Cancelled), [`Engine`](ErrorKind::Engine),
    /// [`Numeric`](ErrorKind::Numeric), [`Memory`](ErrorKind::Memory).
    pub fn preview(&self, index: u32) -> Result<Image> {
        self.check_present()?;
        // SAFETY: by `of`. In a callback the header allows it.
        Image::make(|out| unsafe {
            sys::artfusion_sampler_image(self.sampler, ffi::int(index), out)
        })
    }

    /// A copy of the scaled latent `[batch, channels, height, width]`.
    ///
    /// # Errors
    ///
    /// [`State`](ErrorKind::State): the step is past.
    pub fn x(&self) -> Result<Vec<f32>> {
        self.latent(sys::artfusion_sampler_x)
    }

    /// A copy of the x0 predicted in this step, of the same size.
    ///
    /// # Errors
    ///
    /// [`State`](ErrorKind::State): the step is past.
    pub fn x0(&self) -> Result<Vec<f32>> {
        self.latent(sys::artfusion_sampler_x0)
    }

    /// Saves where the run is after this step, as [`Sampler::save_state`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Sampler::save_state`], and [`State`](ErrorKind::State): the step is past.
    pub fn save_state(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check_present()?;
        // SAFETY: by `of`. In a callback the header allows it.
        unsafe { sampler::save_state(self.sampler, path.as_ref()) }
    }

    /// The bytes that [`save_state`](Step::save_state) writes.
    ///
    /// # Errors
    ///
    /// Those of [`Sampler::encode_state`], and [`State`](ErrorKind::State): the step is past.
    pub fn encode_state(&self) -> Result<Vec<u8>> {
        self.check_present()?;
        // SAFETY: as above.
        unsafe { sampler::encode_state(self.sampler) }
    }

    fn latent(
        &self,
        get: unsafe extern "C" fn(*const sys::artfusion_sampler, *mut usize) -> *const f32,
    ) -> Result<Vec<f32>> {
        self.check_present()?;
        let mut count = 0;
        // SAFETY: by `of`; as many values as the sampler says, copied before it can go on.
        let values = unsafe { ffi::slice(get(self.sampler, &mut count), count) };
        Ok(values.unwrap_or(&[]).to_vec())
    }
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// The steps that a sampler has left; each is done when it is asked for. See [`Sampler::steps`].
///
/// It stays on its thread, as its steps do:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<artfusion::Steps<'static, 'static>>();
/// ```
#[derive(Debug)]
pub struct Steps<'s, 'a> {
    /// Shared, because the steps given out look at it as well; the sampler itself stays borrowed as a
    /// whole, since this came from a `&'s mut`.
    sampler: &'s Sampler<'a>,
    ended: bool,
    /// Steps and iterator are on one thread.
    thread: PhantomData<*mut ()>,
}

impl<'s, 'a> Steps<'s, 'a> {
    pub(crate) fn new(sampler: &'s mut Sampler<'a>) -> Steps<'s, 'a> {
        Steps {
            sampler,
            ended: false,
            thread: PhantomData,
        }
    }

    /// How many steps are left, for a progress bar. An error or a [`Canceller`](crate::Canceller)
    /// may end the iterator earlier, so it is not an [`ExactSizeIterator`].
    pub fn len(&self) -> usize {
        match (self.ended, self.sampler.progress()) {
            (false, Ok(progress)) => (progress.steps - progress.step) as usize,
            _ => 0,
        }
    }

    /// Whether no step is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'s> Iterator for Steps<'s, '_> {
    type Item = Result<Step<'s>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        // If a closure panics, there is nothing more to expect from this iterator either.
        self.ended = true;
        // SAFETY: the sampler was borrowed with `&'s mut`, and nothing on another thread can look.
        let step = unsafe { self.sampler.advance() }.transpose()?;
        self.ended = step.is_err();
        Some(step)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match (self.ended, self.sampler.progress()) {
            (true, _) => (0, Some(0)),
            // An error ends it early.
            (_, Ok(progress)) => (0, Some((progress.steps - progress.step) as usize + 1)),
            (_, Err(_)) => (0, None),
        }
    }
}

impl FusedIterator for Steps<'_, '_> {}
