/* SPDX-License-Identifier: MIT
 * JPEG files that are not what they should be, and the limits on what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "artfusion.h"
#include "image/orientation.h"

enum { SIDE = 16, ROOM = 1 << 16 };

typedef struct file {
    uint8_t bytes[ROOM];
    size_t size;
} file;

static void append(file *f, const void *bytes, size_t size)
{
    assert_true(f->size + size <= ROOM);
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
}

/* A picture of one colour a channel; `progressive` has several scans. */
static void write_jpeg(file *f, J_COLOR_SPACE space, int channels, const uint8_t *colour,
                       int progressive)
{
    unsigned char *data = NULL;
    unsigned long size = 0;
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct jpeg;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < SIDE; y++) {
        uint8_t row[SIDE * 4];
        JSAMPROW pointer = row;
        for (int i = 0; i < SIDE * channels; i++)
            row[i] = colour[i % channels];
        (void)jpeg_write_scanlines(&jpeg, &pointer, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    f->size = 0;
    append(f, data, size);
    free(data);
}

static void write_red(file *f, int progressive)
{
    static const uint8_t red[] = {200, 40, 90};
    write_jpeg(f, JCS_RGB, 3, red, progressive);
}

static artfusion_status load(const file *f, artfusion_image **image)
{
    return artfusion_image_load_memory(f->bytes, f->size, NULL, image);
}

static void assert_refused(const file *f, const char *words)
{
    artfusion_image *image = (artfusion_image *)1;
    assert_int_equal(load(f, &image), ARTFUSION_ERROR_FORMAT);
    assert_null(image);
    if (!strstr(artfusion_error_message(), words))
        fail_msg("\"%s\" has no \"%s\"", artfusion_error_message(), words);
}

/* The `count`-th (from 0) marker FF `code` of the file. */
static size_t find_marker(const file *f, uint8_t code, int count)
{
    for (size_t i = 0; i + 1 < f->size; i++)
        if (f->bytes[i] == 0xFF && f->bytes[i + 1] == code && count-- == 0)
            return i;
    fail_msg("no marker %02X", code);
    return 0;
}

static void what_libjpeg_refuses_is_told_in_its_words(void **state)
{
    (void)state;
    file f;
    write_red(&f, 0);
    f.bytes[find_marker(&f, 0xC0, 0) + 4] = 99; /* bits a sample */
    assert_refused(&f, "JPEG: Unsupported JPEG data precision 99");
    write_red(&f, 0);
    f.bytes[find_marker(&f, 0xC0, 0) + 1] = 0xC5; /* a kind of coding that nobody uses */
    assert_refused(&f, "JPEG: Unsupported JPEG process: SOF type 0xc5");
    /* It is only a file: the next picture is read as if nothing had been. */
    artfusion_image *image;
    write_red(&f, 0);
    assert_int_equal(load(&f, &image), ARTFUSION_OK);
    artfusion_image_destroy(image);
}

/* A segment that says it is longer than the file, of a kind that is skipped; and one that is just
 * its two bytes of length. */
static void segments_are_skipped_within_the_file(void **state)
{
    (void)state;
    static const uint8_t empty[] = {0xFF, 0xE5, 0, 2}, lies[] = {0xFF, 0xE5, 0xFF, 0xFF, 1, 2, 3};
    file plain, f = {.size = 0};
    artfusion_image *image;
    write_red(&plain, 0);
    append(&f, plain.bytes, 2);
    append(&f, empty, sizeof empty);
    append(&f, plain.bytes + 2, plain.size - 2);
    assert_int_equal(load(&f, &image), ARTFUSION_OK);
    artfusion_image_destroy(image);
    f.size = 2;
    append(&f, lies, sizeof lies);
    append(&f, plain.bytes + 2, plain.size - 2);
    assert_refused(&f, "ends too early");
}

/* The last scan again and again: each costs a pass over the whole picture. */
static void scans_are_counted(void **state)
{
    (void)state;
    file plain, f;
    write_red(&plain, 1);
    int scans = 0;
    for (size_t i = 0; i + 1 < plain.size; i++)
        scans += plain.bytes[i] == 0xFF && plain.bytes[i + 1] == 0xDA;
    const size_t last = find_marker(&plain, 0xDA, scans - 1);
    static const int allowed = 100;
    for (int beyond = 0; beyond < 2; beyond++) {
        f.size = 0;
        append(&f, plain.bytes, plain.size - 2);
        for (int i = scans; i < allowed + beyond; i++)
            append(&f, plain.bytes + last, plain.size - 2 - last);
        append(&f, "\xFF\xD9", 2);
        if (beyond) {
            assert_refused(&f, "JPEG: more than 100 scans");
        } else {
            artfusion_image *image;
            assert_int_equal(load(&f, &image), ARTFUSION_OK);
            artfusion_image_destroy(image);
        }
    }
}

/* More ink than light: black, not a bright colour from below zero. */
static void much_ink_is_black(void **state)
{
    (void)state;
    for (int key = 0; key < 256; key++) {
        const uint8_t inks[4] = {0, 0, 0, (uint8_t)key};
        file f;
        artfusion_image *image;
        write_jpeg(&f, JCS_CMYK, 4, inks, 0);
        assert_int_equal(load(&f, &image), ARTFUSION_OK);
        for (int i = 0; i < 3; i++)
            assert_true(artfusion_image_pixels(image)[i] <= 2);
        artfusion_image_destroy(image);
    }
}

/* An APP1 segment with the TIFF structure of one entry, little-endian. */
static int32_t orientation_of(uint8_t type, uint8_t count, uint8_t value, uint8_t upper)
{
    uint8_t segment[32] = "Exif\0\0II*\0\x08\0\0\0"
                          "\x01\0\x12\x01";
    segment[18] = type;
    segment[20] = count;
    segment[24] = value;
    segment[26] = upper;
    return af_exif_orientation(segment, sizeof segment);
}

static void orientations_have_one_number_of_a_known_type(void **state)
{
    (void)state;
    assert_int_equal(orientation_of(3, 1, 6, 0), 6);
    assert_int_equal(orientation_of(4, 1, 6, 0), 6); /* a LONG, as some writers have it */
    assert_int_equal(orientation_of(3, 1, 6, 1), 6); /* what a SHORT leaves over is nobody's */
    assert_int_equal(orientation_of(4, 1, 6, 1), 0);
    assert_int_equal(orientation_of(3, 2, 6, 0), 0);
    assert_int_equal(orientation_of(3, 0, 6, 0), 0);
    assert_int_equal(orientation_of(1, 1, 6, 0), 0);
    assert_int_equal(orientation_of(5, 1, 6, 0), 0);
    assert_int_equal(orientation_of(3, 1, 0, 0), 0);
    assert_int_equal(orientation_of(3, 1, 9, 0), 0);
}

/* APP1 holds other things too, XMP mostly: what is no Exif is passed over. */
static void exif_is_found_behind_xmp(void **state)
{
    (void)state;
    static const uint8_t xmp[] = "\xFF\xE1\x00\x14http://ns.adobe.c",
                         tiny[] = "\xFF\xE1\x00\x04\x01\x02",
                         exif[] = "\xFF\xE1\x00\x22"
                                  "Exif\0\0II*\0\x08\0\0\0"
                                  "\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    file plain, f = {.size = 0};
    write_red(&plain, 0);
    plain.bytes[find_marker(&plain, 0xC0, 0) + 6] = SIDE / 2; /* half as high */
    append(&f, plain.bytes, 2);
    append(&f, xmp, 22);
    append(&f, tiny, 6);
    append(&f, exif, 36);
    append(&f, plain.bytes + 2, plain.size - 2);
    artfusion_image *image;
    assert_int_equal(load(&f, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_image_width(image), SIDE / 2); /* it was turned */
    assert_int_equal(artfusion_image_height(image), SIDE);
    artfusion_image_destroy(image);
}

static void a_width_beyond_jpegs_is_a_limit(void **state)
{
    (void)state;
    artfusion_image *image;
    artfusion_save_options options;
    uint8_t *data;
    size_t size;
    assert_int_equal(artfusion_save_options_init(&options, sizeof options), ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_JPEG;
    static const int32_t sides[][3] = {{65500, 1, 1}, {65501, 1, 0}, {1, 65500, 1}, {1, 65501, 0}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        assert_int_equal(artfusion_image_create(sides[i][0], sides[i][1], &image), ARTFUSION_OK);
        assert_int_equal(artfusion_image_save_memory(image, &options, &data, &size),
                         sides[i][2] ? ARTFUSION_OK : ARTFUSION_ERROR_LIMIT);
        assert_int_equal(data != NULL, sides[i][2]);
        artfusion_free(data);
        artfusion_image_destroy(image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_libjpeg_refuses_is_told_in_its_words),
        cmocka_unit_test(segments_are_skipped_within_the_file),
        cmocka_unit_test(scans_are_counted),
        cmocka_unit_test(much_ink_is_black),
        cmocka_unit_test(orientations_have_one_number_of_a_known_type),
        cmocka_unit_test(exif_is_found_behind_xmp),
        cmocka_unit_test(a_width_beyond_jpegs_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
