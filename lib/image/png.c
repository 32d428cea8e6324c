/* SPDX-License-Identifier: MIT */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/codec.h"

/* One run of libpng. It reports errors by leaving through `jump`; whatever must be freed after
 * that is in here, and guard() is the only function that can be returned to. */
typedef struct session {
    jmp_buf jump;
    artfusion_status status;
    size_t refused; /* bytes of the last allocation that failed, 0 for none */
    png_structp png;
    png_infop info;
    artfusion_image *image;
    uint8_t *rgba; /* decoding over a background: the whole picture, since it may be interlaced */
    const artfusion_load_options *options;
    const uint8_t *data; /* decoding: the file */
    size_t size, offset;
    int32_t compression; /* encoding */
    af_bytes out;
} session;

static void leave(session *s, artfusion_status status)
{
    s->status = status;
    longjmp(s->jump, 1);
}

static void on_error(png_structp png, png_const_charp message)
{
    session *s = png_get_error_ptr(png);
    leave(s, s->refused ? af_fail_memory(s->refused, "libpng")
                        : af_fail(ARTFUSION_ERROR_FORMAT, "PNG: %s (at byte %zu)", message,
                                  s->offset));
}

/* libpng goes on after what it warns of: nothing the pixels depend on. */
static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t bytes)
{
    session *s = png_get_mem_ptr(png);
    void *memory = af_alloc(bytes);
    if (!memory)
        s->refused = bytes;
    return memory;
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    af_free(memory);
}

static artfusion_status guard(session *s, artfusion_status (*work)(session *))
{
    if (setjmp(s->jump))
        return s->status;
    return work(s);
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    session *s = png_get_io_ptr(png);
    if (count > s->size - s->offset) {
        s->offset = s->size;
        png_error(png, "the file ends too early");
    }
    memcpy(to, s->data + s->offset, count);
    s->offset += count;
}

/* To 8 bits of RGB, or of RGBA if it is to be put over a background: grey and palette expanded, the
 * lower of 16 bits dropped. (Pillow does so for colour, but clips 16-bit grey at 255, which leaves
 * nothing of a picture.) Whether there is an alpha channel then is libpng's to say: it drops a
 * transparent colour that stands at a wrong place. */
static void set_transforms(session *s)
{
    png_set_expand(s->png); /* to 8 bits or 16, palette to RGB, a transparent colour to alpha */
    if (!s->options->background[3])
        png_set_strip_alpha(s->png);
    png_set_strip_16(s->png);
    png_set_gray_to_rgb(s->png);
}

/* Rounded as Pillow's alpha_composite does over an opaque picture. */
static uint8_t blend(int level, int alpha, int behind)
{
    const int product = level * alpha + behind * (255 - alpha) + 128;
    return (uint8_t)(((product >> 8) + product) >> 8);
}

static void compose(const session *s)
{
    const uint8_t *behind = s->options->background, *rgba = s->rgba;
    for (size_t y = 0; y < (size_t)s->image->height; y++) {
        uint8_t *rgb = s->image->pixels + y * s->image->stride;
        for (size_t x = 0; x < (size_t)s->image->width; x++, rgba += 4, rgb += 3)
            for (int i = 0; i < 3; i++)
                rgb[i] = blend(rgba[i], rgba[3], behind[i]);
    }
}

/* All rows, as often as the interlacing has passes. */
static void read_rows(session *s, uint8_t *rows, size_t stride, int passes)
{
    if (png_get_rowbytes(s->png, s->info) != stride)
        png_error(s->png, "its rows could not be brought to RGB");
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < (size_t)s->image->height; y++)
            png_read_row(s->png, rows + y * stride, NULL);
}

static artfusion_status decode(session *s)
{
    s->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, s, on_error, on_warning, s, allocate,
                                      release);
    if (s->png)
        s->info = png_create_info_struct(s->png);
    if (!s->info)
        return af_fail_memory(s->refused, "libpng");
    png_set_read_fn(s->png, s, read_bytes);

    /* Text, colour profiles and the like are skipped before they are parsed or decompressed. */
    png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    /* Sides are af_codec_image_create's to judge: a limit is not a broken file. */
    png_set_user_limits(s->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(s->png, s->info);

    const png_uint_32 width = png_get_image_width(s->png, s->info);
    const png_uint_32 height = png_get_image_height(s->png, s->info);
    const artfusion_status status =
        af_codec_image_create("PNG", width, height, s->options, &s->image);
    if (status)
        return status;

    set_transforms(s);
    const int passes = png_set_interlace_handling(s->png);
    png_read_update_info(s->png, s->info);
    if (png_get_channels(s->png, s->info) == 4) {
        s->rgba = af_alloc_array(height, 4 * (size_t)width);
        if (!s->rgba)
            return af_fail_memory(4 * (size_t)width * height, "a transparent picture");
        read_rows(s, s->rgba, 4 * (size_t)width, passes);
        compose(s);
    } else {
        read_rows(s, s->image->pixels, s->image->stride, passes);
    }
    /* To the last chunk: only then is it known that the file is whole. */
    png_read_end(s->png, NULL);
    return ARTFUSION_OK;
}

artfusion_status af_png_decode(const uint8_t *data, size_t size,
                               const artfusion_load_options *options, artfusion_image **image)
{
    session s = {.options = options, .data = data, .size = size};
    const artfusion_status status = guard(&s, decode);
    png_destroy_read_struct(&s.png, &s.info, NULL);
    af_free(s.rgba);
    if (status) {
        artfusion_image_destroy(s.image);
        s.image = NULL;
    }
    *image = s.image;
    return status;
}

static void write_bytes(png_structp png, png_bytep from, size_t count)
{
    session *s = png_get_io_ptr(png);
    const artfusion_status status = af_bytes_append(&s->out, from, count);
    if (status)
        leave(s, status);
}

static artfusion_status encode(session *s)
{
    s->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, s, on_error, on_warning, s, allocate,
                                       release);
    if (s->png)
        s->info = png_create_info_struct(s->png);
    if (!s->info)
        return af_fail_memory(s->refused, "libpng");
    png_set_write_fn(s->png, s, write_bytes, NULL);
    png_set_compression_level(s->png, s->compression);
    png_set_IHDR(s->png, s->info, (png_uint_32)s->image->width, (png_uint_32)s->image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(s->png, s->info);
    for (size_t y = 0; y < (size_t)s->image->height; y++)
        png_write_row(s->png, s->image->pixels + y * s->image->stride);
    png_write_end(s->png, NULL);
    return ARTFUSION_OK;
}

artfusion_status af_png_encode(const artfusion_image *image, int32_t compression, uint8_t **data,
                               size_t *size)
{
    artfusion_image view = *image;
    session s = {.image = &view, .compression = compression};
    const artfusion_status status = guard(&s, encode);
    png_destroy_write_struct(&s.png, &s.info);
    if (status) {
        af_free(s.out.data);
        s.out = (af_bytes){0};
    }
    *data = s.out.data;
    *size = s.out.size;
    return status;
}
