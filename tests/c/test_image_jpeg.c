/* SPDX-License-Identifier: MIT
 * JPEG in and out, against pictures written by libjpeg itself, and EXIF orientation.
 * (tests/python/test_image.py compares many more with Pillow.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "image/image.h"
#include "image/orientation.h"

#define assert_message_has(part) assert_non_null(strstr(artfusion_error_message(), part))

#define WIDTH 40
#define HEIGHT 24

typedef struct file {
    unsigned char *data;
    unsigned long size;
} file;

/* `colour` all over; NULL: a gradient, which no turning leaves as it is. */
static file write_jpeg(J_COLOR_SPACE input, J_COLOR_SPACE stored, int channels,
                       const uint8_t *colour, int progressive)
{
    file f = {NULL, 0};
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct jpeg;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &f.data, &f.size);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = channels;
    jpeg.in_color_space = input;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, stored);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < HEIGHT; y++) {
        uint8_t row[WIDTH * 4];
        JSAMPROW pointer = row;
        for (int i = 0; i < WIDTH * channels; i++) {
            if (colour)
                row[i] = colour[i % channels];
            else
                row[i] = (uint8_t)(i / channels * 5 + y);
        }
        (void)jpeg_write_scanlines(&jpeg, &pointer, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return f;
}

static file gradient(int progressive)
{
    return write_jpeg(JCS_RGB, JCS_YCbCr, 3, NULL, progressive);
}

static artfusion_status load(const uint8_t *data, size_t size, artfusion_image **image)
{
    return artfusion_image_load_memory(data, size, NULL, image);
}

static void assert_near(int actual, int expected, int tolerance)
{
    assert_in_range(actual - expected + 256, 256 - tolerance, 256 + tolerance);
}

static void every_colour_space_is_brought_to_rgb(void **state)
{
    (void)state;
    /* Adobe's inks are inverted: 255 is none. Red ink-wise: no cyan, all magenta and yellow. */
    static const struct {
        J_COLOR_SPACE input, stored;
        int channels;
        uint8_t colour[4], rgb[3];
    } cases[] = {
        {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, {77}, {77, 77, 77}},
        {JCS_RGB, JCS_YCbCr, 3, {200, 40, 90}, {200, 40, 90}},
        {JCS_RGB, JCS_RGB, 3, {200, 40, 90}, {200, 40, 90}},
        {JCS_CMYK, JCS_CMYK, 4, {255, 0, 0, 255}, {255, 0, 0}},
        {JCS_CMYK, JCS_CMYK, 4, {255, 128, 0, 128}, {128, 64, 0}},
        {JCS_CMYK, JCS_YCCK, 4, {255, 128, 0, 128}, {128, 64, 0}},
        {JCS_CMYK, JCS_YCCK, 4, {200, 40, 90, 255}, {200, 40, 90}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int progressive = 0; progressive < 2; progressive++) {
            file f = write_jpeg(cases[i].input, cases[i].stored, cases[i].channels, cases[i].colour,
                                progressive);
            artfusion_image *image = NULL;
            assert_int_equal(load(f.data, f.size, &image), ARTFUSION_OK);
            assert_int_equal(image->width, WIDTH);
            assert_int_equal(image->height, HEIGHT);
            for (size_t j = 0; j < WIDTH * HEIGHT * 3; j++)
                assert_near(image->pixels[j], cases[i].rgb[j % 3], 2);
            artfusion_image_destroy(image);
            free(f.data);
        }
    }
}

static void two_channels_are_no_picture(void **state)
{
    (void)state;
    const uint8_t colour[] = {1, 2};
    file f = write_jpeg(JCS_UNKNOWN, JCS_UNKNOWN, 2, colour, 0);
    artfusion_image *image = NULL;
    assert_int_equal(load(f.data, f.size, &image), ARTFUSION_ERROR_FORMAT);
    assert_message_has("2 colour channels");
    assert_null(image);
    free(f.data);
}

#define EXIF_SIZE 36

/* The file with an APP1 segment that says `orientation`, in either byte order; free its data. */
static file with_orientation(file f, int orientation, int big_endian)
{
    static const uint8_t little[EXIF_SIZE] = "\xFF\xE1\x00\x22"
                                             "Exif\0\0II*\0\x08\0\0\0"
                                             "\x01\0\x12\x01\x03\0\x01\0\0\0";
    static const uint8_t big[EXIF_SIZE] = "\xFF\xE1\x00\x22"
                                          "Exif\0\0MM\0*\0\0\0\x08"
                                          "\0\x01\x01\x12\0\x03\0\0\0\x01";
    file g = {malloc(f.size + EXIF_SIZE), f.size + EXIF_SIZE};
    assert_non_null(g.data);
    memcpy(g.data, f.data, 2);
    memcpy(g.data + 2, big_endian ? big : little, EXIF_SIZE);
    g.data[2 + 28 + big_endian] = (uint8_t)orientation;
    memcpy(g.data + 2 + EXIF_SIZE, f.data + 2, f.size - 2);
    return g;
}

/* Where the upright picture's pixel lies in the stored one (Exif 2.3, 4.6.4 A). */
static void stored_place(int orientation, int32_t x, int32_t y, int32_t *from_x, int32_t *from_y)
{
    const int32_t right = WIDTH - 1, bottom = HEIGHT - 1;
    const int32_t places[9][2] = {
        [1] = {x, y}, [2] = {right - x, y},  [3] = {right - x, bottom - y}, [4] = {x, bottom - y},
        [5] = {y, x}, [6] = {y, bottom - x}, [7] = {right - y, bottom - x}, [8] = {right - y, x}};
    *from_x = places[orientation][0];
    *from_y = places[orientation][1];
}

static void orientation_is_honoured_unless_told_otherwise(void **state)
{
    (void)state;
    artfusion_load_options as_stored;
    assert_int_equal(artfusion_load_options_init(&as_stored, sizeof as_stored), ARTFUSION_OK);
    as_stored.ignore_orientation = 1;
    file f = gradient(0);
    artfusion_image *stored = NULL, *image = NULL;
    assert_int_equal(load(f.data, f.size, &stored), ARTFUSION_OK);

    for (int orientation = 1; orientation <= 8; orientation++) {
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            file g = with_orientation(f, orientation, big_endian);
            assert_int_equal(load(g.data, g.size, &image), ARTFUSION_OK);
            assert_int_equal(image->width, orientation < 5 ? WIDTH : HEIGHT);
            for (int32_t y = 0; y < image->height; y++) {
                for (int32_t x = 0; x < image->width; x++) {
                    int32_t from_x, from_y;
                    stored_place(orientation, x, y, &from_x, &from_y);
                    assert_memory_equal(
                        image->pixels + (size_t)y * image->stride + 3 * (size_t)x,
                        stored->pixels + (size_t)from_y * stored->stride + 3 * (size_t)from_x, 3);
                }
            }
            artfusion_image_destroy(image);
            assert_int_equal(artfusion_image_load_memory(g.data, g.size, &as_stored, &image),
                             ARTFUSION_OK);
            assert_int_equal(image->width, WIDTH);
            assert_memory_equal(image->pixels, stored->pixels, WIDTH * HEIGHT * 3);
            artfusion_image_destroy(image);
            free(g.data);
        }
    }
    artfusion_image_destroy(stored);
    free(f.data);
}

