// SPDX-License-Identifier: MIT
use crate::constants::{Device, Isolation, LogLevel, Precision};
use crate::error::Result;
use crate::ffi::{self, Handle};
use artfusion_sys as sys;
use std::ffi::CStr;
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

type Log = Box<dyn Fn(LogLevel, &str) + Send + Sync>;

/// The log closure, if there is one. Every handle that may keep the C context alive shares it, and
/// drops it after the handle.
pub(crate) type SharedLog = Option<Arc<Log>>;

/// Device, threads, precision, memory limit, isolation and log of everything that is made from it. It
/// may be dropped before them.
pub struct Context {
    pub(crate) handle: Handle<sys::artfusion_context>,
    pub(crate) log: SharedLog,
}

// SAFETY: artfusion.h: "A context and a model may be used from any number of threads at once". The
// log closure is Send and Sync.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// A context with the library's defaults, and without a log. No engine is loaded yet; the first
    /// model loads it.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the running library does not fit this
    /// crate, with both releases in the message; [`Memory`](crate::ErrorKind::Memory).
    pub fn new() -> Result<Context> {
        Context::builder().build()
    }

    /// Chooses the device, the threads, the precision, a memory limit, isolation or a log.
    ///
    /// ```
    /// use artfusion::{Context, Device, LogLevel};
    ///
    /// let context = Context::builder()
    ///     .device(Device::Cpu)
    ///     .threads(1)
    ///     .log(LogLevel::Info, |level, message| eprintln!("{:?}: {}", level, message))
    ///     .build()?;
    /// # Ok::<(), artfusion::Error>(())
    /// ```
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// The settings of a [`Context`] to be made; what is not set is the library's default.
#[derive(Default)]
pub struct ContextBuilder {
    device: Option<Device>,
    device_index: Option<u32>,
    threads: Option<u32>,
    precision: Option<Precision>,
    memory_limit: Option<u64>,
    isolation: Option<Isolation>,
    isolation_timeout: Option<Duration>,
    trusted: Vec<String>,
    engine_path: Option<PathBuf>,
    log: Option<(LogLevel, Log)>,
}

impl ContextBuilder {
    /// Where the networks run. Default: [`Device::Auto`].
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Which GPU, from 0.
    pub fn device_index(mut self, index: u32) -> Self {
        self.device_index = Some(index);
        self
    }

    /// Threads for a network's call, 1 to 1024, or 0 for as many as the engine is already set to
    /// use in this process.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The type that networks compute in. Default: [`Precision::Auto`].
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = Some(precision);
        self
    }

    /// Bytes that a run may take in addition to its model, as
    /// [`Model::memory_needed`](crate::Model::memory_needed) counts them; 0 is no limit. Large
    /// batches are then computed in smaller parts, and a run that does not fit at all fails with
    /// [`Limit`](crate::ErrorKind::Limit). Default: 0.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Where the networks run. Default: [`Isolation::None`].
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// How long a call of the networks, or opening the model, may take if the model is isolated.
    /// What takes longer fails with [`Engine`](crate::ErrorKind::Engine). Parts of a millisecond
    /// count as one. Default: no limit.
    pub fn isolation_timeout(mut self, limit: Duration) -> Self {
        self.isolation_timeout = Some(limit);
        self
    }

    /// The SHA-256 of another model file that [`Isolation::Auto`] trusts: 64 hexadecimal digits, as
    /// `sha256sum` prints it.
    pub fn trusted(mut self, sha256: impl Into<String>) -> Self {
        self.trusted.push(sha256.into());
        self
    }

    /// The engine's file. Default: the environment variable `ARTFUSION_ENGINE`, then beside the
    /// library, then the loader's search path.
    pub fn engine_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.engine_path = Some(path.into());
        self
    }

    /// Passes messages of this level and more serious ones to `log`, on the thread whose call they
    /// are about. The closure lives as long as anything made from the context.
    pub fn log(
        mut self,
        level: LogLevel,
        log: impl Fn(LogLevel, &str) + Send + Sync + 'static,
    ) -> Self {
        self.log = Some((level, Box::new(log)));
        self
    }

    /// The context.
    ///
    /// # Errors
    ///
    /// Those of [`Context::new`], and [`Argument`](crate::ErrorKind::Argument).
    pub fn build(self) -> Result<Context> {
        ffi::check_version(sys::ARTFUSION_VERSION)?;
        // SAFETY: as many bytes as said.
        let mut options =
            ffi::defaults(|c, size| unsafe { sys::artfusion_context_options_init(c, size) });
        if let Some(device) = self.device {
            options.device = device.to_raw();
        }
        if let Some(index) = self.device_index {
            options.device_index = ffi::int(index);
        }
        if let Some(threads) = self.threads {
            options.threads = ffi::int(threads);
        }
        if let Some(precision) = self.precision {
            options.precision = precision.to_raw();
        }
        if let Some(bytes) = self.memory_limit {
            options.memory_limit = bytes;
        }
        if let Some(isolation) = self.isolation {
            options.isolation = isolation.to_raw();
        }
        if let Some(limit) = self.isolation_timeout {
            options.isolation_timeout = milliseconds(limit);
        }
        let trusted = ffi::c_string("trusted", &self.trusted.join(","))?;
        options.trusted = trusted.as_ptr();
        let path = self
            .engine_path
            .map(|path| ffi::c_path(&path))
            .transpose()?;
        options.engine_path = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
        let mut log = None;
        if let Some((level, closure)) = self.log {
            let shared = Arc::new(closure);
            options.log = Some(log_message);
            options.log_user_data = Arc::as_ptr(&shared) as *mut c_void;
            options.log_level = level.to_raw();
            log = Some(shared);
        }
        // SAFETY: the options, and the texts in them, live through the call; the log closure as long
        // as the C context does, by SharedLog.
        let handle = Handle::make(|out| unsafe { sys::artfusion_context_create(&options, out) })?;
        Ok(Context { handle, log })
    }
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder")
            .field("device", &self.device)
            .field("device_index", &self.device_index)
            .field("threads", &self.threads)
            .field("precision", &self.precision)
            .field("memory_limit", &self.memory_limit)
            .field("isolation", &self.isolation)
            .field("isolation_timeout", &self.isolation_timeout)
            .field("trusted", &self.trusted)
            .field("engine_path", &self.engine_path)
            .field("log", &self.log.as_ref().map(|(level, _)| level))
            .finish()
    }
}

/// For C, where 0 is no limit: a limit is at least 1.
fn milliseconds(limit: Duration) -> i32 {
    let whole = (limit.as_nanos() + 999_999) / 1_000_000;
    i32::try_from(whole).unwrap_or(i32::MAX).max(1)
}

unsafe extern "C" fn log_message(
    user_data: *mut c_void,
    level: sys::artfusion_log_level,
    message: *const c_char,
) {
    ffi::guard((), || {
        // SAFETY: `user_data` is the Log that SharedLog keeps, read only; the message is borrowed for
        // the call.
        let (log, message) = unsafe { (&*user_data.cast::<Log>(), CStr::from_ptr(message)) };
        log(LogLevel::from_raw(level), &message.to_string_lossy());
    });
}
