/* SPDX-License-Identifier: MIT */
#include "image/codec.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define FIRST_CAPACITY ((size_t)1 << 16)

artfusion_status af_codec_image_create(const char *codec, uint32_t width, uint32_t height,
                                       const artfusion_load_options *options,
                                       artfusion_image **image)
{
    if (width > AF_IMAGE_MAX_SIDE || height > AF_IMAGE_MAX_SIDE)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "%s: %" PRIu32 " x %" PRIu32 " pixels: a side may have %d at most", codec,
                       width, height, AF_IMAGE_MAX_SIDE);
    if ((uint64_t)width * height > options->max_pixels)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "%s: %" PRIu32 " x %" PRIu32 " pixels are beyond max_pixels, %" PRIu64,
                       codec, width, height, options->max_pixels);
    return artfusion_image_create((int32_t)width, (int32_t)height, image);
}

artfusion_status af_bytes_append(af_bytes *bytes, const void *data, size_t size)
{
    if (size > SIZE_MAX / 4 - bytes->size)
        return af_fail_memory(size, "encoding a picture");
    if (size > bytes->capacity - bytes->size) {
        size_t capacity = bytes->capacity ? bytes->capacity : FIRST_CAPACITY;
        while (capacity < bytes->size + size)
            capacity *= 2;
        uint8_t *grown = af_realloc(bytes->data, capacity);
        if (!grown)
            return af_fail_memory(capacity, "encoding a picture");
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return ARTFUSION_OK;
}

void af_codec_drop_alpha(const uint8_t *rgba, uint8_t *rgb, size_t width)
{
    for (size_t x = 0; x < width; x++)
        memcpy(rgb + 3 * x, rgba + 4 * x, 3);
}

static uint8_t blend(int level, int alpha, int behind)
{
    const int product = level * alpha + behind * (255 - alpha) + 128;
    return (uint8_t)(((product >> 8) + product) >> 8);
}

void af_codec_compose(const uint8_t *alpha, size_t step, const uint8_t *background, uint8_t *rgb,
                      size_t width)
{
    for (size_t x = 0; x < width; x++, alpha += step, rgb += 3)
        for (int i = 0; i < 3; i++)
            rgb[i] = blend(rgb[i], *alpha, background[i]);
}
