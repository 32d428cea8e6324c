// SPDX-License-Identifier: MIT
use crate::constants::{FileFormat, Filter, Reading};
use crate::error::{Error, Result};
use crate::ffi::{self, Handle};
use artfusion_sys as sys;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;

/// A picture of 8-bit RGB pixels, rows from top to bottom.
pub struct Image {
    handle: Handle<sys::artfusion_image>,
}

// SAFETY: artfusion.h: images are used by one thread at a time, and "images that nobody changes may
// be read by many". What changes an image takes `&mut self`.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

type Resize = unsafe extern "C" fn(
    *const sys::artfusion_image,
    i32,
    i32,
    sys::artfusion_filter,
    *mut *mut sys::artfusion_image,
) -> sys::artfusion_status;

impl Image {
    pub(crate) fn make(
        call: impl FnOnce(*mut *mut sys::artfusion_image) -> sys::artfusion_status,
    ) -> Result<Image> {
        let handle = Handle::make(call)?;
        Ok(Image { handle })
    }

    pub(crate) fn get(&self) -> *mut sys::artfusion_image {
        self.handle.get()
    }

    /// A black image. Width and height are 1 to 65535 pixels.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory).
    pub fn new(width: u32, height: u32) -> Result<Image> {
        // SAFETY: numbers, and a place for the handle.
        Image::make(|out| unsafe {
            sys::artfusion_image_create(ffi::int(width), ffi::int(height), out)
        })
    }

    /// Copies pixels without gaps between the rows.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), also if there are not `3 * width * height` bytes;
    /// [`Memory`](crate::ErrorKind::Memory).
    pub fn from_rgb(width: u32, height: u32, pixels: &[u8]) -> Result<Image> {
        ffi::check_len("pixels", pixels.len(), ffi::product(&[3, width, height]))?;
        let mut image = Image::new(width, height)?;
        let row = 3 * width as usize;
        for (y, from) in pixels.chunks_exact(row).enumerate() {
            image.row_mut(y as u32).copy_from_slice(from);
        }
        Ok(image)
    }

    /// Loads a PNG, JPEG or WebP of any colour type, recognised by its first bytes.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), [`Format`](crate::ErrorKind::Format),
    /// [`Limit`](crate::ErrorKind::Limit), [`Memory`](crate::ErrorKind::Memory), and
    /// [`Argument`](crate::ErrorKind::Argument) for a path that is not UTF-8.
    pub fn open(path: impl AsRef<Path>) -> Result<Image> {
        Image::open_with(path, &LoadOptions::new())
    }

    /// The same with options.
    ///
    /// # Errors
    ///
    /// As [`open`](Image::open).
    pub fn open_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Image> {
        let path = ffi::c_path(path.as_ref())?;
        // SAFETY: the path and the options live through the call.
        Image::make(|out| unsafe { sys::artfusion_image_load_file(path.as_ptr(), &options.c, out) })
    }

    /// Loads a picture from the bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`open`](Image::open).
    pub fn decode(bytes: &[u8]) -> Result<Image> {
        Image::decode_with(bytes, &LoadOptions::new())
    }

    /// The same with options.
    ///
    /// # Errors
    ///
    /// As [`open`](Image::open).
    pub fn decode_with(bytes: &[u8], options: &LoadOptions) -> Result<Image> {
        // SAFETY: as many bytes as said, which live through the call, as the options do.
        Image::make(|out| unsafe {
            sys::artfusion_image_load_memory(bytes.as_ptr().cast(), bytes.len(), &options.c, out)
        })
    }

