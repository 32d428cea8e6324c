// SPDX-License-Identifier: MIT

package artfusion

/*
#include <artfusion.h>
#include <stdlib.h>

void artfusionGoLog(void *, artfusion_log_level, char *);
*/
import "C"

import (
	"math"
	"strings"
	"time"
	"unsafe"
)

// Context has the device, the threads, the precision, the memory limit, the isolation and the log of
// the models that are opened with it. Any number of goroutines may use it at once.
type Context struct {
	handle *handle
}

// ContextOptions are the options of [NewContext]. Zero values are the defaults.
type ContextOptions struct {
	Device      Device
	DeviceIndex int // which GPU
	Threads     int // of a network call; 0: as many as the engine uses otherwise
	Precision   Precision
	MemoryLimit uint64 // bytes that a run may take beside its model; 0: any number. See MemoryNeeded
	Isolation   Isolation
	// IsolationTimeout is how long a call of the networks, or opening the model, may take if the model is
	// isolated; parts of a millisecond count as one. 0 is no limit.
	IsolationTimeout time.Duration
	// Trusted has the SHA-256 of other model files that IsolationAuto trusts, each with 64 hexadecimal
	// digits, as sha256sum prints it.
	Trusted    []string
	EnginePath string // "": the environment variable ARTFUSION_ENGINE, then where the library finds one

	// Log gets messages, from any goroutine that uses the context or what was made from it. If such calls
	// run at once, a panic in Log continues in one of them.
	Log func(level LogLevel, message string)
	// LogLevel is the least serious level that Log gets. The zero value stands for LogWarning.
	LogLevel LogLevel
}

func (o *ContextOptions) toC() C.artfusion_context_options {
	var c C.artfusion_context_options
	C.artfusion_context_options_init(&c, C.sizeof_artfusion_context_options)
	if o == nil {
		return c
	}
	c.device = C.artfusion_device(o.Device)
	c.device_index = clamp(o.DeviceIndex)
	c.threads = clamp(o.Threads)
	c.precision = C.artfusion_precision(o.Precision)
	c.memory_limit = C.uint64_t(o.MemoryLimit)
	c.isolation = C.artfusion_isolation(o.Isolation)
	c.isolation_timeout = clamp(int(math.Ceil(float64(o.IsolationTimeout) / float64(time.Millisecond))))
	if o.LogLevel != LogNone {
		c.log_level = C.artfusion_log_level(o.LogLevel)
	}
	return c
}

// NewContext makes a context; nil options are the defaults. No engine is loaded yet; the first model
// loads it. It fails with [ErrUnsupported] if the running library does not fit the release that this
// package was compiled with.
func NewContext(options *ContextOptions) (*Context, error) {
	if err := checkVersion(C.ARTFUSION_VERSION); err != nil {
		return nil, err
	}
	c := options.toC()
	var log *logger
	if options != nil {
		if options.EnginePath != "" {
			path, err := cString("path", options.EnginePath)
			if err != nil {
				return nil, err
			}
			defer C.free(unsafe.Pointer(path))
			c.engine_path = path
		}
		trusted, err := cString("trusted", strings.Join(options.Trusted, ","))
		if err != nil {
			return nil, err
		}
		defer C.free(unsafe.Pointer(trusted))
		c.trusted = trusted
		if options.Log != nil {
			log = newLogger(options.Log)
			defer log.release() // the handle has its own
			c.log = C.artfusion_log_callback(C.artfusionGoLog)
			c.log_user_data = unsafe.Pointer(log.cell)
		}
	}
	var made *C.artfusion_context
	if err := call(func() C.artfusion_status { return C.artfusion_context_create(&c, &made) }); err != nil {
		return nil, err
	}
	return &Context{newHandle(unsafe.Pointer(made), log, func(p unsafe.Pointer) {
		C.artfusion_context_destroy((*C.artfusion_context)(p))
	})}, nil
}

// Close ends the context. What was made from it stays usable.
func (c *Context) Close() error {
	if c != nil {
		c.handle.close()
	}
	return nil
}

func (c *Context) use() (*C.artfusion_context, func(), error) {
	var h *handle
	if c != nil {
		h = c.handle
	}
	p, err := h.acquire("Context")
	return (*C.artfusion_context)(p), h.release, err
}