/* The segment cut after every byte, and with every byte changed, from an allocation of its own
 * size, so that a sanitizer sees a read too far. */
static void damaged_exif_means_as_it_is(void **state)
{
    (void)state;
    const file nothing = {(unsigned char[2]){0xFF, 0xD8}, 2};
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        file f = with_orientation(nothing, 6, big_endian);
        const uint8_t *segment = f.data + 6;
        const size_t whole = EXIF_SIZE - 4, needed = 6 + 8 + 2 + 10;
        for (size_t size = 0; size <= whole; size++) {
            uint8_t *cut = malloc(size + !size);
            assert_non_null(cut);
            memcpy(cut, segment, size);
            assert_int_equal(af_exif_orientation(cut, size), size < needed ? 0 : 6);
            for (size_t i = 0; i < size; i++) {
                cut[i] ^= 0xFF;
                assert_in_range(af_exif_orientation(cut, size), 0, 8);
                cut[i] ^= 0xFF;
            }
            free(cut);
        }
        free(f.data);
    }
    file nine = with_orientation(nothing, 9, 0);
    assert_int_equal(af_exif_orientation(nine.data + 6, EXIF_SIZE - 4), 0);
    free(nine.data);
}

/* Each from an allocation of its own size, so that a sanitizer sees a read too far. Where the end
 * marker alone is missing, no pixel is. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    artfusion_load_options reference;
    assert_int_equal(artfusion_load_options_init(&reference, sizeof reference), ARTFUSION_OK);
    reference.reading = ARTFUSION_READING_REFERENCE;
    for (int progressive = 0; progressive < 2; progressive++) {
        file plain = gradient(progressive);
        file f = with_orientation(plain, 6, 0);
        artfusion_image *whole = NULL;
        assert_int_equal(load(f.data, f.size, &whole), ARTFUSION_OK);
        for (size_t size = 0; size < f.size; size++) {
            artfusion_image *image = NULL;
            uint8_t *cut = malloc(size + 1);
            assert_non_null(cut);
            memcpy(cut, f.data, size);
            assert_int_equal(artfusion_image_load_memory(cut, size, &reference, &image),
                             ARTFUSION_ERROR_FORMAT);
            assert_null(image);
            if (size < f.size - 2) {
                assert_int_equal(load(cut, size, &image), ARTFUSION_ERROR_FORMAT);
                assert_null(image);
                if (size >= 3)
                    assert_message_has("ends too early");
            } else {
                assert_int_equal(load(cut, size, &image), ARTFUSION_OK);
                assert_memory_equal(image->pixels, whole->pixels, WIDTH * HEIGHT * 3);
                assert_string_equal(artfusion_image_warning(image),
                                    "JPEG: the end marker is missing: all pixels are there");
                artfusion_image_destroy(image);
            }
            free(cut);
        }
        artfusion_image_destroy(whole);
        free(plain.data);
        free(f.data);
    }
}

static void pixels_are_limited(void **state)
{
    (void)state;
    file f = gradient(0);
    artfusion_image *image = NULL;
    artfusion_load_options options;
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    options.max_pixels = WIDTH * HEIGHT - 1;
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, &options, &image),
                     ARTFUSION_ERROR_LIMIT);
    assert_message_has("40 x 24");
    free(f.data);
}

/* The first scan of a picture of `side` pixels each way, with nothing in it. */
static size_t write_beginning(uint8_t *to, int progressive, unsigned side, int channels,
                              uint8_t sampling, int together)
{
    size_t n = 0;
#define PUT(...) \
    do { \
        const uint8_t bytes[] = {__VA_ARGS__}; \
        memcpy(to + n, bytes, sizeof bytes); \
        n += sizeof bytes; \
    } while (0)
    PUT(0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0);
    memset(to + n, 1, 64);
    n += 64;
    PUT(0xFF, progressive ? 0xC2 : 0xC0, 0, (uint8_t)(8 + 3 * channels), 8, (uint8_t)(side >> 8),
        (uint8_t)side, (uint8_t)(side >> 8), (uint8_t)side, (uint8_t)channels);
    for (int c = 1; c <= channels; c++)
        PUT((uint8_t)c, c == 1 ? sampling : 0x11, 0);
    PUT(0xFF, 0xC4, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    PUT(0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const int scanned = together ? channels : 1;
    PUT(0xFF, 0xDA, 0, (uint8_t)(6 + 2 * scanned), (uint8_t)scanned);
    for (int c = 1; c <= scanned; c++)
        PUT((uint8_t)c, 0);
    PUT(0, progressive ? 0 : 63, 0);
    PUT(0, 0, 0, 0, 0, 0, 0, 0);
#undef PUT
    return n;
}

/* Scans that come one after another are held together, in two bytes for each value of each channel:
 * as much as the pixels may take, and a little for small pictures. */
static void what_scans_take_is_limited(void **state)
{
    (void)state;
    static const struct {
        int progressive, channels, together;
        uint8_t sampling;
        unsigned side;
        uint64_t max_pixels;
        artfusion_status status;
    } cases[] = {
        {1, 3, 1, 0x11, 3000, 9000000, ARTFUSION_ERROR_LIMIT},   /* 54 MB, and 27 + 16.8 may be */
        {1, 3, 1, 0x11, 3000, 13000000, ARTFUSION_ERROR_FORMAT}, /* which ends too early */
        {1, 3, 1, 0x22, 3000, 9000000, ARTFUSION_ERROR_FORMAT},
        {1, 1, 1, 0x11, 3000, 9000000, ARTFUSION_ERROR_FORMAT},
        {1, 4, 1, 0x11, 2500, 6250000, ARTFUSION_ERROR_LIMIT},
        {1, 4, 1, 0x11, 1000, 1000000, ARTFUSION_ERROR_FORMAT},
        {0, 3, 1, 0x11, 3000, 9000000, ARTFUSION_ERROR_FORMAT}, /* one scan is not held */
        {0, 3, 0, 0x11, 3000, 9000000, ARTFUSION_ERROR_LIMIT},  /* a channel after another is */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[256];
        const size_t size =
            write_beginning(data, cases[i].progressive, cases[i].side, cases[i].channels,
                            cases[i].sampling, cases[i].together);
        artfusion_image *image = NULL;
        artfusion_load_options options;
        assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
        options.max_pixels = cases[i].max_pixels;
        assert_int_equal(artfusion_image_load_memory(data, size, &options, &image),
                         cases[i].status);
        assert_null(image);
        if (cases[i].status == ARTFUSION_ERROR_LIMIT)
            assert_message_has("whose scans are held together");
        else
            assert_message_has("ends too early");
    }
}

/* The sampling factors of the first channel, behind the SOF0 marker. */
static uint8_t luma_sampling(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 11 < size; i++)
        if (data[i] == 0xFF && data[i + 1] == 0xC0)
            return data[i + 11];
    return 0;
}

static void chroma_is_whole_from_quality_90_on(void **state)
{
    (void)state;
    file f = gradient(0);
    artfusion_image *image = NULL;
    artfusion_save_options options;
    assert_int_equal(load(f.data, f.size, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_save_options_init(&options, sizeof options), ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_JPEG;
    size_t size_before = 0;
    for (options.jpeg_quality = 1; options.jpeg_quality <= 100; options.jpeg_quality++) {
        uint8_t *data = NULL;
        size_t size = 0;
        assert_int_equal(artfusion_image_save_memory(image, &options, &data, &size), ARTFUSION_OK);
        assert_int_equal(luma_sampling(data, size), options.jpeg_quality < 90 ? 0x22 : 0x11);
        if (options.jpeg_quality == 100)
            assert_true(size > size_before);
        if (options.jpeg_quality == 1)
            size_before = size;
        artfusion_free(data);
    }
    artfusion_image_destroy(image);
    free(f.data);
}

static void a_side_beyond_jpegs_is_a_limit(void **state)
{
    (void)state;
    artfusion_image *image = NULL;
    uint8_t *data = NULL;
    size_t size = 0;
    artfusion_save_options options;
    assert_int_equal(artfusion_save_options_init(&options, sizeof options), ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_JPEG;
    assert_int_equal(artfusion_image_create(1, 65501, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_image_save_memory(image, &options, &data, &size),
                     ARTFUSION_ERROR_LIMIT);
    assert_null(data);
    assert_message_has("65500");
    artfusion_image_destroy(image);
    assert_int_equal(artfusion_image_create(1, 65500, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_image_save_memory(image, &options, &data, &size), ARTFUSION_OK);
    artfusion_free(data);
    artfusion_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_colour_space_is_brought_to_rgb),
        cmocka_unit_test(two_channels_are_no_picture),
        cmocka_unit_test(orientation_is_honoured_unless_told_otherwise),
        cmocka_unit_test(damaged_exif_means_as_it_is),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(pixels_are_limited),
        cmocka_unit_test(what_scans_take_is_limited),
        cmocka_unit_test(chroma_is_whole_from_quality_90_on),
        cmocka_unit_test(a_side_beyond_jpegs_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
