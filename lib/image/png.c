/* SPDX-License-Identifier: MIT */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/color.h"
#include "image/orientation.h"

/* What libpng says if the checksum at the end of zlib's stream is not that of the pixels. */
static const char bad_check_words[] = "IDAT: incorrect data check";
static const char bad_end_words[] = "IEND: CRC error";

/* One run of libpng. It reports errors by leaving through `jump`; whatever must be freed after
 * that is in here, and guard() is the only function that can be returned to. */
typedef struct session {
    jmp_buf jump;
    artfusion_status status;
    size_t refused; /* bytes of the last allocation that failed, 0 for none */
    png_structp png;
    png_infop info;
    artfusion_image *image;
    const artfusion_load_options *options;
    const uint8_t *data; /* decoding: the file */
    size_t size, offset;
    size_t next_chunk;       /* where it begins; for salvaging */
    int bad_check;           /* whether zlib's checksum is known to be wrong; for salvaging */
    int cut;                 /* whether the file ends within a chunk whose rest is made up */
    char profile_words[120]; /* libpng's about a profile */
    char damage_words[120];  /* and about damage that it went on after */
    uint8_t cicp[4];         /* a cICP chunk, if has_cicp */
    int has_cicp;
    af_orientations told;
    af_color *color;
    uint8_t *raw; /* rows that are not yet RGB: all of them if interlaced, or one */
    size_t raw_stride;
    int channels, alpha, bits; /* of a row as libpng gives it; alpha is one of the channels */
    int interlaced;
    size_t rows_read; /* of the last pass */
    int pass;
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
    s->bad_check = strcmp(message, bad_check_words) == 0;
    leave(s, s->refused
                 ? af_fail_memory(s->refused, "libpng")
                 : af_fail(ARTFUSION_ERROR_FORMAT, "PNG: %s (at byte %zu)", message, s->offset));
}

static void keep_words(char *words, size_t size, const char *message)
{
    if (!words[0])
        (void)snprintf(words, size, "%s", message);
}

static int is_damage(const char *message)
{
    static const char *const all[] = {"IHDR: CRC error", "PLTE: CRC error", "tRNS: CRC error",
                                      "IDAT: CRC error", bad_check_words,   bad_end_words};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(message, all[i]) == 0)
            return 1;
    return 0;
}

/* libpng goes on after what it warns of: nothing the pixels depend on, but for a profile, and for
 * checksums while salvaging. From 1.6.47 on it goes on after IEND's always. */
