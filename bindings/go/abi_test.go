// SPDX-License-Identifier: MIT

package artfusion

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// table is abi/table.tsv, what the library promises: the rows of a kind without it.
func table(t *testing.T, kind string) [][]string {
	t.Helper()
	text, err := os.ReadFile("../../abi/table.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if fields := strings.Split(line, "\t"); fields[0] == kind {
			rows = append(rows, fields[1:])
		}
	}
	if len(rows) == 0 {
		t.Fatalf("no row of kind %s", kind)
	}
	return rows
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConstants(t *testing.T) {
	ours := map[string]int64{
		"ALL":                  int64(All),
		"OK":                   int64(statusOK),
		"DONE":                 int64(statusDone),
		"ERROR_ARGUMENT":       int64(ErrArgument),
		"ERROR_MEMORY":         int64(ErrMemory),
		"ERROR_IO":             int64(ErrIO),
		"ERROR_FORMAT":         int64(ErrFormat),
		"ERROR_UNSUPPORTED":    int64(ErrUnsupported),
		"ERROR_LIMIT":          int64(ErrLimit),
		"ERROR_STATE":          int64(ErrState),
		"ERROR_CANCELLED":      int64(ErrCancelled),
		"ERROR_ENGINE":         int64(ErrEngine),
		"ERROR_MISMATCH":       int64(ErrMismatch),
		"ERROR_NUMERIC":        int64(ErrNumeric),
		"ERROR_CHECKSUM":       int64(ErrChecksum),
		"DEVICE_AUTO":          int64(DeviceAuto),
		"DEVICE_CPU":           int64(DeviceCPU),
		"DEVICE_CUDA":          int64(DeviceCUDA),
		"PRECISION_AUTO":       int64(PrecisionAuto),
		"PRECISION_FLOAT32":    int64(PrecisionFloat32),
		"PRECISION_BFLOAT16":   int64(PrecisionBFloat16),
		"PRECISION_FLOAT16":    int64(PrecisionFloat16),
		"ISOLATION_NONE":       int64(IsolationNone),
		"ISOLATION_PROCESS":    int64(IsolationProcess),
		"ISOLATION_AUTO":       int64(IsolationAuto),
		"LOG_NONE":             int64(LogNone),
		"LOG_WARNING":          int64(LogWarning),
		"LOG_INFO":             int64(LogInfo),
		"LOG_DEBUG":            int64(LogDebug),
		"FILTER_BICUBIC":       int64(FilterBicubic),
		"FILTER_BOX":           int64(FilterBox),
		"FILTER_BILINEAR":      int64(FilterBilinear),
		"FILTER_LANCZOS":       int64(FilterLanczos),
		"FORMAT_AUTO":          int64(FormatAuto),
		"FORMAT_PNG":           int64(FormatPNG),
		"FORMAT_JPEG":          int64(FormatJPEG),
		"FORMAT_WEBP":          int64(FormatWebP),
		"READING_VIEWED":       int64(ReadingViewed),
		"READING_REFERENCE":    int64(ReadingReference),
		"SOLVER_DDIM":          int64(SolverDDIM),
		"SOLVER_DDPM":          int64(SolverDDPM),
		"SOLVER_DPMPP_2M":      int64(SolverDPMPP2M),
		"SOLVER_DPMPP_2M_SDE":  int64(SolverDPMPP2MSDE),
		"SOLVER_UNIPC":         int64(SolverUniPC),
		"SPACING_UNIFORM":      int64(SpacingUniform),
		"SPACING_QUAD":         int64(SpacingQuad),
		"SPACING_TRAILING":     int64(SpacingTrailing),
		"SPACING_LINSPACE":     int64(SpacingLinspace),
		"SCHEDULE_LINEAR":      int64(ScheduleLinear),
		"SCHEDULE_COSINE":      int64(ScheduleCosine),
		"SCHEDULE_SQRT_LINEAR": int64(ScheduleSqrtLinear),
		"SCHEDULE_SQRT":        int64(ScheduleSqrt),
		"PREDICTION_EPS":       int64(PredictionEps),
		"PREDICTION_V":         int64(PredictionV),
		"PREDICTION_X0":        int64(PredictionX0),
		"RNG_COUNTER":          int64(RNGCounter),
		"RNG_TORCH_CPU":        int64(RNGTorchCPU),
		"NOISE_NORMAL":         int64(NoiseNormal),
		"NOISE_UNIFORM":        int64(NoiseUniform),
		"NOISE_X_T":            int64(NoiseXT),
		"NOISE_STEP":           int64(NoiseStep),
		"NOISE_MASK":           int64(NoiseMask),
		"LATENT_MODE":          int64(LatentMode),
		"LATENT_SCALED":        int64(LatentScaled),
		"LATENT_CONTENT":       int64(LatentContent),
		"ENUM_SOLVER":          int64(enumeration[Solver]()),
		"ENUM_SPACING":         int64(enumeration[Spacing]()),
		"ENUM_SCHEDULE":        int64(enumeration[Schedule]()),
		"ENUM_PREDICTION":      int64(enumeration[Prediction]()),
		"ENUM_DEVICE":          int64(enumeration[Device]()),
		"ENUM_FILTER":          int64(enumeration[Filter]()),
		"ENUM_RNG":             int64(enumeration[RNGKind]()),
		"ENUM_NOISE":           int64(enumeration[NoiseKind]()),
		"ENUM_PRECISION":       int64(enumeration[Precision]()),
		"ENUM_ISOLATION":       int64(enumeration[Isolation]()),
	}
	for _, row := range table(t, "constant") {
		name := strings.TrimPrefix(row[0], "ARTFUSION_")
		value, known := ours[name]
		if !known {
			t.Errorf("%s is missing", row[0])
		} else if value != number(t, row[1]) {
			t.Errorf("%s is %d, the table has %s", row[0], value, row[1])
		}
		delete(ours, name)
	}
	for name := range ours {
		t.Errorf("ARTFUSION_%s is not in the table", name)
	}
}

