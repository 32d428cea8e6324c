// SPDX-License-Identifier: MIT
use crate::constants::{Schedule, Spacing};
use crate::error::Result;
use crate::ffi;
use artfusion_sys as sys;

/// The betas of a training schedule. `start` and `end` are the first and the last one, 0.0015 and
/// 0.0195 for the published model, or for [`Schedule::Sqrt`] their squares; [`Schedule::Cosine`]
/// ignores them.
///
/// # Errors
///
/// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory).
pub fn schedule_betas(
    schedule: Schedule,
    start: f64,
    end: f64,
    timesteps: u32,
) -> Result<Vec<f64>> {
    let mut betas = ffi::zeros(ffi::product(&[timesteps]))?;
    // SAFETY: there is room for as many as said.
    ffi::check(unsafe {
        sys::artfusion_schedule_betas(
            schedule.to_raw(),
            start,
            end,
            ffi::int(timesteps),
            betas.as_mut_ptr(),
        )
    })?;
    Ok(betas)
}

/// The timesteps visited in `steps` steps, first to last (descending), from 0 to
/// `train_timesteps - 1`.
///
/// ```
/// use artfusion::{timesteps, Spacing};
///
/// assert_eq!(timesteps(Spacing::Trailing, 4, 1000)?, [999, 749, 499, 249]);
/// # Ok::<(), artfusion::Error>(())
/// ```
///
/// # Errors
///
/// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory).
pub fn timesteps(spacing: Spacing, steps: u32, train_timesteps: u32) -> Result<Vec<i32>> {
    let mut visited = ffi::zeros(ffi::product(&[steps.min(train_timesteps)]))?;
    // SAFETY: there is room for as many as said; if that is more than there are, nothing is written.
    ffi::check(unsafe {
        sys::artfusion_timesteps(
            spacing.to_raw(),
            ffi::int(steps),
            ffi::int(train_timesteps),
            visited.as_mut_ptr(),
        )
    })?;
    Ok(visited)
}

/// DDIM's coefficients, arXiv 2010.02502 equations 12 and 16: one of each per step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DdimCoefficients {
    /// `alphas_cumprod` before the step.
    pub alphas: Vec<f64>,
    /// `alphas_cumprod` after the step.
    pub alphas_prev: Vec<f64>,
    /// The step's noise.
    pub sigmas: Vec<f64>,
}

/// DDIM's coefficients for timesteps as [`timesteps`] returns them, from a training schedule's
/// `alphas_cumprod`. The spacing says where the last step ends.
///
/// # Errors
///
/// [`Argument`](crate::ErrorKind::Argument).
pub fn ddim_coefficients(
    alphas_cumprod: &[f64],
    spacing: Spacing,
    timesteps: &[i32],
    eta: f64,
) -> Result<DdimCoefficients> {
    let zeros = vec![0.0; timesteps.len()];
    let mut made = DdimCoefficients {
        alphas: zeros.clone(),
        alphas_prev: zeros.clone(),
        sigmas: zeros,
    };
    // SAFETY: every array has as many values as said.
    ffi::check(unsafe {
        sys::artfusion_ddim_coefficients(
            alphas_cumprod.as_ptr(),
            ffi::len(alphas_cumprod.len()),
            spacing.to_raw(),
            timesteps.as_ptr(),
            ffi::len(timesteps.len()),
            eta,
            made.alphas.as_mut_ptr(),
            made.alphas_prev.as_mut_ptr(),
            made.sigmas.as_mut_ptr(),
        )
    })?;
    Ok(made)
}
