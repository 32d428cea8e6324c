// SPDX-License-Identifier: MIT

package artfusion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

func TestOpen(t *testing.T) {
	model, _, _ := setup(t)
	want := must(model.Info())(t)
	if want.Name == "" || want.LatentChannels < 1 || len(want.LatentShift) != want.LatentChannels ||
		len(want.AlphasCumprod) != want.Timesteps || len(want.WeightsSHA256) != 64 ||
		want.Device == DeviceAuto || want.Threads < 1 || want.Arithmetic == "" {
		t.Errorf("%+v", want)
	}
	data := must(os.ReadFile(modelPath))(t)
	c := must(NewContext(nil))(t)
	defer c.Close()
	for name, open := range map[string]func() (*Model, error){
		"bytes":    func() (*Model, error) { return c.OpenModelBytes(data) },
		"ReaderAt": func() (*Model, error) { return c.OpenModelReader(bytes.NewReader(data), int64(len(data))) },
		"Reader":   func() (*Model, error) { return c.ReadModel(bytes.NewReader(data)) },
	} {
		m := must(open())(t)
		if info := must(m.Info())(t); !reflect.DeepEqual(info, want) {
			t.Errorf("%s: %+v", name, info)
		}
		ok(t, m.Close())
	}

	data[len(data)/2] ^= 1
	_, err := c.OpenModelBytes(data)
	wantError(t, err, ErrFormat)
	_, err = c.OpenModelBytes(data[:len(data)/2])
	wantError(t, err, ErrFormat)
	_, err = c.OpenModelBytes(nil)
	wantError(t, err, ErrFormat)
}

func TestPrecision(t *testing.T) {
	c := must(NewContext(&ContextOptions{Precision: PrecisionFloat32}))(t)
	defer c.Close()
	m := must(c.OpenModel(modelPath))(t)
	defer m.Close()
	if arithmetic := must(m.Info())(t).Arithmetic; arithmetic != "float32" {
		t.Error(arithmetic)
	}
}

// badReader does what its function does, from where the model's end is.
type badReader func(p []byte) (int, error)

func (r badReader) ReadAt(p []byte, _ int64) (int, error) { return r(p) }

func TestBadReaders(t *testing.T) {
	c := must(NewContext(nil))(t)
	defer c.Close()
	errDisk := errors.New("the disk is on fire")
	for want, reader := range map[error]badReader{
		errDisk:             func([]byte) (int, error) { return 0, errDisk },
		io.EOF:              func(p []byte) (int, error) { return len(p) - 1, io.EOF },
		io.ErrUnexpectedEOF: func(p []byte) (int, error) { return len(p) - 1, nil },
	} {
		_, err := c.OpenModelReader(reader, 1<<20)
		wantError(t, err, ErrIO)
		wantError(t, err, want)
		if !strings.Contains(err.Error(), want.Error()) {
			t.Errorf("%q", err)
		}
	}
	wantPanic(t, "fire", func() {
		c.OpenModelReader(badReader(func([]byte) (int, error) { panic("fire") }), 1<<20)
	})
	_, err := c.OpenModelReader(nil, 0)
	wantError(t, err, ErrArgument)
	_, err = c.ReadModel(iotest.ErrReader(errDisk))
	wantError(t, err, errDisk)
}