    /// Writes PNG, JPEG or WebP, by the path's suffix. The file is written under a temporary name,
    /// then renamed, so that a failure leaves what was there.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Io`](crate::ErrorKind::Io),
    /// [`Memory`](crate::ErrorKind::Memory), [`Limit`](crate::ErrorKind::Limit).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_with(path, &SaveOptions::new())
    }

    /// The same with options.
    ///
    /// # Errors
    ///
    /// As [`save`](Image::save).
    pub fn save_with(&self, path: impl AsRef<Path>, options: &SaveOptions) -> Result<()> {
        let path = ffi::c_path(path.as_ref())?;
        // SAFETY: handle, path and options live through the call.
        ffi::check(unsafe {
            sys::artfusion_image_save_file(self.get(), path.as_ptr(), &options.c)
        })?;
        Ok(())
    }

    /// The bytes of the file that [`save`](Image::save) would write. The options must give a
    /// format, because there is no suffix.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory),
    /// [`Limit`](crate::ErrorKind::Limit).
    pub fn encode(&self, options: &SaveOptions) -> Result<Vec<u8>> {
        // SAFETY: handle and options live through the call.
        ffi::bytes(|data, size| unsafe {
            sys::artfusion_image_save_memory(self.get(), &options.c, data, size)
        })
    }

    fn resized(&self, width: u32, height: u32, filter: Filter, resize: Resize) -> Result<Image> {
        // SAFETY: the handle lives through the call; the rest is numbers.
        Image::make(|out| unsafe {
            resize(
                self.get(),
                ffi::int(width),
                ffi::int(height),
                filter.to_raw(),
                out,
            )
        })
    }

    /// Resizes to `width` x `height`, antialiased, equal to Pillow's result to the last bit.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), [`Memory`](crate::ErrorKind::Memory).
    pub fn resize(&self, width: u32, height: u32, filter: Filter) -> Result<Image> {
        self.resized(width, height, filter, sys::artfusion_image_resize)
    }

    /// Resizes to the largest size within `width` x `height` that keeps the proportions.
    ///
    /// # Errors
    ///
    /// As [`resize`](Image::resize).
    pub fn resize_fit(&self, width: u32, height: u32, filter: Filter) -> Result<Image> {
        self.resized(width, height, filter, sys::artfusion_image_resize_fit)
    }

    /// Resizes to exactly `width` x `height`, and cuts off what does not fit around the centre.
    ///
    /// # Errors
    ///
    /// As [`resize`](Image::resize).
    pub fn resize_cover(&self, width: u32, height: u32, filter: Filter) -> Result<Image> {
        self.resized(width, height, filter, sys::artfusion_image_resize_cover)
    }

    /// In pixels.
    pub fn width(&self) -> u32 {
        // SAFETY: the handle lives.
        ffi::unsigned(unsafe { sys::artfusion_image_width(self.get()) })
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        // SAFETY: the handle lives.
        ffi::unsigned(unsafe { sys::artfusion_image_height(self.get()) })
    }

    /// Bytes from one row to the next.
    pub fn stride(&self) -> usize {
        // SAFETY: the handle lives.
        unsafe { sys::artfusion_image_stride(self.get()) }
    }

    /// What reading the file had to ignore: rows that are missing, a profile that could not be
    /// used. Empty if there was nothing.
    pub fn warning(&self) -> String {
        // SAFETY: the handle lives, and with it the text.
        unsafe { ffi::text(sys::artfusion_image_warning(self.get())) }
    }

    fn byte_count(&self) -> usize {
        extent(self.width(), self.height(), self.stride()).expect("an image that is in memory")
    }

    /// All bytes from the first pixel's to the last one's. Row y begins at `y * stride()`.
    pub fn pixels(&self) -> &[u8] {
        // SAFETY: the image has these bytes, which nobody changes while it is borrowed.
        unsafe {
            std::slice::from_raw_parts(sys::artfusion_image_pixels(self.get()), self.byte_count())
        }
    }

    /// The same to be changed.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else reads them. An ImageView, whose pixels may not be
        // changed, gives no `&mut Image`.
        unsafe {
            std::slice::from_raw_parts_mut(
                sys::artfusion_image_pixels(self.get()),
                self.byte_count(),
            )
        }
    }

    /// The `3 * width()` bytes of a row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, y: u32) -> &[u8] {
        assert!(y < self.height(), "row {} of {}", y, self.height());
        &self.pixels()[y as usize * self.stride()..][..3 * self.width() as usize]
    }

    /// The same to be changed.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        assert!(y < self.height(), "row {} of {}", y, self.height());
        let (start, length) = (y as usize * self.stride(), 3 * self.width() as usize);
        &mut self.pixels_mut()[start..][..length]
    }

    /// A copy of the pixels without gaps between the rows.
    pub fn to_rgb(&self) -> Vec<u8> {
        (0..self.height())
            .flat_map(|y| self.row(y))
            .copied()
            .collect()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("width", &self.width())
            .field("height", &self.height())
            .finish_non_exhaustive()
    }
}

/// Bytes from the first pixel's first to the last one's last.
fn extent(width: u32, height: u32, stride: usize) -> Option<usize> {
    let rows = (height as usize).checked_sub(1)?.checked_mul(stride)?;
    rows.checked_add((width as usize).checked_mul(3)?)
}

/// An image over borrowed pixels, which are not copied. It is read as an [`Image`] is.
///
/// ```
/// use artfusion::{Filter, ImageView};
///
/// let pixels = [0x80; 3 * 8 * 4];
/// let view = ImageView::new(&pixels, 8, 4)?;
/// let smaller = view.resize(4, 2, Filter::Box)?;
/// assert_eq!(smaller.pixels(), [0x80; 3 * 4 * 2]);
/// # Ok::<(), artfusion::Error>(())
/// ```
///
/// The pixels must outlive the view:
///
/// ```compile_fail,E0505
/// let pixels = vec![0x80; 3 * 8 * 4];
/// let view = artfusion::ImageView::new(&pixels, 8, 4).unwrap();
/// drop(pixels);
/// view.width();
/// ```
///
/// and cannot be changed through it:
///
/// ```compile_fail,E0596
/// let pixels = vec![0x80; 3 * 8 * 4];
/// let mut view = artfusion::ImageView::new(&pixels, 8, 4).unwrap();
/// view.pixels_mut();
/// ```
#[derive(Debug)]
pub struct ImageView<'a> {
    image: Image,
    pixels: PhantomData<&'a [u8]>,
}

