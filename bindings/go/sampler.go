// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>

int32_t artfusionGoNoise(void *, artfusion_noise_use, int32_t, float *, size_t);
int32_t artfusionGoStep(void *, artfusion_sampler *);
int32_t artfusionGoEps(void *, artfusion_sampler *, float *, size_t);
*/
import "C"

import (
	"context"
	"errors"
	"runtime/cgo"
	"sync/atomic"
	"time"
	"unsafe"
)

// Sampler is one run. One goroutine at a time may use it, except for Cancel and Close.
type Sampler struct {
	handle *handle
	cell   *C.uintptr_t // the callbacks' user_data, which has a handle while a call runs
	values int          // in its latent: batch * channels * height * width

	onStep  func(*Sampler) error
	onEps   func(*Sampler, []float32) error
	onNoise func(NoiseUse, int, []float32) (bool, error)

	busy    int32 // whether a call that changes the sampler runs
	asked   int32 // whether Cancel was called and no call has ended by it yet
	running *running
}

// Progress is how far a run is.
type Progress struct {
	Step     int // steps done
	Steps    int // steps in all: fewer than asked below a DenoisingStrength of 1
	Timestep int // of the last step done; -1 before the first
	Passes   int // through the UNet so far, a picture
	Batch    int
	Encode   time.Duration // in the networks: content encoder
	Denoise  time.Duration // UNet
	Decode   time.Duration // decoder
	Total    time.Duration // in all calls of this sampler
}

// NewSampler makes a sampler. Until the setters are called, it paints from null content and null style.
// Nil options are the model's defaults. The options are copied.
func (m *Model) NewSampler(options *SamplerOptions) (*Sampler, error) {
	model, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	if options == nil {
		defaults, err := initialOptions(model)
		if err != nil {
			return nil, err
		}
		options = &defaults
	}
	info, err := m.Info()
	if err != nil {
		return nil, err
	}
	c, free, err := options.toCall()
	if err != nil {
		return nil, err
	}
	defer free()
	cell := newCell()
	if options.OnStep != nil {
		c.step_callback = C.artfusion_step_callback(C.artfusionGoStep)
		c.step_user_data = unsafe.Pointer(cell)
	}
	if options.OnEps != nil {
		c.eps_callback = C.artfusion_eps_callback(C.artfusionGoEps)
		c.eps_user_data = unsafe.Pointer(cell)
	}
	if options.OnNoise != nil {
		c.noise_callback = C.artfusion_noise_callback(C.artfusionGoNoise)
		c.noise_user_data = unsafe.Pointer(cell)
	}
	var made *C.artfusion_sampler
	err = call(func() C.artfusion_status { return C.artfusion_sampler_create(model, &c, &made) })
	if err != nil {
		C.free(unsafe.Pointer(cell))
		return nil, err
	}
	var width, height C.int32_t
	C.artfusion_sampler_latent_size(made, &width, &height)
	return &Sampler{
		handle: newHandle(unsafe.Pointer(made), m.handle.log, func(p unsafe.Pointer) {
			C.artfusion_sampler_destroy((*C.artfusion_sampler)(p))
			C.free(unsafe.Pointer(cell))
		}),
		cell:    cell,
		values:  options.Batch * info.LatentChannels * int(width) * int(height),
		onStep:  options.OnStep,
		onEps:   options.OnEps,
		onNoise: options.OnNoise,
	}, nil
}

// MemoryNeeded returns the most bytes that a run with these options adds to the process (if the model is
// isolated, to both processes together): sampler, networks and a picture of the result. A model's first
// such call measures the networks, which takes as long as a few steps at twice the native size.
func (m *Model) MemoryNeeded(options *SamplerOptions) (uint64, error) {
	model, done, err := m.use()
	if err != nil {
		return 0, err
	}
	defer done()
	if options == nil {
		defaults, err := initialOptions(model)
		if err != nil {
			return 0, err
		}
		options = &defaults
	}
	c, free, err := options.toCall()
	if err != nil {
		return 0, err
	}
	defer free()
	var bytes C.uint64_t
	err = call(func() C.artfusion_status { return C.artfusion_sampler_memory_needed(model, &c, &bytes) })
	return uint64(bytes), err
}