func TestErrors(t *testing.T) {
	c := must(NewContext(nil))(t)
	defer c.Close()
	_, err := c.OpenModel("none/such.artfusion")
	wantError(t, err, ErrIO)
	if errors.Is(err, ErrFormat) {
		t.Error("of two kinds")
	}
	if want := "none/such.artfusion: No such file or directory"; err.Error() != want {
		t.Errorf("%q, not %q", err, want)
	}
	_, err = c.OpenModel("a\x00b")
	wantError(t, err, ErrArgument)
	wantError(t, StylizeFile(modelPath, "none.jpg", stylePath, "out.png"), ErrIO)
	wantError(t, StylizeFile(modelPath, "a\x00b", stylePath, "out.png"), ErrArgument)

	_, err = NewContext(&ContextOptions{Threads: 1 << 40})
	wantError(t, err, ErrArgument)
	_, err = NewContext(&ContextOptions{Device: 77})
	wantError(t, err, ErrArgument)
	_, err = NewContext(&ContextOptions{Precision: 77})
	wantError(t, err, ErrArgument)

	if s := ErrIO.Error(); s != "ARTFUSION_ERROR_IO" {
		t.Errorf("%q", s)
	}
	newer := &Error{Status: -99}
	if !errors.Is(newer, Status(-99)) || errors.Is(newer, ErrIO) || newer.Error() != "unknown status" {
		t.Errorf("%v", newer)
	}
}

// The library keeps a sentence an OS thread. A goroutine whose call was not short goes on in another
// thread where all that Go has are busy.
func TestErrorsOfGoroutines(t *testing.T) {
	_, photo, _ := setup(t)
	large := must(photo.Resize(1024, 1024, FilterBox))(t)
	file := must(large.Encode(&SaveOptions{Format: FormatPNG}))(t)
	dir := t.TempDir()

	var callers, others sync.WaitGroup
	var ended int32
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		others.Add(1)
		go func() {
			defer others.Done()
			for atomic.LoadInt32(&ended) == 0 {
			}
		}()
	}
	for g := 0; g < 8; g++ {
		path := filepath.Join(dir, fmt.Sprintf("%d.png", g))
		ok(t, os.WriteFile(path, file[:len(file)/2], 0o666))
		callers.Add(1)
		go func() {
			defer callers.Done()
			for i := 0; i < 10; i++ {
				if _, err := LoadImage(path, nil); err == nil || !strings.HasPrefix(err.Error(), path) {
					t.Errorf("%v, not of %s", err, path)
					return
				}
			}
		}()
	}
	callers.Wait()
	atomic.StoreInt32(&ended, 1)
	others.Wait()
}

func TestEngineMissing(t *testing.T) {
	c := must(NewContext(&ContextOptions{EnginePath: "/none/such/engine.so"}))(t)
	_, err := c.OpenModel(modelPath)
	wantError(t, err, ErrEngine)
	if !strings.Contains(err.Error(), "/none/such/engine.so") {
		t.Errorf("%q", err)
	}
}

func TestLog(t *testing.T) {
	var messages []string
	log := func(level LogLevel, message string) {
		messages = append(messages, message)
		if level != LogInfo {
			t.Errorf("level %d of %s", level, message)
		}
	}
	c := must(NewContext(&ContextOptions{Log: log, LogLevel: LogInfo}))(t)
	m := must(c.OpenModel(modelPath))(t)
	if len(messages) == 0 || !strings.Contains(messages[0], must(m.Info())(t).Name) {
		t.Errorf("%q", messages)
	}
	// The context ends with the last that was made from it.
	l := c.handle.log
	ok(t, c.Close())
	if l.references != 1 {
		t.Errorf("%d references with a model open", l.references)
	}
	ok(t, m.Close())
	if l.references != 0 {
		t.Errorf("%d references", l.references)
	}

	messages = nil
	c = must(NewContext(&ContextOptions{Log: log}))(t)
	must(c.OpenModel(modelPath))(t)
	if len(messages) != 0 {
		t.Errorf("%q without being asked", messages)
	}
}

func TestLogPanic(t *testing.T) {
	calm := false
	c := must(NewContext(&ContextOptions{LogLevel: LogInfo, Log: func(LogLevel, string) {
		if !calm {
			panic("log")
		}
	}}))(t)
	wantPanic(t, "log", func() { c.OpenModel(modelPath) })
	calm = true
	must(c.OpenModel(modelPath))(t)
}

