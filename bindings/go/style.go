// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>
*/
import "C"

import "unsafe"

// Style is a style code, which needs no picture any more and never changes. It may be read by many
// goroutines at once.
type Style struct {
	handle *handle
}

// StyleFromImage makes the code of a picture of any size.
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

// StyleFromValues makes a style of finite values, StyleWidth of them.
func (m *Model) StyleFromValues(values []float32) (*Style, error) {
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_from_values(model, (*C.float)(first(values)), C.size_t(len(values)), made)
	})
}

// NullStyle is the model's learned null style, which stands for "any".
func (m *Model) NullStyle() (*Style, error) {
	return m.makeStyle(func(model *C.artfusion_model, made **C.artfusion_style) C.artfusion_status {
		return C.artfusion_style_null(model, made)
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

// BlendStyles is the weighted sum of style codes of one model. Weights are finite, one a style, and
// need not add up to 1.
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

// Values is a copy of the code.
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

// Close ends the style. What was made from it goes on.
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
