/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 8192, KEPT_OF_END = 400 };

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

/* Keeps the end of a sentence that is too long, which says what was wrong with the path at its
 * beginning, and no part of a character. */
static void shorten(const char *sentence, size_t length)
{
    static const char gap[] = " ... ";
    size_t start = sizeof last_error.text - sizeof gap - KEPT_OF_END;
    size_t end = length - KEPT_OF_END;
    while (start > 0 && ((unsigned char)sentence[start] & 0xC0) == 0x80)
        start--;
    while (end < length && ((unsigned char)sentence[end] & 0xC0) == 0x80)
        end++;
    memcpy(last_error.text, sentence, start);
    memcpy(last_error.text + start, gap, sizeof gap - 1);
    memcpy(last_error.text + start + sizeof gap - 1, sentence + end, length - end + 1);
}

static void put(const char *sentence)
{
    const size_t length = strlen(sentence);
    if (length < sizeof last_error.text)
        memcpy(last_error.text, sentence, length + 1);
    else
        shorten(sentence, length);
    last_error.set = 1;
}

void af_error_set(const char *format, ...)
{
    if (last_error.set)
        return;
    char sentence[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    put(sentence);
}

void af_error_prefix(const char *format, ...)
{
    char sentence[LONGEST];
    const size_t room = sizeof sentence - sizeof ": " - sizeof last_error.text;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, room, format, arguments);
    va_end(arguments);
    const size_t used = strlen(sentence);
    (void)snprintf(sentence + used, sizeof sentence - used, ": %s", last_error.text);
    put(sentence);
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
