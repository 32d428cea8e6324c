// SPDX-License-Identifier: MIT

package artfusion

// #include <artfusion.h>
import "C"

import "fmt"

// Status is the kind of an error. It is an error itself, as a target for [errors.Is].
type Status int32

// The kinds of errors that this package knows. A newer library may have others.
const (
	ErrArgument    Status = C.ARTFUSION_ERROR_ARGUMENT    // nil, NaN, out of range, unknown constant
	ErrMemory      Status = C.ARTFUSION_ERROR_MEMORY      // an allocation failed
	ErrIO          Status = C.ARTFUSION_ERROR_IO          // a file could not be opened, read or written
	ErrFormat      Status = C.ARTFUSION_ERROR_FORMAT      // the bytes are not what they should be
	ErrUnsupported Status = C.ARTFUSION_ERROR_UNSUPPORTED // valid, but beyond this build or machine
	ErrLimit       Status = C.ARTFUSION_ERROR_LIMIT       // a limit that the caller may raise
	ErrState       Status = C.ARTFUSION_ERROR_STATE       // a call out of order, or after Close
	ErrCancelled   Status = C.ARTFUSION_ERROR_CANCELLED   // by Cancel, a context or a callback
	ErrEngine      Status = C.ARTFUSION_ERROR_ENGINE      // the engine is missing or failed
	ErrMismatch    Status = C.ARTFUSION_ERROR_MISMATCH    // a style code of another model
	ErrNumeric     Status = C.ARTFUSION_ERROR_NUMERIC     // NaN or infinity where numbers should be
	ErrChecksum    Status = C.ARTFUSION_ERROR_CHECKSUM    // the file was changed since it was written
)

const (
	statusOK   Status = C.ARTFUSION_OK
	statusDone Status = C.ARTFUSION_DONE
)

// Error is the status's name in C, such as "ARTFUSION_ERROR_IO".
func (s Status) Error() string {
	return C.GoString(C.artfusion_status_name(C.artfusion_status(s)))
}

// Error is the error that calls of this package return. [errors.Is] finds its Status and, if a context,
// a callback or a reader ended the call, the error of that.
type Error struct {
	Status  Status
	Message string // a sentence that names the value and what would be right
	cause   error
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Status.Error()
	}
	return e.Message
}

// Is reports whether target is e's Status.
func (e *Error) Is(target error) bool {
	return target == e.Status
}

// Unwrap returns the error of the context, callback or reader that ended the call, or nil.
func (e *Error) Unwrap() error {
	return e.cause
}

func argumentError(format string, values ...any) error {
	return &Error{Status: ErrArgument, Message: fmt.Sprintf(format, values...)}
}

func cancelledBy(cause error) error {
	return &Error{Status: ErrCancelled, Message: cause.Error(), cause: cause}
}