// The setters take the index of a picture in the batch or All, and come before the first step.

// SetContent sets the picture whose shapes are kept; it is resized to the run's size. Nil is the null
// content.
func (s *Sampler) SetContent(index int, image *Image) error {
	var picture *C.artfusion_image
	if image != nil {
		c, done, err := image.use()
		if err != nil {
			return err
		}
		defer done()
		picture = c
	}
	return s.set(func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_set_content(sampler, clamp(index), picture)
	})
}

// SetContentLatent does the same by the scaled latent[channels, height, width] of [Model.Encode]; nil
// is the null content.
func (s *Sampler) SetContentLatent(index int, latent []float32) error {
	return s.set(func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_set_content_latent(sampler, clamp(index), (*C.float)(first(latent)),
			C.size_t(len(latent)))
	})
}

// SetStyle sets a style of the same model; nil is the null style.
func (s *Sampler) SetStyle(index int, style *Style) error {
	var code *C.artfusion_style
	if style != nil {
		c, done, err := style.use()
		if err != nil {
			return err
		}
		defer done()
		code = c
	}
	return s.set(func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_set_style(sampler, clamp(index), code)
	})
}

// SetInitLatent sets the scaled latent[channels, height, width] that a DenoisingStrength below 1 starts
// from and that a mask keeps. The default is the content's own.
func (s *Sampler) SetInitLatent(index int, latent []float32) error {
	return s.set(func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_set_init_latent(sampler, clamp(index), (*C.float)(first(latent)),
			C.size_t(len(latent)))
	})
}

// SetMask sets a mask[height, width] in latent pixels, with values in 0..1: 1 keeps the init latent, 0
// paints. Nil paints everywhere.
func (s *Sampler) SetMask(index int, mask []float32) error {
	return s.set(func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_set_mask(sampler, clamp(index), (*C.float)(first(mask)), C.size_t(len(mask)))
	})
}

func (s *Sampler) set(f func(*C.artfusion_sampler) C.artfusion_status) error {
	sampler, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	return call(func() C.artfusion_status { return f(sampler) })
}

// Next does one step, and returns false if none was left. When ctx is done or Cancel is called, it ends
// within one call of the networks with ErrCancelled, whose cause is that of ctx. After an error the sampler
// stands before the step it was in, and Next tries that step again. If OnStep returned the error, the
// step was done. After ErrNumeric the run is lost.
func (s *Sampler) Next(ctx context.Context) (bool, error) {
	var status Status
	err := s.advance(ctx, func(sampler *C.artfusion_sampler) C.artfusion_status {
		c := C.artfusion_sampler_next(sampler)
		status = Status(c)
		return c
	})
	return err == nil && status != statusDone, err
}

// Run does all steps that are left, with Next's errors.
func (s *Sampler) Run(ctx context.Context) error {
	return s.advance(ctx, func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_run(sampler)
	})
}

func (s *Sampler) advance(ctx context.Context, f func(*C.artfusion_sampler) C.artfusion_status) error {
	if err := ctx.Err(); err != nil {
		return cancelledBy(err)
	}
	sampler, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	r := &running{ctx: ctx, sampler: s}
	handle := cgo.NewHandle(r)
	defer handle.Delete()
	*s.cell, s.running = C.uintptr_t(handle), r
	defer func() { *s.cell, s.running = 0, nil }()
	defer watch(ctx, sampler)()
	for {
		err := call(func() C.artfusion_status { return f(sampler) })
		r.rethrow()
		if r.err != nil {
			return cancelledBy(r.err)
		}
		if !errors.Is(err, ErrCancelled) {
			return err
		}
		if err := s.cancelled(ctx, err); err != nil {
			return err
		}
	}
}

// cancelled is the error of a call that the library ended with err, or nil if nobody asked for that: a
// context can be done just when its call ends, and the library then cancels the next call. That call
// has done nothing and must be made again.
func (s *Sampler) cancelled(ctx context.Context, err error) error {
	asked := atomic.SwapInt32(&s.asked, 0) != 0
	if cause := ctx.Err(); cause != nil {
		return cancelledBy(cause)
	}
	if asked {
		return err
	}
	return nil
}

