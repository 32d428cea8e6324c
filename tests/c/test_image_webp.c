/* SPDX-License-Identifier: MIT
 * WebP in and out, orientation by EXIF and XMP in every format, and files that are something else.
 * (tests/python/test_image_viewed.py compares with Pillow.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"
#include "image/orientation.h"
#include "pictures.h"

#define assert_message_has(part) \
    do { \
        if (!strstr(artfusion_error_message(), part)) \
            fail_msg("\"%s\" has no \"%s\"", artfusion_error_message(), part); \
    } while (0)

static const file_bytes nothing = {NULL, 0};

static artfusion_image *load(file_bytes f, const artfusion_load_options *options)
{
    artfusion_image *image = NULL;
    if (artfusion_image_load_memory(f.data, f.size, options, &image))
        fail_msg("%s", artfusion_error_message());
    return image;
}

static void alpha_of_a_webp_shows_the_background(void **state)
{
    (void)state;
    static const uint8_t pixels[] = {200, 10, 10, 0, 200, 10, 10, 255, 200, 10, 10, 128};
    static const uint8_t over_white[] = {255, 255, 255, 200, 10, 10, 227, 132, 132};
    artfusion_load_options options;
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    file_bytes f = make_webp(3, 1, 1, pixels, nothing, nothing, nothing);
    artfusion_image *image = load(f, &options);
    assert_memory_equal(image->pixels, over_white, 9);
    artfusion_image_destroy(image);
    options.reading = ARTFUSION_READING_REFERENCE;
    image = load(f, &options);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(image->pixels + 3 * i, pixels, 3);
    artfusion_image_destroy(image);
    bytes_free(&f);
}

static void what_is_saved_without_loss_is_what_is_loaded(void **state)
{
    (void)state;
    uint8_t pixels[40 * 21 * 3];
    artfusion_image *image = NULL, *back;
    artfusion_save_options options;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i >> 4);
    /* A window, whose stride is not its width's. */
    assert_int_equal(artfusion_image_wrap(pixels, 33, 21, 120, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_save_options_init(&options, sizeof options), ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_WEBP;
    size_t sizes[2] = {0, 0};
    for (int quality = 0; quality <= 100; quality += 100) {
        for (options.webp_lossless = 0; options.webp_lossless < 2; options.webp_lossless++) {
            file_bytes f = nothing;
            options.webp_quality = quality;
            assert_int_equal(artfusion_image_save_memory(image, &options, &f.data, &f.size),
                             ARTFUSION_OK);
            back = load(f, NULL);
            assert_int_equal(back->width, 33);
            assert_int_equal(back->height, 21);
            for (size_t y = 0; options.webp_lossless && y < 21; y++)
                assert_memory_equal(back->pixels + y * back->stride, pixels + 120 * y, 99);
            if (!options.webp_lossless)
                sizes[quality / 100] = f.size;
            artfusion_image_destroy(back);
            artfusion_free(f.data);
        }
    }
    assert_true(sizes[0] < sizes[1]);
    artfusion_image_destroy(image);
}

static void a_side_beyond_webps_is_a_limit(void **state)
{
    (void)state;
    static const int32_t sides[][3] = {{16383, 1, 1}, {16384, 1, 0}, {1, 16383, 1}, {1, 16384, 0}};
    artfusion_save_options options;
    assert_int_equal(artfusion_save_options_init(&options, sizeof options), ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_WEBP;
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        artfusion_image *image;
        uint8_t *data;
        size_t size;
        assert_int_equal(artfusion_image_create(sides[i][0], sides[i][1], &image), ARTFUSION_OK);
        assert_int_equal(artfusion_image_save_memory(image, &options, &data, &size),
                         sides[i][2] ? ARTFUSION_OK : ARTFUSION_ERROR_LIMIT);
        if (!sides[i][2])
            assert_message_has("a side may have 16383 at most");
        artfusion_free(data);
        artfusion_image_destroy(image);
    }
}

static void a_webps_size_is_judged_before_it_is_decoded(void **state)
{
    (void)state;
    static const uint8_t pixels[8 * 8 * 4];
    artfusion_load_options options;
    artfusion_image *image;
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    file_bytes f = make_webp(8, 8, 1, pixels, nothing, nothing, nothing);
    options.max_pixels = 63;
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, &options, &image),
                     ARTFUSION_ERROR_LIMIT);
    assert_message_has("WebP: 8 x 8 pixels are beyond max_pixels, 63");
    bytes_free(&f);
}

