// SPDX-License-Identifier: MIT

package artfusion

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParallelSamplers(t *testing.T) {
	seeded := func(seed uint64) *Sampler {
		return newSampler(t, func(o *SamplerOptions) { o.Seed = seed })
	}
	var alone [2][]float32
	for i := range alone {
		alone[i] = run(t, seeded(uint64(i)))
	}
	differ(t, "the seed", alone[0], alone[1])

	var errs [2]error
	var together [2]*Sampler
	var group sync.WaitGroup
	for i := range together {
		together[i] = seeded(uint64(i))
		group.Add(1)
		go func(i int) {
			defer group.Done()
			errs[i] = together[i].Run(background)
		}(i)
	}
	group.Wait()
	for i, s := range together {
		ok(t, errs[i])
		same(t, "in parallel", must(s.X())(t), alone[i])
	}
}

// A result has the size that is asked for; latents and masks have the next multiple's.
func TestAnySize(t *testing.T) {
	s := newSampler(t, func(o *SamplerOptions) { o.Width, o.Height = 65, 3 })
	if w, h, err := s.LatentSize(); err != nil || w != 12 || h != 4 {
		t.Errorf("a latent of %dx%d, %v", w, h, err)
	}
	ok(t, s.SetMask(All, make([]float32, 12*4)))
	model, _, _ := setup(t)
	if x := run(t, s); len(x) != must(model.Info())(t).LatentChannels*12*4 {
		t.Errorf("%d values", len(x))
	}
	if i := must(s.Image(0))(t); i.Width() != 65 || i.Height() != 3 {
		t.Errorf("%dx%d", i.Width(), i.Height())
	}
}

func TestOutlivesModel(t *testing.T) {
	c := must(NewContext(nil))(t)
	m := must(c.OpenModel(modelPath))(t)
	o := must(m.SamplerOptions())(t)
	o.Width, o.Height, o.Steps = testSize, testSize, testSteps
	s := must(m.NewSampler(&o))(t)
	ok(t, c.Close())
	ok(t, m.Close())
	ok(t, s.Run(background))
	picture := must(s.Image(0))(t)
	ok(t, s.Close())
	if picture.Width() != testSize || picture.Height() != testSize {
		t.Errorf("%dx%d", picture.Width(), picture.Height())
	}
}

func TestNext(t *testing.T) {
	s := newSampler(t, nil)
	if _, err := s.Image(0); !errors.Is(err, ErrState) {
		t.Errorf("a picture before the first step: %v", err)
	}
	if x := must(s.X())(t); x != nil {
		t.Errorf("%d values before the first step", len(x))
	}
	for i := 0; i < testSteps; i++ {
		if !must(s.Next(background))(t) {
			t.Fatalf("no step %d", i)
		}
	}
	if must(s.Next(background))(t) {
		t.Error("a step too many")
	}
	p := must(s.Progress())(t)
	if p.Step != testSteps || p.Steps != testSteps || s.Steps() != testSteps || p.Batch != 1 || p.Passes < testSteps {
		t.Errorf("%+v", p)
	}
	if p.Denoise <= 0 || p.Encode <= 0 || p.Total < p.Denoise || p.Total > time.Hour {
		t.Errorf("%+v", p)
	}
	same(t, "Next and Run", must(s.X())(t), run(t, newSampler(t, nil)))
	wantError(t, s.SetMask(All, nil), ErrState)
}

func TestContextEndsRun(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newSampler(t, func(o *SamplerOptions) { o.Steps = 1000 })
	ctx, cancel := context.WithTimeout(background, 300*time.Millisecond)
	defer cancel()
	err := s.Run(ctx)
	wantError(t, err, ErrCancelled)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not wrap the context's", err)
	}
	if p := must(s.Progress())(t); p.Step >= 1000 {
		t.Errorf("%+v", p)
	}
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next of a context that is done: %v", err)
	}
	done := must(s.Progress())(t).Step
	if !must(s.Next(background))(t) || must(s.Progress())(t).Step != done+1 {
		t.Error("the run does not go on")
	}
	wantGoroutines(t, before)
}

