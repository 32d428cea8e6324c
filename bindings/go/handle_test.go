// SPDX-License-Identifier: MIT

package artfusion

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// watchEnd tells when the object behind a handle is destroyed.
func watchEnd(h *handle) <-chan struct{} {
	ended := make(chan struct{})
	destroy := h.destroy
	h.destroy = func(p unsafe.Pointer) {
		destroy(p)
		close(ended)
	}
	return ended
}

func hasEnded(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

func TestFinaliser(t *testing.T) {
	rng := func() <-chan struct{} {
		r := must(NewRNG(RNGCounter, 1))(t)
		ok(t, r.Normal(make([]float32, 4)))
		return watchEnd(r.handle)
	}
	sampler := func() <-chan struct{} {
		var s *Sampler
		s = newSampler(t, func(o *SamplerOptions) {
			// The collector has to see through what refers to itself.
			o.OnStep = func(*Sampler) error { _, err := s.Progress(); return err }
		})
		ok(t, s.Run(background))
		return watchEnd(s.handle)
	}
	for name, make := range map[string]func() <-chan struct{}{"RNG": rng, "Sampler": sampler} {
		ended := make()
		for i := 0; !hasEnded(ended); i++ {
			if i == 100 {
				t.Fatalf("%s: never freed", name)
			}
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func TestFinaliserWaitsForCall(t *testing.T) {
	var ended <-chan struct{}
	var early int32
	start := func() *Sampler {
		s := newSampler(t, func(o *SamplerOptions) {
			o.OnStep = func(*Sampler) error {
				for i := 0; i < 3; i++ {
					runtime.GC()
					time.Sleep(10 * time.Millisecond)
				}
				if hasEnded(ended) {
					atomic.StoreInt32(&early, 1)
				}
				return nil
			}
		})
		ended = watchEnd(s.handle)
		return s
	}
	ok(t, start().Run(background))
	if early != 0 {
		t.Error("destroyed while it ran")
	}
}

func TestCloseWaitsForCall(t *testing.T) {
	s := newSampler(t, func(o *SamplerOptions) {
		o.OnStep = func(s *Sampler) error { return s.Close() }
	})
	ended := watchEnd(s.handle)
	ok(t, s.Run(background))
	if !hasEnded(ended) {
		t.Error("not destroyed after its last call")
	}
}

func TestUseAfterClose(t *testing.T) {
	model, photo, style := setup(t)
	c := must(NewContext(nil))(t)
	i := must(FromRGB(make([]byte, 12), 2, 2, 6))(t)
	st := must(model.NullStyle())(t)
	s := newSampler(t, nil)
	r := must(NewRNG(RNGCounter, 1))(t)
	m := must(must(NewContext(nil))(t).OpenModel(modelPath))(t)
	for n := 0; n < 2; n++ {
		ok(t, c.Close())
		ok(t, i.Close())
		ok(t, st.Close())
		ok(t, s.Close())
		ok(t, r.Close())
		ok(t, m.Close())
	}
	s.Cancel()
	if i.Width() != 0 || i.Height() != 0 || s.KeptCount() != 0 || s.Steps() != 0 {
		t.Error("a size after Close")
	}
	values := make([]float32, 8)
	for name, f := range map[string]func() error{
		"OpenModel":        func() error { _, err := c.OpenModel(modelPath); return err },
		"RGB":              func() error { _, err := i.RGB(); return err },
		"RGBA":             func() error { _, err := i.RGBA(); return err },
		"Save":             func() error { return i.Save("none.png", nil) },
		"Encode image":     func() error { _, err := i.Encode(nil); return err },
		"Resize":           func() error { _, err := i.Resize(1, 1, FilterBox); return err },
		"ResizeFit":        func() error { _, err := i.ResizeFit(1, 1, FilterBox); return err },
		"ResizeCover":      func() error { _, err := i.ResizeCover(1, 1, FilterBox); return err },
		"Info":             func() error { _, err := m.Info(); return err },
		"FitSize":          func() error { _, _, err := m.FitSize(1, 1, 0); return err },
		"Presets":          func() error { _, err := m.Presets(); return err },
		"SamplerOptions":   func() error { _, err := m.SamplerOptions(); return err },
		"SetPreset":        func() error { return new(SamplerOptions).SetPreset(m, "bold") },
		"NewSampler":       func() error { _, err := m.NewSampler(nil); return err },
		"NullStyle":        func() error { _, err := m.NullStyle(); return err },
		"StyleFromValues":  func() error { _, err := m.StyleFromValues(values); return err },
		"StyleFromImage":   func() error { _, err := m.StyleFromImage(photo); return err },
		"exact":            func() error { _, err := m.StyleFromImageExact(photo); return err },
		"SetSize":          func() error { return new(SamplerOptions).SetSize(m, photo, 0) },
		"SetSize of":       func() error { return new(SamplerOptions).SetSize(model, i, 0) },
		"Stylize":          func() error { _, err := m.Stylize(background, photo, photo, nil); return err },
		"Stylize a closed": func() error { _, err := model.Stylize(background, i, photo, nil); return err },
		"of a closed":      func() error { _, err := model.StyleFromImage(i); return err },
		"Encode":           func() error { _, err := m.Encode(photo, LatentMode); return err },
		"Encode a closed":  func() error { _, err := model.Encode(i, LatentMode); return err },
		"Decode":           func() error { _, err := m.Decode(values, 1, 1, 1); return err },
		"Denoise":          func() error { _, err := m.Denoise(values, nil, nil, nil, 1, 1); return err },
		"Values":           func() error { _, err := st.Values(); return err },
		"Blend":            func() error { _, err := BlendStyles([]*Style{style, st}, []float64{1, 1}); return err },
		"SetContent":       func() error { return s.SetContent(All, photo) },
		"SetContent of":    func() error { return newSampler(t, nil).SetContent(All, i) },
		"SetContentLatent": func() error { return s.SetContentLatent(All, values) },
		"SetStyle":         func() error { return s.SetStyle(All, style) },
		"SetStyle of":      func() error { return newSampler(t, nil).SetStyle(All, st) },
		"SetInitLatent":    func() error { return s.SetInitLatent(All, values) },
		"SetMask":          func() error { return s.SetMask(All, values) },
		"Next":             func() error { _, err := s.Next(background); return err },
		"Run":              func() error { return s.Run(background) },
		"Progress":         func() error { _, err := s.Progress(); return err },
		"X":                func() error { _, err := s.X(); return err },
		"X0":               func() error { _, err := s.X0(); return err },
		"Kept":             func() error { _, _, err := s.Kept(0); return err },
		"Image":            func() error { _, err := s.Image(0); return err },
		"Normal":           func() error { return r.Normal(values) },
		"Uniform":          func() error { return r.Uniform(values) },
	} {
		t.Run(name, func(t *testing.T) { wantError(t, f(), ErrState) })
	}
}

func TestNil(t *testing.T) {
	model, _, style := setup(t)
	ok(t, (*Context)(nil).Close())
	ok(t, (*Model)(nil).Close())
	ok(t, new(Image).Close())
	ok(t, (*Style)(nil).Close())
	ok(t, new(Sampler).Close())
	ok(t, (*RNG)(nil).Close())
	_, err := model.StyleFromImage(nil)
	wantError(t, err, ErrArgument)
	_, err = BlendStyles([]*Style{style, nil}, []float64{1, 1})
	wantError(t, err, ErrArgument)
	_, err = (*Model)(nil).NewSampler(nil)
	wantError(t, err, ErrArgument)
	_, err = (*Context)(nil).OpenModel(modelPath)
	wantError(t, err, ErrArgument)
	wantError(t, new(Sampler).Run(background), ErrArgument)
}

// Models are closed while others still use them, and every call ends with a result or ErrState.
func TestCloseWhileInUse(t *testing.T) {
	m := must(must(NewContext(nil))(t).OpenModel(modelPath))(t)
	ended := watchEnd(m.handle)
	var group sync.WaitGroup
	var calls int32
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				if _, err := m.Info(); err != nil {
					wantError(t, err, ErrState)
					return
				}
				atomic.AddInt32(&calls, 1)
			}
		}()
	}
	for atomic.LoadInt32(&calls) < 100 {
		runtime.Gosched()
	}
	ok(t, m.Close())
	group.Wait()
	if !hasEnded(ended) {
		t.Error("not destroyed")
	}
}
