// SPDX-License-Identifier: MIT

package artfusion

// #include <artfusion.h>
import "C"

import "unsafe"

// ScheduleBetas returns a schedule's betas. Start and end are the first and the last one (the published
// model: 0.0015, 0.0195), or for [ScheduleSqrt] their squares; [ScheduleCosine] ignores them.
func ScheduleBetas(schedule Schedule, start, end float64, timesteps int) ([]float64, error) {
	if timesteps < 1 || timesteps != int(clamp(timesteps)) {
		return nil, argumentError("timesteps is %d, not 1 or more in 32 bits", timesteps)
	}
	betas := make([]float64, timesteps)
	err := call(func() C.artfusion_status {
		return C.artfusion_schedule_betas(C.artfusion_schedule(schedule), C.double(start), C.double(end),
			C.int32_t(timesteps), (*C.double)(&betas[0]))
	})
	if err != nil {
		return nil, err
	}
	return betas, nil
}

// Timesteps returns the timesteps that a run of so many steps visits, first to last (descending), from
// 0..trainTimesteps-1.
func Timesteps(spacing Spacing, steps, trainTimesteps int) ([]int32, error) {
	if steps < 1 || steps > trainTimesteps || trainTimesteps != int(clamp(trainTimesteps)) {
		return nil, argumentError("steps is %d: it must be 1 to %d", steps, trainTimesteps)
	}
	timesteps := make([]int32, steps)
	err := call(func() C.artfusion_status {
		return C.artfusion_timesteps(C.artfusion_spacing(spacing), C.int32_t(steps), C.int32_t(trainTimesteps),
			(*C.int32_t)(&timesteps[0]))
	})
	if err != nil {
		return nil, err
	}
	return timesteps, nil
}

// DDIMCoefficients are those of arXiv 2010.02502, equations 12 and 16, for the timesteps of
// [Timesteps]:
// alphas[i] and alphasPrev[i] are alphasCumprod before and after step i, sigmas[i] its noise. The
// spacing says where the last step ends.
func DDIMCoefficients(alphasCumprod []float64, spacing Spacing, timesteps []int32, eta float64) (
	alphas, alphasPrev, sigmas []float64, err error) {
	steps := len(timesteps)
	if steps == 0 || len(alphasCumprod) == 0 {
		return nil, nil, nil, argumentError("there are %d timesteps and %d alphas: use 1 or more",
			steps, len(alphasCumprod))
	}
	alphas, alphasPrev, sigmas = make([]float64, steps), make([]float64, steps), make([]float64, steps)
	err = call(func() C.artfusion_status {
		return C.artfusion_ddim_coefficients((*C.double)(&alphasCumprod[0]), clamp(len(alphasCumprod)),
			C.artfusion_spacing(spacing), (*C.int32_t)(&timesteps[0]), clamp(steps), C.double(eta),
			(*C.double)(&alphas[0]), (*C.double)(&alphasPrev[0]), (*C.double)(&sigmas[0]))
	})
	if err != nil {
		return nil, nil, nil, err
	}
	return alphas, alphasPrev, sigmas, nil
}

// RNG is a random number generator. One goroutine at a time may use it.
type RNG struct {
	handle *handle
}

// NewRNG makes a generator at the beginning of the seed's sequence.
func NewRNG(kind RNGKind, seed uint64) (*RNG, error) {
	var made *C.artfusion_rng
	err := call(func() C.artfusion_status {
		return C.artfusion_rng_create(C.artfusion_rng_kind(kind), C.uint64_t(seed), &made)
	})
	if err != nil {
		return nil, err
	}
	return &RNG{newHandle(unsafe.Pointer(made), nil, func(p unsafe.Pointer) {
		C.artfusion_rng_destroy((*C.artfusion_rng)(p))
	})}, nil
}

// Normal fills values with the next numbers, with mean 0 and variance 1. With [RNGTorchCPU] one call is
// one torch.randn of that many.
func (r *RNG) Normal(values []float32) error {
	return r.fill(values, func(rng *C.artfusion_rng, values *C.float, count C.size_t) C.artfusion_status {
		return C.artfusion_rng_normal(rng, values, count)
	})
}

// Uniform fills values with the next numbers in [0, 1).
func (r *RNG) Uniform(values []float32) error {
	return r.fill(values, func(rng *C.artfusion_rng, values *C.float, count C.size_t) C.artfusion_status {
		return C.artfusion_rng_uniform(rng, values, count)
	})
}

func (r *RNG) fill(values []float32, f func(*C.artfusion_rng, *C.float, C.size_t) C.artfusion_status) error {
	rng, done, err := r.use()
	if err != nil {
		return err
	}
	defer done()
	if len(values) == 0 {
		return nil
	}
	return call(func() C.artfusion_status { return f(rng, (*C.float)(&values[0]), C.size_t(len(values))) })
}

// Close frees the generator.
func (r *RNG) Close() error {
	if r != nil {
		r.handle.close()
	}
	return nil
}

func (r *RNG) use() (*C.artfusion_rng, func(), error) {
	var h *handle
	if r != nil {
		h = r.handle
	}
	p, err := h.acquire("RNG")
	return (*C.artfusion_rng)(p), h.release, err
}
