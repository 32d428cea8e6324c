// SPDX-License-Identifier: MIT
use crate::constants::RngKind;
use crate::error::Result;
use crate::ffi::{self, Handle};
use artfusion_sys as sys;
use std::fmt;

/// A generator of random numbers, with the state of a sequence.
///
/// ```
/// use artfusion::{Rng, RngKind};
///
/// let mut rng = Rng::new(RngKind::TorchCpu, 42)?;
/// let mut values = [0.0; 16];
/// rng.normal(&mut values)?;
/// assert!(values.iter().all(|value| value.abs() < 6.0));
/// # fn send<T: Send>(_: T) {}
/// # send(rng);
/// # Ok::<(), artfusion::Error>(())
/// ```
///
/// It is used by one thread at a time:
///
/// ```compile_fail,E0277
/// fn sync<T: Sync>(_: T) {}
/// sync(artfusion::Rng::new(artfusion::RngKind::TorchCpu, 42).unwrap());
/// ```
pub struct Rng {
    handle: Handle<sys::artfusion_rng>,
}

// SAFETY: artfusion.h: "random generators are used by one thread at a time", whichever that is.
unsafe impl Send for Rng {}

impl Rng {
    /// At the start of the sequence of that seed.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory).
    pub fn new(kind: RngKind, seed: u64) -> Result<Rng> {
        // SAFETY: numbers, and a place for the handle.
        let handle =
            Handle::make(|out| unsafe { sys::artfusion_rng_create(kind.to_raw(), seed, out) })?;
        Ok(Rng { handle })
    }

    /// The next numbers, of mean 0 and variance 1. With [`RngKind::TorchCpu`] one call is one
    /// `torch.randn` of that many elements.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument).
    pub fn normal(&mut self, values: &mut [f32]) -> Result<()> {
        // SAFETY: the handle lives through the call, and there is room for as many as said.
        ffi::check(unsafe {
            sys::artfusion_rng_normal(self.handle.get(), values.as_mut_ptr(), values.len())
        })?;
        Ok(())
    }

    /// The next numbers, in [0, 1). With [`RngKind::TorchCpu`] one call is one `torch.rand` of that
    /// many elements.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument).
    pub fn uniform(&mut self, values: &mut [f32]) -> Result<()> {
        // SAFETY: as above.
        ffi::check(unsafe {
            sys::artfusion_rng_uniform(self.handle.get(), values.as_mut_ptr(), values.len())
        })?;
        Ok(())
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rng").finish_non_exhaustive()
    }
}