func TestContextEndsInCallback(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	var previewError error
	s := newSampler(t, func(o *SamplerOptions) {
		o.OnStep = func(s *Sampler) error {
			cancel()
			time.Sleep(50 * time.Millisecond) // for the notice to arrive, which the preview takes
			_, previewError = s.Image(0)
			return nil
		}
	})
	wantError(t, s.Run(ctx), context.Canceled)
	if !errors.Is(previewError, context.Canceled) {
		t.Errorf("the preview: %v", previewError)
	}
	if p := must(s.Progress())(t); p.Step != 1 {
		t.Errorf("%+v", p)
	}
}

// A context that is done when its call has just ended does not end the next call.
func TestLateContext(t *testing.T) {
	s := newSampler(t, nil)
	ctx, cancel := context.WithCancel(background)
	cancel()
	late := func() {
		c, done, err := s.use()
		ok(t, err)
		defer done()
		end := watch(ctx, c)
		time.Sleep(50 * time.Millisecond)
		end()
	}
	late()
	if !must(s.Next(background))(t) {
		t.Error("no step")
	}
	late()
	must(s.Image(0))(t)
	s.Cancel()
	_, err := s.Image(0)
	wantError(t, err, ErrCancelled)
	late()
	must(s.Image(0))(t)
	same(t, "late contexts", run(t, s), run(t, newSampler(t, nil)))
}

func TestNoGoroutineStays(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	ok(t, newSampler(t, nil).Run(ctx))
	wantGoroutines(t, before)
}