static void add_number(file_bytes *f, uint32_t number, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t byte = (uint8_t)(number >> 8 * i);
        bytes_add(f, &byte, 1);
    }
}

/* An animation of a canvas of 8 x 6 whose first frame is the picture at (2 x, 2 y). */
static file_bytes animation(const file_bytes *picture, uint32_t x, uint32_t y, uint32_t width,
                            uint32_t height)
{
    file_bytes f = nothing, frame = nothing;
    add_number(&frame, x, 3);
    add_number(&frame, y, 3);
    add_number(&frame, width - 1, 3);
    add_number(&frame, height - 1, 3);
    add_number(&frame, 100, 3);
    add_number(&frame, 0, 1);
    bytes_add(&frame, picture->data + 12, picture->size - 12);
    bytes_add(&f, "RIFF", 4);
    add_number(&f, 0, 4);
    bytes_add(&f, "WEBPVP8X\x0A\0\0\0\x12\0\0\0", 16);
    add_number(&f, 7, 3);
    add_number(&f, 5, 3);
    bytes_add(&f, "ANIM\6\0\0\0\0\0\0\0\0\0", 14);
    bytes_add(&f, "ANMF", 4);
    add_number(&f, (uint32_t)frame.size, 4);
    bytes_add(&f, frame.data, frame.size);
    if (frame.size % 2)
        add_number(&f, 0, 1);
    for (size_t i = 0; i < 4; i++)
        f.data[4 + i] = (uint8_t)((f.size - 8) >> 8 * i);
    bytes_free(&frame);
    return f;
}

static void the_first_frame_lies_on_its_canvas(void **state)
{
    (void)state;
    uint8_t red[4 * 2 * 4];
    artfusion_image *image = NULL;
    for (size_t i = 0; i < sizeof red; i++)
        red[i] = i % 4 == 0 || i % 4 == 3 ? 255 : 0;
    file_bytes picture = make_webp(4, 2, 1, red, nothing, nothing, nothing);
    file_bytes f = animation(&picture, 1, 2, 4, 2);
    image = load(f, NULL);
    assert_int_equal(image->width, 8);
    assert_int_equal(image->height, 6);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 8; x++) {
            const int inside = x >= 2 && x < 6 && y >= 4;
            assert_int_equal(image->pixels[(size_t)y * image->stride + 3 * (size_t)x + 1],
                             inside ? 0 : 255);
        }
    artfusion_image_destroy(image);
    bytes_free(&f);
    /* Beyond the canvas, of another size than it says, and cut. */
    f = animation(&picture, 3, 2, 4, 2);
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, NULL, &image),
                     ARTFUSION_ERROR_FORMAT);
    assert_message_has("outside the picture");
    bytes_free(&f);
    f = animation(&picture, 1, 2, 3, 2);
    assert_int_equal(artfusion_image_load_memory(f.data, f.size, NULL, &image),
                     ARTFUSION_ERROR_FORMAT);
    assert_message_has("not as large as it says");
    assert_int_equal(artfusion_image_load_memory(f.data, 50, NULL, &image), ARTFUSION_ERROR_FORMAT);
    assert_message_has("ends too early");
    bytes_free(&f);
    bytes_free(&picture);
}

/* ---- orientation ------------------------------------------------------------------------- */

static file_bytes text(const char *words)
{
    file_bytes b = nothing;
    bytes_add(&b, words, strlen(words));
    return b;
}

