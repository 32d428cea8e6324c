/* SPDX-License-Identifier: MIT
 * PNG in and out, against pictures written by libpng itself. (tests/python/test_image.py compares
 * many more with Pillow.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <png.h>

#include "image/image.h"

#define assert_message_has(part) assert_non_null(strstr(artfusion_error_message(), part))

#define WIDTH 13
#define HEIGHT 9

typedef struct file {
    uint8_t data[8192];
    size_t size;
} file;

static void append(png_structp png, png_bytep bytes, size_t count)
{
    file *f = png_get_io_ptr(png);
    assert_true(count <= sizeof f->data - f->size);
    memcpy(f->data + f->size, bytes, count);
    f->size += count;
}

/* Some value for sample `channel` of a pixel, below 2^depth. */
static unsigned sample(unsigned x, unsigned y, unsigned channel, unsigned depth)
{
    return (x * 3571 + y * 9973 + channel * 23011 + x * y * 37) & ((1u << depth) - 1);
}

static void put_sample(uint8_t *row, unsigned index, unsigned depth, unsigned value)
{
    if (depth == 16) {
        row[2 * index] = (uint8_t)(value >> 8);
        row[2 * index + 1] = (uint8_t)value;
    } else {
        const unsigned bit = index * depth;
        row[bit / 8] = (uint8_t)(row[bit / 8] | value << (8 - depth - bit % 8));
    }
}

/* The samples above as a PNG of any kind, with a palette of its own and transparency if asked. */
static void write_png(file *f, int colour_type, unsigned depth, int interlace, int transparent)
{
    static const unsigned channels[] = {1, 0, 3, 1, 2, 0, 4};
    const unsigned count = channels[colour_type];
    uint8_t rows[HEIGHT][WIDTH * 8];
    png_bytep pointers[HEIGHT];
    png_color palette[256];
    memset(rows, 0, sizeof rows);
    for (unsigned y = 0; y < HEIGHT; y++) {
        pointers[y] = rows[y];
        for (unsigned i = 0; i < WIDTH * count; i++)
            put_sample(rows[y], i, depth, sample(i / count, y, i % count, depth));
    }
    for (unsigned i = 0; i < 256; i++)
        palette[i] = (png_color){(uint8_t)(255 - i), (uint8_t)(i * 3), (uint8_t)(i * 5)};

    f->size = 0;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, f, append, NULL);
    png_set_IHDR(png, info, WIDTH, HEIGHT, (int)depth, colour_type, interlace, 0, 0);
    if (colour_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << depth);
    if (transparent) {
        const png_color_16 first = {.red = (png_uint_16)sample(0, 0, 0, depth),
                                    .green = (png_uint_16)sample(0, 0, 1, depth),
                                    .blue = (png_uint_16)sample(0, 0, 2, depth),
                                    .gray = (png_uint_16)sample(0, 0, 0, depth)};
        const uint8_t alphas[3] = {0, 128, 255};
        png_set_tRNS(png, info, alphas, depth == 1 ? 2 : 3, &first);
    }
    png_write_info(png, info);
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
}

/* What write_png's pixel is in 8-bit RGB and alpha, without its transparent colour. */
static void expected_pixel(int colour_type, unsigned depth, unsigned x, unsigned y, unsigned *rgba)
{
    const unsigned first = sample(x, y, 0, depth), last = (1u << depth) - 1;
    rgba[3] = 255;
    if (colour_type == PNG_COLOR_TYPE_PALETTE) {
        rgba[0] = 255 - first;
        rgba[1] = first * 3 & 255;
        rgba[2] = first * 5 & 255;
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        const unsigned value = sample(x, y, i, depth);
        const unsigned level = depth == 16 ? value >> 8 : value * 255 / last;
        if (i < 3 ? colour_type & PNG_COLOR_MASK_COLOR : colour_type == PNG_COLOR_TYPE_RGB_ALPHA)
            rgba[i] = level;
        else if (i < 3)
            rgba[i] = depth == 16 ? first >> 8 : first * 255 / last;
    }
    if (colour_type == PNG_COLOR_TYPE_GRAY_ALPHA)
        rgba[3] = sample(x, y, 1, depth) >> (depth - 8);
}

