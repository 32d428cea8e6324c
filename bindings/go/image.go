// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>
*/
import "C"

import (
	"image"
	"image/color"
	"unsafe"
)

// Image is a picture of 8-bit RGB, which never changes. Many goroutines may read it at once.
type Image struct {
	handle *handle
}

// LoadOptions are the options for reading picture files. Zero values are the defaults.
type LoadOptions struct {
	IgnoreOrientation bool        // do not apply the file's orientation
	MaxPixels         uint64      // 0: 178956970; checked before allocating
	MaxFileBytes      uint64      // 0: 1 GiB
	Background        color.Color // behind transparent pixels; nil: white
	DropAlpha         bool        // show the colours that transparent pixels hide; no background
	Reading           Reading     // ReadingViewed
	Salvage           bool        // read what is there of a damaged file: see Image.Warning
}

func (o *LoadOptions) toC() C.artfusion_load_options {
	var c C.artfusion_load_options
	C.artfusion_load_options_init(&c, C.sizeof_artfusion_load_options)
	if o == nil {
		return c
	}
	if o.IgnoreOrientation {
		c.ignore_orientation = 1
	}
	if o.MaxPixels != 0 {
		c.max_pixels = C.uint64_t(o.MaxPixels)
	}
	if o.MaxFileBytes != 0 {
		c.max_file_bytes = C.uint64_t(o.MaxFileBytes)
	}
	if o.Background != nil {
		for i, level := range opaque(o.Background) {
			c.background[i] = C.uint8_t(level)
		}
		c.background[3] = 1
	}
	if o.DropAlpha {
		c.background[3] = 0
	}
	c.reading = C.artfusion_reading(o.Reading)
	if o.Salvage {
		c.salvage = 1
	}
	return c
}

// NoCompression is the PNGCompression that stores pixels as they are.
const NoCompression = -1

// SaveOptions are the options for writing picture files. Zero values are the defaults.
type SaveOptions struct {
	Format         FileFormat
	JPEGQuality    int // 1..100; 0: 95. Chroma is not subsampled from 90 on
	PNGCompression int // 1..9, or NoCompression; 0: 6
	WebPQuality    int // 1..100; 0: 90
	WebPLossless   bool
}

func (o *SaveOptions) toC() C.artfusion_save_options {
	var c C.artfusion_save_options
	C.artfusion_save_options_init(&c, C.sizeof_artfusion_save_options)
	if o == nil {
		return c
	}
	c.format = C.artfusion_file_format(o.Format)
	if o.JPEGQuality != 0 {
		c.jpeg_quality = clamp(o.JPEGQuality)
	}
	if o.PNGCompression == NoCompression {
		c.png_compression = 0
	} else if o.PNGCompression != 0 {
		c.png_compression = clamp(o.PNGCompression)
	}
	if o.WebPQuality != 0 {
		c.webp_quality = clamp(o.WebPQuality)
	}
	if o.WebPLossless {
		c.webp_lossless = 1
	}
	return c
}

// LoadImage reads a PNG, JPEG or WebP file of any colour type; nil options are the defaults.
func LoadImage(path string, options *LoadOptions) (*Image, error) {
	text, err := cString("path", path)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(text))
	c := options.toC()
	return makeImage(func(made **C.artfusion_image) C.artfusion_status {
		return C.artfusion_image_load_file(text, &c, made)
	})
}

// DecodeImage is LoadImage for a file's bytes.
func DecodeImage(data []byte, options *LoadOptions) (*Image, error) {
	if len(data) == 0 {
		return nil, &Error{Status: ErrFormat, Message: "an empty file: it must be PNG, JPEG or WebP"}
	}
	c := options.toC()
	return makeImage(func(made **C.artfusion_image) C.artfusion_status {
		return C.artfusion_image_load_memory(unsafe.Pointer(&data[0]), C.size_t(len(data)), &c, made)
	})
}

// FromImage copies a Go image. Transparent pixels are put over the background, which is white if it is
// nil, as in LoadImage. Colours of 16 bits are cut to the upper 8.
func FromImage(from image.Image, background color.Color) (*Image, error) {
	if from == nil {
		return nil, argumentError("the image is nil")
	}
	bounds := from.Bounds()
	return fill(bounds.Dx(), bounds.Dy(), func(rgb []byte, stride int) {
		copyImage(rgb, stride, from, background)
	})
}

// FromRGB copies rows of red, green and blue bytes, from top to bottom, that begin stride bytes apart.
func FromRGB(pixels []byte, width, height, stride int) (*Image, error) {
	row, ok := volume(width, 3)
	last, fits := volume(height-1, stride)
	if height == 1 {
		last, fits = 0, true
	}
	if !ok || !fits || stride < row || len(pixels) < row || len(pixels)-row < last {
		return nil, argumentError("%d bytes are no %dx%d pixels with rows %d bytes apart",
			len(pixels), width, height, stride)
	}
	return fill(width, height, func(rgb []byte, to int) {
		for y := 0; y < height; y++ {
			copy(rgb[y*to:][:row], pixels[y*stride:])
		}
	})
}

// fill makes an image of the pixels that draw draws.
func fill(width, height int, draw func(rgb []byte, stride int)) (*Image, error) {
	i, err := makeImage(func(made **C.artfusion_image) C.artfusion_status {
		return C.artfusion_image_create(clamp(width), clamp(height), made)
	})
	if err != nil {
		return nil, err
	}
	err = i.read(func(rgb []byte, stride, width, height int) { draw(rgb, stride) })
	return i, err
}

