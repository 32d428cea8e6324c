// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>

int32_t artfusionGoRead(void *, uint64_t, void *, size_t);
void artfusionGoLog(void *, artfusion_log_level, char *);
int32_t artfusionGoNoise(void *, artfusion_noise_use, int32_t, float *, size_t);
int32_t artfusionGoStep(void *, artfusion_sampler *);
int32_t artfusionGoEps(void *, artfusion_sampler *, float *, size_t);
*/
import "C"

import (
	"context"
	"io"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"unsafe"
)

// The user_data of a callback points to a C.uintptr_t with a cgo.Handle: the library keeps the
// pointer, and may keep none to Go memory.

func newCell() *C.uintptr_t {
	return (*C.uintptr_t)(C.calloc(1, C.sizeof_uintptr_t))
}

func inCell[T any](cell unsafe.Pointer) T {
	return cgo.Handle(*(*C.uintptr_t)(cell)).Value().(T)
}

// caught is a panic on its way around the library, from a callback to the caller.
type caught struct {
	value any
	set   bool
}

// protect calls f and says whether it returned. Not all panics have a value that is not nil.
func (c *caught) protect(f func()) (returned bool) {
	defer func() {
		if !returned {
			c.value, c.set = recover(), true
		}
	}()
	f()
	return true
}

func (c *caught) rethrow() {
	if c.set {
		value := c.value
		*c = caught{}
		panic(value)
	}
}

// reading is one call of OpenModelReader.
type reading struct {
	caught
	from io.ReaderAt
	err  error
}

//export artfusionGoRead
func artfusionGoRead(data unsafe.Pointer, offset C.uint64_t, buffer unsafe.Pointer, size C.size_t) C.int32_t {
	r := inCell[*reading](data)
	returned := r.protect(func() {
		into := unsafe.Slice((*byte)(buffer), int(size))
		n, err := r.from.ReadAt(into, int64(offset))
		switch {
		case n == len(into): // with io.EOF, too, if they were the last
		case err != nil:
			r.err = err
		default:
			r.err = io.ErrUnexpectedEOF
		}
	})
	if !returned || r.err != nil {
		return 1
	}
	return 0
}

// logger is a context's log function. The context lives as long as what was made from it, and so
// each handle of these counts.
type logger struct {
	log        func(level LogLevel, message string)
	cell       *C.uintptr_t
	references int32

	mutex sync.Mutex
	caught
}

func newLogger(log func(LogLevel, string)) *logger {
	l := &logger{log: log, cell: newCell(), references: 1}
	*l.cell = C.uintptr_t(cgo.NewHandle(l))
	return l
}

func (l *logger) retain() {
	if l != nil {
		atomic.AddInt32(&l.references, 1)
	}
}

func (l *logger) release() {
	if l != nil && atomic.AddInt32(&l.references, -1) == 0 {
		cgo.Handle(*l.cell).Delete()
		C.free(unsafe.Pointer(l.cell))
	}
}

func (l *logger) rethrow() {
	if l == nil {
		return
	}
	l.mutex.Lock()
	thrown := l.caught
	l.caught = caught{}
	l.mutex.Unlock()
	thrown.rethrow()
}

//export artfusionGoLog
func artfusionGoLog(data unsafe.Pointer, level C.artfusion_log_level, message *C.char) {
	l := inCell[*logger](data)
	var thrown caught
	if !thrown.protect(func() { l.log(LogLevel(level), C.GoString(message)) }) {
		l.mutex.Lock()
		l.caught = thrown
		l.mutex.Unlock()
	}
}

// running is one call of a sampler's Next or Run.
type running struct {
	caught
	ctx     context.Context
	sampler *Sampler
	err     error // what a callback ended the call with
	stepped bool  // whether OnStep runs
}

// callback returns what the library gets: whether f succeeded.
func (r *running) callback(f func() error) bool {
	returned := r.protect(func() { r.err = f() })
	if returned && r.err == nil {
		// A preview may have used up the cancellation that the context caused.
		r.err = r.ctx.Err()
	}
	return returned && r.err == nil
}

//export artfusionGoNoise
func artfusionGoNoise(data unsafe.Pointer, use C.artfusion_noise_use, step C.int32_t,
	values *C.float, count C.size_t) C.int32_t {
	r := inCell[*running](data)
	var filled bool
	ok := r.callback(func() (err error) {
		filled, err = r.sampler.onNoise(NoiseUse(use), int(step), floats(values, count))
		return err
	})
	switch {
	case !ok:
		return -1
	case !filled:
		return 1
	}
	return 0
}

//export artfusionGoStep
func artfusionGoStep(data unsafe.Pointer, _ *C.artfusion_sampler) C.int32_t {
	r := inCell[*running](data)
	r.stepped = true
	defer func() { r.stepped = false }()
	if !r.callback(func() error { return r.sampler.onStep(r.sampler) }) {
		return 1
	}
	return 0
}

//export artfusionGoEps
func artfusionGoEps(data unsafe.Pointer, _ *C.artfusion_sampler, eps *C.float, count C.size_t) C.int32_t {
	r := inCell[*running](data)
	if !r.callback(func() error { return r.sampler.onEps(r.sampler, floats(eps, count)) }) {
		return 1
	}
	return 0
}

// floats is the library's memory, for as long as the callback runs.
func floats(values *C.float, count C.size_t) []float32 {
	n := int(count)
	return unsafe.Slice((*float32)(values), n)[:n:n]
}