func TestStages(t *testing.T) {
	model, photo, style := setup(t)
	info := must(model.Info())(t)
	side := testSize / info.Downsample

	mode := must(model.Encode(photo, LatentMode))(t)
	scaled := must(model.Encode(photo, LatentScaled))(t)
	content := must(model.Encode(photo, LatentContent))(t)
	if len(scaled) != info.LatentChannels*side*side {
		t.Fatalf("%d values", len(scaled))
	}
	for i, z := range mode {
		channel := i / (side * side)
		if want := (z - info.LatentShift[channel]) * info.LatentScale[channel]; scaled[i] != want {
			t.Fatalf("value %d is %g, not %g", i, scaled[i], want)
		}
	}
	differ(t, "the content condition", content, scaled)
	_, err := model.Encode(must(photo.Resize(1, 1, FilterBox))(t), LatentScaled)
	wantError(t, err, ErrArgument)
	_, err = model.Encode(photo, 9)
	wantError(t, err, ErrArgument)

	rgb := must(model.Decode(scaled, 1, side, side))(t)
	if len(rgb) != 3*testSize*testSize {
		t.Errorf("%d values", len(rgb))
	}
	pixels := must(photo.RGB())(t)
	off := 0.0
	for i := range pixels {
		value := float64(rgb[i%3*testSize*testSize+i/3]+1) * 127.5
		if value > float64(pixels[i]) {
			off += value - float64(pixels[i])
		} else {
			off += float64(pixels[i]) - value
		}
	}
	if off /= float64(len(pixels)); off > 16 {
		t.Errorf("decoded, it is off by %g of 255", off)
	}
	two := must(model.Decode(append(append([]float32{}, scaled...), scaled...), 2, side, side))(t)
	if len(two) != 2*len(rgb) {
		t.Fatalf("%d values of two pictures", len(two))
	}
	for i, v := range two {
		if d := v - rgb[i%len(rgb)]; d < -1e-3 || d > 1e-3 {
			t.Fatalf("value %d of two is %g, of one %g", i, v, rgb[i%len(rgb)])
		}
	}

	x := append([]float32{}, scaled...)
	at := []int32{500}
	null := must(must(model.NullStyle())(t).Values())(t)
	code := must(style.Values())(t)
	plain := must(model.Denoise(x, at, nil, nil, side, side))(t)
	same(t, "the null style", must(model.Denoise(x, at, nil, null, side, side))(t), plain)
	differ(t, "a style", must(model.Denoise(x, at, nil, code, side, side))(t), plain)
	differ(t, "content", must(model.Denoise(x, at, content, nil, side, side))(t), plain)

	for name, f := range map[string]func() ([]float32, error){
		"short latent":   func() ([]float32, error) { return model.Decode(scaled[1:], 1, side, side) },
		"other batch":    func() ([]float32, error) { return model.Decode(scaled, 2, side, side) },
		"no latent":      func() ([]float32, error) { return model.Decode(nil, 1, 0, side) },
		"overflow":       func() ([]float32, error) { return model.Decode(scaled, 1<<31, 1<<31, 1<<31) },
		"short x":        func() ([]float32, error) { return model.Denoise(x[1:], at, nil, nil, side, side) },
		"no timesteps":   func() ([]float32, error) { return model.Denoise(x, nil, nil, nil, side, side) },
		"two timesteps":  func() ([]float32, error) { return model.Denoise(x, []int32{1, 2}, nil, nil, side, side) },
		"short content":  func() ([]float32, error) { return model.Denoise(x, at, content[1:], nil, side, side) },
		"empty content":  func() ([]float32, error) { return model.Denoise(x, at, []float32{}, nil, side, side) },
		"short style":    func() ([]float32, error) { return model.Denoise(x, at, nil, code[1:], side, side) },
		"timestep":       func() ([]float32, error) { return model.Denoise(x, []int32{-1}, nil, nil, side, side) },
		"turned latent":  func() ([]float32, error) { return model.Decode(scaled, 1, 1, side*side) },
		"turned x":       func() ([]float32, error) { return model.Denoise(x, at, nil, nil, 1, side*side) },
		"negative sides": func() ([]float32, error) { return model.Decode(scaled, 1, -side, -side) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f()
			wantError(t, err, ErrArgument)
		})
	}
}

