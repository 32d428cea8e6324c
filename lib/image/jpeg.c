/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdio.h> /* before jpeglib.h, which uses FILE */
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/exif.h"

/* A small file of very many scans over a large picture takes hours. No encoder writes more than a
 * dozen or two. */
#define MAX_SCANS 100

#define FULL_CHROMA_QUALITY 90 /* no subsampling of chroma from here on */
#define CHUNK_SIZE 65536

/* libjpeg reports errors by leaving through `jump`; whatever must be freed after that is in the
 * struct this begins, and guard() is the only function that can be returned to. libjpeg allocates
 * by itself: its interface has no way to give it another allocator. */
typedef struct session {
    struct jpeg_error_mgr errors; /* first, since it is what libjpeg hands back */
    jmp_buf jump;
    artfusion_status status;
} session;

typedef struct decoder {
    session base;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const artfusion_load_options *options;
    size_t size; /* of the file */
    artfusion_image *image;
    int32_t orientation;
} decoder;

typedef struct encoder {
    session base;
    struct jpeg_compress_struct jpeg;
    struct jpeg_destination_mgr destination;
    const artfusion_image *image;
    int32_t quality;
    af_bytes out;
    uint8_t chunk[CHUNK_SIZE];
} encoder;

static void leave(session *s, artfusion_status status)
{
    s->status = status;
    longjmp(s->jump, 1);
}

static void on_error(j_common_ptr jpeg)
{
    session *s = (session *)jpeg->err;
    char message[JMSG_LENGTH_MAX];
    s->errors.format_message(jpeg, message);
    leave(s, af_fail(s->errors.msg_code == JERR_OUT_OF_MEMORY ? ARTFUSION_ERROR_MEMORY
                                                              : ARTFUSION_ERROR_FORMAT,
                     "JPEG: %s", message));
}

/* Warnings and traces. A decoder goes on after damage, with what other programs would show; only a
 * file that ends too early is refused, by end_of_data(). */
static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static struct jpeg_error_mgr *set_errors(session *s)
{
    jpeg_std_error(&s->errors);
    s->errors.error_exit = on_error;
    s->errors.emit_message = on_message;
    return &s->errors;
}

static artfusion_status guard(session *s, artfusion_status (*work)(session *))
{
    if (setjmp(s->jump))
        return s->status;
    return work(s);
}

static void source_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

/* All of the file is in the buffer from the start: to ask for more is to have come to its end. */
static boolean end_of_data(j_decompress_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    leave(&d->base, af_fail(ARTFUSION_ERROR_FORMAT,
                            "JPEG: the file ends too early, after %zu bytes", d->size));
    return FALSE;
}

static void skip_data(j_decompress_ptr jpeg, long count)
{
    if (count <= 0)
        return;
    if ((size_t)count > jpeg->src->bytes_in_buffer)
        (void)end_of_data(jpeg);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    if (d->jpeg.input_scan_number > MAX_SCANS)
        leave(&d->base,
              af_fail(ARTFUSION_ERROR_FORMAT, "JPEG: more than %d scans", MAX_SCANS));
}

/* Four inks of Adobe's, which are stored inverted, over white paper; the rounding is Pillow's. All
 * four-channel JPEGs are taken for Adobe's, as there are hardly others. */
static void cmyk_to_rgb(const uint8_t *cmyk, size_t width, uint8_t *rgb)
{
    for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
        const int light = cmyk[3];
        for (int i = 0; i < 3; i++) {
            const int product = (255 - cmyk[i]) * light + 128;
            rgb[i] = (uint8_t)(light - (((product >> 8) + product) >> 8));
        }
    }
}

static void read_rows(decoder *d)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    const size_t width = (size_t)d->image->width;
    JSAMPROW inks = NULL;
    if (jpeg->out_color_space == JCS_CMYK)
        inks = jpeg->mem->alloc_large((j_common_ptr)jpeg, JPOOL_IMAGE, 4 * width);

    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = d->image->pixels + jpeg->output_scanline * d->image->stride;
        JSAMPROW to = inks ? inks : row;
        (void)jpeg_read_scanlines(jpeg, &to, 1);
        if (inks)
            cmyk_to_rgb(inks, width, row);
    }
}

static int32_t find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->data_length >= 6 && memcmp(m->data, "Exif\0", 6) == 0)
            return af_exif_orientation(m->data, m->data_length);
    return 1;
}

