// SPDX-License-Identifier: MIT
use crate::constants::{Device, Isolation, LatentKind, Prediction, Schedule};
use crate::context::{Context, SharedLog};
use crate::error::{Error, ErrorKind, Result};
use crate::ffi::{self, Handle};
use crate::image::Image;
use crate::options::Options;
use artfusion_sys as sys;
use std::ffi::CStr;
use std::fmt;
use std::io::{Read, Seek, SeekFrom};
use std::mem::{size_of, MaybeUninit};
use std::os::raw::c_void;
use std::path::Path;
use std::ptr;

/// An open model. It keeps what it needs of its context alive, and its samplers and styles keep it
/// alive: drop them in any order.
///
/// A model file is a program: open only those whose origin you trust.
pub struct Model {
    pub(crate) handle: Handle<sys::artfusion_model>,
    pub(crate) log: SharedLog,
    info: Box<ModelInfo>,
}

// SAFETY: artfusion.h: "A context and a model may be used from any number of threads at once".
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

/// What a [`Model`] is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// Its maker's description.
    pub description: String,
    /// Its licence.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
    /// 64 hexadecimal digits.
    pub weights_sha256: String,
    /// What runs it, such as "torchscript 2.13.0".
    pub engine: String,
    /// Where it runs. Never [`Device::Auto`].
    pub device: Device,
    /// Which GPU.
    pub device_index: u32,
    /// Such as "cpu".
    pub device_name: String,
    /// Such as "float32".
    pub arithmetic: String,
    /// The threads that a network's call uses.
    pub threads: u32,
    /// Where its networks run. Never [`Isolation::Auto`].
    pub isolation: Isolation,
    /// Channels of a latent.
    pub latent_channels: u32,
    /// Pixels per latent pixel, in each direction.
    pub downsample: u32,
    /// Widths and heights must be multiples of it, in pixels.
    pub size_multiple: u32,
    /// What it was trained at, in pixels.
    pub native_width: u32,
    /// What it was trained at, in pixels.
    pub native_height: u32,
    /// Values in a style code.
    pub style_width: u32,
    /// Smaller style pictures are enlarged to it, in pixels.
    pub style_min_size: u32,
    /// Timesteps of the training schedule.
    pub timesteps: u32,
    /// The training schedule.
    pub schedule: Schedule,
    /// What the UNet predicts.
    pub prediction: Prediction,
    /// The shift of each channel: scaled = (z - shift) * scale.
    pub latent_shift: Vec<f32>,
    /// The scale of each channel.
    pub latent_scale: Vec<f32>,
    /// One for each timestep.
    pub alphas_cumprod: Vec<f64>,
}

/// The input of [`Model::denoise`], a pass of the UNet without guidance. There are as many pictures
/// as timesteps.
#[derive(Clone, Copy, Debug)]
pub struct Denoise<'a> {
    /// The noisy latents `[batch, channels, latent_height, latent_width]`.
    pub x: &'a [f32],
    /// A timestep for each of them.
    pub timesteps: &'a [i32],
    /// The content condition, of the size of `x`; `None`: null content.
    pub content: Option<&'a [f32]>,
    /// The style codes `[batch, style_width]`; `None`: the null style.
    pub styles: Option<&'a [f32]>,
    /// In latent pixels.
    pub latent_width: u32,
    /// In latent pixels.
    pub latent_height: u32,
}

impl Model {
    fn make(
        context: &Context,
        call: impl FnOnce(*mut *mut sys::artfusion_model) -> sys::artfusion_status,
    ) -> Result<Model> {
        let handle = Handle::make(call)?;
        let info = Box::new(read_info(&handle)?);
        Ok(Model {
            handle,
            log: context.log.clone(),
            info,
        })
    }