static void on_warning(png_structp png, png_const_charp message)
{
    session *s = png_get_error_ptr(png);
    if (strncmp(message, "iCCP", 4) == 0)
        keep_words(s->profile_words, sizeof s->profile_words, message);
    else if (s->options && !s->options->salvage && strcmp(message, bad_end_words) == 0)
        png_error(png, message);
    else if (s->options && !s->cut && is_damage(message))
        keep_words(s->damage_words, sizeof s->damage_words, message);
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

/* libpng hands on nothing of a part that it could not read whole: so a chunk that the file's end
 * cuts is made as short as what is there, with a checksum that is wrong. */
static void mend_header(session *s, uint8_t *header)
{
    const size_t length = png_get_uint_32(header), rest = s->size - s->offset;
    const size_t there = length < rest ? length : rest;
    s->cut = there + 4 > rest;
    s->next_chunk = s->offset + there + 4;
    for (int i = 0; i < 4; i++)
        header[i] = (uint8_t)(there >> (24 - 8 * i));
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    session *s = png_get_io_ptr(png);
    const size_t rest = s->size - s->offset;
    if (s->cut && count == 4 && rest < 4 && s->next_chunk > s->size) {
        s->next_chunk = 0; /* once */
        s->offset = s->size;
        memset(to, 0, 4);
        return;
    }
    if (count > rest) {
        s->offset = s->size;
        png_error(png, "the file ends too early");
    }
    const int header = count == 8 && s->offset == s->next_chunk && s->offset > 0;
    memcpy(to, s->data + s->offset, count);
    s->offset += count;
    if (s->options->salvage && header)
        mend_header(s, to);
    else if (s->next_chunk == 0)
        s->next_chunk = s->offset; /* behind the signature */
}

/* Chunks that libpng is told not to know. 0: not ours, so that it goes on as without us. */
static int on_chunk(png_structp png, png_unknown_chunkp chunk)
{
    static const char packet[] = "XML:com.adobe.xmp"; /* and three empty fields, not compressed */
    session *s = png_get_user_chunk_ptr(png);
    const int is_cicp = memcmp(chunk->name, "cICP", 4) == 0,
              is_exif = memcmp(chunk->name, "eXIf", 4) == 0,
              is_text = memcmp(chunk->name, "iTXt", 4) == 0;
    if (memcmp(chunk->name, "PLTE", 4) == 0)
        return 1;
    if (s->options->reading == ARTFUSION_READING_REFERENCE)
        return 0;
    if (is_cicp && chunk->size == 4) {
        memcpy(s->cicp, chunk->data, 4);
        s->has_cicp = 1;
    } else if (is_exif && !s->told.exif) {
        s->told.exif = af_exif_orientation(chunk->data, chunk->size);
    } else if (is_text && !s->told.xmp && chunk->size > sizeof packet &&
               memcmp(chunk->data, packet, sizeof packet) == 0) {
        s->told.xmp = af_xmp_orientation(chunk->data, chunk->size);
    }
    return is_cicp || is_exif || is_text;
}

/* Text and the like are skipped before they are parsed or decompressed. */
static void choose_chunks(session *s)
{
    static const png_byte colour[] = "iCCP\0sRGB\0gAMA\0cHRM";
    static const png_byte ours[] = "cICP\0eXIf\0iTXt";
    static const png_byte palette[] = "PLTE";
    enum { color_type = 25 }; /* where it stands: IHDR is the first chunk of every PNG */
    png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_read_user_chunk_fn(s->png, s, on_chunk);
    /* Without indices a palette is a suggestion that nothing here takes, however ill-formed. libpng
     * before 1.6.47 would forget a transparent colour that stands before it. */
    if (s->size > color_type && s->data[color_type] != PNG_COLOR_TYPE_PALETTE)
        png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_ALWAYS, palette, 1);
    if (s->options->reading == ARTFUSION_READING_REFERENCE)
        return;
    png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_AS_DEFAULT, colour, 4);
    png_set_keep_unknown_chunks(s->png, PNG_HANDLE_CHUNK_ALWAYS, ours, 3);
    /* Some writers name a smaller window than they use, and browsers show them. */
    (void)png_set_option(s->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
}

/* What gAMA and cHRM say, where no profile does. An exponent of 1/2.2, which programs write that
 * mean sRGB, is taken for sRGB's curve. */
static artfusion_status color_of_gamma(session *s, const af_layout *layout)
{
    png_fixed_point gamma = 0;
    double c[8];
    const int has_gamma = png_get_gAMA_fixed(s->png, s->info, &gamma) != 0;
    const int has_primaries =
        png_get_cHRM(s->png, s->info, &c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &c[7]) != 0;
    if (!has_gamma && !has_primaries)
        return ARTFUSION_OK;
    double exponent = 0;
    if (has_gamma && (gamma < 45000 || gamma > 46000)) {
        if (gamma < 10000 || gamma > 1000000) {
            af_image_warn(s->image, "PNG: a gamma of %ld / 100000 is passed over", (long)gamma);
            return ARTFUSION_OK;
        }
        exponent = 100000.0 / gamma;
    }
    const af_primaries primaries = {{c[0], c[1]}, {c[2], c[3]}, {c[4], c[5]}, {c[6], c[7]}};
    return af_color_from_primaries(has_primaries ? &primaries : NULL, exponent, layout, s->image,
                                   &s->color);
}

/* ITU-T H.273's numbers, as far as they are of displays as bright as an sRGB one. */
static artfusion_status color_of_cicp(session *s, const af_layout *layout)
{
    static const af_primaries p3 = {
        {0.3127, 0.3290}, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}};
    static const af_primaries bt2020 = {
        {0.3127, 0.3290}, {0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}};
    const int primaries = s->cicp[0], curve = s->cicp[1];
    const int known = (primaries == 1 || primaries == 9 || primaries == 12) && s->cicp[2] == 0 &&
                      s->cicp[3] == 1 &&
                      (curve == 1 || curve == 4 || curve == 8 || curve == 13 || curve == 14);
    if (!known) {
        af_image_warn(
            s->image,
            "PNG: colours by cICP %d, %d, %d, %d are not converted: they are taken for sRGB",
            primaries, curve, s->cicp[2], s->cicp[3]);
        return ARTFUSION_OK;
    }
    /* BT.709's curve is a camera's: what it was made on shows as by sRGB's. */
    const double exponent = curve == 4 ? 2.2 : curve == 8 ? 1.0 : 0.0;
    return af_color_from_primaries(primaries == 12  ? &p3
                                   : primaries == 9 ? &bt2020
                                                    : NULL,
                                   exponent, layout, s->image, &s->color);
}

