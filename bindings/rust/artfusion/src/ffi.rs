// SPDX-License-Identifier: MIT
//! What every call of the C library uses: handles, statuses, strings, and panics that wait until
//! the C frames are gone.

use crate::error::{Error, ErrorKind, Result};
use artfusion_sys as sys;
use std::any::Any;
use std::cell::Cell;
use std::ffi::{CStr, CString, OsString};
use std::mem::{self, size_of, MaybeUninit};
use std::os::raw::c_char;
use std::os::unix::ffi::OsStringExt;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

thread_local! {
    /// The panic of a closure that the C call on this thread has run: callbacks run on the thread
    /// of the call that they come from.
    #[allow(clippy::declare_interior_mutable_const)] // What old clippies say of the macro.
    static PANIC: Cell<Option<Box<dyn Any + Send>>> = const { Cell::new(None) };
}

/// Runs what a callback does. After a panic, which is kept for [`check`], it is `failure`.
pub(crate) fn guard<R>(failure: R, callback: impl FnOnce() -> R) -> R {
    // What the closure leaves half done is seen by the caller, in whose code the panic goes on.
    catch_unwind(AssertUnwindSafe(callback)).unwrap_or_else(|panic| {
        let _ = PANIC.try_with(|slot| match slot.take() {
            Some(first) => {
                slot.set(Some(first));
                // Dropping a second one might panic again, inside of C.
                mem::forget(panic);
            }
            None => slot.set(Some(panic)),
        });
        failure
    })
}

/// A status as a result, positive ones included. The panic of a callback continues from here, so
/// that nothing may be left to do for what the call returned.
pub(crate) fn check(status: sys::artfusion_status) -> Result<sys::artfusion_status> {
    if let Some(panic) = PANIC.with(Cell::take) {
        resume_unwind(panic);
    }
    if status < 0 {
        Err(Error::last(status))
    } else {
        Ok(status)
    }
}

/// A copy of what a call returns through its last two parameters: memory of the library's, and its
/// size.
pub(crate) fn bytes(
    call: impl FnOnce(*mut *mut u8, *mut usize) -> sys::artfusion_status,
) -> Result<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    let status = call(&mut data, &mut size);
    // SAFETY: NULL, or that many bytes, which are freed by the function that the library has for
    // that: before `check`, which may unwind.
    let bytes = unsafe {
        let bytes = slice(data, size).map(<[u8]>::to_vec);
        sys::artfusion_free(data.cast());
        bytes
    };
    check(status)?;
    Ok(bytes.unwrap_or_default())
}

/// A copy of a path that a call returns through its last parameter.
pub(crate) fn path(
    call: impl FnOnce(*mut *mut c_char) -> sys::artfusion_status,
) -> Result<PathBuf> {
    let mut given = ptr::null_mut();
    let status = call(&mut given);
    // SAFETY: NULL, or a string of the library's, which is freed by the function that it has for
    // that: before `check`, which may unwind.
    let copied = unsafe {
        let copied = (!given.is_null()).then(|| CStr::from_ptr(given).to_bytes().to_vec());
        sys::artfusion_free(given.cast());
        copied
    };
    check(status)?;
    Ok(PathBuf::from(OsString::from_vec(
        copied.unwrap_or_default(),
    )))
}

/// A handle's type, and how it is destroyed.
pub(crate) trait Opaque {
    const DESTROY: unsafe extern "C" fn(*mut Self);
}

macro_rules! opaque {
    ($($name:ident $destroy:ident;)*) => {
        $(impl Opaque for sys::$name {
            const DESTROY: unsafe extern "C" fn(*mut Self) = sys::$destroy;
        })*
    };
}

opaque! {
    artfusion_context artfusion_context_destroy;
    artfusion_image artfusion_image_destroy;
    artfusion_model artfusion_model_destroy;
    artfusion_style artfusion_style_destroy;
    artfusion_sampler artfusion_sampler_destroy;
    artfusion_rng artfusion_rng_destroy;
}

/// An owned handle.
pub(crate) struct Handle<T: Opaque>(NonNull<T>);

impl<T: Opaque> Handle<T> {
    /// The handle that a call returns through its last parameter.
    pub(crate) fn make(call: impl FnOnce(*mut *mut T) -> sys::artfusion_status) -> Result<Self> {
        let mut pointer = ptr::null_mut();
        let status = call(&mut pointer);
        // Owned before `check`, which may unwind.
        let handle = NonNull::new(pointer).map(Handle);
        check(status)?;
        Ok(handle.expect("a call that succeeds gives a handle"))
    }