static artfusion_load_options over(uint8_t red, uint8_t green, uint8_t blue)
{
    artfusion_load_options options;
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    const uint8_t background[4] = {red, green, blue, 1};
    memcpy(options.background, background, 4);
    return options;
}

/* Alpha dropped, as Pillow's convert("RGB"). */
static artfusion_load_options reference(void)
{
    artfusion_load_options options;
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    options.reading = ARTFUSION_READING_REFERENCE;
    return options;
}

static void check_pixels(const artfusion_image *image, int colour_type, unsigned depth,
                         const uint8_t *background)
{
    assert_int_equal(image->width, WIDTH);
    assert_int_equal(image->height, HEIGHT);
    for (unsigned y = 0; y < HEIGHT; y++) {
        for (unsigned x = 0; x < WIDTH; x++) {
            unsigned rgba[4];
            expected_pixel(colour_type, depth, x, y, rgba);
            for (unsigned i = 0; i < 3; i++) {
                unsigned level = rgba[i];
                if (background)
                    level = (level * rgba[3] + background[i] * (255 - rgba[3]) + 127) / 255;
                assert_int_equal(image->pixels[y * image->stride + 3 * x + i], level);
            }
        }
    }
}

static const struct {
    int colour_type;
    unsigned depth;
} kinds[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
             {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};

static void every_kind_is_brought_to_rgb(void **state)
{
    (void)state;
    static const uint8_t white[] = {255, 255, 255};
    const artfusion_load_options options = over(250, 3, 77), plain = reference();
    artfusion_load_options dropped = options;
    dropped.background[3] = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (int interlace = 0; interlace < 2; interlace++) {
            file f;
            artfusion_image *image = NULL;
            write_png(&f, kinds[i].colour_type, kinds[i].depth, interlace, 0);
            assert_int_equal(artfusion_image_load_memory(f.data, f.size, &plain, &image),
                             ARTFUSION_OK);
            check_pixels(image, kinds[i].colour_type, kinds[i].depth, NULL);
            artfusion_image_destroy(image);
            assert_int_equal(artfusion_image_load_memory(f.data, f.size, &dropped, &image),
                             ARTFUSION_OK);
            check_pixels(image, kinds[i].colour_type, kinds[i].depth, NULL);
            artfusion_image_destroy(image);
            assert_int_equal(artfusion_image_load_memory(f.data, f.size, NULL, &image),
                             ARTFUSION_OK);
            check_pixels(image, kinds[i].colour_type, kinds[i].depth, white);
            artfusion_image_destroy(image);
            assert_int_equal(artfusion_image_load_memory(f.data, f.size, &options, &image),
                             ARTFUSION_OK);
            check_pixels(image, kinds[i].colour_type, kinds[i].depth, options.background);
            artfusion_image_destroy(image);
        }
    }
}

/* Of tRNS, the first pixel's colour. */
static void a_transparent_colour_shows_the_background(void **state)
{
    (void)state;
    const artfusion_load_options options = over(250, 3, 77), plain = reference();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].colour_type == PNG_COLOR_TYPE_PALETTE ||
            kinds[i].colour_type & PNG_COLOR_MASK_ALPHA)
            continue;
        file f;
        artfusion_image *image = NULL;
        write_png(&f, kinds[i].colour_type, kinds[i].depth, 0, 1);
        assert_int_equal(artfusion_image_load_memory(f.data, f.size, &plain, &image), ARTFUSION_OK);
        check_pixels(image, kinds[i].colour_type, kinds[i].depth, NULL);
        artfusion_image_destroy(image);
        assert_int_equal(artfusion_image_load_memory(f.data, f.size, &options, &image),
                         ARTFUSION_OK);
        assert_memory_equal(image->pixels, options.background, 3);
        artfusion_image_destroy(image);
    }
}

static void palette_alpha_is_blended(void **state)
{
    (void)state;
    const artfusion_load_options options = over(250, 3, 77);
    file f;
    artfusion_image *image = NULL;
    write_png(&f, PNG_COLOR_TYPE_PALETTE, 2, 0, 1);
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, &options, &image), ARTFUSION_OK);
    for (unsigned y = 0; y < HEIGHT; y++) {
        for (unsigned x = 0; x < WIDTH; x++) {
            const unsigned entry = sample(x, y, 0, 2);
            const unsigned alpha = entry == 0 ? 0 : entry == 1 ? 128 : 255;
            const unsigned red = ((255 - entry) * alpha + 250 * (255 - alpha) + 127) / 255;
            assert_int_equal(image->pixels[y * image->stride + 3 * x], red);
        }
    }
    artfusion_image_destroy(image);
}