func makeImage(f func(made **C.artfusion_image) C.artfusion_status) (*Image, error) {
	var made *C.artfusion_image
	if err := call(func() C.artfusion_status { return f(&made) }); err != nil {
		return nil, err
	}
	return &Image{newHandle(unsafe.Pointer(made), nil, func(p unsafe.Pointer) {
		C.artfusion_image_destroy((*C.artfusion_image)(p))
	})}, nil
}

// Width is in pixels; 0 after Close.
func (i *Image) Width() int {
	c, done, err := i.use()
	if err != nil {
		return 0
	}
	defer done()
	return int(C.artfusion_image_width(c))
}

// Height is in pixels; 0 after Close.
func (i *Image) Height() int {
	c, done, err := i.use()
	if err != nil {
		return 0
	}
	defer done()
	return int(C.artfusion_image_height(c))
}

// Warning says what reading the file had to ignore: rows that are missing, a profile that could not be
// used. It is empty if there was nothing, and after Close.
func (i *Image) Warning() string {
	c, done, err := i.use()
	if err != nil {
		return ""
	}
	defer done()
	return C.GoString(C.artfusion_image_warning(c))
}

// RGB copies the pixels: red, green, blue; rows from top to bottom, without gaps.
func (i *Image) RGB() ([]byte, error) {
	var packed []byte
	err := i.read(func(rgb []byte, stride, width, height int) {
		packed = make([]byte, 0, 3*width*height)
		for y := 0; y < height; y++ {
			packed = append(packed, rgb[y*stride:][:3*width]...)
		}
	})
	return packed, err
}

// RGBA copies the picture into a Go image.
func (i *Image) RGBA() (*image.RGBA, error) {
	var to *image.RGBA
	err := i.read(func(rgb []byte, stride, width, height int) {
		to = image.NewRGBA(image.Rect(0, 0, width, height))
		for y := 0; y < height; y++ {
			row := to.Pix[y*to.Stride:]
			for x := 0; x < width; x++ {
				copy(row[4*x:], rgb[y*stride+3*x:][:3])
				row[4*x+3] = 255
			}
		}
	})
	return to, err
}

// read passes the library's memory to f.
func (i *Image) read(f func(rgb []byte, stride, width, height int)) error {
	c, done, err := i.use()
	if err != nil {
		return err
	}
	defer done()
	width, height := int(C.artfusion_image_width(c)), int(C.artfusion_image_height(c))
	stride := int(C.artfusion_image_stride(c))
	f(unsafe.Slice((*byte)(C.artfusion_image_pixels(c)), stride*(height-1)+3*width), stride, width, height)
	return nil
}

// Save writes a PNG, JPEG or WebP to a temporary file in the same folder, and then renames it; nil options
// are the defaults.
func (i *Image) Save(path string, options *SaveOptions) error {
	c, done, err := i.use()
	if err != nil {
		return err
	}
	defer done()
	text, err := cString("path", path)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	o := options.toC()
	return call(func() C.artfusion_status { return C.artfusion_image_save_file(c, text, &o) })
}

// Encode returns the bytes that Save writes. The options say the format.
func (i *Image) Encode(options *SaveOptions) ([]byte, error) {
	c, done, err := i.use()
	if err != nil {
		return nil, err
	}
	defer done()
	o := options.toC()
	return encoded(func(data **C.uint8_t, size *C.size_t) C.artfusion_status {
		return C.artfusion_image_save_memory(c, &o, data, size)
	})
}

// Resize resizes to width x height, equal to Pillow's result to the last bit.
func (i *Image) Resize(width, height int, filter Filter) (*Image, error) {
	c, done, err := i.use()
	if err != nil {
		return nil, err
	}
	defer done()
	return makeImage(func(made **C.artfusion_image) C.artfusion_status {
		return C.artfusion_image_resize(c, clamp(width), clamp(height), C.artfusion_filter(filter), made)
	})
}

// ResizeFit resizes to the largest size within width x height that keeps the proportions.
func (i *Image) ResizeFit(width, height int, filter Filter) (*Image, error) {
	c, done, err := i.use()
	if err != nil {
		return nil, err
	}
	defer done()
	return makeImage(func(made **C.artfusion_image) C.artfusion_status {
		return C.artfusion_image_resize_fit(c, clamp(width), clamp(height), C.artfusion_filter(filter), made)
	})
}

// ResizeCover resizes to exactly width x height, and cuts off what does not fit around the centre.
func (i *Image) ResizeCover(width, height int, filter Filter) (*Image, error) {
	c, done, err := i.use()
	if err != nil {
		return nil, err
	}
	defer done()
	return makeImage(func(made **C.artfusion_image) C.artfusion_status {
		return C.artfusion_image_resize_cover(c, clamp(width), clamp(height), C.artfusion_filter(filter), made)
	})
}

// Close frees the pixels. What was made from the image stays usable.
func (i *Image) Close() error {
	if i != nil {
		i.handle.close()
	}
	return nil
}

func (i *Image) use() (*C.artfusion_image, func(), error) {
	var h *handle
	if i != nil {
		h = i.handle
	}
	p, err := h.acquire("Image")
	return (*C.artfusion_image)(p), h.release, err
}
