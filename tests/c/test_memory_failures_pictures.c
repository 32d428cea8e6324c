/* SPDX-License-Identifier: MIT
 * Memory that runs out for pictures: read, written, resampled and turned. Each failure is reported, leaves no
 * handle, and (under ASan) leaks nothing. */
#define _POSIX_C_SOURCE 200809L
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exhaust.h"
#include "pictures.h"

static artfusion_image *picture;
static uint8_t *file;
static size_t file_size;

static artfusion_status make_images(void)
{
    artfusion_image *made = picture, *wrapped = picture;
    uint8_t pixels[3];
    artfusion_status status = artfusion_image_create(2, 3, &made);
    TRY(artfusion_image_wrap(pixels, 1, 1, 3, &wrapped));
    if (!status)
        artfusion_image_destroy(wrapped);
    else
        assert_true(!made || !wrapped);
    artfusion_image_destroy(made);
    return status;
}

static artfusion_status load(void)
{
    artfusion_load_options options;
    artfusion_image *image = picture;
    assert_ok(artfusion_load_options_init(&options, sizeof options));
    options.background[3] = 1;
    const artfusion_status status = artfusion_image_load_memory(file, file_size, &options, &image);
    assert_true(!image == !!status);
    artfusion_image_destroy(image);
    return status;
}

static artfusion_file_format format;

static artfusion_status save(void)
{
    artfusion_save_options options;
    uint8_t *data = (uint8_t *)picture;
    size_t size = 1;
    assert_ok(artfusion_save_options_init(&options, sizeof options));
    options.format = format;
    options.jpeg_quality = 100;
    const artfusion_status status = artfusion_image_save_memory(picture, &options, &data, &size);
    assert_true(!data == !!status && !size == !!status);
    artfusion_free(data);
    return status;
}

static int32_t to_width, to_height;

static artfusion_status resize(void)
{
    artfusion_image *resized = picture;
    const artfusion_status status =
        artfusion_image_resize(picture, to_width, to_height, ARTFUSION_FILTER_BICUBIC, &resized);
    assert_true(!resized == !!status);
    artfusion_image_destroy(resized);
    return status;
}

static void pictures_in_memory(void **state)
{
    (void)state;
    exhaust(make_images, 3, 0);

    uint8_t rgba[4 * 6] = {1, 2, 3, 128};
    png_image png = {
        .version = PNG_IMAGE_VERSION, .width = 3, .height = 2, .format = PNG_FORMAT_RGBA};
    uint8_t bytes[1024];
    png_alloc_size_t png_size = sizeof bytes;
    assert_true(png_image_write_to_memory(&png, bytes, &png_size, 0, rgba, 0, NULL));
    file = bytes;
    file_size = png_size;
    exhaust(load, 4, 0);

    /* Transparent, turned, with colours to convert: littlecms looks not at all that it is given. */
    uint8_t noise[5 * 4 * 8];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 37);
    const file_bytes none = {NULL, 0};
    file_bytes profile = make_rgb_profile(GAMUT_ADOBE, 2.2), exif = make_exif(6),
               inks = make_cmyk_profile();
    file_bytes files[] = {
        make_png(5, 4, 4, 16, noise, &(png_extras){.profile = profile, .interlaced = 1}),
        make_png(5, 4, 1, 8, noise, &(png_extras){.gamma = 100000}),
        make_jpeg(5, 4, 4, noise, 0, 1, none, inks),
        make_webp(5, 4, 0, noise, profile, exif, none),
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        file = files[i].data;
        file_size = files[i].size;
        exhaust(load, 4, 0);
        bytes_free(&files[i]);
    }
    bytes_free(&profile);
    bytes_free(&exif);
    bytes_free(&inks);

    /* Of enough noise for the buffer to grow more than once. */
    assert_ok(artfusion_image_create(300, 200, &picture));
    uint8_t *pixels = artfusion_image_pixels(picture);
    for (uint32_t i = 0; i < 3 * 300 * 200; i++)
        pixels[i] = (uint8_t)(i * UINT32_C(2654435761) >> 13);
    format = ARTFUSION_FORMAT_PNG;
    exhaust(save, 5, 0);
    format = ARTFUSION_FORMAT_JPEG;
    exhaust(save, 2, 0);
    format = ARTFUSION_FORMAT_WEBP;
    exhaust(save, 1, 0);
    artfusion_image_destroy(picture);
}

/* On both axes, on either, on none; and how much there was no memory for. */
static void resampling(void **state)
{
    (void)state;
    static const struct {
        int32_t width, height;
        int allocations, failing;
        const char *words;
    } cases[] = {
        /* 10 to 4 by a cubic: 5 pixels on each side and one. */
        {4, 20, 6, 3, "out of memory: 176 bytes for resampling weights"},
        {4, 20, 6, 4, "out of memory: 176 bytes for resampling weights"},
        {4, 20, 6, 5, "out of memory: 176 bytes for resampling weights"},
        {4, 20, 6, 6, "out of memory: 176 bytes for resampling weights"},
        {10, 8, 7, 3, "out of memory: 120 bytes for a row of sums"},
        {10, 8, 7, 7, "out of memory: 352 bytes for resampling weights"},
        {4, 8, 13, 3, "out of memory: 240 bytes for an image's pixels"},
        {10, 20, 2, 1, "out of memory: 600 bytes for an image's pixels"},
    };
    picture = test_picture(10, 20, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        to_width = cases[i].width;
        to_height = cases[i].height;
        exhaust(resize, cases[i].allocations, 0);
        exhaust_left = cases[i].failing;
        const artfusion_status status = resize();
        exhaust_left = 0;
        assert_error(status, ARTFUSION_ERROR_MEMORY, cases[i].words);
    }
    artfusion_image_destroy(picture);
}

/* A JPEG that lies on its side: turning it takes a second picture. */
static void a_turned_picture(void **state)
{
    (void)state;
    static const uint8_t exif[] = "\xFF\xE1\x00\x22"
                                  "Exif\0\0II*\0\x08\0\0\0"
                                  "\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    const size_t segment = sizeof exif - 1;
    artfusion_save_options options;
    uint8_t *jpeg;
    size_t size;
    picture = test_picture(24, 16, 1);
    assert_ok(artfusion_save_options_init(&options, sizeof options));
    options.format = ARTFUSION_FORMAT_JPEG;
    assert_ok(artfusion_image_save_memory(picture, &options, &jpeg, &size));
    file_size = size + segment;
    file = malloc(file_size);
    assert_non_null(file);
    memcpy(file, jpeg, 2);
    memcpy(file + 2, exif, segment);
    memcpy(file + 2 + segment, jpeg + 2, size - 2);
    exhaust(load, 3, 0);
    artfusion_free(jpeg);
    free(file);
    artfusion_image_destroy(picture);
}

static const char *path;

static artfusion_status save_and_load_file(void)
{
    artfusion_image *loaded = NULL;
    artfusion_status status = artfusion_image_save_file(picture, path, NULL);
    TRY(artfusion_image_load_file(path, NULL, &loaded));
    artfusion_image_destroy(loaded);
    return status;
}

static void picture_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/artfusion-test-XXXXXX", name[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(name, sizeof name, "%s/a.png", folder);
    path = name;
    picture = test_picture(8, 8, 1);
    exhaust(save_and_load_file, 8, 0);
    artfusion_image_destroy(picture);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(folder), 0); /* no half-written file is left beside it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_in_memory),
        cmocka_unit_test(resampling),
        cmocka_unit_test(a_turned_picture),
        cmocka_unit_test(picture_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
