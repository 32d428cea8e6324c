// SPDX-License-Identifier: MIT

package artfusion

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
)

const (
	modelPath = "../../models/mini.artfusion"
	photoPath = "../../examples/images/pagoda.jpg"
	stylePath = "../../examples/images/van-gogh.jpg"

	testSize  = 64
	testSteps = 2
)

// background is the context of calls that nothing cancels.
var background = context.Background()

// shared is what most tests need, made once.
var shared struct {
	once  sync.Once
	model *Model
	photo *Image
	style *Style
	err   error
}

func setup(t *testing.T) (*Model, *Image, *Style) {
	t.Helper()
	shared.once.Do(func() {
		shared.err = func() error {
			c, err := NewContext(nil)
			if err != nil {
				return err
			}
			defer c.Close()
			if shared.model, err = c.OpenModel(modelPath); err != nil {
				return err
			}
			photo, err := LoadImage(photoPath, nil)
			if err != nil {
				return err
			}
			if shared.photo, err = photo.ResizeCover(testSize, testSize, FilterBicubic); err != nil {
				return err
			}
			painting, err := LoadImage(stylePath, nil)
			if err != nil {
				return err
			}
			small, err := painting.ResizeFit(96, 96, FilterBicubic)
			if err != nil {
				return err
			}
			shared.style, err = shared.model.StyleFromImage(small)
			return err
		}()
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.model, shared.photo, shared.style
}

// newSampler is one of a short run with options that change may change.
func newSampler(t *testing.T, change func(o *SamplerOptions)) *Sampler {
	t.Helper()
	model, photo, style := setup(t)
	o := must(model.SamplerOptions())(t)
	o.Width, o.Height, o.Steps = testSize, testSize, testSteps
	if change != nil {
		change(&o)
	}
	s := must(model.NewSampler(&o))(t)
	ok(t, s.SetContent(All, photo))
	ok(t, s.SetStyle(All, style))
	return s
}

// run gives the latent that a run ends with.
func run(t *testing.T, s *Sampler) []float32 {
	t.Helper()
	ok(t, s.Run(background))
	return must(s.X())(t)
}

func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%v is not %v", err, target)
	}
	if e := (*Error)(nil); !errors.As(err, &e) || e.Message == "" {
		t.Fatalf("%#v has no sentence", err)
	}
}

// wantPanic calls f, which is to panic with the value.
func wantPanic(t *testing.T, value any, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != value {
			t.Errorf("panic of %v, not %v", got, value)
		}
	}()
	f()
	t.Error("no panic")
}

func same(t *testing.T, what string, a, b []float32) {
	t.Helper()
	if !equal(t, a, b) {
		t.Errorf("%s: not the same", what)
	}
}

func differ(t *testing.T, what string, a, b []float32) {
	t.Helper()
	if equal(t, a, b) {
		t.Errorf("%s: made no difference", what)
	}
}

func equal(t *testing.T, a, b []float32) bool {
	t.Helper()
	if len(a) == 0 || len(a) != len(b) {
		t.Fatalf("%d values and %d", len(a), len(b))
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return false
		}
	}
	return true
}
