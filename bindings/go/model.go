// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>

int32_t artfusionGoRead(void *, uint64_t, void *, size_t);
*/
import "C"

import (
	"io"
	"runtime/cgo"
	"unsafe"
)

// Model is an open model. Any number of goroutines may use it at once.
//
// A model file is a program. Open only those whose origin you trust.
type Model struct {
	handle *handle
}

// ModelInfo is what a model is.
type ModelInfo struct {
	LatentChannels int
	Downsample     int // pixels a latent pixel, each way
	SizeMultiple   int // pixels: widths and heights must be multiples of it
	NativeWidth    int // pixels: what it was trained at
	NativeHeight   int
	StyleWidth     int // values in a style code
	StyleMinSize   int // pixels: smaller style pictures are enlarged to it
	Timesteps      int // of the training schedule
	Schedule       Schedule
	Prediction     Prediction
	Device         Device // never DeviceAuto
	DeviceIndex    int
	Threads        int       // what a network call uses
	Isolation      Isolation // never IsolationAuto
	Name           string
	Description    string
	Licence        string
	Origin         string
	WeightsSHA256  string    // 64 hexadecimal digits
	Engine         string    // e.g. "torchscript 2.13.0"
	DeviceName     string    // e.g. "cpu"
	Arithmetic     string    // e.g. "float32"
	LatentShift    []float32 // one a channel: scaled = (z - shift) * scale
	LatentScale    []float32
	AlphasCumprod  []float64 // one a timestep
}

// DefaultModelPath returns the path of the default model: the one that the environment variable
// ARTFUSION_MODEL names, or else the mini.artfusion that is installed with the library. If there is
// none, it fails with [ErrIO], and the error names the places.
func DefaultModelPath() (string, error) {
	if err := checkVersion(C.ARTFUSION_VERSION); err != nil {
		return "", err
	}
	var path *C.char
	if err := call(func() C.artfusion_status { return C.artfusion_default_model_path(&path) }); err != nil {
		return "", err
	}
	defer C.artfusion_free(unsafe.Pointer(path))
	return C.GoString(path), nil
}

// OpenModel opens a model file.
func (c *Context) OpenModel(path string) (*Model, error) {
	text, err := cString("path", path)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(text))
	return c.openModel(func(context *C.artfusion_context, made **C.artfusion_model) C.artfusion_status {
		return C.artfusion_model_open_file(context, text, made)
	})
}

// OpenModelBytes opens a model from a file's bytes, which are needed only during the call.
func (c *Context) OpenModelBytes(data []byte) (*Model, error) {
	if len(data) == 0 {
		return nil, &Error{Status: ErrFormat, Message: "an empty file: it must be a model"}
	}
	return c.openModel(func(context *C.artfusion_context, made **C.artfusion_model) C.artfusion_status {
		return C.artfusion_model_open_memory(context, unsafe.Pointer(&data[0]), C.size_t(len(data)), made)
	})
}

// OpenModelReader opens a model of size bytes. It reads in any order, and only during the call.
// [errors.Is] finds the reader's error in its own.
func (c *Context) OpenModelReader(from io.ReaderAt, size int64) (*Model, error) {
	if from == nil || size < 0 {
		return nil, argumentError("no reader, or of a negative size: %d", size)
	}
	r := &reading{from: from}
	cell := newCell()
	defer C.free(unsafe.Pointer(cell))
	handle := cgo.NewHandle(r)
	defer handle.Delete()
	*cell = C.uintptr_t(handle)
	m, err := c.openModel(func(context *C.artfusion_context, made **C.artfusion_model) C.artfusion_status {
		return C.artfusion_model_open_reader(context, C.artfusion_read_callback(C.artfusionGoRead),
			unsafe.Pointer(cell), C.uint64_t(size), made)
	})
	r.rethrow()
	if e, ok := err.(*Error); ok && r.err != nil {
		return nil, &Error{Status: e.Status, Message: e.Message + ": " + r.err.Error(), cause: r.err}
	}
	return m, err
}

