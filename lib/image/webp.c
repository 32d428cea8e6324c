/* SPDX-License-Identifier: MIT
 * WebP by libwebp. Its interface has no way to give it another allocator. */
#include <string.h>

#include <webp/decode.h>
#include <webp/encode.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/color.h"
#include "image/orientation.h"

typedef struct bytes {
    const uint8_t *data;
    size_t size;
} bytes;

typedef struct decoder {
    const artfusion_load_options *options;
    bytes file, profile, exif, xmp;
    bytes frame; /* what libwebp decodes: the file, or the first frame of an animation */
    uint32_t x, y, width, height; /* the frame's place on the canvas */
    artfusion_image *image;
    uint8_t *rgba; /* the canvas, if it is not the image itself */
    af_color *color;
} decoder;

static uint32_t read_uint(const uint8_t *data, size_t count)
{
    uint32_t value = 0;
    for (size_t i = count; i-- > 0;)
        value = value << 8 | data[i];
    return value;
}

/* Of the chunks of an extended file those that matter, the first of each. A chunk that the file's
 * end cuts is as long as what is there. */
static void find_chunks(decoder *d, bytes *animated)
{
    const struct {
        const char *name;
        bytes *found;
    } wanted[] = {{"ICCP", &d->profile}, {"EXIF", &d->exif}, {"XMP ", &d->xmp}, {"ANMF", animated}};
    size_t at = 12;
    while (d->file.size - at >= 8) {
        const uint8_t *chunk = d->file.data + at;
        size_t size = read_uint(chunk + 4, 4);
        const size_t rest = d->file.size - at - 8;
        if (size > rest)
            size = rest;
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (!wanted[i].found->data && memcmp(chunk, wanted[i].name, 4) == 0)
                *wanted[i].found = (bytes){chunk + 8, size};
        size += size & 1; /* padded */
        if (size > rest)
            break;
        at += 8 + size;
    }
}

static artfusion_status fail_status(VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY: return af_fail(ARTFUSION_ERROR_MEMORY, "out of memory: libwebp");
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return af_fail(ARTFUSION_ERROR_FORMAT, "WebP: the file ends too early");
    default: return af_fail(ARTFUSION_ERROR_FORMAT, "WebP: the file is damaged");
    }
}

/* Finds the frame and its place. `about` is what the file's header says. */
static artfusion_status find_frame(decoder *d, const WebPBitstreamFeatures *about)
{
    bytes animated = {NULL, 0};
    find_chunks(d, &animated);
    d->frame = d->file;
    d->width = (uint32_t)about->width;
    d->height = (uint32_t)about->height;
    if (!about->has_animation)
        return ARTFUSION_OK;
    if (animated.size <= 16)
        return fail_status(VP8_STATUS_NOT_ENOUGH_DATA);
    d->x = 2 * read_uint(animated.data, 3);
    d->y = 2 * read_uint(animated.data + 3, 3);
    d->width = 1 + read_uint(animated.data + 6, 3);
    d->height = 1 + read_uint(animated.data + 9, 3);
    d->frame = (bytes){animated.data + 16, animated.size - 16};
    if (d->x + d->width > (uint32_t)about->width || d->y + d->height > (uint32_t)about->height)
        return af_fail(ARTFUSION_ERROR_FORMAT, "WebP: the first frame lies outside the picture");
    return ARTFUSION_OK;
}

static artfusion_status read_color(decoder *d)
{
    if (d->options->reading == ARTFUSION_READING_REFERENCE)
        return ARTFUSION_OK;
    const af_layout layout = {.channels = 3, .alpha = d->rgba != NULL, .bits = 8};
    if (d->profile.size == 0)
        return d->exif.data && af_exif_is_adobe_rgb(d->exif.data, d->exif.size)
                   ? af_color_from_adobe_rgb(&layout, d->image, &d->color)
                   : ARTFUSION_OK;
    return af_color_from_profile(d->profile.data, d->profile.size, &layout, d->image, &d->color);
}