func TestStyle(t *testing.T) {
	model, _, style := setup(t)
	values := must(style.Values())(t)
	if n := must(model.Info())(t).StyleWidth; len(values) != n {
		t.Fatalf("%d values, not %d", len(values), n)
	}
	same(t, "from values", must(must(model.StyleFromValues(values))(t).Values())(t), values)
	_, err := model.StyleFromValues(values[1:])
	wantError(t, err, ErrMismatch)
	_, err = model.StyleFromValues(nil)
	wantError(t, err, ErrArgument)

	null := must(model.NullStyle())(t)
	nulls := must(null.Values())(t)
	blended := must(must(BlendStyles([]*Style{style, null}, []float64{0.25, 0.5}))(t).Values())(t)
	for i := range blended {
		if want := 0.25*float64(values[i]) + 0.5*float64(nulls[i]); blended[i] != float32(want) {
			t.Fatalf("value %d is %g, not %g", i, blended[i], want)
		}
	}
	_, err = BlendStyles(nil, nil)
	wantError(t, err, ErrArgument)
	_, err = BlendStyles([]*Style{style}, []float64{1, 2})
	wantError(t, err, ErrArgument)
}

func TestSavedStyle(t *testing.T) {
	model, _, style := setup(t)
	values := must(style.Values())(t)
	path := filepath.Join(t.TempDir(), "a.style")
	ok(t, style.Save(path))
	data := must(style.Encode())(t)
	if !bytes.Equal(must(os.ReadFile(path))(t), data) {
		t.Error("Save and Encode differ")
	}
	same(t, "by its path", must(must(model.LoadStyle(path))(t).Values())(t), values)
	same(t, "by its bytes", must(must(model.DecodeStyle(data))(t).Values())(t), values)

	_, err := model.LoadStyle(path + ".none")
	wantError(t, err, ErrIO)
	_, err = model.LoadStyle("a\x00b")
	wantError(t, err, ErrArgument)
	for _, cut := range []int{0, 1, len(data) / 2} {
		_, err = model.DecodeStyle(data[:cut])
		if cut > 1 {
			wantError(t, err, ErrChecksum)
		} else {
			wantError(t, err, ErrFormat)
		}
	}
	wantError(t, style.Save("none/such/a.style"), ErrIO)
	wantError(t, style.Save("a\x00b"), ErrArgument)
	closed := must(model.DecodeStyle(data))(t)
	ok(t, closed.Close())
	_, err = closed.Encode()
	wantError(t, err, ErrState)
	wantError(t, closed.Save(path), ErrState)
}

func TestMemory(t *testing.T) {
	model, _, _ := setup(t)
	needed := func(m *Model, batch int) uint64 {
		o := must(m.SamplerOptions())(t)
		o.Width, o.Height, o.Steps, o.Batch = testSize, testSize, 1, batch
		return must(m.MemoryNeeded(&o))(t)
	}
	one, four := needed(model, 1), needed(model, 4)
	if one < 65536 || four <= one {
		t.Errorf("%d bytes for a picture, %d for four", one, four)
	}
	if native := must(model.MemoryNeeded(nil))(t); native <= one {
		t.Errorf("%d bytes at the native size, %d at a smaller one", native, one)
	}
	o := must(model.SamplerOptions())(t)
	o.Timesteps = []int32{5}
	_, err := model.MemoryNeeded(&o)
	wantError(t, err, ErrArgument)
	o.Timesteps, o.Width = nil, 65_536
	_, err = model.MemoryNeeded(&o)
	wantError(t, err, ErrArgument)

	c := must(NewContext(&ContextOptions{MemoryLimit: four - 1}))(t)
	defer c.Close()
	limited := must(c.OpenModel(modelPath))(t)
	defer limited.Close()
	if less := needed(limited, 4); less >= four {
		t.Errorf("%d bytes of %d", less, four-1)
	}
	o = must(limited.SamplerOptions())(t)
	_, err = limited.NewSampler(&o)
	wantError(t, err, ErrLimit)
	if !strings.Contains(err.Error(), "memory_limit") {
		t.Errorf("%q", err)
	}
}

