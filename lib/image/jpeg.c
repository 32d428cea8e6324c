/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdio.h> /* before jpeglib.h, which uses FILE */
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/color.h"
#include "image/jpeg_scans.h"
#include "image/orientation.h"

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
    af_orientations told;
    int adobe_rgb;         /* whether EXIF says so */
    int has_data;          /* whether there is anything behind the headers */
    int started;           /* whether pixels have begun */
    int ended;             /* whether the file ended before its end marker, and one was made up */
    int incomplete;        /* whether libjpeg made pixels up */
    int refined;           /* whether all the scans that a progressive picture needs were there */
    JDIMENSION rows_there; /* then: those before the first that was not there, if that is known */
    char words[JMSG_LENGTH_MAX]; /* the first damage that libjpeg went on after */
    JOCTET *profile;             /* of malloc, as libjpeg gives it */
    unsigned profile_size;
    af_color *color;
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

static artfusion_status too_early(const decoder *d)
{
    return af_fail(ARTFUSION_ERROR_FORMAT, "JPEG: the file ends too early, after %zu bytes",
                   d->size);
}

static artfusion_status judge(decoder *d);

/* Behind the last row whatever comes is no more of the picture than what comes behind an end
 * marker: some cameras put a video there, and no marker before it. */
static void leave_decoder(decoder *d, const char *message)
{
    if (d->refined && !d->incomplete && !d->ended &&
        d->options->reading == ARTFUSION_READING_VIEWED) {
        d->ended = 1;
        leave(&d->base, judge(d));
    }
    if (d->ended)
        leave(&d->base, too_early(d));
    leave(&d->base, af_fail(ARTFUSION_ERROR_FORMAT, "JPEG: %s", message));
}

static void on_error(j_common_ptr jpeg)
{
    session *s = (session *)jpeg->err;
    char message[JMSG_LENGTH_MAX];
    s->errors.format_message(jpeg, message);
    if (s->errors.msg_code == JERR_OUT_OF_MEMORY)
        leave(s, af_fail(ARTFUSION_ERROR_MEMORY, "JPEG: %s", message));
    if (jpeg->is_decompressor)
        leave_decoder((decoder *)s, message);
    leave(s, af_fail(ARTFUSION_ERROR_FORMAT, "JPEG: %s", message));
}

