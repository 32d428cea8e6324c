/* SPDX-License-Identifier: MIT
 * Pictures from and to files and memory: which codec, with which options. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/options.h"
#include "image/format.h"
#include "image/image.h"

static const artfusion_load_options load_defaults = {
    .struct_size = sizeof(artfusion_load_options),
    .max_pixels = 178956970, /* RGB pixels in half a GiB */
    .max_file_bytes = (uint64_t)1 << 30,
    .background = {255, 255, 255, 1},
    .reading = ARTFUSION_READING_VIEWED,
};

static const artfusion_save_options save_defaults = {
    .struct_size = sizeof(artfusion_save_options),
    .format = ARTFUSION_FORMAT_AUTO,
    .jpeg_quality = 95,
    .png_compression = 6,
    .webp_quality = 90,
};

artfusion_status artfusion_load_options_init(artfusion_load_options *options, size_t struct_size)
{
    af_error_clear();
    return af_options_write("artfusion_load_options", options, struct_size, &load_defaults,
                            sizeof load_defaults);
}

artfusion_status artfusion_save_options_init(artfusion_save_options *options, size_t struct_size)
{
    af_error_clear();
    return af_options_write("artfusion_save_options", options, struct_size, &save_defaults,
                            sizeof save_defaults);
}

static artfusion_status read_load_options(const artfusion_load_options *given,
                                          artfusion_load_options *options)
{
    *options = load_defaults;
    artfusion_status status =
        af_options_read("artfusion_load_options", given, options, sizeof *options);
    if (!status)
        status = af_check_integer("ignore_orientation", options->ignore_orientation, 0, 1);
    if (!status)
        status = af_check_integer("background[3]", options->background[3], 0, 1);
    if (!status)
        status = af_check_integer("reading", options->reading, ARTFUSION_READING_VIEWED,
                                  ARTFUSION_READING_REFERENCE);
    if (!status)
        status = af_check_integer("salvage", options->salvage, 0, 1);
    if (!status && options->reserved)
        status = af_fail(ARTFUSION_ERROR_ARGUMENT, "artfusion_load_options: reserved must be 0");
    if (!status && options->reading == ARTFUSION_READING_REFERENCE)
        options->background[3] = 0;
    return status;
}

static artfusion_status read_save_options(const artfusion_save_options *given,
                                          artfusion_save_options *options)
{
    *options = save_defaults;
    artfusion_status status =
        af_options_read("artfusion_save_options", given, options, sizeof *options);
    if (!status)
        status = af_check_integer("format", options->format, ARTFUSION_FORMAT_AUTO,
                                  ARTFUSION_FORMAT_WEBP);
    if (!status)
        status = af_check_integer("jpeg_quality", options->jpeg_quality, 1, 100);
    if (!status)
        status = af_check_integer("png_compression", options->png_compression, 0, 9);
    if (!status)
        status = af_check_integer("webp_quality", options->webp_quality, 0, 100);
    if (!status)
        status = af_check_integer("webp_lossless", options->webp_lossless, 0, 1);
    return status;
}

/* By the first bytes, whatever the file is called. */
static artfusion_status decode(const uint8_t *data, size_t size,
                               const artfusion_load_options *options, artfusion_image **image)
{
    switch (af_format_of_data(data, size)) {
    case ARTFUSION_FORMAT_PNG: return af_png_decode(data, size, options, image);
    case ARTFUSION_FORMAT_JPEG: return af_jpeg_decode(data, size, options, image);
    case ARTFUSION_FORMAT_WEBP: return af_webp_decode(data, size, options, image);
    default: return af_format_refuse(data, size);
    }
}

artfusion_status artfusion_image_load_memory(const void *data, size_t size,
                                             const artfusion_load_options *options,
                                             artfusion_image **image)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!image)
        return af_fail_null(image);
    *image = NULL;
    if (!data)
        return af_fail_null(data);
    artfusion_load_options read;
    const artfusion_status status = read_load_options(options, &read);
    return status ? status : decode(data, size, &read, image);
}

artfusion_status artfusion_image_load_file(const char *path, const artfusion_load_options *options,
                                           artfusion_image **image)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!image)
        return af_fail_null(image);
    *image = NULL;
    if (!path)
        return af_fail_null(path);
    artfusion_load_options read;
    artfusion_status status = read_load_options(options, &read);
    if (status)
        return status;

    uint8_t *data = NULL;
    size_t size = 0;
    status = af_file_read(path, read.max_file_bytes, &data, &size);
    if (status)
        return status;
    status = decode(data, size, &read, image);
    af_free(data);
    return status ? af_fail_in(status, "%s", path) : ARTFUSION_OK;
}

static artfusion_status encode(const artfusion_image *image, const artfusion_save_options *options,
                               uint8_t **data, size_t *size)
{
    switch (options->format) {
    case ARTFUSION_FORMAT_PNG: return af_png_encode(image, options->png_compression, data, size);
    case ARTFUSION_FORMAT_JPEG: return af_jpeg_encode(image, options->jpeg_quality, data, size);
    default:
        return af_webp_encode(image, options->webp_quality, options->webp_lossless, data, size);
    }
}

artfusion_status artfusion_image_save_memory(const artfusion_image *image,
                                             const artfusion_save_options *options, uint8_t **data,
                                             size_t *size)
{
    af_error_clear();
    if (data)
        *data = NULL;
    if (size)
        *size = 0;
    if (!image || !data || !size)
        return af_fail_null(image, data, size);
    artfusion_save_options read;
    const artfusion_status status = read_save_options(options, &read);
    if (status)
        return status;
    if (read.format == ARTFUSION_FORMAT_AUTO)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "format is AUTO, and memory has no suffix: it must be PNG, JPEG or WEBP");
    return encode(image, &read, data, size);
}

/* Without regard to case, in ASCII whatever the locale. */
static int equals(const char *text, const char *lower)
{
    for (; *text && *lower; text++, lower++)
        if ((*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text) != *lower)
            return 0;
    return *text == *lower;
}

static artfusion_file_format format_of_suffix(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (!dot)
        return ARTFUSION_FORMAT_AUTO;
    static const struct {
        const char *suffix;
        artfusion_file_format format;
    } known[] = {{".png", ARTFUSION_FORMAT_PNG},
                 {".jpg", ARTFUSION_FORMAT_JPEG},
                 {".jpeg", ARTFUSION_FORMAT_JPEG},
                 {".webp", ARTFUSION_FORMAT_WEBP}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (equals(dot, known[i].suffix))
            return known[i].format;
    return ARTFUSION_FORMAT_AUTO;
}

artfusion_status artfusion_image_save_file(const artfusion_image *image, const char *path,
                                           const artfusion_save_options *options)
{
    af_error_clear();
    if (!image || !path)
        return af_fail_null(image, path);
    artfusion_save_options read;
    artfusion_status status = read_save_options(options, &read);
    if (status)
        return status;
    if (read.format == ARTFUSION_FORMAT_AUTO)
        read.format = format_of_suffix(path);
    if (read.format == ARTFUSION_FORMAT_AUTO)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "%s: the suffix must be .png, .jpg, .jpeg or .webp where no format is given",
                       path);

    uint8_t *data = NULL;
    size_t size = 0;
    status = encode(image, &read, &data, &size);
    if (status)
        return af_fail_in(status, "%s", path);
    status = af_file_write(path, data, size);
    af_free(data);
    return status;
}