/* Every place where a file can say it, on a picture of 4 x 2; XMP says 6, EXIF 3. */
static void metadata_turns_a_picture_in_every_format(void **state)
{
    (void)state;
    uint8_t rgb[4 * 2 * 3], rgba[4 * 2 * 4], chunks[2][256];
    for (int i = 0; i < 8; i++) {
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = rgba[4 * i + c] = (uint8_t)(30 * i + c);
        rgba[4 * i + 3] = 255;
    }
    static const char packet[] = "<x:xmpmeta><d tiff:Orientation=\"6\"/></x:xmpmeta>";
    file_bytes exif = make_exif(3), xmp = text(packet), app_exif = nothing, app_xmp = nothing,
               itxt = nothing;
    bytes_add(&app_exif, "Exif\0\0", 6);
    bytes_add(&app_exif, exif.data, exif.size);
    bytes_add(&app_xmp, "http://ns.adobe.com/xap/1.0/", 29);
    bytes_add(&app_xmp, packet, sizeof packet - 1);
    bytes_add(&itxt, "XML:com.adobe.xmp\0\0\0\0", 22);
    bytes_add(&itxt, packet, sizeof packet - 1);
    const size_t exif_size = make_chunk(chunks[0], "eXIf", exif.data, exif.size),
                 xmp_size = make_chunk(chunks[1], "iTXt", itxt.data, itxt.size);
    uint8_t both[512];
    memcpy(both, chunks[1], xmp_size);
    memcpy(both + xmp_size, chunks[0], exif_size);

    struct {
        file_bytes file;
        int orientation, always; /* as the reference reads it, too */
    } cases[] = {
        {make_png(4, 2, 3, 8, rgb, &(png_extras){.chunks = chunks[0], .chunks_size = exif_size}), 3,
         0},
        {make_png(4, 2, 3, 8, rgb, &(png_extras){.last_chunks = chunks[0], .last_size = exif_size}),
         3, 0},
        {make_png(4, 2, 3, 8, rgb, &(png_extras){.chunks = chunks[1], .chunks_size = xmp_size}), 6,
         0},
        {make_png(4, 2, 3, 8, rgb,
                  &(png_extras){.chunks = both, .chunks_size = exif_size + xmp_size}),
         3, 0},
        {make_webp(4, 2, 1, rgba, nothing, exif, nothing), 3, 0},
        {make_webp(4, 2, 1, rgba, nothing, nothing, xmp), 6, 0},
        {make_webp(4, 2, 1, rgba, nothing, exif, xmp), 3, 0},
        {make_jpeg(4, 2, 3, rgb, 0, 0, app_exif, nothing), 3, 1},
        {make_jpeg(4, 2, 3, rgb, 0, 0, app_xmp, nothing), 6, 0},
    };
    artfusion_load_options viewed, stored, reference;
    assert_int_equal(artfusion_load_options_init(&viewed, sizeof viewed), ARTFUSION_OK);
    stored = reference = viewed;
    stored.ignore_orientation = 1;
    reference.reading = ARTFUSION_READING_REFERENCE;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        artfusion_image *turned = load(cases[i].file, &viewed),
                        *plain = load(cases[i].file, &stored),
                        *strict = load(cases[i].file, &reference);
        assert_int_equal(plain->width, 4);
        if (cases[i].orientation == 6) {
            assert_int_equal(turned->width, 2);
            assert_memory_equal(turned->pixels, plain->pixels + plain->stride, 3);
        } else {
            assert_memory_equal(turned->pixels, plain->pixels + plain->stride + 9, 3);
        }
        const artfusion_image *same = cases[i].always ? turned : plain;
        assert_int_equal(strict->width, same->width);
        assert_memory_equal(strict->pixels, same->pixels, 24);
        artfusion_image_destroy(turned);
        artfusion_image_destroy(plain);
        artfusion_image_destroy(strict);
        bytes_free(&cases[i].file);
    }
    bytes_free(&exif);
    bytes_free(&xmp);
    bytes_free(&app_exif);
    bytes_free(&app_xmp);
    bytes_free(&itxt);
}