static void on_trace(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static struct jpeg_error_mgr *set_errors(session *s)
{
    jpeg_std_error(&s->errors);
    s->errors.error_exit = on_error;
    s->errors.emit_message = on_trace;
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

/* All of the file is in the buffer from the start: to ask for more is to have come to its end. An
 * end marker is made up once pixels have begun: it may be all that is missing. */
static boolean end_of_data(j_decompress_ptr jpeg)
{
    static const JOCTET end[] = {0xFF, JPEG_EOI};
    decoder *d = jpeg->client_data;
    if (!d->started)
        leave(&d->base, too_early(d));
    d->ended = 1;
    jpeg->src->next_input_byte = end;
    jpeg->src->bytes_in_buffer = sizeof end;
    return TRUE;
}

static void skip_data(j_decompress_ptr jpeg, long count)
{
    if (count <= 0)
        return;
    if ((size_t)count > jpeg->src->bytes_in_buffer) {
        (void)end_of_data(jpeg);
        return;
    }
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

/* A decoder goes on after damage, with what other programs would show. Only a file whose end is
 * missing is refused, unless it is to be salvaged: libjpeg warns when it makes pixels up. */
static void on_message(j_common_ptr common, int level)
{
    j_decompress_ptr jpeg = (j_decompress_ptr)common;
    decoder *d = jpeg->client_data;
    const int code = common->err->msg_code;
    if (level >= 0 || !d->started || code == JWRN_EXTRANEOUS_DATA)
        return;
    if (!d->ended && !d->words[0])
        common->err->format_message(common, d->words);
    if (code == JWRN_HIT_MARKER && !d->incomplete) {
        d->incomplete = 1;
        /* Of an only or a first scan of all channels it is known which rows were not reached. */
        d->rows_there = jpeg->input_scan_number == 1 && jpeg->comps_in_scan == jpeg->num_components
                            ? jpeg->input_iMCU_row * (JDIMENSION)jpeg->max_v_samp_factor * DCTSIZE
                            : jpeg->image_height;
    }
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    if (d->jpeg.input_scan_number > MAX_SCANS)
        leave(&d->base, af_fail(ARTFUSION_ERROR_FORMAT, "JPEG: more than %d scans", MAX_SCANS));
}

/* Four inks over white paper, stored inverted as Adobe does; the rounding is Pillow's. */
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

/* Whether 255 is no ink. Adobe's files are so and have its marker; those without it are taken at
 * their word, unless they are read as Pillow does. */
static int is_inverted(const decoder *d)
{
    return d->jpeg.saw_Adobe_marker || d->options->reading == ARTFUSION_READING_REFERENCE;
}

static void read_rows(decoder *d)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    const size_t width = (size_t)d->image->width;
    const size_t bytes = width * (size_t)jpeg->out_color_components;
    JSAMPROW raw = NULL;
    if (jpeg->out_color_space != JCS_RGB)
        raw = jpeg->mem->alloc_large((j_common_ptr)jpeg, JPOOL_IMAGE, bytes);

    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = d->image->pixels + jpeg->output_scanline * d->image->stride;
        JSAMPROW to = raw ? raw : row;
        (void)jpeg_read_scanlines(jpeg, &to, 1);
        if (d->color) {
            af_color_convert(d->color, to, row, width);
        } else if (raw) {
            for (size_t i = 0; !is_inverted(d) && i < bytes; i++)
                raw[i] = (JSAMPLE)(255 - raw[i]);
            cmyk_to_rgb(raw, width, row);
        }
    }
}

static void read_metadata(decoder *d, int with_xmp)
{
    static const char packet[] = "http://ns.adobe.com/xap/1.0/";
    af_orientations told = {0, 0};
    int seen = 0;
    for (jpeg_saved_marker_ptr m = d->jpeg.marker_list; m; m = m->next) {
        if (m->marker != JPEG_APP0 + 1)
            continue;
        if (!seen && m->data_length >= 6 && memcmp(m->data, "Exif\0", 6) == 0) {
            told.exif = af_exif_orientation(m->data, m->data_length);
            d->adobe_rgb = af_exif_is_adobe_rgb(m->data, m->data_length);
            seen = 1;
        } else if (with_xmp && !told.xmp && m->data_length > sizeof packet &&
                   memcmp(m->data, packet, sizeof packet) == 0) {
            told.xmp = af_xmp_orientation(m->data, m->data_length);
        }
    }
    if (!d->options->ignore_orientation)
        d->told = told;
}

/* The embedded profile, of any number of APP2 segments in any order. */
static artfusion_status choose_color(decoder *d)
{
    const struct jpeg_decompress_struct *jpeg = &d->jpeg;
    const af_layout layout = {.channels = jpeg->num_components,
                              .bits = 8,
                              .inverted = jpeg->num_components == 4 && is_inverted(d)};
    const struct jpeg_marker_struct *first = NULL;
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m && !first; m = m->next)
        if (m->marker == JPEG_APP0 + 2 && m->data_length >= 14 &&
            memcmp(m->data, "ICC_PROFILE", 12) == 0)
            first = m;
    if (!first)
        return d->adobe_rgb && layout.channels == 3
                   ? af_color_from_adobe_rgb(&layout, d->image, &d->color)
                   : ARTFUSION_OK;
    /* Of one segment: some files have it twice. */
    if (first->data[12] == 1 && first->data[13] == 1)
        return af_color_from_profile(first->data + 14, first->data_length - 14, &layout, d->image,
                                     &d->color);
    if (jpeg_read_icc_profile(&d->jpeg, &d->profile, &d->profile_size))
        return af_color_from_profile(d->profile, d->profile_size, &layout, d->image, &d->color);
    af_image_warn(d->image,
                  "JPEG: segments of the colour profile are missing: colours are taken for "
                  "sRGB");
    return ARTFUSION_OK;
}

static J_COLOR_SPACE output_space(const decoder *d)
{
    const int channels = d->color                      ? af_color_channels(d->color)
                         : d->jpeg.num_components == 4 ? 4
                                                       : 3;
    return channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
}