func TestStylizeFile(t *testing.T) {
	_, photo, _ := setup(t)
	dir := t.TempDir()
	small := filepath.Join(dir, "small.png")
	ok(t, photo.Save(small, nil))
	out := filepath.Join(dir, "out.png")
	ok(t, StylizeFile(modelPath, small, small, out))
	if i := must(LoadImage(out, nil))(t); i.Width() != 256 || i.Height() != 256 {
		t.Errorf("%dx%d", i.Width(), i.Height())
	}
}

// A photo and a painting that are larger than the native size and not square are one picture by the
// call of files and by that in memory, at the photo's proportions.
func TestStylize(t *testing.T) {
	m, _, _ := setup(t)
	const large = "../../examples/images/coffee.jpg"
	out := filepath.Join(t.TempDir(), "out.png")
	ok(t, StylizeFile(modelPath, photoPath, large, out))
	wanted := must(must(LoadImage(out, nil))(t).RGB())(t)
	photo, painting := must(LoadImage(photoPath, nil))(t), must(LoadImage(large, nil))(t)
	o := must(m.SamplerOptions())(t)
	for _, options := range []*SamplerOptions{nil, &o} {
		made := must(m.Stylize(background, photo, painting, options))(t)
		if made.Width() != 256 || made.Height() != 171 {
			t.Errorf("%dx%d", made.Width(), made.Height())
		}
		if !bytes.Equal(must(made.RGB())(t), wanted) {
			t.Error("another picture")
		}
	}

	// A size of one's own is kept, nothing of the options is changed, and a batch is no single picture.
	o.Width, o.Height, o.Steps = 64, 64, 1
	if made := must(m.Stylize(background, photo, painting, &o))(t); made.Height() != 64 {
		t.Errorf("%dx%d", made.Width(), made.Height())
	}
	ok(t, o.SetSize(m, photo, 64))
	if o.Width != 64 || o.Height != 43 || o.Steps != 1 {
		t.Errorf("%+v", o)
	}
	wantError(t, o.SetSize(m, photo, -1), ErrArgument)
	done, cancel := context.WithCancel(background)
	cancel()
	_, err := m.Stylize(done, photo, painting, &o)
	wantError(t, err, ErrCancelled)
	o.Batch = 2
	_, err = m.Stylize(background, photo, painting, &o)
	wantError(t, err, ErrArgument)
}

func TestStyleAtNativeSize(t *testing.T) {
	m, _, _ := setup(t)
	painting := must(LoadImage(photoPath, nil))(t)
	fitted := must(painting.ResizeFit(256, 256, FilterBicubic))(t)
	values := func(style *Style, err error) []float32 { return must(must(style, err)(t).Values())(t) }
	read := values(m.StyleFromImage(painting))
	if !reflect.DeepEqual(read, values(m.StyleFromImageExact(fitted))) {
		t.Error("not read at the native size")
	}
	if reflect.DeepEqual(read, values(m.StyleFromImageExact(painting))) {
		t.Error("exact is the same")
	}
}

func TestDefaultModelPath(t *testing.T) {
	t.Setenv("ARTFUSION_MODEL", "a.model")
	if path := must(DefaultModelPath())(t); path != "a.model" {
		t.Error(path)
	}
	t.Setenv("ARTFUSION_MODEL", "")
	path := must(DefaultModelPath())(t)
	c := must(NewContext(nil))(t)
	if info := must(must(c.OpenModel(path))(t).Info())(t); info.Name != "mini" {
		t.Errorf("%s: %s", path, info.Name)
	}
}

