// SPDX-License-Identifier: MIT

package artfusion

import (
	"runtime"
	"sync"
	"unsafe"
)

// handle owns one of the library's objects. Calls acquire and release it, so that neither Close nor the
// finaliser destroys an object in use. The finaliser is the handle's, not that of the type around it: a
// callback may refer to its Sampler, and objects with a finaliser are never freed if they are reachable
// from themselves.
type handle struct {
	pointer unsafe.Pointer
	destroy func(unsafe.Pointer)
	log     *logger // what the context behind the object logs to, or nil

	mutex  sync.Mutex
	users  int
	closed bool
}

func newHandle(pointer unsafe.Pointer, log *logger, destroy func(unsafe.Pointer)) *handle {
	h := &handle{pointer: pointer, destroy: destroy, log: log}
	log.retain()
	runtime.SetFinalizer(h, (*handle).close)
	return h
}

func (h *handle) acquire(what string) (unsafe.Pointer, error) {
	if h == nil {
		return nil, argumentError("the %s is nil", what)
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.closed {
		return nil, &Error{Status: ErrState, Message: "the " + what + " is closed"}
	}
	h.users++
	return h.pointer, nil
}

// release continues a panic of the log function, which the call may have caused.
func (h *handle) release() {
	h.mutex.Lock()
	h.users--
	last := h.closed && h.users == 0
	h.mutex.Unlock()
	if last {
		h.end()
	}
	h.log.rethrow()
}

func (h *handle) close() {
	if h == nil {
		return
	}
	h.mutex.Lock()
	last := !h.closed && h.users == 0
	h.closed = true
	h.mutex.Unlock()
	if last {
		h.end()
	}
}

func (h *handle) end() {
	runtime.SetFinalizer(h, nil)
	h.destroy(h.pointer)
	h.log.release()
}