func wantGoroutines(t *testing.T, most int) {
	t.Helper()
	for i := 0; runtime.NumGoroutine() > most; i++ {
		if i == 100 {
			t.Fatalf("%d goroutines, of %d before", runtime.NumGoroutine(), most)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestCancel(t *testing.T) {
	s := newSampler(t, nil)
	s.Cancel()
	err := s.Run(background)
	wantError(t, err, ErrCancelled)
	if errors.Unwrap(err) != nil {
		t.Errorf("caused by %v", errors.Unwrap(err))
	}
	ok(t, s.Run(background))
	s.Cancel()
	_, err = s.Image(0)
	wantError(t, err, ErrCancelled)
	must(s.Image(0))(t)

	started := make(chan struct{})
	var once sync.Once
	s = newSampler(t, func(o *SamplerOptions) {
		o.Steps = 1000
		o.OnStep = func(*Sampler) error { once.Do(func() { close(started) }); return nil }
	})
	go func() {
		<-started
		s.Cancel()
	}()
	wantError(t, s.Run(background), ErrCancelled)
	if p := must(s.Progress())(t); p.Step < 1 || p.Step >= 1000 {
		t.Errorf("%+v", p)
	}
}

func TestCallbackError(t *testing.T) {
	errOwn := errors.New("seen enough")
	callbacks := map[string]func(o *SamplerOptions){
		"step": func(o *SamplerOptions) { o.OnStep = func(*Sampler) error { return errOwn } },
		"eps":  func(o *SamplerOptions) { o.OnEps = func(*Sampler, []float32) error { return errOwn } },
		"noise": func(o *SamplerOptions) {
			o.OnNoise = func(NoiseUse, int, []float32) (bool, error) { return true, errOwn }
		},
	}
	for name, set := range callbacks {
		t.Run(name, func(t *testing.T) {
			err := newSampler(t, set).Run(background)
			wantError(t, err, errOwn)
			wantError(t, err, ErrCancelled)
			if err.Error() != errOwn.Error() {
				t.Errorf("%q", err)
			}
		})
	}
}

func TestCallbackPanic(t *testing.T) {
	type own struct{ int }
	for name, set := range map[string]func(o *SamplerOptions, f func()){
		"step": func(o *SamplerOptions, f func()) { o.OnStep = func(*Sampler) error { f(); return nil } },
		"eps":  func(o *SamplerOptions, f func()) { o.OnEps = func(*Sampler, []float32) error { f(); return nil } },
		"noise": func(o *SamplerOptions, f func()) {
			o.OnNoise = func(NoiseUse, int, []float32) (bool, error) { f(); return false, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			s := newSampler(t, func(o *SamplerOptions) {
				set(o, func() {
					if calls++; calls == 1 {
						panic(own{7})
					}
				})
			})
			wantPanic(t, own{7}, func() { s.Run(background) })
			same(t, "the run that went on", run(t, s), run(t, newSampler(t, nil)))
			if name != "noise" && calls < 2 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

func TestCallbacks(t *testing.T) {
	plain := run(t, newSampler(t, nil))

	var steps []int
	s := newSampler(t, func(o *SamplerOptions) {
		o.OnStep = func(s *Sampler) error {
			p, err := s.Progress()
			if err != nil {
				return err
			}
			steps = append(steps, p.Step)
			picture, err := s.Image(0)
			if err == nil && picture.Width() != testSize {
				err = errors.New("a preview of another size")
			}
			if err == nil {
				_, err = s.X0()
			}
			if e := s.Run(background); !errors.Is(e, ErrState) {
				t.Errorf("Run in a callback: %v", e)
			}
			return err
		}
	})
	same(t, "previews", run(t, s), plain)
	if len(steps) != 2 || steps[0] != 1 || steps[1] != 2 {
		t.Errorf("steps %v", steps)
	}

	s = newSampler(t, func(o *SamplerOptions) {
		o.OnEps = func(s *Sampler, eps []float32) error {
			if len(eps) != len(plain) {
				t.Errorf("%d values of eps", len(eps))
			}
			for i := range eps {
				eps[i] = 0
			}
			return nil
		}
	})
	differ(t, "eps of 0", run(t, s), plain)

	for _, fill := range []bool{false, true} {
		var uses []NoiseUse
		s = newSampler(t, func(o *SamplerOptions) {
			o.OnNoise = func(use NoiseUse, step int, values []float32) (bool, error) {
				uses = append(uses, use)
				if len(values) != len(plain) || step != 0 {
					t.Errorf("%d values for step %d", len(values), step)
				}
				for i := range values {
					values[i] = 0.5
				}
				return fill, nil
			}
		})
		x := run(t, s)
		if fill {
			differ(t, "noise", x, plain)
		} else {
			same(t, "noise left to the generator", x, plain)
		}
		if len(uses) != 1 || uses[0] != NoiseXT {
			t.Errorf("noise for %v", uses)
		}
	}
}

func TestSavedState(t *testing.T) {
	change := func(o *SamplerOptions) {
		o.Steps, o.Solver, o.RNG, o.Eta, o.KeepEvery = 4, SolverDPMPP2MSDE, RNGTorchCPU, 0.7, 1
	}
	path := filepath.Join(t.TempDir(), "a.state")
	var states [][]byte
	whole := newSampler(t, func(o *SamplerOptions) {
		change(o)
		o.OnStep = func(s *Sampler) error {
			state, err := s.EncodeState()
			states = append(states, state)
			if err == nil && len(states) == 2 {
				err = s.SaveState(path)
			}
			if e := s.DecodeState(state); !errors.Is(e, ErrState) {
				t.Errorf("DecodeState in a callback: %v", e)
			}
			return err
		}
		o.OnEps = func(s *Sampler, _ []float32) error {
			if _, err := s.EncodeState(); !errors.Is(err, ErrState) {
				t.Errorf("EncodeState amidst a step: %v", err)
			}
			return nil
		}
	})
	x := run(t, whole)
	if len(states) != 4 || !bytes.Equal(must(os.ReadFile(path))(t), states[1]) {
		t.Fatalf("%d states, or SaveState and EncodeState differ", len(states))
	}

	model, _, _ := setup(t)
	o := must(model.SamplerOptions())(t)
	o.Width, o.Height = testSize, testSize
	change(&o)
	later := func(load func(s *Sampler) error, step int) {
		t.Helper()
		s := must(model.NewSampler(&o))(t)
		must(s.Next(background))(t)
		ok(t, load(s))
		if p := must(s.Progress())(t); p.Step != step {
			t.Errorf("loaded after %d steps, not %d", p.Step, step)
		}
		same(t, "a loaded run", run(t, s), x)
		for i := 0; i < whole.KeptCount(); i++ {
			want, _, err := whole.Kept(i)
			ok(t, err)
			got, _, err := s.Kept(i)
			ok(t, err)
			same(t, "what was kept", got, want)
		}
	}
	later(func(s *Sampler) error { return s.LoadState(path) }, 2)
	for i, state := range states {
		later(func(s *Sampler) error { return s.DecodeState(state) }, i+1)
	}

	// What is refused changes nothing.
	o.Steps = 3
	other := must(model.NewSampler(&o))(t)
	must(other.Next(background))(t)
	before := must(other.EncodeState())(t)
	damaged := append([]byte{}, states[1]...)
	damaged[200] ^= 1
	wantError(t, other.LoadState(path), ErrMismatch)
	wantError(t, other.DecodeState(damaged), ErrChecksum)
	wantError(t, other.DecodeState(nil), ErrFormat)
	wantError(t, other.LoadState(path+".none"), ErrIO)
	wantError(t, other.LoadState("a\x00b"), ErrArgument)
	wantError(t, other.SaveState("none/such/a.state"), ErrIO)
	wantError(t, other.SaveState("a\x00b"), ErrArgument)
	if !bytes.Equal(must(other.EncodeState())(t), before) {
		t.Error("refused, and changed")
	}
	ok(t, other.Close())
	_, err := other.EncodeState()
	wantError(t, err, ErrState)
	wantError(t, other.SaveState(path), ErrState)
	wantError(t, other.LoadState(path), ErrState)
}

func TestOptions(t *testing.T) {
	model, _, _ := setup(t)
	o := DefaultSamplerOptions()
	if o.Width != 256 || o.Steps != 250 || o.Solver != SolverDDIM || o.ContentScale != 1 || o.StyleScale != 1 ||
		o.Batch != 1 || o.Temperature != 1 || o.DenoisingStrength != 1 || o.ContentEnd != 1 || o.StyleEnd != 1 {
		t.Errorf("%+v", o)
	}

	// Every field there and back, each with a number of its own.
	all := SamplerOptions{
		Width: 1, Height: 2, Batch: 3, Steps: 4, Solver: 5, Spacing: 6, RNG: 7, Noise: 8, KeepEvery: 9,
		Seed: 1 << 63, ContentScale: 10, StyleScale: 11, ContentStart: 12, ContentEnd: 13, StyleStart: 14,
		StyleEnd: 15, Eta: 16, Temperature: 17, NoiseDropout: 18, DenoisingStrength: 19,
	}
	c := all.toC()
	var back SamplerOptions
	back.fromC(&c)
	if !reflect.DeepEqual(back, all) {
		t.Errorf("%+v", back)
	}

	names := must(model.Presets())(t)
	if len(names) < 2 {
		t.Fatalf("presets: %v", names)
	}
	var scales []float64
	for _, name := range names {
		o := must(model.SamplerOptions())(t)
		o.Seed, o.Timesteps, o.Steps = 9, []int32{999}, 1
		ok(t, o.SetPreset(model, name))
		if o.Seed != 9 || o.Timesteps != nil || o.Steps == 1 {
			t.Errorf("%s: %+v", name, o)
		}
		scales = append(scales, o.StyleScale)
	}
	if scales[0] == scales[1] {
		t.Errorf("presets of scales %v", scales)
	}
	before := o
	err := o.SetPreset(model, "none-such")
	wantError(t, err, ErrArgument)
	if !strings.Contains(err.Error(), names[0]) {
		t.Errorf("%q does not list the presets", err)
	}
	if !reflect.DeepEqual(o, before) {
		t.Errorf("%+v after an error", o)
	}

	o = must(model.SamplerOptions())(t)
	for name, change := range map[string]func(o *SamplerOptions){
		"width":     func(o *SamplerOptions) { o.Width = 65_536 },
		"wide":      func(o *SamplerOptions) { o.Width = math.MaxInt32 + 257 },
		"batch":     func(o *SamplerOptions) { o.Batch = 0 },
		"solver":    func(o *SamplerOptions) { o.Solver = 99 },
		"NaN":       func(o *SamplerOptions) { o.StyleScale = math.NaN() },
		"timesteps": func(o *SamplerOptions) { o.Timesteps = []int32{999, 500, 5} },
	} {
		changed := o
		change(&changed)
		if _, err := model.NewSampler(&changed); !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRunOptions(t *testing.T) {
	model, photo, style := setup(t)
	info := must(model.Info())(t)
	plain := run(t, newSampler(t, nil))
	one := len(plain)

	s := newSampler(t, func(o *SamplerOptions) {
		var err error
		o.Timesteps, err = Timesteps(o.Spacing, o.Steps, info.Timesteps)
		ok(t, err)
	})
	same(t, "timesteps given", run(t, s), plain)

	s = newSampler(t, func(o *SamplerOptions) { o.Batch, o.KeepEvery = 2, 1 })
	ok(t, s.SetStyle(1, nil))
	x := run(t, s)
	same(t, "the first of a batch", x[:one], plain)
	differ(t, "null style", x[one:], plain)
	if s.KeptCount() != testSteps+1 {
		t.Fatalf("%d kept", s.KeptCount())
	}
	start, none, err := s.Kept(0)
	ok(t, err)
	if len(start) != 2*one || none != nil {
		t.Errorf("the start: %d values, and %d of x0", len(start), len(none))
	}
	last, lastX0, err := s.Kept(testSteps)
	ok(t, err)
	same(t, "the last kept", last, x)
	same(t, "the last x0 kept", lastX0, must(s.X0())(t))
	_, _, err = s.Kept(testSteps + 1)
	wantError(t, err, ErrArgument)
	must(s.Image(1))(t)
	_, err = s.Image(2)
	wantError(t, err, ErrArgument)

	latent := must(model.Encode(photo, LatentScaled))(t)
	s = newSampler(t, nil)
	ok(t, s.SetContent(All, nil))
	differ(t, "null content", run(t, s), plain)
	s = newSampler(t, nil)
	ok(t, s.SetContent(0, nil))
	ok(t, s.SetContentLatent(0, latent))
	ok(t, s.SetStyle(0, nil))
	ok(t, s.SetStyle(0, style))
	same(t, "content as a latent", run(t, s), plain)

	init := make([]float32, one)
	for i := range init {
		init[i] = float32(i%7) / 7
	}
	mask := make([]float32, one/info.LatentChannels)
	for i := range mask {
		mask[i] = float32(i % 2)
	}
	s = newSampler(t, nil)
	ok(t, s.SetMask(All, mask))
	masked := run(t, s)
	differ(t, "a mask", masked, plain)
	s = newSampler(t, nil)
	ok(t, s.SetMask(All, mask))
	ok(t, s.SetInitLatent(All, init))
	differ(t, "an init latent under the mask", run(t, s), masked)
	s = newSampler(t, nil)
	ok(t, s.SetMask(All, mask))
	ok(t, s.SetMask(All, nil))
	same(t, "no mask", run(t, s), plain)

	s = newSampler(t, func(o *SamplerOptions) { o.Steps, o.DenoisingStrength = 4, 0.5 })
	ok(t, s.Run(background))
	if p := must(s.Progress())(t); p.Steps != 2 {
		t.Errorf("%d steps", p.Steps)
	}

	s = newSampler(t, nil)
	wantError(t, s.SetContentLatent(All, latent[1:]), ErrArgument)
	wantError(t, s.SetInitLatent(All, latent[1:]), ErrArgument)
	wantError(t, s.SetInitLatent(All, nil), ErrArgument)
	wantError(t, s.SetMask(All, mask[1:]), ErrArgument)
	wantError(t, s.SetContent(1, photo), ErrArgument)
	wantError(t, s.SetStyle(math.MinInt32-1, style), ErrArgument)
}