static artfusion_status choose_color(session *s, const af_layout *layout)
{
    png_charp name;
    png_bytep profile;
    png_uint_32 size;
    int method;
    if (s->options->reading == ARTFUSION_READING_REFERENCE)
        return ARTFUSION_OK;
    af_layout rgb = *layout;
    rgb.channels = 3;
    if (s->has_cicp)
        return color_of_cicp(s, &rgb);
    if (png_get_valid(s->png, s->info, PNG_INFO_sRGB))
        return ARTFUSION_OK;
    if (png_get_iCCP(s->png, s->info, &name, &method, &profile, &size))
        return af_color_from_profile(profile, size, layout, s->image, &s->color);
    if (s->profile_words[0]) {
        af_image_warn(s->image, "PNG: %s: colours are taken for sRGB", s->profile_words);
        return ARTFUSION_OK;
    }
    return color_of_gamma(s, &rgb);
}

/* To RGB of 8 bits, or what the conversion of colours takes: grey and palette expanded, and the
 * lower of 16 bits dropped. (Pillow does so for colour, but clips 16-bit grey at 255, which leaves
 * nothing of a picture.) Alpha stays if it is used. */
static artfusion_status set_transforms(session *s)
{
    const int type = png_get_color_type(s->png, s->info),
              depth = png_get_bit_depth(s->png, s->info);
    int transparent = 0; /* libpng may have dropped it, if it stands at a wrong place */
    (void)png_get_tRNS(s->png, s->info, NULL, &transparent, NULL);
    s->alpha = s->options->background[3] && (type & PNG_COLOR_MASK_ALPHA || transparent > 0);
    const af_layout layout = {.channels = type & PNG_COLOR_MASK_COLOR ? 3 : 1,
                              .alpha = s->alpha,
                              .bits = depth == 16 ? 16 : 8};
    const artfusion_status status = choose_color(s, &layout);
    if (status)
        return status;
    s->channels = (s->color ? af_color_channels(s->color) : 3) + s->alpha;
    s->bits = s->color ? layout.bits : 8;
    png_set_expand(s->png); /* to 8 bits or 16, palette to RGB, a transparent colour to alpha */
    if (!s->alpha)
        png_set_strip_alpha(s->png);
    if (s->bits == 8)
        png_set_strip_16(s->png);
    if (s->channels >= 3)
        png_set_gray_to_rgb(s->png);
    return ARTFUSION_OK;
}

/* Rows that are RGB when they come are read to their place. */
static artfusion_status make_room(session *s)
{
    const size_t width = (size_t)s->image->width, height = (size_t)s->image->height;
    const size_t stride = width * (size_t)s->channels * (size_t)s->bits / 8;
    if (png_get_rowbytes(s->png, s->info) != stride)
        png_error(s->png, "its rows could not be brought to RGB");
    if (s->channels == 3 && s->bits == 8) {
        if (s->options->salvage)
            memset(s->image->pixels, 255, height * s->image->stride);
        return ARTFUSION_OK;
    }
    const size_t rows = s->interlaced ? height : 1;
    s->raw_stride = stride;
    s->raw = af_alloc_array(rows, stride);
    if (!s->raw)
        return af_fail_memory(rows * stride, "rows of a PNG");
    if (!s->alpha)
        memset(s->raw, 255, rows * stride);
    return ARTFUSION_OK;
}

static uint8_t *row_of(const session *s, size_t y)
{
    return s->raw ? s->raw + (s->interlaced ? y * s->raw_stride : 0)
                  : s->image->pixels + y * s->image->stride;
}

/* A row as it was read becomes one of the image: first its colours, then over the background, which
 * is as browsers do it, in sRGB. */
static void finish_row(const session *s, size_t y)
{
    const uint8_t *row = row_of(s, y);
    uint8_t *rgb = s->image->pixels + y * s->image->stride;
    const size_t width = (size_t)s->image->width;
    if (s->color)
        af_color_convert(s->color, row, rgb, width);
    else if (s->raw)
        af_codec_drop_alpha(row, rgb, width);
    if (s->alpha) {
        const size_t bytes = (size_t)s->bits / 8, pixel = (size_t)s->channels * bytes;
        af_codec_compose(row + pixel - bytes, pixel, s->options->background, rgb, width);
    }
}