static void damage_is_told_in_libpngs_words(void **state)
{
    (void)state;
    file f;
    artfusion_image *image = NULL;
    write_png(&f, PNG_COLOR_TYPE_RGB, 8, 0, 0);
    for (size_t size = 0; size < f.size; size++) {
        assert_int_equal(artfusion_image_load_memory(f.data, size, NULL, &image),
                         ARTFUSION_ERROR_FORMAT);
        assert_null(image);
    }
    assert_message_has("PNG: the file ends too early");
    f.data[f.size / 2] ^= 1; /* in the compressed data */
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, NULL, &image),
                     ARTFUSION_ERROR_FORMAT);
    assert_message_has("IDAT");
    f.data[16 + 3] ^= 1; /* in the width */
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, NULL, &image),
                     ARTFUSION_ERROR_FORMAT);
    assert_message_has("IHDR: CRC error");
}

static void pixels_are_limited_before_they_are_allocated(void **state)
{
    (void)state;
    file f;
    artfusion_image *image = NULL;
    artfusion_load_options options;
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    write_png(&f, PNG_COLOR_TYPE_RGB, 8, 0, 0);
    options.max_pixels = WIDTH * HEIGHT - 1;
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, &options, &image),
                     ARTFUSION_ERROR_LIMIT);
    assert_message_has("13 x 9");
    assert_message_has("116");
    options.max_pixels = WIDTH * HEIGHT;
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, &options, &image), ARTFUSION_OK);
    artfusion_image_destroy(image);
}

static void a_side_is_limited_whatever_the_options(void **state)
{
    (void)state;
    static uint8_t row[65536];
    file f = {.size = 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &f, append, NULL);
    png_set_IHDR(png, info, 65536, 1, 8, PNG_COLOR_TYPE_GRAY, 0, 0, 0);
    png_write_info(png, info);
    png_write_row(png, row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);

    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, NULL, &image),
                     ARTFUSION_ERROR_LIMIT);
    assert_message_has("65536 x 1");
    assert_message_has("65535");
    assert_null(image);
}

static void what_is_saved_is_what_is_loaded(void **state)
{
    (void)state;
    file f;
    artfusion_image *image = NULL, *back = NULL, *window = NULL;
    write_png(&f, PNG_COLOR_TYPE_RGB, 8, 0, 0);
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, NULL, &image), ARTFUSION_OK);
    /* A window, whose stride is not its width's. */
    assert_int_equal(artfusion_image_wrap(image->pixels + 3, 7, HEIGHT, image->stride, &window),
                     ARTFUSION_OK);
    artfusion_save_options options;
    assert_int_equal(artfusion_save_options_init(&options, sizeof options), ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_PNG;
    for (options.png_compression = 0; options.png_compression <= 9; options.png_compression++) {
        uint8_t *data = NULL;
        size_t size = 0;
        assert_int_equal(artfusion_image_save_memory(window, &options, &data, &size), ARTFUSION_OK);
        assert_int_equal(artfusion_image_load_memory(data, size, NULL, &back), ARTFUSION_OK);
        assert_int_equal(back->width, 7);
        for (size_t y = 0; y < HEIGHT; y++)
            assert_memory_equal(back->pixels + y * back->stride,
                                window->pixels + y * window->stride, 21);
        artfusion_image_destroy(back);
        artfusion_free(data);
    }
    artfusion_image_destroy(window);
    artfusion_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_brought_to_rgb),
        cmocka_unit_test(a_transparent_colour_shows_the_background),
        cmocka_unit_test(palette_alpha_is_blended),
        cmocka_unit_test(damage_is_told_in_libpngs_words),
        cmocka_unit_test(pixels_are_limited_before_they_are_allocated),
        cmocka_unit_test(a_side_is_limited_whatever_the_options),
        cmocka_unit_test(what_is_saved_is_what_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