    /// Opens a model file.
    ///
    /// # Errors
    ///
    /// [`Argument`](ErrorKind::Argument) for a path that is not UTF-8, [`Io`](ErrorKind::Io),
    /// [`Format`](ErrorKind::Format), [`Unsupported`](ErrorKind::Unsupported) (a newer format, no
    /// such device), [`Checksum`](ErrorKind::Checksum), [`Engine`](ErrorKind::Engine),
    /// [`Memory`](ErrorKind::Memory).
    pub fn open(context: &Context, path: impl AsRef<Path>) -> Result<Model> {
        let path = ffi::c_path(path.as_ref())?;
        // SAFETY: context and path live through the call.
        Model::make(context, |out| unsafe {
            sys::artfusion_model_open_file(context.handle.get(), path.as_ptr(), out)
        })
    }

    /// Opens a model from the bytes of a file. They are needed only during the call.
    ///
    /// # Errors
    ///
    /// As [`open`](Model::open).
    pub fn from_bytes(context: &Context, bytes: &[u8]) -> Result<Model> {
        // SAFETY: context and bytes live through the call.
        Model::make(context, |out| unsafe {
            sys::artfusion_model_open_memory(
                context.handle.get(),
                bytes.as_ptr().cast(),
                bytes.len(),
                out,
            )
        })
    }