/* The rows that are there, which only libwebp's other decoder tells. */
static artfusion_status salvage(decoder *d, WebPDecoderConfig *config)
{
    WebPIDecoder *rows = WebPIDecode(NULL, 0, config);
    if (!rows)
        return fail_status(VP8_STATUS_OUT_OF_MEMORY);
    int there = 0;
    const VP8StatusCode code = WebPIUpdate(rows, d->frame.data, d->frame.size);
    (void)WebPIDecGetRGB(rows, &there, NULL, NULL, NULL);
    WebPIDelete(rows);
    if (there <= 0)
        return fail_status(code);
    const size_t missing = d->height - (size_t)there, stride = 3 * (size_t)d->image->width;
    if (missing == 0) { /* only what comes behind */
        af_image_warn(d->image, "WebP: the file ends too early: all pixels are there");
        return ARTFUSION_OK;
    }
    if (!d->rgba)
        memset(d->image->pixels + (size_t)there * stride, 255, missing * stride);
    af_image_warn(d->image,
                  "WebP: the file ends too early or is damaged: %zu of %lu rows are missing",
                  missing, (unsigned long)d->height);
    return ARTFUSION_OK;
}

/* The frame, at its place on the canvas; all the rows, or with `salvage` those that are there. */
static artfusion_status read_frame(decoder *d)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return af_fail(ARTFUSION_ERROR_FORMAT, "libwebp is of another version");
    VP8StatusCode code = WebPGetFeatures(d->frame.data, d->frame.size, &config.input);
    if (code != VP8_STATUS_OK)
        return fail_status(code);
    if ((uint32_t)config.input.width != d->width || (uint32_t)config.input.height != d->height)
        return af_fail(ARTFUSION_ERROR_FORMAT, "WebP: a frame is not as large as it says");

    const size_t channels = d->rgba ? 4 : 3, stride = channels * (size_t)d->image->width;
    const size_t start = d->y * stride + channels * d->x;
    config.output.colorspace = d->rgba ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = (d->rgba ? d->rgba : d->image->pixels) + start;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * (size_t)d->image->height - start;

    code = WebPDecode(d->frame.data, d->frame.size, &config);
    if (code == VP8_STATUS_BITSTREAM_ERROR || code == VP8_STATUS_USER_ABORT) {
        /* Which libwebp also says where memory is short. */
        void *memory = af_alloc(4 * stride * (size_t)d->image->height);
        if (!memory)
            return fail_status(VP8_STATUS_OUT_OF_MEMORY);
        af_free(memory);
        code = WebPDecode(d->frame.data, d->frame.size, &config);
    }
    if (code == VP8_STATUS_OK)
        return ARTFUSION_OK;
    return d->options->salvage && code != VP8_STATUS_OUT_OF_MEMORY ? salvage(d, &config)
                                                                   : fail_status(code);
}

static void finish_rows(decoder *d)
{
    const size_t width = (size_t)d->image->width;
    for (size_t y = 0; y < (size_t)d->image->height; y++) {
        uint8_t *rgb = d->image->pixels + y * d->image->stride;
        const uint8_t *rgba = d->rgba ? d->rgba + 4 * width * y : NULL;
        if (d->color)
            af_color_convert(d->color, rgba ? rgba : rgb, rgb, width);
        else if (rgba)
            af_codec_drop_alpha(rgba, rgb, width);
        if (rgba && d->options->background[3])
            af_codec_compose(rgba + 3, 4, d->options->background, rgb, width);
    }
}

static af_orientations read_orientations(const decoder *d)
{
    af_orientations told = {0, 0};
    if (d->options->ignore_orientation || d->options->reading == ARTFUSION_READING_REFERENCE)
        return told;
    if (d->exif.data)
        told.exif = af_exif_orientation(d->exif.data, d->exif.size);
    if (d->xmp.data)
        told.xmp = af_xmp_orientation(d->xmp.data, d->xmp.size);
    return told;
}