impl<'a> ImageView<'a> {
    /// A view of pixels without gaps between the rows.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), also if there are not `3 * width * height` bytes;
    /// [`Memory`](crate::ErrorKind::Memory).
    pub fn new(pixels: &'a [u8], width: u32, height: u32) -> Result<ImageView<'a>> {
        ffi::check_len("pixels", pixels.len(), ffi::product(&[3, width, height]))?;
        ImageView::with_stride(pixels, width, height, 3 * width as usize)
    }

    /// A view of rows that begin `stride` bytes apart, at least `3 * width`. Nothing needs to
    /// follow the last row's pixels.
    ///
    /// # Errors
    ///
    /// [`Argument`](crate::ErrorKind::Argument), also if there are too few bytes;
    /// [`Memory`](crate::ErrorKind::Memory).
    pub fn with_stride(
        pixels: &'a [u8],
        width: u32,
        height: u32,
        stride: usize,
    ) -> Result<ImageView<'a>> {
        if extent(width, height, stride).map_or(height > 0, |needed| pixels.len() < needed) {
            return Err(Error::argument(format!(
                "pixels has {} bytes: too few for {} x {} pixels with a stride of {}",
                pixels.len(),
                width,
                height,
                stride
            )));
        }
        // SAFETY: there are as many bytes as the image has, for 'a. The library writes to no image
        // that is given to it, and this crate hands out no `&mut Image` of it.
        let image = Image::make(|out| unsafe {
            sys::artfusion_image_wrap(
                pixels.as_ptr() as *mut u8,
                ffi::int(width),
                ffi::int(height),
                stride,
                out,
            )
        })?;
        Ok(ImageView {
            image,
            pixels: PhantomData,
        })
    }
}

impl Deref for ImageView<'_> {
    type Target = Image;

    fn deref(&self) -> &Image {
        &self.image
    }
}

/// How pictures are loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    c: sys::artfusion_load_options,
}

impl LoadOptions {
    /// The library's defaults.
    pub fn new() -> LoadOptions {
        LoadOptions {
            // SAFETY: as many bytes as said.
            c: ffi::defaults(|c, size| unsafe { sys::artfusion_load_options_init(c, size) }),
        }
    }

    /// Whether the file's orientation is ignored. Default: it is applied.
    pub fn ignore_orientation(mut self, ignore: bool) -> Self {
        self.c.ignore_orientation = ignore.into();
        self
    }

    /// A picture with more pixels is an error, before anything is allocated. Default: 178956970, as
    /// in Pillow.
    pub fn max_pixels(mut self, pixels: u64) -> Self {
        self.c.max_pixels = pixels;
        self
    }

    /// A longer file is an error. Default: 1 GiB.
    pub fn max_file_bytes(mut self, bytes: u64) -> Self {
        self.c.max_file_bytes = bytes;
        self
    }

    /// Red, green and blue behind transparent pixels. Default: white.
    pub fn background(mut self, [red, green, blue]: [u8; 3]) -> Self {
        self.c.background = [red, green, blue, 1];
        self
    }

    /// Drops alpha instead of using a background: the colours that transparent pixels hide show.
    pub fn drop_alpha(mut self) -> Self {
        self.c.background = [0; 4];
        self
    }

    /// How the file's numbers become colours. Default: [`Reading::Viewed`].
    pub fn reading(mut self, reading: Reading) -> Self {
        self.c.reading = reading.to_raw();
        self
    }

    /// Whether a damaged file is read as far as it goes, with a [warning](Image::warning). Default:
    /// it is an error.
    pub fn salvage(mut self, salvage: bool) -> Self {
        self.c.salvage = salvage.into();
        self
    }
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions::new()
    }
}

/// How pictures are saved.
#[derive(Clone, Debug)]
pub struct SaveOptions {
    c: sys::artfusion_save_options,
}

impl SaveOptions {
    /// The library's defaults.
    pub fn new() -> SaveOptions {
        SaveOptions {
            // SAFETY: as many bytes as said.
            c: ffi::defaults(|c, size| unsafe { sys::artfusion_save_options_init(c, size) }),
        }
    }

    /// The file's format. Default: by the path's suffix.
    pub fn format(mut self, format: FileFormat) -> Self {
        self.c.format = format.to_raw();
        self
    }

    /// 1 to 100. Default: 95. Chroma is not subsampled from 90 on.
    pub fn jpeg_quality(mut self, quality: u32) -> Self {
        self.c.jpeg_quality = ffi::int(quality);
        self
    }

    /// 0 to 9. Default: 6.
    pub fn png_compression(mut self, compression: u32) -> Self {
        self.c.png_compression = ffi::int(compression);
        self
    }

    /// 0 to 100. Default: 90.
    pub fn webp_quality(mut self, quality: u32) -> Self {
        self.c.webp_quality = ffi::int(quality);
        self
    }

    /// Whether a WebP is lossless. Default: its quality decides.
    pub fn webp_lossless(mut self, lossless: bool) -> Self {
        self.c.webp_lossless = lossless.into();
        self
    }
}

impl Default for SaveOptions {
    fn default() -> SaveOptions {
        SaveOptions::new()
    }
}