    /// Opens a model from a reader, such as a file in an archive or an encrypted one. The reader,
    /// which may be `&mut`, is read from its start, in any order, and only during the call.
    ///
    /// # Errors
    ///
    /// As [`open`](Model::open), and [`Io`](ErrorKind::Io) with the reader's own words.
    pub fn from_reader<R: Read + Seek>(context: &Context, mut reader: R) -> Result<Model> {
        let size = reader.seek(SeekFrom::End(0)).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("seeking the end of the model: {}", error),
            )
        })?;
        let mut source = Source {
            reader,
            broken: false,
            failed: None,
        };
        let user_data: *mut Source<R> = &mut source;
        // SAFETY: context and source live through the call, in which alone the callback runs.
        let model = Model::make(context, |out| unsafe {
            sys::artfusion_model_open_reader(
                context.handle.get(),
                Some(read::<R>),
                user_data.cast(),
                size,
                out,
            )
        });
        match (model, source.failed) {
            (Err(_), Some(failed)) => Err(Error::new(ErrorKind::Io, failed)),
            (model, _) => model,
        }
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The names that [`Options::preset`](crate::Options::preset) takes: ways to sample, named by
    /// the model's maker.
    pub fn presets(&self) -> Vec<&str> {
        // SAFETY: the names are the model's, and ASCII.
        unsafe {
            (0..sys::artfusion_model_preset_count(self.handle.get()))
                .map(|i| sys::artfusion_model_preset_name(self.handle.get(), i))
                .take_while(|name| !name.is_null())
                .filter_map(|name| CStr::from_ptr(name).to_str().ok())
                .collect()
        }
    }

    /// The `(width, height)` with the given proportions and a longer side of `longest` pixels; 0 is
    /// the model's native one.
    ///
    /// # Errors
    ///
    /// [`Argument`](ErrorKind::Argument).
    pub fn fit_size(&self, width: u32, height: u32, longest: u32) -> Result<(u32, u32)> {
        let (mut fit_width, mut fit_height) = (0, 0);
        // SAFETY: the handle and both numbers live through the call.
        ffi::check(unsafe {
            sys::artfusion_model_fit_size(
                self.handle.get(),
                ffi::int(width),
                ffi::int(height),
                ffi::int(longest),
                &mut fit_width,
                &mut fit_height,
            )
        })?;
        Ok((ffi::unsigned(fit_width), ffi::unsigned(fit_height)))
    }

    /// The most bytes that a run with these options adds to the process (if the model is isolated,
    /// to both processes together): sampler, networks and a picture of the result. A model's first
    /// such call measures the networks, which takes as long as a few steps at twice the native size.
    ///
    /// # Errors
    ///
    /// Those of the options, [`Engine`](ErrorKind::Engine), [`Memory`](ErrorKind::Memory).
    pub fn memory_needed(&self, options: &Options) -> Result<u64> {
        let c = options.to_c()?;
        let mut bytes = 0;
        // SAFETY: handle, options and the number live through the call.
        ffi::check(unsafe {
            sys::artfusion_sampler_memory_needed(self.handle.get(), &c, &mut bytes)
        })?;
        Ok(bytes)
    }

    /// Encodes a picture, whose sides must be multiples of the model's `size_multiple`, to
    /// `[latent_channels, height / downsample, width / downsample]`.
    ///
    /// # Errors
    ///
    /// [`Argument`](ErrorKind::Argument), [`Engine`](ErrorKind::Engine),
    /// [`Numeric`](ErrorKind::Numeric), [`Memory`](ErrorKind::Memory).
    pub fn encode(&self, image: &Image, kind: LatentKind) -> Result<Vec<f32>> {
        let ModelInfo {
            latent_channels,
            downsample,
            ..
        } = *self.info;
        let (width, height) = (image.width() / downsample, image.height() / downsample);
        let mut latent = ffi::zeros(ffi::product(&[latent_channels, width, height]))?;
        // SAFETY: both handles live through the call, and the latent is as long as is said.
        ffi::check(unsafe {
            sys::artfusion_model_encode(
                self.handle.get(),
                image.get(),
                kind.to_raw(),
                latent.as_mut_ptr(),
                latent.len(),
            )
        })?;
        Ok(latent)
    }

    /// Decodes scaled latents `[batch, latent_channels, latent_height, latent_width]` to
    /// `[batch, 3, height, width]`, red, green and blue, nominally -1 to 1 and not clamped.
    ///
    /// # Errors
    ///
    /// As [`encode`](Model::encode).
    pub fn decode(
        &self,
        latent: &[f32],
        batch: u32,
        latent_width: u32,
        latent_height: u32,
    ) -> Result<Vec<f32>> {
        let pixels = [batch, latent_width, latent_height];
        let ModelInfo {
            latent_channels,
            downsample,
            ..
        } = *self.info;
        let wanted = ffi::product(&pixels).and_then(|n| n.checked_mul(latent_channels as usize));
        ffi::check_len("latent", latent.len(), wanted)?;
        let count = ffi::product(&pixels)
            .zip(ffi::product(&[3, downsample, downsample]))
            .and_then(|(pixels, values)| pixels.checked_mul(values));
        let mut rgb = ffi::zeros(count)?;
        // SAFETY: the handle lives through the call, and both slices are as long as is said.
        ffi::check(unsafe {
            sys::artfusion_model_decode(
                self.handle.get(),
                latent.as_ptr(),
                ffi::int(batch),
                ffi::int(latent_width),
                ffi::int(latent_height),
                rgb.as_mut_ptr(),
                rgb.len(),
            )
        })?;
        Ok(rgb)
    }

    /// One pass of the UNet without guidance: its prediction, as
    /// [`ModelInfo::prediction`] says, of the size of `x`.
    ///
    /// # Errors
    ///
    /// As [`encode`](Model::encode).
    pub fn denoise(&self, pass: &Denoise<'_>) -> Result<Vec<f32>> {
        let batch = pass.timesteps.len();
        let count = ffi::product(&[
            self.info.latent_channels,
            pass.latent_width,
            pass.latent_height,
        ])
        .and_then(|values| values.checked_mul(batch));
        ffi::check_len("x", pass.x.len(), count)?;
        if let Some(content) = pass.content {
            ffi::check_len("content", content.len(), count)?;
        }
        if let Some(styles) = pass.styles {
            let wanted = batch.checked_mul(self.info.style_width as usize);
            ffi::check_len("styles", styles.len(), wanted)?;
        }
        let mut prediction = ffi::zeros(count)?;
        // SAFETY: the handle lives through the call, and every slice is as long as the sizes say.
        ffi::check(unsafe {
            sys::artfusion_model_denoise(
                self.handle.get(),
                pass.x.as_ptr(),
                pass.timesteps.as_ptr(),
                pass.content.map_or(ptr::null(), <[f32]>::as_ptr),
                pass.styles.map_or(ptr::null(), <[f32]>::as_ptr),
                ffi::len(batch),
                ffi::int(pass.latent_width),
                ffi::int(pass.latent_height),
                prediction.as_mut_ptr(),
            )
        })?;
        Ok(prediction)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.info.name)
            .field("weights_sha256", &self.info.weights_sha256)
            .finish_non_exhaustive()
    }
}