/* After the last row: is it the picture, and what is to be said of it? */
static artfusion_status judge(decoder *d)
{
    const JDIMENSION height = d->jpeg.image_height;
    if (d->words[0])
        af_image_warn(d->image, "JPEG: %s", d->words);
    if (!d->ended)
        return ARTFUSION_OK;
    if (d->refined && !d->incomplete && d->options->reading == ARTFUSION_READING_VIEWED) {
        af_image_warn(d->image, "JPEG: the end marker is missing: all pixels are there");
        return ARTFUSION_OK;
    }
    if (!d->options->salvage || !d->has_data)
        return too_early(d);
    if (d->rows_there < height)
        af_image_warn(d->image,
                      "JPEG: the file ends too early, after %zu bytes: %lu of %lu rows are "
                      "missing, in whole or in part",
                      d->size, (unsigned long)(height - d->rows_there), (unsigned long)height);
    else
        af_image_warn(d->image,
                      "JPEG: the file ends too early, after %zu bytes: details are missing",
                      d->size);
    return ARTFUSION_OK;
}

static artfusion_status decode(session *base)
{
    decoder *d = (decoder *)base;
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    const int viewed = d->options->reading == ARTFUSION_READING_VIEWED;
    jpeg_create_decompress(jpeg);
    jpeg->client_data = d;
    jpeg->src = &d->source;
    jpeg->progress = &d->progress;
    if (viewed || !d->options->ignore_orientation)
        jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    if (viewed)
        jpeg_save_markers(jpeg, JPEG_APP0 + 2, 0xFFFF);
    (void)jpeg_read_header(jpeg, TRUE);

    artfusion_status status =
        af_codec_image_create("JPEG", jpeg->image_width, jpeg->image_height, d->options, &d->image);
    if (!status)
        status = af_jpeg_check_scans(jpeg, d->options);
    if (status)
        return status;
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        return af_fail(ARTFUSION_ERROR_FORMAT, "JPEG: %d colour channels: they must be 1, 3 or 4",
                       jpeg->num_components);
    read_metadata(d, viewed);
    if (viewed)
        status = choose_color(d);
    if (status)
        return status;
    jpeg->out_color_space = output_space(d);
    d->rows_there = jpeg->image_height;

    d->has_data = d->source.bytes_in_buffer > 0;
    d->started = 1;
    (void)jpeg_start_decompress(jpeg);
    read_rows(d);
    d->refined = af_jpeg_is_refined(jpeg);
    (void)jpeg_finish_decompress(jpeg);
    return judge(d);
}

/* The bytes before a segment that the file's end cuts: to salvage what is before it, since libjpeg
 * gives up at a table that is cut. */
static size_t uncut_size(const uint8_t *data, size_t size)
{
    size_t at = 2;
    int scans = 0;
    while (at + 2 <= size) {
        const uint8_t marker = data[at + 1];
        if (marker == JPEG_EOI && data[at] == 0xFF)
            return size;
        if (data[at] != 0xFF || marker <= 1 || marker == 0xFF ||
            (marker >= 0xD0 && marker <= 0xD8)) {
            at++; /* within a scan, between segments, or a marker that stands alone */
            continue;
        }
        const int known = (marker >= 0xE0 && marker <= 0xEF) || marker == JPEG_COM ||
                          marker == 0xC4 || marker == 0xCC || (marker >= 0xDA && marker <= 0xDD);
        if (size - at < 4 || (scans && !known))
            return at;
        scans += marker == 0xDA;
        const size_t length = (size_t)data[at + 2] << 8 | data[at + 3];
        if (length > size - at - 2)
            return at;
        at += 2 + length;
    }
    return size;
}

artfusion_status af_jpeg_decode(const uint8_t *data, size_t size,
                                const artfusion_load_options *options, artfusion_image **image)
{
    decoder d = {.options = options, .size = size};
    d.jpeg.err = set_errors(&d.base);
    d.base.errors.emit_message = on_message;
    d.source =
        (struct jpeg_source_mgr){data,           options->salvage ? uncut_size(data, size) : size,
                                 source_nothing, end_of_data,
                                 skip_data,      jpeg_resync_to_restart,
                                 source_nothing};
    d.progress.progress_monitor = on_progress;

    artfusion_status status = guard(&d.base, decode);
    jpeg_destroy_decompress(&d.jpeg);
    af_color_destroy(d.color);
    free(d.profile);
    if (!status)
        status = af_image_turn(&d.image, d.told);
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
