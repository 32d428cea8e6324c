// SPDX-License-Identifier: MIT
//! A sampler's closures, and the C callbacks that call them.
use crate::constants::NoiseUse;
use crate::ffi;
use crate::step::{Progress, Step};
use artfusion_sys as sys;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::os::raw::c_void;
use std::ptr::{self, addr_of_mut, NonNull};

/// What a noise closure did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// It has filled in every value.
    Filled,
    /// It leaves the values to the sampler's generator.
    Generator,
    /// It ends the call with [`Cancelled`](crate::ErrorKind::Cancelled).
    Cancel,
}

type OnStep<'a> = Box<dyn FnMut(&Step<'_>) -> ControlFlow<()> + Send + 'a>;
type OnEps<'a> = Box<dyn FnMut(&Progress, &mut [f32]) -> ControlFlow<()> + Send + 'a>;
type OnNoise<'a> = Box<dyn FnMut(NoiseUse, u32, &mut [f32]) -> Noise + Send + 'a>;

#[derive(Default)]
pub(crate) struct Closures<'a> {
    pub(crate) step: Option<OnStep<'a>>,
    pub(crate) eps: Option<OnEps<'a>>,
    pub(crate) noise: Option<OnNoise<'a>>,
}

/// The closures where the C sampler finds them, wherever the [`Sampler`](crate::Sampler) is moved to. No `Box`: that
/// would claim to be the only way to what is in it.
pub(crate) struct Pinned<'a>(NonNull<Closures<'a>>, PhantomData<Closures<'a>>);

impl<'a> Pinned<'a> {
    pub(crate) fn new() -> Pinned<'a> {
        let closures = Box::<Closures<'a>>::default();
        Pinned(NonNull::from(Box::leak(closures)), PhantomData)
    }

    pub(crate) fn as_ptr(&self) -> *mut Closures<'a> {
        self.0.as_ptr()
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        // SAFETY: from a Box, and this is its end.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// What a callback returns to end its call: neither 0 nor, for noise, 1.
const CANCEL: i32 = 2;

fn continues(flow: ControlFlow<()>) -> i32 {
    match flow {
        ControlFlow::Continue(()) => 0,
        ControlFlow::Break(()) => CANCEL,
    }
}

// In each of these `user_data` is the Closures that the sampler keeps, of which the field taken is
// used by nobody else: a callback is never called from within itself, as that would take the
// `&mut Sampler` that its call has borrowed.

pub(crate) unsafe extern "C" fn step_callback(
    user_data: *mut c_void,
    sampler: *mut sys::artfusion_sampler,
) -> i32 {
    ffi::guard(CANCEL, || {
        // SAFETY: as said above. The sampler lives through the callback, and so does the step, which
        // the closure is only lent.
        unsafe {
            let closure = &mut *addr_of_mut!((*user_data.cast::<Closures<'_>>()).step);
            match (closure, Step::of(sampler)) {
                (None, _) => 0,
                (Some(closure), Ok(step)) => continues(closure(&step)),
                (Some(_), Err(_)) => CANCEL,
            }
        }
    })
}

pub(crate) unsafe extern "C" fn eps_callback(
    user_data: *mut c_void,
    sampler: *mut sys::artfusion_sampler,
    eps: *mut f32,
    count: usize,
) -> i32 {
    ffi::guard(CANCEL, || {
        // SAFETY: as said above; `eps` has that many values, which are the callback's meanwhile.
        unsafe {
            let closure = &mut *addr_of_mut!((*user_data.cast::<Closures<'_>>()).eps);
            match (closure, Progress::of(sampler)) {
                (None, _) => 0,
                (Some(closure), Ok(progress)) => {
                    let eps = std::slice::from_raw_parts_mut(eps, count);
                    continues(closure(&progress, eps))
                }
                (Some(_), Err(_)) => CANCEL,
            }
        }
    })
}

pub(crate) unsafe extern "C" fn noise_callback(
    user_data: *mut c_void,
    noise_use: sys::artfusion_noise_use,
    step: i32,
    values: *mut f32,
    count: usize,
) -> i32 {
    ffi::guard(CANCEL, || {
        // SAFETY: as said above; `values` has room for that many, and as they may never have been
        // written, they are.
        unsafe {
            let closure = &mut *addr_of_mut!((*user_data.cast::<Closures<'_>>()).noise);
            let closure = match closure {
                None => return 1,
                Some(closure) => closure,
            };
            ptr::write_bytes(values, 0, count);
            let values = std::slice::from_raw_parts_mut(values, count);
            match closure(NoiseUse::from_raw(noise_use), ffi::unsigned(step), values) {
                Noise::Filled => 0,
                Noise::Generator => 1,
                Noise::Cancel => CANCEL,
            }
        }
    })
}