// A test cannot import "C", but find its types in the signatures of functions that can.
func TestStructs(t *testing.T) {
	types := map[string]reflect.Type{
		"artfusion_context_options": reflect.TypeOf((*ContextOptions).toC).Out(0),
		"artfusion_load_options":    reflect.TypeOf((*LoadOptions).toC).Out(0),
		"artfusion_save_options":    reflect.TypeOf((*SaveOptions).toC).Out(0),
		"artfusion_sampler_options": reflect.TypeOf((*SamplerOptions).toC).Out(0),
		"artfusion_model_info":      reflect.TypeOf(modelInfoOf).In(0).Elem(),
		"artfusion_progress":        reflect.TypeOf(progressOf).In(0).Elem(),
	}
	seen := map[string]int{}
	for _, row := range table(t, "field") {
		name, fieldName, _ := strings.Cut(row[0], ".")
		of, known := types[name]
		if !known {
			t.Errorf("%s is missing", name)
			continue
		}
		field, known := of.FieldByName(fieldName)
		if !known {
			t.Errorf("%s is missing", row[0])
			continue
		}
		if int64(field.Offset) != number(t, row[1]) || int64(field.Type.Size()) != number(t, row[2]) {
			t.Errorf("%s is %d bytes at %d, the table has %v", row[0], field.Type.Size(), field.Offset, row[1:])
		}
		seen[name]++
	}
	for _, row := range table(t, "size") {
		of, known := types[row[0]]
		if !known {
			t.Errorf("%s is missing", row[0])
		} else if int64(of.Size()) != number(t, row[1]) || of.NumField() != seen[row[0]] {
			t.Errorf("%s is %d bytes of %d fields, the table has %s bytes of %d", row[0], of.Size(),
				of.NumField(), row[1], seen[row[0]])
		}
		delete(types, row[0])
	}
	for name := range types {
		t.Errorf("%s is not in the table", name)
	}
}

// Every function of the library is called somewhere, but for one.
func TestFunctions(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{
		// The library may keep no pointer to Go's memory, so pixels are copied.
		"artfusion_image_wrap": true,
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`C\.(artfusion_\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			called[match[1]] = true
		}
	}
	for _, row := range table(t, "function") {
		if !called[row[0]] {
			t.Errorf("%s is not called", row[0])
		}
	}
}

func TestVersion(t *testing.T) {
	if err := checkVersion(VersionNumber()); err != nil {
		t.Error(err)
	}
	err := checkVersion(VersionNumber() + 1_002_003)
	wantError(t, err, ErrUnsupported)
	n := VersionNumber() + 1_002_003
	other := strconv.Itoa(int(n/1_000_000)) + "." + strconv.Itoa(int(n/1000%1000)) + "." + strconv.Itoa(int(n%1000))
	for _, version := range []string{other, Version()} {
		if !strings.Contains(err.Error(), version) {
			t.Errorf("%q does not name %s", err, version)
		}
	}
}
