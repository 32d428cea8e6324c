// SPDX-License-Identifier: MIT

package artfusion

// #include <artfusion.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"unsafe"
)

// Device says where a model runs.
type Device int32

const (
	DeviceAuto Device = C.ARTFUSION_DEVICE_AUTO // CPU, unless the engine finds a CUDA GPU
	DeviceCPU  Device = C.ARTFUSION_DEVICE_CPU
	DeviceCUDA Device = C.ARTFUSION_DEVICE_CUDA
)

// Isolation says in which process a model file's networks run.
type Isolation int32

const (
	IsolationNone    Isolation = C.ARTFUSION_ISOLATION_NONE    // in this process
	IsolationProcess Isolation = C.ARTFUSION_ISOLATION_PROCESS // in one of its own for each model; its end is an [ErrEngine]
	// IsolationAuto is IsolationNone for model files that came with the library or are trusted
	// ([ContextOptions]), and IsolationProcess for all others.
	IsolationAuto Isolation = C.ARTFUSION_ISOLATION_AUTO
)

// Precision is the type that networks compute in.
type Precision int32

const (
	PrecisionAuto     Precision = C.ARTFUSION_PRECISION_AUTO     // bfloat16 if the device has instructions for it, else float32
	PrecisionFloat32  Precision = C.ARTFUSION_PRECISION_FLOAT32  // the slowest
	PrecisionBFloat16 Precision = C.ARTFUSION_PRECISION_BFLOAT16 // CPUs with AVX-512 BF16 or AMX, GPUs of compute capability 8.0 or more
	PrecisionFloat16  Precision = C.ARTFUSION_PRECISION_FLOAT16  // CPUs with AVX-512 FP16 or AMX FP16, GPUs of compute capability 7.0 or more
)

// LogLevel says how serious a message is: the more serious, the lower.
type LogLevel int32

const (
	LogNone    LogLevel = C.ARTFUSION_LOG_NONE
	LogWarning LogLevel = C.ARTFUSION_LOG_WARNING
	LogInfo    LogLevel = C.ARTFUSION_LOG_INFO
	LogDebug   LogLevel = C.ARTFUSION_LOG_DEBUG
)

// Filter says how pixels are resampled.
type Filter int32

const (
	FilterBicubic  Filter = C.ARTFUSION_FILTER_BICUBIC // a = -0.5; what the models were trained with
	FilterBox      Filter = C.ARTFUSION_FILTER_BOX
	FilterBilinear Filter = C.ARTFUSION_FILTER_BILINEAR
	FilterLanczos  Filter = C.ARTFUSION_FILTER_LANCZOS // of three lobes
)

// FileFormat is a format of picture files.
type FileFormat int32

const (
	FormatAuto FileFormat = C.ARTFUSION_FORMAT_AUTO // by the path's suffix: .png, .jpg, .jpeg, .webp
	FormatPNG  FileFormat = C.ARTFUSION_FORMAT_PNG
	FormatJPEG FileFormat = C.ARTFUSION_FORMAT_JPEG
	FormatWebP FileFormat = C.ARTFUSION_FORMAT_WEBP
)

// Reading says how a file's numbers become colours.
type Reading int32

const (
	// ReadingViewed is as a person sees the picture in a browser: profiles are converted to sRGB,
	// transparent pixels show the background, and the picture is turned upright by EXIF or XMP.
	ReadingViewed Reading = C.ARTFUSION_READING_VIEWED
	// ReadingReference is as the published code reads: profiles are ignored and alpha is dropped.
	ReadingReference Reading = C.ARTFUSION_READING_REFERENCE
)

// Solver says how a step gets from one noise level to the next.
type Solver int32

const (
	SolverDDIM       Solver = C.ARTFUSION_SOLVER_DDIM     // Song et al., arXiv 2010.02502
	SolverDDPM       Solver = C.ARTFUSION_SOLVER_DDPM     // Ho et al., arXiv 2006.11239: ancestral
	SolverDPMPP2M    Solver = C.ARTFUSION_SOLVER_DPMPP_2M // Lu et al., arXiv 2211.01095: second order
	SolverDPMPP2MSDE Solver = C.ARTFUSION_SOLVER_DPMPP_2M_SDE
	SolverUniPC      Solver = C.ARTFUSION_SOLVER_UNIPC // Zhao et al., arXiv 2302.04867: UniPC-2, B2
)

// Spacing says which timesteps are visited.
type Spacing int32

const (
	SpacingUniform  Spacing = C.ARTFUSION_SPACING_UNIFORM  // the published code's: ends at t = 1
	SpacingQuad     Spacing = C.ARTFUSION_SPACING_QUAD     // the published code's quadratic one
	SpacingTrailing Spacing = C.ARTFUSION_SPACING_TRAILING // starts at the last timestep, ends at x0
	SpacingLinspace Spacing = C.ARTFUSION_SPACING_LINSPACE // the last, the first, and between
)

// Schedule is a kind of noise schedule.
type Schedule int32

