// SPDX-License-Identifier: MIT
use artfusion_sys as sys;
use std::ffi::CStr;
use std::fmt;

/// What a call that can fail returns.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $status:ident,)*) => {
        /// What kind of thing went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
            /// A status that this crate does not know yet.
            Unknown(i32),
        }

        impl ErrorKind {
            pub(crate) fn from_status(status: sys::artfusion_status) -> ErrorKind {
                match status {
                    $(sys::$status => ErrorKind::$kind,)*
                    other => ErrorKind::Unknown(other),
                }
            }

            /// The library's number for it.
            pub fn status(self) -> i32 {
                match self {
                    $(ErrorKind::$kind => sys::$status,)*
                    ErrorKind::Unknown(status) => status,
                }
            }
        }
    };
}

kinds! {
    /// A value that is NaN, out of range or unknown.
    Argument = ARTFUSION_ERROR_ARGUMENT,
    /// An allocation failed.
    Memory = ARTFUSION_ERROR_MEMORY,
    /// A file could not be opened, read or written.
    Io = ARTFUSION_ERROR_IO,
    /// The bytes are not what they should be.
    Format = ARTFUSION_ERROR_FORMAT,
    /// The request is valid, but this build or machine does not support it.
    Unsupported = ARTFUSION_ERROR_UNSUPPORTED,
    /// A limit was exceeded that the caller may raise.
    Limit = ARTFUSION_ERROR_LIMIT,
    /// A call came out of order.
    State = ARTFUSION_ERROR_STATE,
    /// A [`Canceller`](crate::Canceller) or a closure ended the call.
    Cancelled = ARTFUSION_ERROR_CANCELLED,
    /// The engine is missing or failed.
    Engine = ARTFUSION_ERROR_ENGINE,
    /// A style code or a saved state belongs to another model or other options.
    Mismatch = ARTFUSION_ERROR_MISMATCH,
    /// A value is NaN or infinity.
    Numeric = ARTFUSION_ERROR_NUMERIC,
    /// The file was changed after it was written.
    Checksum = ARTFUSION_ERROR_CHECKSUM,
}

impl fmt::Display for ErrorKind {
    /// The status's name, such as `ARTFUSION_ERROR_IO`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the names of statuses are static.
        let name = unsafe { CStr::from_ptr(sys::artfusion_status_name(self.status())) };
        f.write_str(&name.to_string_lossy())
    }
}

/// Why a call failed: the kind of error, and a sentence that names the value and what would be
/// right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: String) -> Error {
        Error { kind, message }
    }

    pub(crate) fn argument(message: String) -> Error {
        Error::new(ErrorKind::Argument, message)
    }

    /// The error of this thread's last call, which returned `status`.
    pub(crate) fn last(status: sys::artfusion_status) -> Error {
        // SAFETY: never NULL, and copied before the thread's next call.
        let message = unsafe { CStr::from_ptr(sys::artfusion_error_message()) };
        Error::new(
            ErrorKind::from_status(status),
            message.to_string_lossy().into_owned(),
        )
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::ErrorKind;

    #[test]
    fn a_kind_has_its_status_and_its_name() {
        assert_eq!(ErrorKind::from_status(-3), ErrorKind::Io);
        assert_eq!(ErrorKind::Checksum.status(), -12);
        assert_eq!(ErrorKind::Numeric.to_string(), "ARTFUSION_ERROR_NUMERIC");
        let newer = ErrorKind::from_status(-99);
        assert_eq!((newer, newer.status()), (ErrorKind::Unknown(-99), -99));
        assert_eq!(newer.to_string(), "unknown status");
    }
}
