// SPDX-License-Identifier: MIT

package artfusion

import (
	"math"
	"strings"
	"testing"
)

func TestSchedules(t *testing.T) {
	betas := must(ScheduleBetas(ScheduleLinear, 0.0015, 0.0195, 1000))(t)
	if len(betas) != 1000 || math.Abs(betas[0]-0.0015) > 1e-12 || math.Abs(betas[999]-0.0195) > 1e-12 {
		t.Errorf("%d betas from %g to %g", len(betas), betas[0], betas[len(betas)-1])
	}
	alphas := make([]float64, len(betas))
	product := 1.0
	for i, beta := range betas {
		product *= 1 - beta
		alphas[i] = product
	}
	timesteps := must(Timesteps(SpacingTrailing, 4, 1000))(t)
	now, next, sigmas, err := DDIMCoefficients(alphas, SpacingTrailing, timesteps, 1)
	ok(t, err)
	for i, at := range timesteps {
		if now[i] != alphas[at] {
			t.Errorf("alpha %d is %g, not %g", i, now[i], alphas[at])
		}
		want := math.Sqrt((1 - next[i]) / (1 - now[i]) * (1 - now[i]/next[i]))
		if math.Abs(sigmas[i]-want) > 1e-12 {
			t.Errorf("sigma %d is %g, not %g", i, sigmas[i], want)
		}
	}
	if next[0] != now[1] || next[3] != 1 {
		t.Errorf("alphas %v, then %v", now, next)
	}

	_, err = ScheduleBetas(ScheduleCosine, 0, 0, 0)
	wantError(t, err, ErrArgument)
	_, err = ScheduleBetas(ScheduleCosine, 0, 0, 1<<32+5)
	wantError(t, err, ErrArgument)
	_, err = ScheduleBetas(99, 0.1, 0.2, 5)
	wantError(t, err, ErrArgument)
	for _, bad := range [][2]int{{0, 10}, {11, 10}, {-1, -1}, {1, 1 << 32}} {
		_, err = Timesteps(SpacingUniform, bad[0], bad[1])
		wantError(t, err, ErrArgument)
	}
	_, _, _, err = DDIMCoefficients(alphas, SpacingTrailing, []int32{1000}, 0)
	wantError(t, err, ErrArgument)
	_, _, _, err = DDIMCoefficients(nil, SpacingTrailing, timesteps, 0)
	wantError(t, err, ErrArgument)
}

func TestRNG(t *testing.T) {
	r := must(NewRNG(RNGTorchCPU, 0))(t)
	defer r.Close()
	values := make([]float32, 2)
	ok(t, r.Normal(values))
	// torch.manual_seed(0); torch.randn(2)
	if math.Abs(float64(values[0])-1.5410) > 1e-4 || math.Abs(float64(values[1])+0.2934) > 1e-4 {
		t.Errorf("%v", values)
	}
	uniform := make([]float32, 1000)
	ok(t, r.Uniform(uniform))
	for _, v := range uniform {
		if v < 0 || v >= 1 {
			t.Errorf("%g is not in [0, 1)", v)
		}
	}
	before := append([]float32{}, uniform...)
	ok(t, r.Uniform(uniform))
	differ(t, "drawing again", uniform, before)
	ok(t, r.Normal(nil))
	_, err := NewRNG(99, 0)
	wantError(t, err, ErrArgument)
}

func TestNames(t *testing.T) {
	checkNames(t, map[Solver]string{SolverDDIM: "ddim", SolverDPMPP2M: "dpmpp_2m", SolverUniPC: "unipc"})
	checkNames(t, map[Spacing]string{SpacingTrailing: "trailing"})
	checkNames(t, map[Schedule]string{ScheduleSqrtLinear: "sqrt_linear"})
	checkNames(t, map[Prediction]string{PredictionV: "v"})
	checkNames(t, map[Device]string{DeviceCPU: "cpu"})
	checkNames(t, map[Filter]string{FilterLanczos: "lanczos"})
	checkNames(t, map[RNGKind]string{RNGCounter: "counter"})
	checkNames(t, map[NoiseKind]string{NoiseUniform: "uniform"})
	checkNames(t, map[Precision]string{PrecisionAuto: "auto", PrecisionFloat32: "float32",
		PrecisionBFloat16: "bfloat16", PrecisionFloat16: "float16"})
	checkNames(t, map[Isolation]string{IsolationNone: "none", IsolationProcess: "process", IsolationAuto: "auto"})
	if s := Solver(99).String(); s != "artfusion.Solver(99)" {
		t.Error(s)
	}
	_, err := Parse[Solver]("dim")
	wantError(t, err, ErrArgument)
	if !strings.Contains(err.Error(), "ddim") {
		t.Errorf("%q does not list the names", err)
	}
	_, err = Parse[Precision]("double")
	wantError(t, err, ErrArgument)
	_, err = Parse[Solver]("ddim\x00")
	wantError(t, err, ErrArgument)
}

func checkNames[E interface {
	Enum
	String() string
}](t *testing.T, names map[E]string) {
	t.Helper()
	for value, name := range names {
		if value.String() != name {
			t.Errorf("%s, not %s", value.String(), name)
		}
		if parsed := must(Parse[E](name))(t); parsed != value {
			t.Errorf("%s is parsed as %s", name, parsed.String())
		}
	}
}
