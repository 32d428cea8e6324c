/* SPDX-License-Identifier: MIT
 * The calling thread's last error, behind artfusion_error_message(). */
#ifndef AF_BASE_ERROR_H
#define AF_BASE_ERROR_H

#include "artfusion.h"
#include "base/printf.h"

/* Each public function that can fail begins with it, so that the first error
 * within a call, which knows most, is the one that is kept. So does what goes on
 * after a callback, whose own calls may have failed. */
void af_error_clear(void);

/* Sets the message unless the running call has one, and gives `status`:
 * `return af_fail(ARTFUSION_ERROR_IO, "%s: %s", path, strerror(errno));`
 * Sentences name the value and what would be right, without a final stop.
 * A macro, since compilers and analysers look at one file at a time, and would otherwise go after
 * failures that succeed. */
#define af_fail(status, ...) (af_error_set(__VA_ARGS__), (status))

AF_PRINTF(1, 2)
void af_error_set(const char *format, ...);

/* Puts "PREFIX: " in front of the message that the running call has, and gives `status`: for what a
 * function further in did not know, as a path. */
#define af_fail_in(status, ...) (af_error_prefix(__VA_ARGS__), (status))

AF_PRINTF(1, 2)
void af_error_prefix(const char *format, ...);

/* ARTFUSION_ERROR_MEMORY, naming what `bytes` were for. */
static inline artfusion_status af_fail_memory(size_t bytes, const char *what)
{
    return af_fail(ARTFUSION_ERROR_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}

#endif