static artfusion_status decode(decoder *d)
{
    WebPBitstreamFeatures about;
    const VP8StatusCode code = WebPGetFeatures(d->file.data, d->file.size, &about);
    if (code != VP8_STATUS_OK)
        return fail_status(code);
    artfusion_status status = find_frame(d, &about);
    if (!status)
        status = af_codec_image_create("WebP", (uint32_t)about.width, (uint32_t)about.height,
                                       d->options, &d->image);
    if (status)
        return status;
    /* A frame that is smaller than its canvas leaves the rest transparent. */
    if (about.has_alpha || about.has_animation) {
        d->rgba = af_alloc_array((size_t)about.height, 4 * (size_t)about.width);
        if (!d->rgba)
            return af_fail_memory(4 * (size_t)about.width * (size_t)about.height,
                                  "a transparent picture");
    }
    status = read_color(d);
    if (!status)
        status = read_frame(d);
    if (status)
        return status;
    finish_rows(d);
    return af_image_turn(&d->image, read_orientations(d));
}

artfusion_status af_webp_decode(const uint8_t *data, size_t size,
                                const artfusion_load_options *options, artfusion_image **image)
{
    /* Whose first 12 bytes are there: af_format_of_data saw them. */
    decoder d = {.options = options, .file = {data, size}};
    const artfusion_status status = decode(&d);
    af_color_destroy(d.color);
    af_free(d.rgba);
    if (status) {
        artfusion_image_destroy(d.image);
        d.image = NULL;
    }
    *image = d.image;
    return status;
}

typedef struct encoder {
    af_bytes out;
    artfusion_status status;
} encoder;

static int write_bytes(const uint8_t *data, size_t size, const WebPPicture *picture)
{
    encoder *e = picture->custom_ptr;
    e->status = af_bytes_append(&e->out, data, size);
    return e->status == ARTFUSION_OK;
}

static artfusion_status encode(encoder *e, const artfusion_image *image, const WebPConfig *config,
                               WebPPicture *picture)
{
    picture->use_argb = config->lossless;
    picture->width = image->width;
    picture->height = image->height;
    picture->writer = write_bytes;
    picture->custom_ptr = e;
    if (WebPPictureImportRGB(picture, image->pixels, (int)image->stride) &&
        WebPEncode(config, picture))
        return ARTFUSION_OK;
    if (e->status)
        return e->status;
    if (picture->error_code == VP8_ENC_OK || /* as it leaves it when importing fails */
        picture->error_code == VP8_ENC_ERROR_OUT_OF_MEMORY ||
        picture->error_code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY)
        return af_fail(ARTFUSION_ERROR_MEMORY, "out of memory: libwebp");
    return af_fail(ARTFUSION_ERROR_LIMIT, "WebP: libwebp's error %d: the picture is too large",
                   (int)picture->error_code);
}

artfusion_status af_webp_encode(const artfusion_image *image, int32_t quality, int32_t lossless,
                                uint8_t **data, size_t *size)
{
    *data = NULL;
    *size = 0;
    if (image->width > WEBP_MAX_DIMENSION || image->height > WEBP_MAX_DIMENSION)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "WebP: %ld x %ld pixels: a side may have %d at most; PNG takes more",
                       (long)image->width, (long)image->height, WEBP_MAX_DIMENSION);
    WebPConfig config;
    WebPPicture picture;
    encoder e = {.status = ARTFUSION_OK};
    if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, (float)quality) ||
        !WebPPictureInit(&picture))
        return af_fail(ARTFUSION_ERROR_FORMAT, "libwebp is of another version");
    config.lossless = lossless;
    if (lossless)
        config.quality = 75; /* effort, not loss */
    const artfusion_status status = encode(&e, image, &config, &picture);
    WebPPictureFree(&picture);
    if (status) {
        af_free(e.out.data);
        return status;
    }
    *data = e.out.data;
    *size = e.out.size;
    return ARTFUSION_OK;
}