static artfusion_status decode(session *base)
{
    decoder *d = (decoder *)base;
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->client_data = d;
    jpeg->src = &d->source;
    jpeg->progress = &d->progress;
    if (!d->options->ignore_orientation)
        jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    (void)jpeg_read_header(jpeg, TRUE);

    const artfusion_status status = af_codec_image_create("JPEG", jpeg->image_width,
                                                          jpeg->image_height, d->options,
                                                          &d->image);
    if (status)
        return status;
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "JPEG: %d colour channels: they must be 1, 3 or 4", jpeg->num_components);
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    d->orientation = find_orientation(jpeg);

    (void)jpeg_start_decompress(jpeg);
    read_rows(d);
    (void)jpeg_finish_decompress(jpeg);
    return ARTFUSION_OK;
}

artfusion_status af_jpeg_decode(const uint8_t *data, size_t size,
                                const artfusion_load_options *options, artfusion_image **image)
{
    decoder d = {.options = options, .size = size};
    d.jpeg.err = set_errors(&d.base);
    d.source = (struct jpeg_source_mgr){data,        size,      source_nothing,
                                        end_of_data, skip_data, jpeg_resync_to_restart,
                                        source_nothing};
    d.progress.progress_monitor = on_progress;

    artfusion_status status = guard(&d.base, decode);
    jpeg_destroy_decompress(&d.jpeg);
    if (!status)
        status = af_exif_orient(&d.image, d.orientation);
    if (status) {
        artfusion_image_destroy(d.image);
        d.image = NULL;
    }
    *image = d.image;
    return status;
}

static void start_chunk(j_compress_ptr jpeg)
{
    encoder *e = jpeg->client_data;
    e->destination.next_output_byte = e->chunk;
    e->destination.free_in_buffer = CHUNK_SIZE;
}

static void append_chunk(encoder *e, size_t size)
{
    const artfusion_status status = af_bytes_append(&e->out, e->chunk, size);
    if (status)
        leave(&e->base, status);
}

/* libjpeg calls it when the chunk is full, whatever free_in_buffer says. */
static boolean full_chunk(j_compress_ptr jpeg)
{
    append_chunk(jpeg->client_data, CHUNK_SIZE);
    start_chunk(jpeg);
    return TRUE;
}

static void last_chunk(j_compress_ptr jpeg)
{
    append_chunk(jpeg->client_data, CHUNK_SIZE - jpeg->dest->free_in_buffer);
}

static artfusion_status encode(session *base)
{
    encoder *e = (encoder *)base;
    struct jpeg_compress_struct *jpeg = &e->jpeg;
    jpeg_create_compress(jpeg);
    jpeg->client_data = e;
    jpeg->dest = &e->destination;
    jpeg->image_width = (JDIMENSION)e->image->width;
    jpeg->image_height = (JDIMENSION)e->image->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, e->quality, TRUE);
    if (e->quality >= FULL_CHROMA_QUALITY)
        jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1;

    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW row = e->image->pixels + jpeg->next_scanline * e->image->stride;
        (void)jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
    return ARTFUSION_OK;
}

artfusion_status af_jpeg_encode(const artfusion_image *image, int32_t quality, uint8_t **data,
                                size_t *size)
{
    *data = NULL;
    *size = 0;
    if (image->width > JPEG_MAX_DIMENSION || image->height > JPEG_MAX_DIMENSION)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "JPEG: %ld x %ld pixels: a side may have %ld at most; PNG takes more",
                       (long)image->width, (long)image->height, (long)JPEG_MAX_DIMENSION);

    encoder *e = af_alloc_array(1, sizeof *e);
    if (!e)
        return af_fail_memory(sizeof *e, "the JPEG encoder");
    e->image = image;
    e->quality = quality;
    e->jpeg.err = set_errors(&e->base);
    e->destination.init_destination = start_chunk;
    e->destination.empty_output_buffer = full_chunk;
    e->destination.term_destination = last_chunk;

    const artfusion_status status = guard(&e->base, encode);
    jpeg_destroy_compress(&e->jpeg);
    if (status) {
        af_free(e->out.data);
    } else {
        *data = e->out.data;
        *size = e->out.size;
    }
    af_free(e);
    return status;
}