const (
	ScheduleLinear     Schedule = C.ARTFUSION_SCHEDULE_LINEAR      // linear in sqrt(beta)
	ScheduleCosine     Schedule = C.ARTFUSION_SCHEDULE_COSINE      // arXiv 2102.09672
	ScheduleSqrtLinear Schedule = C.ARTFUSION_SCHEDULE_SQRT_LINEAR // linear in beta
	ScheduleSqrt       Schedule = C.ARTFUSION_SCHEDULE_SQRT        // square root of SqrtLinear's
)

// Prediction is what a model's network predicts.
type Prediction int32

const (
	PredictionEps Prediction = C.ARTFUSION_PREDICTION_EPS
	PredictionV   Prediction = C.ARTFUSION_PREDICTION_V // sqrt(a) eps - sqrt(1 - a) x0
	PredictionX0  Prediction = C.ARTFUSION_PREDICTION_X0
)

// RNGKind is a kind of random number generator.
type RNGKind int32

const (
	// RNGCounter is Philox 4x32-10: picture n's numbers depend on the seed and n alone.
	RNGCounter RNGKind = C.ARTFUSION_RNG_COUNTER
	// RNGTorchCPU gives those of torch.manual_seed(seed) on the CPU, to the last bit.
	RNGTorchCPU RNGKind = C.ARTFUSION_RNG_TORCH_CPU
)

// NoiseKind is the distribution of the noise that a run starts from.
type NoiseKind int32

const (
	NoiseNormal  NoiseKind = C.ARTFUSION_NOISE_NORMAL
	NoiseUniform NoiseKind = C.ARTFUSION_NOISE_UNIFORM // in [0, 1), as the published notebook
)

// NoiseUse says what noise is for.
type NoiseUse int32

const (
	NoiseXT   NoiseUse = C.ARTFUSION_NOISE_X_T  // the start
	NoiseStep NoiseUse = C.ARTFUSION_NOISE_STEP // what a stochastic solver adds in a step
	NoiseMask NoiseUse = C.ARTFUSION_NOISE_MASK // what brings the masked latent to a timestep
)

// LatentKind says which latent [Model.Encode] returns.
type LatentKind int32

const (
	LatentMode    LatentKind = C.ARTFUSION_LATENT_MODE    // the encoder's posterior mode
	LatentScaled  LatentKind = C.ARTFUSION_LATENT_SCALED  // (mode - shift) * scale: what is diffused
	LatentContent LatentKind = C.ARTFUSION_LATENT_CONTENT // the content condition
)

// All is the index that stands for every picture of a batch.
const All = int(C.ARTFUSION_ALL)

// Enum is a type whose constants have names, such as "ddim", "trailing" or "lanczos".
type Enum interface {
	Solver | Spacing | Schedule | Prediction | Device | Filter | RNGKind | NoiseKind | Precision | Isolation
}

// Parse returns the constant of a name. The error for an unknown name lists those that exist.
func Parse[E Enum](name string) (E, error) {
	text, err := cString("name", name)
	if err != nil {
		return 0, err
	}
	defer C.free(unsafe.Pointer(text))
	var value C.int32_t
	err = call(func() C.artfusion_status {
		return C.artfusion_value_of(enumeration[E](), text, &value)
	})
	return E(value), err
}

// The names, which Parse takes.

func (d Device) String() string     { return nameOf(d) }
func (f Filter) String() string     { return nameOf(f) }
func (s Solver) String() string     { return nameOf(s) }
func (s Spacing) String() string    { return nameOf(s) }
func (s Schedule) String() string   { return nameOf(s) }
func (p Prediction) String() string { return nameOf(p) }
func (k RNGKind) String() string    { return nameOf(k) }
func (k NoiseKind) String() string  { return nameOf(k) }
func (p Precision) String() string  { return nameOf(p) }
func (i Isolation) String() string  { return nameOf(i) }

func nameOf[E Enum](value E) string {
	if name := C.artfusion_name_of(enumeration[E](), C.int32_t(value)); name != nil {
		return C.GoString(name)
	}
	return fmt.Sprintf("%T(%d)", value, int32(value))
}

func enumeration[E Enum]() C.artfusion_enumeration {
	switch any(E(0)).(type) {
	case Solver:
		return C.ARTFUSION_ENUM_SOLVER
	case Spacing:
		return C.ARTFUSION_ENUM_SPACING
	case Schedule:
		return C.ARTFUSION_ENUM_SCHEDULE
	case Prediction:
		return C.ARTFUSION_ENUM_PREDICTION
	case Device:
		return C.ARTFUSION_ENUM_DEVICE
	case Filter:
		return C.ARTFUSION_ENUM_FILTER
	case RNGKind:
		return C.ARTFUSION_ENUM_RNG
	case NoiseKind:
		return C.ARTFUSION_ENUM_NOISE
	case Precision:
		return C.ARTFUSION_ENUM_PRECISION
	default:
		return C.ARTFUSION_ENUM_ISOLATION
	}
}
