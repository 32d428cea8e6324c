/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments)
{
    fputs("artfusion: ", stderr);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 loses callers' va_start. */
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int failure(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return STATUS_FAILURE;
}

int usage_error(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'artfusion %s%s--help'.\n", command == NULL ? "" : command,
            command == NULL ? "" : " ");
    return STATUS_USAGE;
}