// ReadModel opens a model from what the reader gives up to its end.
func (c *Context) ReadModel(from io.Reader) (*Model, error) {
	data, err := io.ReadAll(from)
	if err != nil {
		return nil, &Error{Status: ErrIO, Message: err.Error(), cause: err}
	}
	return c.OpenModelBytes(data)
}

func (c *Context) openModel(
	f func(*C.artfusion_context, **C.artfusion_model) C.artfusion_status) (*Model, error) {
	context, done, err := c.use()
	if err != nil {
		return nil, err
	}
	defer done()
	var made *C.artfusion_model
	if err := call(func() C.artfusion_status { return f(context, &made) }); err != nil {
		return nil, err
	}
	return &Model{newHandle(unsafe.Pointer(made), c.handle.log, func(p unsafe.Pointer) {
		C.artfusion_model_destroy((*C.artfusion_model)(p))
	})}, nil
}

// Info returns a copy of what the model is.
func (m *Model) Info() (ModelInfo, error) {
	model, done, err := m.use()
	if err != nil {
		return ModelInfo{}, err
	}
	defer done()
	var c C.artfusion_model_info
	err = call(func() C.artfusion_status {
		return C.artfusion_model_get_info(model, &c, C.sizeof_artfusion_model_info)
	})
	if err != nil {
		return ModelInfo{}, err
	}
	return modelInfoOf(&c), nil
}

func modelInfoOf(c *C.artfusion_model_info) ModelInfo {
	channels, timesteps := int(c.latent_channels), int(c.timesteps)
	return ModelInfo{
		LatentChannels: channels,
		Downsample:     int(c.downsample),
		SizeMultiple:   int(c.size_multiple),
		NativeWidth:    int(c.native_width),
		NativeHeight:   int(c.native_height),
		StyleWidth:     int(c.style_width),
		StyleMinSize:   int(c.style_min_size),
		Timesteps:      timesteps,
		Schedule:       Schedule(c.schedule),
		Prediction:     Prediction(c.prediction),
		Device:         Device(c.device),
		DeviceIndex:    int(c.device_index),
		Threads:        int(c.threads),
		Isolation:      Isolation(c.isolation),
		Name:           C.GoString(c.name),
		Description:    C.GoString(c.description),
		Licence:        C.GoString(c.licence),
		Origin:         C.GoString(c.origin),
		WeightsSHA256:  C.GoString(c.weights_sha256),
		Engine:         C.GoString(c.engine),
		DeviceName:     C.GoString(c.device_name),
		Arithmetic:     C.GoString(c.arithmetic),
		LatentShift:    copied((*float32)(c.latent_shift), channels),
		LatentScale:    copied((*float32)(c.latent_scale), channels),
		AlphasCumprod:  copied((*float64)(c.alphas_cumprod), timesteps),
	}
}

// FitSize returns the size with the proportions of width x height and a longer side of longest pixels; 0 is
// the model's native one.
func (m *Model) FitSize(width, height, longest int) (fitWidth, fitHeight int, err error) {
	model, done, err := m.use()
	if err != nil {
		return 0, 0, err
	}
	defer done()
	var w, h C.int32_t
	err = call(func() C.artfusion_status {
		return C.artfusion_model_fit_size(model, clamp(width), clamp(height), clamp(longest), &w, &h)
	})
	return int(w), int(h), err
}

// Presets returns the names that [SamplerOptions.SetPreset] takes, such as "subtle" and "bold".
func (m *Model) Presets() ([]string, error) {
	model, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	names := make([]string, C.artfusion_model_preset_count(model))
	for i := range names {
		names[i] = C.GoString(C.artfusion_model_preset_name(model, C.int32_t(i)))
	}
	return names, nil
}

// Close ends the model. What was made from it stays usable.
func (m *Model) Close() error {
	if m != nil {
		m.handle.close()
	}
	return nil
}

func (m *Model) use() (*C.artfusion_model, func(), error) {
	var h *handle
	if m != nil {
		h = m.handle
	}
	p, err := h.acquire("Model")
	return (*C.artfusion_model)(p), h.release, err
}