// watch cancels the running call when ctx is done. The function that it returns ends the watching.
func watch(ctx context.Context, sampler *C.artfusion_sampler) (end func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-ctx.Done():
			C.artfusion_sampler_cancel(sampler)
		case <-stop:
		}
	}()
	return func() {
		close(stop)
		<-ended
	}
}

// Cancel ends the current Next, Run or Image, or the next one if none is running, with ErrCancelled,
// within one call of the networks. One cancel ends one call. Any goroutine may call it.
func (s *Sampler) Cancel() {
	sampler, done, err := s.use()
	if err != nil {
		return
	}
	defer done()
	atomic.StoreInt32(&s.asked, 1)
	C.artfusion_sampler_cancel(sampler)
}

// Progress returns how far the run is.
func (s *Sampler) Progress() (Progress, error) {
	sampler, done, err := s.use()
	if err != nil {
		return Progress{}, err
	}
	defer done()
	var c C.artfusion_progress
	err = call(func() C.artfusion_status {
		return C.artfusion_sampler_get_progress(sampler, &c, C.sizeof_artfusion_progress)
	})
	if err != nil {
		return Progress{}, err
	}
	return progressOf(&c), nil
}

func progressOf(c *C.artfusion_progress) Progress {
	seconds := func(s C.double) time.Duration { return time.Duration(float64(s) * float64(time.Second)) }
	return Progress{
		Step:     int(c.step),
		Steps:    int(c.steps),
		Timestep: int(c.timestep),
		Passes:   int(c.passes),
		Batch:    int(c.batch),
		Encode:   seconds(c.seconds_encode),
		Denoise:  seconds(c.seconds_denoise),
		Decode:   seconds(c.seconds_decode),
		Total:    seconds(c.seconds_total),
	}
}

// Steps returns how many steps the run has in all: fewer than asked for if DenoisingStrength is below
// 1; 0 after Close.
func (s *Sampler) Steps() int {
	progress, err := s.Progress()
	if err != nil {
		return 0
	}
	return progress.Steps
}

// LatentSize returns the width and height of latents and masks: the picture's, rounded up to a multiple of the
// model's SizeMultiple, in latent pixels.
func (s *Sampler) LatentSize() (width, height int, err error) {
	sampler, done, err := s.use()
	if err != nil {
		return 0, 0, err
	}
	defer done()
	var w, h C.int32_t
	err = call(func() C.artfusion_status { return C.artfusion_sampler_latent_size(sampler, &w, &h) })
	return int(w), int(h), err
}

// X returns a copy of the current latent[batch, channels, height, width]; nil before there is one.
func (s *Sampler) X() ([]float32, error) {
	return s.tensor(func(sampler *C.artfusion_sampler, count *C.size_t) *C.float {
		return C.artfusion_sampler_x(sampler, count)
	})
}

// X0 returns a copy of the x0 predicted in the last step; nil before there is one.
func (s *Sampler) X0() ([]float32, error) {
	return s.tensor(func(sampler *C.artfusion_sampler, count *C.size_t) *C.float {
		return C.artfusion_sampler_x0(sampler, count)
	})
}

func (s *Sampler) tensor(f func(*C.artfusion_sampler, *C.size_t) *C.float) ([]float32, error) {
	sampler, done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	var count C.size_t
	values := f(sampler, &count)
	return copied((*float32)(values), int(count)), nil
}

// KeptCount returns how many entries KeepEvery has kept so far; 0 after Close.
func (s *Sampler) KeptCount() int {
	sampler, done, err := s.use()
	if err != nil {
		return 0
	}
	defer done()
	return int(C.artfusion_sampler_kept_count(sampler))
}