static void xmp_has_several_ways_to_say_it(void **state)
{
    (void)state;
    static const struct {
        const char *packet;
        int orientation;
    } cases[] = {{"tiff:Orientation=\"8\"", 8},
                 {"tiff:Orientation = '2' ", 2},
                 {"<tiff:Orientation>5</tiff:Orientation>", 5},
                 {"<tiff:Orientation>\n 7 \n</tiff:Orientation>", 7},
                 {"tiff:Orientation=\"0\"", 0},
                 {"tiff:Orientation=\"9\"", 0},
                 {"tiff:Orientation=\"12\"", 0},
                 {"tiff:Orientation=\"", 0},
                 {"tiff:Orientation=\"6", 0},
                 {"tiff:Orientation", 0},
                 {"exif:Orientation=\"6\"", 0},
                 {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t size = strlen(cases[i].packet);
        uint8_t *own = malloc(size + !size);
        assert_non_null(own);
        memcpy(own, cases[i].packet, size);
        assert_int_equal(af_xmp_orientation(own, size), cases[i].orientation);
        free(own);
    }
}

/* ---- what is something else -------------------------------------------------------------- */

static void other_formats_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } cases[] = {
        {"\0\0\0\x1c"
         "ftypavif",
         12, "this is an AVIF picture, which this build does not read"},
        {"\0\0\0\x18"
         "ftypheic",
         12, "a HEIC picture"},
        {"\0\0\0\x18"
         "ftypmif1",
         12, "a HEIF picture"},
        {"\0\0\0\x18"
         "ftypisom",
         12, "a video"},
        {"II*\0\x08\0\0\0", 8, "a TIFF or raw camera picture"},
        {"MM\0*\0\0\0\x08", 8, "a TIFF or raw camera picture"},
        {"GIF89a\1\0\1\0", 10, "a GIF picture"},
        {"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1", 19, "a BMP picture"},
        {"8BPS\0\1", 6, "a Photoshop (PSD) picture"},
        {"%PDF-1.7\n", 9, "a PDF document"},
        {"\0\0\0\x0cjP  \r\n\x87\n", 12, "a JPEG 2000 picture"},
        {"\0\0\0\x0cJXL \r\n\x87\n", 12, "a JPEG XL picture"},
        {"\xff\x0a\xfa", 3, "a JPEG XL picture"},
        {"<?xml version=\"1.0\"?>\n<svg xmlns=", 33, "an SVG drawing"},
        {"<?xml version=\"1.0\"?>\n<a/>", 26, "an XML document"},
        {"\0\0\1\0\1\0", 6, "an ICO icon"},
        {"\n<!DOCTYPE HTML>\n<head>", 23, "an HTML page"},
        {"<HTML><body>404", 15, "an HTML page"},
        {"version https://git-lfs.github.com/spec/v1\noid", 46, "git lfs pull"},
        {"PK\3\4\x14\0", 6, "a zip archive"},
        {"\x1f\x8b\x08\0", 4, "gzip-compressed"},
        {"P6\n9 9\n", 7, "a Netpbm picture"},
        {"RIFF\x10\0\0\0WAVEfmt ", 16, "a RIFF file"},
        {"\0\5\x16\7\0\2\0\0", 8, "an AppleDouble file"},
        {"Dear Sir or Madam", 17, "plain text"},
        {"Viele Gr\xc3\xbc\xc3\x9f"
         "e",
         13, "plain text"},
        {"\0\0\0\0\0\0\0\0", 8, "all 8 bytes are zero"},
        {"\x13\x37\0\xff", 4, "neither PNG, JPEG nor WebP: 4 bytes, the first 13 37 00 ff"},
        {"BMW", 3, "plain text"},
        {"\x89", 1, "neither PNG"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        artfusion_image *image = (artfusion_image *)&image;
        uint8_t *own = malloc(cases[i].size);
        assert_non_null(own);
        memcpy(own, cases[i].bytes, cases[i].size);
        assert_int_equal(artfusion_image_load_memory(own, cases[i].size, NULL, &image),
                         ARTFUSION_ERROR_FORMAT);
        assert_null(image);
        assert_message_has(cases[i].name);
        assert_message_has(strstr(cases[i].name, "lfs") ? "pointer" : "PNG, JPEG");
        free(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpha_of_a_webp_shows_the_background),
        cmocka_unit_test(what_is_saved_without_loss_is_what_is_loaded),
        cmocka_unit_test(a_side_beyond_webps_is_a_limit),
        cmocka_unit_test(a_webps_size_is_judged_before_it_is_decoded),
        cmocka_unit_test(the_first_frame_lies_on_its_canvas),
        cmocka_unit_test(metadata_turns_a_picture_in_every_format),
        cmocka_unit_test(xmp_has_several_ways_to_say_it),
        cmocka_unit_test(other_formats_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