func TestIsolation(t *testing.T) {
	model, photo, _ := setup(t)
	open := func(limit time.Duration) (*Model, error) {
		c := must(NewContext(&ContextOptions{Isolation: IsolationProcess, IsolationTimeout: limit}))(t)
		defer c.Close()
		return c.OpenModel(modelPath)
	}
	apart := must(open(time.Minute))(t)
	defer apart.Close()
	same(t, "latents", must(apart.Encode(photo, LatentMode))(t), must(model.Encode(photo, LatentMode))(t))

	_, err := open(time.Millisecond)
	wantError(t, err, ErrEngine)
	if !strings.Contains(err.Error(), "did not answer within 0.001 s") {
		t.Errorf("%q", err)
	}
	for _, wrong := range []ContextOptions{{Isolation: 3}, {IsolationTimeout: -time.Second},
		{Isolation: IsolationAuto, Trusted: []string{"mini"}}, {Trusted: []string{"a\x00b"}}} {
		_, err := NewContext(&wrong)
		wantError(t, err, ErrArgument)
	}
	_, err = open(time.Nanosecond) // a part of a millisecond is no absence of a limit
	wantError(t, err, ErrEngine)
}

// engines are the processes of engines that this one has started.
func engines(t *testing.T) (found []int) {
	for _, path := range must(filepath.Glob("/proc/self/task/*/children"))(t) {
		list, _ := os.ReadFile(path) // of a thread that has ended
		for _, child := range strings.Fields(string(list)) {
			found = append(found, must(strconv.Atoi(child))(t))
		}
	}
	return found
}

func TestIsolatedEngineIsKilled(t *testing.T) {
	model, photo, _ := setup(t)
	options := must(model.SamplerOptions())(t)
	options.Width, options.Height, options.Steps, options.Seed = testSize, testSize, 4, 5
	painting := must(LoadImage(stylePath, nil))(t)
	run := func(m *Model, kill int) []byte {
		sampler := must(m.NewSampler(&options))(t)
		defer sampler.Close()
		style := must(m.StyleFromImage(painting))(t)
		defer style.Close()
		for _, err := range []error{sampler.SetContent(All, photo), sampler.SetStyle(All, style)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for step := 0; ; step++ {
			if step == kill {
				if e := engines(t); len(e) != 1 || syscall.Kill(e[0], syscall.SIGKILL) != nil {
					t.Fatalf("engines: %v", e)
				}
				_, err := sampler.Next(background)
				wantError(t, err, ErrEngine)
				if !strings.Contains(err.Error(), "was ended by SIGKILL") {
					t.Errorf("%q", err)
				}
			}
			if more := must(sampler.Next(background))(t); !more {
				break
			}
		}
		return must(must(sampler.Image(0))(t).RGB())(t)
	}
	undisturbed := run(model, -1)
	c := must(NewContext(&ContextOptions{Isolation: IsolationProcess}))(t)
	defer c.Close()
	apart := must(c.OpenModel(modelPath))(t)
	if info := must(apart.Info())(t); info.Isolation != IsolationProcess {
		t.Error(info.Isolation)
	}
	if !bytes.Equal(run(apart, 2), undisturbed) {
		t.Error("another picture")
	}
	apart.Close()
	if e := engines(t); len(e) != 0 {
		t.Errorf("engines: %v", e)
	}
	auto := must(NewContext(&ContextOptions{Isolation: IsolationAuto}))(t)
	defer auto.Close()
	shipped := must(auto.OpenModel(modelPath))(t)
	defer shipped.Close()
	if info := must(shipped.Info())(t); info.Isolation != IsolationNone {
		t.Error(info.Isolation)
	}
}