    /// For calls, also those that take a pointer to const: the handle is C's, and Rust knows
    /// nothing about what is behind it.
    pub(crate) fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Opaque> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is owned, and this is its end.
        unsafe { T::DESTROY(self.0.as_ptr()) }
    }
}

/// A struct as its `..._init` function fills it in, for one of the library's structs, which may be
/// all zeros.
pub(crate) fn defaults<T: Copy>(init: impl FnOnce(*mut T, usize) -> sys::artfusion_status) -> T {
    let mut value = MaybeUninit::<T>::zeroed();
    let status = init(value.as_mut_ptr(), size_of::<T>());
    assert_eq!(status, sys::ARTFUSION_OK, "a size that is right is refused");
    // SAFETY: zeros to begin with, and then filled in.
    unsafe { value.assume_init() }
}

pub(crate) fn check_version(release: u32) -> Result<()> {
    // SAFETY: it takes a number.
    check(unsafe { sys::artfusion_check_version(release) }).map(|_| ())
}

pub(crate) fn c_string(what: &str, text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error::argument(format!("{} {:?} has a zero character in it", what, text)))
}

pub(crate) fn c_path(path: &Path) -> Result<CString> {
    match path.to_str() {
        Some(text) => c_string("the path", text),
        None => Err(Error::argument(format!("the path {:?} is not UTF-8", path))),
    }
}

/// A copy of a string of the library's; empty for NULL.
///
/// # Safety
///
/// `text` is NULL or a string that lives through the call.
pub(crate) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// A slice of the library's; `None` for NULL.
///
/// # Safety
///
/// `values` is NULL or points to `count` values that nothing changes while `'a` lasts.
pub(crate) unsafe fn slice<'a, T>(values: *const T, count: usize) -> Option<&'a [T]> {
    // SAFETY: promised by the caller.
    (!values.is_null()).then(|| unsafe { std::slice::from_raw_parts(values, count) })
}

/// A size or a count for C. A number beyond int32_t becomes one that is above every limit of the
/// library, which refuses it and says why.
pub(crate) fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// The same from the length of a slice.
pub(crate) fn len(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// A size or a count of C's, which is never negative.
pub(crate) fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// Checks that a slice has as many values as the library will read or write.
pub(crate) fn check_len(what: &str, length: usize, wanted: Option<usize>) -> Result<()> {
    match wanted {
        Some(wanted) if wanted == length => Ok(()),
        Some(wanted) => Err(Error::argument(format!(
            "{} has {} values: it must have {}",
            what, length, wanted
        ))),
        None => Err(Error::argument(format!(
            "{} would have more values than memory has",
            what
        ))),
    }
}

/// A product of sizes, unless it is too large.
pub(crate) fn product(factors: &[u32]) -> Option<usize> {
    factors.iter().try_fold(1usize, |product, &factor| {
        product.checked_mul(factor as usize)
    })
}

/// Room for as many values, unless memory does not suffice.
pub(crate) fn zeros<T: Copy + Default>(count: Option<usize>) -> Result<Vec<T>> {
    let mut values = Vec::new();
    match count {
        Some(count) if values.try_reserve_exact(count).is_ok() => {
            values.resize(count, T::default());
            Ok(values)
        }
        _ => Err(Error::new(
            ErrorKind::Memory,
            "out of memory: the result is too large".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_is_refused_with_both_numbers() {
        check_version(sys::ARTFUSION_VERSION).unwrap();
        let error = check_version(7_002_003).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("7.2.3"), "{}", error);
        assert!(
            error.message().contains(env!("CARGO_PKG_VERSION")),
            "{}",
            error
        );
    }

    #[test]
    fn a_panic_waits_for_the_call_to_return() {
        assert_eq!(guard(1, || 0), 0);
        assert_eq!(guard(1, || panic!("the first")), 1);
        assert_eq!(guard(1, || panic!("the second")), 1);
        let panic = catch_unwind(|| check(sys::ARTFUSION_OK)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the first"));
        check(sys::ARTFUSION_OK).unwrap();
    }

    #[test]
    fn lengths_are_checked_without_overflow() {
        check_len("x", 6, product(&[2, 3])).unwrap();
        assert!(check_len("x", 5, product(&[2, 3])).is_err());
        assert!(check_len("x", 5, product(&[u32::MAX; 3])).is_err());
        assert_eq!(int(u32::MAX), i32::MAX);
        assert_eq!(zeros::<f32>(None).unwrap_err().kind(), ErrorKind::Memory);
        let error = zeros::<f32>(Some(usize::MAX / 8)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Memory);
    }
}