/* All rows, as often as the interlacing has passes. While salvaging an interlaced picture each
 * pixel stands for those that are yet to come. */
static void read_rows(session *s, int passes)
{
    const int blocks = s->interlaced && s->options->salvage;
    for (s->pass = 0; s->pass < passes; s->pass++) {
        for (s->rows_read = 0; s->rows_read < (size_t)s->image->height; s->rows_read++) {
            uint8_t *row = row_of(s, s->rows_read);
            png_read_row(s->png, blocks ? NULL : row, blocks ? row : NULL);
            if (!s->interlaced)
                finish_row(s, s->rows_read);
        }
    }
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
    choose_chunks(s);
    if (s->options->salvage) {
        png_set_crc_action(s->png, PNG_CRC_WARN_USE, PNG_CRC_NO_CHANGE);
        /* zlib's checksum has four bytes. If it gets no more at once, it has handed out the last
         * row before it can find them wrong, and libpng goes on with a warning. */
        if (s->bad_check)
            png_set_compression_buffer_size(s->png, 4);
    }
    /* Sides are af_codec_image_create's to judge: a limit is not a broken file. */
    png_set_user_limits(s->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(s->png, s->info);
    if (s->refused) /* libpng went on without a profile */
        return af_fail_memory(s->refused, "libpng");

    artfusion_status status =
        af_codec_image_create("PNG", png_get_image_width(s->png, s->info),
                              png_get_image_height(s->png, s->info), s->options, &s->image);
    if (!status)
        status = set_transforms(s);
    if (status)
        return status;
    const int passes = png_set_interlace_handling(s->png);
    s->interlaced = passes > 1;
    png_read_update_info(s->png, s->info);
    status = make_room(s);
    if (status)
        return status;
    read_rows(s, passes);
    /* To the last chunk: only then is it known that the file is whole. */
    png_read_end(s->png, s->info); /* whose metadata may come last */
    return ARTFUSION_OK;
}

/* What is said of a file that was damaged and yet is read, instead of the error. */
static void salvage(session *s)
{
    const size_t height = (size_t)s->image->height, missing = height - s->rows_read;
    const char *words = artfusion_error_message();
    if (s->interlaced && s->pass < 7)
        af_image_warn(s->image, "%s: details are missing from pass %d of 7 on", words, s->pass + 1);
    else if (!s->interlaced && missing > 0)
        af_image_warn(s->image, "%s: %zu of %zu rows are missing", words, missing, height);
    else
        af_image_warn(s->image, "%s: all pixels are there", words);
    af_error_clear();
    if (!s->interlaced && s->alpha)
        for (size_t y = s->rows_read; y < height; y++)
            for (size_t x = 0; x < (size_t)s->image->width; x++)
                memcpy(s->image->pixels + y * s->image->stride + 3 * x, s->options->background, 3);
    else if (!s->interlaced)
        memset(s->image->pixels + s->rows_read * s->image->stride, 255, missing * s->image->stride);
}

static artfusion_status run_decode(session *s)
{
    const artfusion_status status = guard(s, decode);
    png_destroy_read_struct(&s->png, &s->info, NULL);
    return status;
}

artfusion_status af_png_decode(const uint8_t *data, size_t size,
                               const artfusion_load_options *options, artfusion_image **image)
{
    session s = {.options = options, .data = data, .size = size};
    artfusion_status status = run_decode(&s);
    if (status == ARTFUSION_ERROR_FORMAT && options->salvage && s.bad_check) {
        /* Once more, slower, for the last row, which libpng kept to itself. Its option to ignore
         * the checksum is missing in some builds, as Debian 13's. */
        af_color_destroy(s.color);
        af_free(s.raw);
        artfusion_image_destroy(s.image);
        af_error_clear();
        s = (session){.options = options, .data = data, .size = size, .bad_check = 1};
        keep_words(s.damage_words, sizeof s.damage_words, bad_check_words);
        status = run_decode(&s);
    }
    if (status == ARTFUSION_ERROR_FORMAT && options->salvage && s.pass + (s.rows_read > 0) > 0) {
        salvage(&s);
        status = ARTFUSION_OK;
    }
    if (!status && s.interlaced)
        for (size_t y = 0; y < (size_t)s.image->height; y++)
            finish_row(&s, y);
    if (!status && s.damage_words[0])
        af_image_warn(s.image, "PNG: %s", s.damage_words);
    af_color_destroy(s.color);
    af_free(s.raw);
    if (!status && !options->ignore_orientation)
        status = af_image_turn(&s.image, s.told);
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
