// SPDX-License-Identifier: MIT

/*
Package artfusion gives a picture another picture's manner, by latent diffusion. It is libartfusion
for Go: what a call does beyond what is said here is said in artfusion.h.

The whole library in one call:

	err := artfusion.StylizeFile("mini.artfusion", "photo.jpg", "painting.jpg", "out.png")

The same in memory: a [Context] opens a [Model], and [Model.Stylize] makes an [Image]. The same in its
steps: the Model makes a [Style] of a picture and a [Sampler], and the Sampler makes an Image. The program
examples/stylize is an example.

# Building

The library is found by pkg-config, as artfusion. Go's build cache does not see its header: after
another release was installed, build with go build -a once. A program that was not built again for a
release that does not serve it gets an error of [ErrUnsupported] from [NewContext].

# Errors

Errors are of type *[Error]: a sentence and a [Status], which is an error itself, for [errors.Is]:

	if errors.Is(err, artfusion.ErrIO) …

# Lifetime

Each handle (Context, Model, Image, Style, Sampler, RNG) has a Close, which may be called in any
order and more than once, from any goroutine. A call that is running ends first; later ones return
an error of [ErrState]. What was not closed is closed after the garbage collector found it
unreachable. The collector does not see the memory behind a handle, which for a model is large:
programs that make many should close them.

# Goroutines

A Context and a Model may be used by any number of goroutines at once. Images, Styles, Samplers and
RNGs are used by one goroutine at a time, but for [Sampler.Cancel] and Close, which any may call;
Styles and Images are never changed once they are made, so many may read them.

# Callbacks

Callbacks run on the goroutine whose call they belong to. A panic in one ends that call as early as
the library allows, and goes on in its caller. Callbacks must not call [runtime.Goexit], which is
what [testing.T.FailNow] does: it would leave the library in the middle of its work. Slices that
callbacks are given are the library's memory and must not be used after they return.

A callback ends its call by an error and by nothing else; the call's own error is of [ErrCancelled], and
[errors.Is] finds the callback's in it. The context of [Sampler.Next] and [Sampler.Run] ends it as well.
*/
package artfusion

/*
#cgo pkg-config: artfusion
#include <artfusion.h>
#include <stdlib.h>
*/
import "C"

import (
	"math"
	"runtime"
	"strings"
	"unsafe"
)

// Version is the release of the library that is running, such as "1.1.0".
func Version() string {
	return C.GoString(C.artfusion_version_string())
}

// VersionNumber is the same as major * 1000000 + minor * 1000 + patch.
func VersionNumber() uint32 {
	return uint32(C.artfusion_version())
}

// checkVersion asks whether the library that is running serves programs compiled with the header of
// that release.
func checkVersion(header uint32) error {
	return call(func() C.artfusion_status { return C.artfusion_check_version(C.uint32_t(header)) })
}

// call makes a call of the library an error. The library keeps the sentence in the OS thread, which
// a goroutine may leave between two calls.
func call(f func() C.artfusion_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := Status(f()); status < statusOK {
		return &Error{Status: status, Message: C.GoString(C.artfusion_error_message())}
	}
	return nil
}

// encoded is a copy of the bytes that a call gives, in the library's memory.
func encoded(f func(data **C.uint8_t, size *C.size_t) C.artfusion_status) ([]byte, error) {
	var data *C.uint8_t
	var size C.size_t
	if err := call(func() C.artfusion_status { return f(&data, &size) }); err != nil {
		return nil, err
	}
	defer C.artfusion_free(unsafe.Pointer(data))
	return copied((*byte)(data), int(size)), nil
}

// cString is the caller's to free.
func cString(what, s string) (*C.char, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, argumentError("the %s %q contains a NUL", what, s)
	}
	return C.CString(s), nil
}

// clamp brings n to the library's type. What does not fit becomes the nearest number that does, which
// is out of range wherever n is.
func clamp(n int) C.int32_t {
	if n > math.MaxInt32 {
		return math.MaxInt32
	}
	if n < math.MinInt32 {
		return math.MinInt32
	}
	return C.int32_t(n)
}

// first is where a slice begins, nil for one of no elements.
func first[T any](s []T) *T {
	if len(s) == 0 {
		return nil
	}
	return &s[0]
}

// copied is a Go slice of what stands in C memory, nil for nil.
func copied[T any](from *T, count int) []T {
	if from == nil {
		return nil
	}
	return append(make([]T, 0, count), unsafe.Slice(from, count)...)
}
