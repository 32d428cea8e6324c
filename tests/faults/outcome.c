/* SPDX-License-Identifier: MIT
 * What a case hands over. */
#define _XOPEN_SOURCE 700
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cases.h"

void take(outcome *o, const void *bytes, size_t size)
{
    if (o->size + size > o->capacity) {
        o->capacity = 2 * (o->size + size);
        o->bytes = realloc(o->bytes, o->capacity);
        if (!o->bytes)
            abort();
    }
    if (size)
        memcpy(o->bytes + o->size, bytes, size);
    o->size += size;
}

void take_text(outcome *o, const char *text)
{
    if (text)
        take(o, text, strlen(text));
    else
        wrong(o, "there is no text");
}

void take_image(outcome *o, artfusion_image *image)
{
    if (!image) {
        wrong(o, "there is no image");
        return;
    }
    const size_t row_bytes = 3 * (size_t)artfusion_image_width(image);
    for (int32_t y = 0; y < artfusion_image_height(image); y++)
        take(o, artfusion_image_pixels(image) + (size_t)y * artfusion_image_stride(image),
             row_bytes);
}

void take_file(outcome *o, const char *path)
{
    uint8_t bytes[4096];
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info) != 0) {
        wrong(o, "%s cannot be read", path);
        return;
    }
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, file)) > 0;)
        take(o, bytes, got);
    take(o, &info.st_mode, sizeof info.st_mode);
    (void)fclose(file);
    o->size -= sizeof info.st_mode; /* compared, but not a part of it */
}

void wrong(outcome *o, const char *format, ...)
{
    if (o->wrong[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(o->wrong, sizeof o->wrong, format, arguments);
    va_end(arguments);
}

void attempted(outcome *o, artfusion_status status)
{
    o->status = status;
    if (status < 0)
        (void)snprintf(o->message, sizeof o->message, "%s", artfusion_error_message());
}