fn read_info(handle: &Handle<sys::artfusion_model>) -> Result<ModelInfo> {
    let mut info = MaybeUninit::<sys::artfusion_model_info>::zeroed();
    // SAFETY: the handle lives, and the struct has the size that is said. What comes back is filled
    // in; its strings and arrays are the model's, of the lengths that artfusion.h gives, and copied.
    unsafe {
        ffi::check(sys::artfusion_model_get_info(
            handle.get(),
            info.as_mut_ptr(),
            size_of::<sys::artfusion_model_info>(),
        ))?;
        let c = info.assume_init();
        let channels = ffi::unsigned(c.latent_channels);
        let timesteps = ffi::unsigned(c.timesteps);
        let floats = |values| ffi::slice(values, channels as usize).map_or(vec![], <[f32]>::to_vec);
        Ok(ModelInfo {
            name: ffi::text(c.name),
            description: ffi::text(c.description),
            licence: ffi::text(c.licence),
            origin: ffi::text(c.origin),
            weights_sha256: ffi::text(c.weights_sha256),
            engine: ffi::text(c.engine),
            device: Device::from_raw(c.device),
            device_index: ffi::unsigned(c.device_index),
            device_name: ffi::text(c.device_name),
            arithmetic: ffi::text(c.arithmetic),
            threads: ffi::unsigned(c.threads),
            isolation: Isolation::from_raw(c.isolation),
            latent_channels: channels,
            downsample: ffi::unsigned(c.downsample),
            size_multiple: ffi::unsigned(c.size_multiple),
            native_width: ffi::unsigned(c.native_width),
            native_height: ffi::unsigned(c.native_height),
            style_width: ffi::unsigned(c.style_width),
            style_min_size: ffi::unsigned(c.style_min_size),
            timesteps,
            schedule: Schedule::from_raw(c.schedule),
            prediction: Prediction::from_raw(c.prediction),
            latent_shift: floats(c.latent_shift),
            latent_scale: floats(c.latent_scale),
            alphas_cumprod: ffi::slice(c.alphas_cumprod, timesteps as usize)
                .map_or(vec![], <[f64]>::to_vec),
        })
    }
}

struct Source<R> {
    reader: R,
    /// After a read that failed or panicked nothing more is read.
    broken: bool,
    /// The error of the read that failed, which its callback cannot return.
    failed: Option<String>,
}

unsafe extern "C" fn read<R: Read + Seek>(
    user_data: *mut c_void,
    offset: u64,
    buffer: *mut c_void,
    size: usize,
) -> i32 {
    ffi::guard(1, || {
        // SAFETY: `user_data` is the Source<R> of `from_reader`, which nobody else uses during the
        // call.
        let source = unsafe { &mut *user_data.cast::<Source<R>>() };
        if source.broken {
            return 1;
        }
        if size == 0 {
            return 0;
        }
        // SAFETY: the buffer has that size; as its bytes may never have been written, they are.
        let buffer = unsafe {
            ptr::write_bytes(buffer.cast::<u8>(), 0, size);
            std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size)
        };
        source.broken = true;
        let reader = &mut source.reader;
        let read = reader
            .seek(SeekFrom::Start(offset))
            .and_then(|_| reader.read_exact(buffer));
        if let Err(error) = read {
            source.failed = Some(format!(
                "reading {} bytes from byte {} of the model: {}",
                size, offset, error
            ));
            return 1;
        }
        source.broken = false;
        0
    })
}