// Kept copies an entry, x and x0. Entry 0 is the start, whose x0 is nil.
func (s *Sampler) Kept(entry int) (x, x0 []float32, err error) {
	sampler, done, err := s.use()
	if err != nil {
		return nil, nil, err
	}
	defer done()
	var cx, cx0 *C.float
	err = call(func() C.artfusion_status { return C.artfusion_sampler_kept(sampler, clamp(entry), &cx, &cx0) })
	if err != nil {
		return nil, nil, err
	}
	return copied((*float32)(cx), s.values), copied((*float32)(cx0), s.values), nil
}

// Image decodes a picture of the batch: after the last step the result, before it a preview of the
// current x0.
func (s *Sampler) Image(index int) (*Image, error) {
	sampler, done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	ctx := context.Background()
	if s.running != nil { // in a callback
		ctx = s.running.ctx
	}
	for {
		image, err := makeImage(func(made **C.artfusion_image) C.artfusion_status {
			return C.artfusion_sampler_image(sampler, clamp(index), made)
		})
		if !errors.Is(err, ErrCancelled) {
			return image, err
		}
		if err := s.cancelled(ctx, err); err != nil {
			return nil, err
		}
	}
}

// SaveState saves where the run is, between two steps, with everything that its next steps depend on:
// what the setters were given, latents, the solver's history and the generator, but not callbacks. The
// file is written under a temporary name, then renamed: a process that is killed at any moment leaves a
// complete state. OnStep may call it; the other callbacks may not.
func (s *Sampler) SaveState(path string) error {
	text, err := cString("path", path)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	sampler, done, err := s.between()
	if err != nil {
		return err
	}
	defer done()
	return call(func() C.artfusion_status { return C.artfusion_sampler_save_state_file(sampler, text) })
}

// EncodeState returns the bytes that SaveState writes.
func (s *Sampler) EncodeState() ([]byte, error) {
	sampler, done, err := s.between()
	if err != nil {
		return nil, err
	}
	defer done()
	return encoded(func(data **C.uint8_t, size *C.size_t) C.artfusion_status {
		return C.artfusion_sampler_save_state_memory(sampler, data, size)
	})
}

// LoadState restores a saved state. This sampler must have the same options, and a model with the same
// weights, as the one saved; otherwise it fails with ErrMismatch. It replaces what the setters were
// given. On the same machine the next steps give the bytes that the saved sampler's would have given.
// After an error the sampler is as it was.
func (s *Sampler) LoadState(path string) error {
	text, err := cString("path", path)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	return s.set(func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_load_state_file(sampler, text)
	})
}

// DecodeState is LoadState for a file's bytes.
func (s *Sampler) DecodeState(data []byte) error {
	if len(data) == 0 {
		return &Error{Status: ErrFormat, Message: "an empty file: it must be a saved sampler state"}
	}
	return s.set(func(sampler *C.artfusion_sampler) C.artfusion_status {
		return C.artfusion_sampler_load_state_memory(sampler, unsafe.Pointer(&data[0]), C.size_t(len(data)))
	})
}

// Close ends the sampler. A call in progress continues; to end it, call Cancel before Close.
func (s *Sampler) Close() error {
	if s != nil {
		s.handle.close()
	}
	return nil
}

func (s *Sampler) use() (*C.artfusion_sampler, func(), error) {
	var h *handle
	if s != nil {
		h = s.handle
	}
	p, err := h.acquire("Sampler")
	return (*C.artfusion_sampler)(p), h.release, err
}

// between is begin, which OnStep may call as well: the sampler then stands between two steps.
func (s *Sampler) between() (*C.artfusion_sampler, func(), error) {
	if s != nil && s.running != nil && s.running.stepped {
		return s.use()
	}
	return s.begin()
}

// begin is use for a call that changes the sampler, of which there is one at a time.
func (s *Sampler) begin() (*C.artfusion_sampler, func(), error) {
	sampler, done, err := s.use()
	if err != nil {
		return nil, nil, err
	}
	if !atomic.CompareAndSwapInt32(&s.busy, 0, 1) {
		done()
		return nil, nil, &Error{
			Status:  ErrState,
			Message: "the Sampler is in use: one call at a time changes it, and none in a callback",
		}
	}
	return sampler, func() {
		atomic.StoreInt32(&s.busy, 0)
		done()
	}, nil
}
