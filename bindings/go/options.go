// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>
*/
import "C"

import "unsafe"

// SamplerOptions are the options of one run. [Model.SamplerOptions] fills them in; the zero value does
// not work.
type SamplerOptions struct {
	Width     int // pixels
	Height    int
	Batch     int // pictures in this run, 1..256
	Steps     int // 1..the model's timesteps
	Solver    Solver
	Spacing   Spacing
	RNG       RNGKind
	Noise     NoiseKind // of the start
	KeepEvery int       // 0: nothing; k: the start, the first step, every k-th back from the last
	Seed      uint64

	// Guidance scales: 0 ignores the condition, 1 uses it as trained, above 1 exaggerates it. A scale of 1
	// saves one pass through the UNet per step. Each scale holds from one fraction of the steps to another;
	// elsewhere it is 1.
	ContentScale, StyleScale float64
	ContentStart, ContentEnd float64
	StyleStart, StyleEnd     float64

	Eta               float64 // 0 (DDIM's ODE) .. 1 and more; for DDIM and 2M-SDE
	Temperature       float64 // factor of each step's noise
	NoiseDropout      float64 // share of the step noise's elements zeroed, 0 <= p < 1
	DenoisingStrength float64 // 1: all steps; less: only this share, from the noised init latent
	Timesteps         []int32 // nil: by Spacing; else Steps of them, not increasing

	// OnStep is called after each step. It may use the sampler's progress, tensors and images. Only an
	// error ends the call, which returns it as the cause of its own.
	OnStep func(s *Sampler) error
	// OnEps is called before each update. It may change the guided eps[batch, channels, height,
	// width] in place.
	OnEps func(s *Sampler, eps []float32) error
	// OnNoise fills values[batch, channels, height, width] with the noise of a step (the first is 0), or
	// returns false to leave it to the generator.
	OnNoise func(use NoiseUse, step int, values []float32) (filled bool, err error)
}

// DefaultSamplerOptions returns the defaults of the published code: 250 DDIM steps, eta 0, both scales
// 1, 256 x 256.
func DefaultSamplerOptions() SamplerOptions {
	options, err := initialOptions(nil)
	if err != nil {
		panic(err) // of a library that does not know the struct of its own release
	}
	return options
}

// SamplerOptions returns the model's own defaults, its native size included.
func (m *Model) SamplerOptions() (SamplerOptions, error) {
	model, done, err := m.use()
	if err != nil {
		return SamplerOptions{}, err
	}
	defer done()
	return initialOptions(model)
}

func initialOptions(model *C.artfusion_model) (SamplerOptions, error) {
	var c C.artfusion_sampler_options
	err := call(func() C.artfusion_status {
		return C.artfusion_sampler_options_init(&c, C.sizeof_artfusion_sampler_options, model)
	})
	var o SamplerOptions
	if err == nil {
		o.fromC(&c)
	}
	return o, err
}

// SetPreset sets the solver, spacing, steps, eta, both scales and both intervals as the model's preset
// says, and Timesteps to nil; other fields stay. The error for an unknown name lists those that exist.
func (o *SamplerOptions) SetPreset(m *Model, name string) error {
	model, done, err := m.use()
	if err != nil {
		return err
	}
	defer done()
	text, err := cString("name", name)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	c := o.toC()
	err = call(func() C.artfusion_status { return C.artfusion_sampler_options_set_preset(&c, model, text) })
	if err != nil {
		return err
	}
	o.fromC(&c)
	o.Timesteps = nil
	return nil
}

// SetSize sets Width and Height by the image's proportions, with the longer side nearest to longest
// pixels; 0 is the model's native one. It is the size of [Model.FitSize].
func (o *SamplerOptions) SetSize(m *Model, image *Image, longest int) error {
	model, done, err := m.use()
	if err != nil {
		return err
	}
	defer done()
	picture, release, err := image.use()
	if err != nil {
		return err
	}
	defer release()
	c := o.toC()
	err = call(func() C.artfusion_status {
		return C.artfusion_sampler_options_set_size(&c, model, picture, clamp(longest))
	})
	if err != nil {
		return err
	}
	o.fromC(&c)
	return nil
}

// toC leaves out Timesteps and callbacks, which need C memory.
func (o *SamplerOptions) toC() C.artfusion_sampler_options {
	return C.artfusion_sampler_options{
		struct_size:        C.sizeof_artfusion_sampler_options,
		width:              clamp(o.Width),
		height:             clamp(o.Height),
		batch:              clamp(o.Batch),
		steps:              clamp(o.Steps),
		solver:             C.artfusion_solver(o.Solver),
		spacing:            C.artfusion_spacing(o.Spacing),
		rng:                C.artfusion_rng_kind(o.RNG),
		noise:              C.artfusion_noise_kind(o.Noise),
		keep_every:         clamp(o.KeepEvery),
		seed:               C.uint64_t(o.Seed),
		content_scale:      C.double(o.ContentScale),
		style_scale:        C.double(o.StyleScale),
		content_start:      C.double(o.ContentStart),
		content_end:        C.double(o.ContentEnd),
		style_start:        C.double(o.StyleStart),
		style_end:          C.double(o.StyleEnd),
		eta:                C.double(o.Eta),
		temperature:        C.double(o.Temperature),
		noise_dropout:      C.double(o.NoiseDropout),
		denoising_strength: C.double(o.DenoisingStrength),
	}
}

// toCall is toC with the Timesteps, in memory that free gives back: the struct is Go's, in which the
// library may be given no pointer to other such.
func (o *SamplerOptions) toCall() (c C.artfusion_sampler_options, free func(), err error) {
	c = o.toC()
	if o.Timesteps == nil {
		return c, func() {}, nil
	}
	if len(o.Timesteps) != o.Steps {
		return c, nil, argumentError("there are %d timesteps for %d steps", len(o.Timesteps), o.Steps)
	}
	memory := C.malloc(C.size_t(len(o.Timesteps) * C.sizeof_int32_t))
	copy(unsafe.Slice((*int32)(memory), len(o.Timesteps)), o.Timesteps)
	c.timesteps = (*C.int32_t)(memory)
	return c, func() { C.free(memory) }, nil
}

// fromC does not change Timesteps and callbacks.
func (o *SamplerOptions) fromC(c *C.artfusion_sampler_options) {
	o.Width, o.Height = int(c.width), int(c.height)
	o.Batch = int(c.batch)
	o.Steps = int(c.steps)
	o.Solver = Solver(c.solver)
	o.Spacing = Spacing(c.spacing)
	o.RNG = RNGKind(c.rng)
	o.Noise = NoiseKind(c.noise)
	o.KeepEvery = int(c.keep_every)
	o.Seed = uint64(c.seed)
	o.ContentScale, o.StyleScale = float64(c.content_scale), float64(c.style_scale)
	o.ContentStart, o.ContentEnd = float64(c.content_start), float64(c.content_end)
	o.StyleStart, o.StyleEnd = float64(c.style_start), float64(c.style_end)
	o.Eta = float64(c.eta)
	o.Temperature = float64(c.temperature)
	o.NoiseDropout = float64(c.noise_dropout)
	o.DenoisingStrength = float64(c.denoising_strength)
}
