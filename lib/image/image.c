/* SPDX-License-Identifier: MIT */
#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"

static artfusion_status check_size(int32_t width, int32_t height)
{
    if (width < 1 || width > AF_IMAGE_MAX_SIDE || height < 1 || height > AF_IMAGE_MAX_SIDE)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "an image of %ld x %ld pixels: each side must be 1 to %d", (long)width,
                       (long)height, AF_IMAGE_MAX_SIDE);
    return ARTFUSION_OK;
}

artfusion_status artfusion_image_wrap(uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                                      artfusion_image **image)
{
    af_error_clear();
    if (!image)
        return af_fail_null(image);
    *image = NULL;
    if (!pixels)
        return af_fail_null(pixels);
    const artfusion_status status = check_size(width, height);
    if (status)
        return status;
    if (stride < 3 * (size_t)width || stride > PTRDIFF_MAX / (size_t)height)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "a stride of %zu bytes for %ld pixels: it must be at least %zu", stride,
                       (long)width, 3 * (size_t)width);

    artfusion_image *made = af_alloc(sizeof *made);
    if (!made)
        return af_fail_memory(sizeof *made, "an image");
    *made = (artfusion_image){.width = width, .height = height, .stride = stride, .pixels = pixels};
    *image = made;
    return ARTFUSION_OK;
}

artfusion_status artfusion_image_create(int32_t width, int32_t height, artfusion_image **image)
{
    af_error_clear();
    if (!image)
        return af_fail_null(image);
    *image = NULL;
    artfusion_status status = check_size(width, height);
    if (status)
        return status;

    const size_t stride = 3 * (size_t)width;
    uint8_t *pixels = af_alloc_array((size_t)height, stride);
    if (!pixels)
        return af_fail_memory((size_t)height * stride, "an image's pixels");
    status = artfusion_image_wrap(pixels, width, height, stride, image);
    if (status)
        af_free(pixels);
    else
        (*image)->owned = 1;
    return status;
}

int32_t artfusion_image_width(const artfusion_image *image)
{
    return image ? image->width : 0;
}

int32_t artfusion_image_height(const artfusion_image *image)
{
    return image ? image->height : 0;
}

size_t artfusion_image_stride(const artfusion_image *image)
{
    return image ? image->stride : 0;
}

uint8_t *artfusion_image_pixels(artfusion_image *image)
{
    return image ? image->pixels : NULL;
}

const char *artfusion_image_warning(const artfusion_image *image)
{
    return image ? image->warning : "";
}

void af_image_warn(artfusion_image *image, const char *format, ...)
{
    size_t length = strlen(image->warning);
    const size_t room = sizeof image->warning;
    if (length > 0 && length + 2 < room) {
        memcpy(image->warning + length, "; ", 3);
        length += 2;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(image->warning + length, room - length, format, arguments);
    va_end(arguments);
}

void artfusion_image_destroy(artfusion_image *image)
{
    if (!image)
        return;
    if (image->owned)
        af_free(image->pixels);
    af_free(image);
}

void af_image_to_planar(const artfusion_image *image, float *rgb)
{
    float levels[256];
    for (int level = 0; level < 256; level++)
        levels[level] = (float)level / 127.5f - 1.0f;

    const size_t width = (size_t)image->width, plane = width * (size_t)image->height;
    for (int32_t y = 0; y < image->height; y++) {
        const uint8_t *row = image->pixels + (size_t)y * image->stride;
        float *red = rgb + (size_t)y * width, *green = red + plane, *blue = green + plane;
        for (size_t x = 0; x < width; x++) {
            red[x] = levels[row[3 * x]];
            green[x] = levels[row[3 * x + 1]];
            blue[x] = levels[row[3 * x + 2]];
        }
    }
}

/* One channel of one row into every third byte; nonzero if it holds a NaN. */
static int row_from_plane(const float *values, size_t width, uint8_t *row)
{
    int nan = 0;
    for (size_t x = 0; x < width; x++) {
        const float level = (values[x] + 1.0f) / 2.0f;
        nan |= level != level;
        /* The order of these comparisons takes NaN to 0, which can be cast. */
        row[3 * x] = (uint8_t)((level > 0.0f ? (level < 1.0f ? level : 1.0f) : 0.0f) * 255.0f);
    }
    return nan;
}

artfusion_status af_image_from_planar(const float *rgb, int32_t columns, int32_t rows,
                                      int32_t width, int32_t height, artfusion_image **image)
{
    artfusion_image *made = NULL;
    *image = NULL;
    const artfusion_status status = artfusion_image_create(width, height, &made);
    if (status)
        return status;

    for (int32_t channel = 0; channel < 3; channel++) {
        const float *plane = rgb + (size_t)channel * (size_t)rows * (size_t)columns;
        for (int32_t y = 0; y < height; y++) {
            uint8_t *row = made->pixels + (size_t)y * made->stride + channel;
            if (row_from_plane(plane + (size_t)y * (size_t)columns, (size_t)width, row)) {
                artfusion_image_destroy(made);
                return af_fail(ARTFUSION_ERROR_NUMERIC,
                               "a decoded picture is NaN in row %ld of channel %ld", (long)y,
                               (long)channel);
            }
        }
    }
    *image = made;
    return ARTFUSION_OK;
}

/* Which of `count` pixels a place at or behind them mirrors: back, forth and back again. */
static int32_t mirrored(int32_t place, int32_t count)
{
    const int32_t turn = place / count, left = place % count;
    return turn % 2 ? count - 1 - left : left;
}

artfusion_status af_image_reflected(const artfusion_image *image, int32_t width, int32_t height,
                                    artfusion_image **reflected)
{
    const artfusion_status status = artfusion_image_create(width, height, reflected);
    if (status)
        return status;
    const size_t kept = 3 * (size_t)image->width;
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *from = image->pixels + (size_t)mirrored(y, image->height) * image->stride;
        uint8_t *to = (*reflected)->pixels + (size_t)y * (*reflected)->stride;
        memcpy(to, from, kept);
        for (int32_t x = image->width; x < width; x++)
            memcpy(to + 3 * (size_t)x, from + 3 * (size_t)mirrored(x, image->width), 3);
    }
    return ARTFUSION_OK;
}
