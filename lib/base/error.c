/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

/* A buffer of its own for each thread: no allocation, so that it works when
 * memory is what ran out, and no lock, so that a message is always that of the
 * caller's own failure. */
static _Thread_local struct {
    char text[1024];
    int set;
} last_error;

void af_error_clear(void)
{
    last_error.set = 0;
}

void af_error_set(const char *format, ...)
{
    if (last_error.set)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(last_error.text, sizeof last_error.text, format, arguments);
    va_end(arguments);
    last_error.set = 1;
}

const char *artfusion_error_message(void)
{
    return last_error.text;
}

const char *artfusion_status_name(artfusion_status status)
{
    switch (status) {
    case ARTFUSION_OK: return "ARTFUSION_OK";
    case ARTFUSION_DONE: return "ARTFUSION_DONE";
    case ARTFUSION_ERROR_ARGUMENT: return "ARTFUSION_ERROR_ARGUMENT";
    case ARTFUSION_ERROR_MEMORY: return "ARTFUSION_ERROR_MEMORY";
    case ARTFUSION_ERROR_IO: return "ARTFUSION_ERROR_IO";
    case ARTFUSION_ERROR_FORMAT: return "ARTFUSION_ERROR_FORMAT";
    case ARTFUSION_ERROR_UNSUPPORTED: return "ARTFUSION_ERROR_UNSUPPORTED";
    case ARTFUSION_ERROR_LIMIT: return "ARTFUSION_ERROR_LIMIT";
    case ARTFUSION_ERROR_STATE: return "ARTFUSION_ERROR_STATE";
    case ARTFUSION_ERROR_CANCELLED: return "ARTFUSION_ERROR_CANCELLED";
    case ARTFUSION_ERROR_ENGINE: return "ARTFUSION_ERROR_ENGINE";
    case ARTFUSION_ERROR_MISMATCH: return "ARTFUSION_ERROR_MISMATCH";
    case ARTFUSION_ERROR_NUMERIC: return "ARTFUSION_ERROR_NUMERIC";
    case ARTFUSION_ERROR_CHECKSUM: return "ARTFUSION_ERROR_CHECKSUM";
    default: return "unknown status";
    }
}
