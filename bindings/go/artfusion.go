// SPDX-License-Identifier: MIT

/*
Package artfusion gives a picture another picture's style, by latent diffusion. It is libartfusion
for Go; artfusion.h says more about each call.

The whole library in one call:

	err := artfusion.StylizeFile("mini.artfusion", "photo.jpg", "painting.jpg", "out.png")

In memory, a [Context] opens a [Model], and [Model.Stylize] makes an [Image]. Step by step, the Model makes a
[Style] of a picture and a [Sampler], and the Sampler makes an Image. The program examples/stylize does that.

# Building

pkg-config finds the library, as artfusion. Go's build cache does not see its header: after
installing another release, build once with go build -a. If a program was built for a release that
does not fit the running library, [NewContext] fails with [ErrUnsupported].

# Errors

Errors have the type *[Error]: a sentence and a [Status], which is an error itself, for [errors.Is]:

	if errors.Is(err, artfusion.ErrIO) …

# Lifetime

Each handle (Context, Model, Image, Style, Sampler, RNG) has a Close, which may be called in any
order and more than once, from any goroutine. A call in progress ends first; later ones
fail with [ErrState]. A handle that was not closed is closed after the garbage collector found it
unreachable. The collector does not see the memory behind a handle, which for a model is large:
programs that make many should close them.

# Goroutines

Any number of goroutines may use a Context and a Model at once. One goroutine at a time may use a
Sampler or an RNG, except for [Sampler.Cancel] and Close, which any may call. Styles and Images never
change once they are made, so many goroutines may read them.

# Callbacks

Callbacks run on the goroutine whose call they belong to. A panic in one ends that call as early as
the library allows, and continues in its caller. Callbacks must not call [runtime.Goexit], as
[testing.T.FailNow] does: it would leave the library in the middle of its work. The slices that
callbacks get are the library's memory; do not use them after the callback returns.

A callback ends its call only by an error. The call then fails with [ErrCancelled], and [errors.Is] finds
the callback's error in it. The context of [Sampler.Next] and [Sampler.Run] ends a call as well.
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

// Version is the release of the running library, such as "1.1.0".
func Version() string {
	return C.GoString(C.artfusion_version_string())
}

// VersionNumber is the same as major * 1000000 + minor * 1000 + patch.
func VersionNumber() uint32 {
	return uint32(C.artfusion_version())
}

// checkVersion asks whether the running library fits programs compiled with the header of that release.
func checkVersion(header uint32) error {
	return call(func() C.artfusion_status { return C.artfusion_check_version(C.uint32_t(header)) })
}

// call makes a call of the library and returns its error. The library keeps the sentence per OS thread,
// which a goroutine may leave between two calls.
func call(f func() C.artfusion_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := Status(f()); status < statusOK {
		return &Error{Status: status, Message: C.GoString(C.artfusion_error_message())}
	}
	return nil
}

// encoded copies the bytes that a call returns in the library's memory.
func encoded(f func(data **C.uint8_t, size *C.size_t) C.artfusion_status) ([]byte, error) {
	var data *C.uint8_t
	var size C.size_t
	if err := call(func() C.artfusion_status { return f(&data, &size) }); err != nil {
		return nil, err
	}
	defer C.artfusion_free(unsafe.Pointer(data))
	return copied((*byte)(data), int(size)), nil
}

// cString returns memory that the caller frees.
func cString(what, s string) (*C.char, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, argumentError("the %s %q contains a NUL", what, s)
	}
	return C.CString(s), nil
}

// clamp converts n to the library's type. A number that does not fit becomes the nearest one that does,
// which is out of range if n is.
func clamp(n int) C.int32_t {
	if n > math.MaxInt32 {
		return math.MaxInt32
	}
	if n < math.MinInt32 {
		return math.MinInt32
	}
	return C.int32_t(n)
}

// first points to where a slice begins; it is nil for an empty one.
func first[T any](s []T) *T {
	if len(s) == 0 {
		return nil
	}
	return &s[0]
}

// copied is a Go slice with a copy of C memory; it is nil for nil.
func copied[T any](from *T, count int) []T {
	if from == nil {
		return nil
	}
	return append(make([]T, 0, count), unsafe.Slice(from, count)...)
}
