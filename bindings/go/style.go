// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>
*/
import "C"

import "unsafe"

// Style is a style code, which needs no picture any more and never changes. Many goroutines may read it
// at once.
type Style struct {
	handle *handle
}

// StyleFromImage makes the code of a picture of any size, which is read at the model's native size.
func (m *Model) StyleFromImage(image *Image) (*Style, error) {
	picture, done, err := image.use()
	if err != nil {
		return nil, err
	}
	defer done()
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_from_image(model, picture, made)
	})
}

// StyleFromImageExact makes the code of a picture that is read as it is, for parity with the published
// code and for sizes of your own. It is enlarged only if a side is below the model's StyleMinSize.
func (m *Model) StyleFromImageExact(image *Image) (*Style, error) {
	picture, done, err := image.use()
	if err != nil {
		return nil, err
	}
	defer done()
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_from_image_exact(model, picture, made)
	})
}

// StyleFromValues makes a style of finite values, StyleWidth of them.
func (m *Model) StyleFromValues(values []float32) (*Style, error) {
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_from_values(model, (*C.float)(first(values)), C.size_t(len(values)), made)
	})
}

// NullStyle returns the model's learned null style, which stands for "any".
func (m *Model) NullStyle() (*Style, error) {
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_null(model, made)
	})
}

// LoadStyle loads what [Style.Save] wrote for a model with the same weights. For other weights it fails
// with [ErrMismatch].
func (m *Model) LoadStyle(path string) (*Style, error) {
	text, err := cString("path", path)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(text))
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_load_file(model, text, made)
	})
}

// DecodeStyle is LoadStyle for a file's bytes.
func (m *Model) DecodeStyle(data []byte) (*Style, error) {
	if len(data) == 0 {
		return nil, &Error{Status: ErrFormat, Message: "an empty file: it must be a saved style"}
	}
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_load_memory(model, unsafe.Pointer(&data[0]), C.size_t(len(data)), made)
	})
}

func (m *Model) makeStyle(f func(*C.artfusion_model, **C.artfusion_style) C.artfusion_status) (*Style, error) {
	model, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	return newStyle(m.handle.log, func(made **C.artfusion_style) C.artfusion_status { return f(model, made) })
}

func newStyle(log *logger, f func(made **C.artfusion_style) C.artfusion_status) (*Style, error) {
	var made *C.artfusion_style
	if err := call(func() C.artfusion_status { return f(&made) }); err != nil {
		return nil, err
	}
	return &Style{newHandle(unsafe.Pointer(made), log, func(p unsafe.Pointer) {
		C.artfusion_style_destroy((*C.artfusion_style)(p))
	})}, nil
}

// BlendStyles returns the weighted sum of styles of one model. There is one weight per style, each
// finite; they need not add up to 1.
func BlendStyles(styles []*Style, weights []float64) (*Style, error) {
	if len(styles) == 0 || len(styles) != len(weights) {
		return nil, argumentError("%d styles and %d weights: use 1 or more, and as many",
			len(styles), len(weights))
	}
	given := make([]*C.artfusion_style, len(styles))
	for i, style := range styles {
		c, done, err := style.use()
		if err != nil {
			return nil, err
		}
		defer done()
		given[i] = c
	}
	return newStyle(styles[0].handle.log, func(made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_blend(&given[0], (*C.double)(&weights[0]), C.size_t(len(given)), made)
	})
}

// Values returns a copy of the code.
func (s *Style) Values() ([]float32, error) {
	style, done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	var count C.size_t
	values := C.artfusion_style_values(style, &count)
	return copied((*float32)(values), int(count)), nil
}

// Save writes the code for [Model.LoadStyle] to a temporary file in the same folder, and then renames it.
func (s *Style) Save(path string) error {
	style, done, err := s.use()
	if err != nil {
		return err
	}
	defer done()
	text, err := cString("path", path)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	return call(func() C.artfusion_status { return C.artfusion_style_save_file(style, text) })
}

// Encode returns the bytes that Save writes, the same on every machine.
func (s *Style) Encode() ([]byte, error) {
	style, done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	return encoded(func(data **C.uint8_t, size *C.size_t) C.artfusion_status {
		return C.artfusion_style_save_memory(style, data, size)
	})
}

// Close ends the style. What was made from it stays usable.
func (s *Style) Close() error {
	if s != nil {
		s.handle.close()
	}
	return nil
}

func (s *Style) use() (*C.artfusion_style, func(), error) {
	var h *handle
	if s != nil {
		h = s.handle
	}
	p, err := h.acquire("Style")
	return (*C.artfusion_style)(p), h.release, err
}
