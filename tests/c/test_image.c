/* SPDX-License-Identifier: MIT
 * The image handle, its options, and the way to and from planar floats. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"

#define assert_message_has(part) assert_non_null(strstr(artfusion_error_message(), part))

static void created_images_are_black(void **state)
{
    (void)state;
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_create(5, 3, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_image_width(image), 5);
    assert_int_equal(artfusion_image_height(image), 3);
    assert_int_equal(artfusion_image_stride(image), 15);
    for (size_t i = 0; i < 45; i++)
        assert_int_equal(artfusion_image_pixels(image)[i], 0);
    artfusion_image_destroy(image);
}

static void sizes_are_checked(void **state)
{
    (void)state;
    const int32_t sizes[][2] = {{0, 1}, {1, 0}, {-1, 1}, {1, INT32_MIN}, {65536, 1}, {1, 65536}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        artfusion_image *image = (artfusion_image *)&image;
        assert_int_equal(artfusion_image_create(sizes[i][0], sizes[i][1], &image),
                         ARTFUSION_ERROR_ARGUMENT);
        assert_null(image);
        assert_message_has("65535");
    }
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_create(65535, 1, &image), ARTFUSION_OK);
    artfusion_image_destroy(image);
}

static void wrapped_pixels_are_the_callers(void **state)
{
    (void)state;
    uint8_t pixels[2 * 10] = {0};
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_wrap(pixels, 3, 2, 10, &image), ARTFUSION_OK);
    assert_ptr_equal(artfusion_image_pixels(image), pixels);
    assert_int_equal(artfusion_image_stride(image), 10);
    artfusion_image_destroy(image); /* frees nothing of the stack */

    assert_int_equal(artfusion_image_wrap(pixels, 3, 2, 8, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("at least 9");
    assert_null(image);
    assert_int_equal(artfusion_image_wrap(pixels, 3, 3, SIZE_MAX / 2, &image),
                     ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_wrap(NULL, 3, 2, 9, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("pixels is NULL");
}

static void null_is_an_error_or_nothing(void **state)
{
    (void)state;
    uint8_t pixel[3] = {0};
    uint8_t *data = pixel;
    size_t size = 1;
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_create(1, 1, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_wrap(pixel, 1, 1, 3, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_load_file("x.png", NULL, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_load_file(NULL, NULL, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_load_memory(pixel, 3, NULL, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_load_memory(NULL, 3, NULL, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_save_file(NULL, "x.png", NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_save_memory(NULL, NULL, &data, &size),
                     ARTFUSION_ERROR_ARGUMENT);
    assert_null(data);
    assert_int_equal(size, 0);
    assert_int_equal(artfusion_image_resize(NULL, 1, 1, 0, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("image is NULL");

    assert_int_equal(artfusion_image_create(1, 1, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_image_save_file(image, NULL, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_save_memory(image, NULL, NULL, &size),
                     ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_save_memory(image, NULL, &data, NULL),
                     ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_resize(image, 1, 1, 0, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_resize_fit(image, 1, 1, 0, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_image_resize_cover(image, 1, 1, 0, NULL), ARTFUSION_ERROR_ARGUMENT);
    artfusion_image_destroy(image);

    artfusion_image_destroy(NULL);
    assert_int_equal(artfusion_image_width(NULL), 0);
    assert_int_equal(artfusion_image_height(NULL), 0);
    assert_int_equal(artfusion_image_stride(NULL), 0);
    assert_null(artfusion_image_pixels(NULL));
    assert_string_equal(artfusion_image_warning(NULL), "");
}

static void options_begin_with_their_defaults(void **state)
{
    (void)state;
    artfusion_load_options load;
    memset(&load, 0xFF, sizeof load);
    assert_int_equal(artfusion_load_options_init(&load, sizeof load), ARTFUSION_OK);
    const artfusion_load_options load_defaults = {
        sizeof load, 0, 178956970, 1u << 30, {255, 255, 255, 1}, ARTFUSION_READING_VIEWED, 0, 0};
    assert_memory_equal(&load, &load_defaults, sizeof load);

    artfusion_save_options save;
    memset(&save, 0xFF, sizeof save);
    assert_int_equal(artfusion_save_options_init(&save, sizeof save), ARTFUSION_OK);
    const artfusion_save_options save_defaults = {sizeof save, ARTFUSION_FORMAT_AUTO, 95, 6, 90, 0};
    assert_memory_equal(&save, &save_defaults, sizeof save);

    assert_int_equal(artfusion_load_options_init(NULL, sizeof load), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_save_options_init(NULL, sizeof save), ARTFUSION_ERROR_ARGUMENT);
}

static void planar_is_what_numpy_gives(void **state)
{
    (void)state;
    /* Two pixels in rows of seven bytes, so that stride and width differ. */
    uint8_t pixels[] = {0, 127, 255, 1, 128, 254, 99, 10, 20, 30, 40, 50, 60, 99};
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_wrap(pixels, 2, 2, 7, &image), ARTFUSION_OK);
    float rgb[12];
    af_image_to_planar(image, rgb);
    const int levels[12] = {0, 1, 10, 40, 127, 128, 20, 50, 255, 254, 30, 60};
    for (size_t i = 0; i < 12; i++) {
        const float expected = (float)levels[i] / 127.5f - 1.0f;
        assert_memory_equal(&rgb[i], &expected, sizeof expected);
    }
    artfusion_image_destroy(image);
}

static void planar_is_clamped_and_truncated(void **state)
{
    (void)state;
    /* 0.0f is 127.5 of 255: truncated to 127, where rounding would give 128. */
    const float rgb[] = {0.0f, -1.0f, 1.0f, -5.0f, 5.0f, INFINITY, -INFINITY, 0.999f, -0.999f};
    const uint8_t planar[] = {127, 0, 255, 0, 255, 255, 0, 254, 0};
    artfusion_image *image = NULL;
    assert_int_equal(af_image_from_planar(rgb, 3, 1, 3, 1, &image), ARTFUSION_OK);
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t x = 0; x < 3; x++)
            assert_int_equal(image->pixels[3 * x + channel], planar[3 * channel + x]);
    artfusion_image_destroy(image);
}

static void every_level_survives_the_way_there_and_back(void **state)
{
    (void)state;
    artfusion_image *image = NULL, *back = NULL;
    float rgb[3 * 256];
    assert_int_equal(artfusion_image_create(256, 1, &image), ARTFUSION_OK);
    for (int level = 0; level < 256; level++)
        memset(image->pixels + 3 * level, level, 3);
    af_image_to_planar(image, rgb);
    for (size_t i = 0; i < 3 * 256; i++)
        rgb[i] += 1e-6f; /* off the edge that truncation would fall over */
    assert_int_equal(af_image_from_planar(rgb, 256, 1, 256, 1, &back), ARTFUSION_OK);
    assert_memory_equal(back->pixels, image->pixels, 3 * 256);
    artfusion_image_destroy(image);
    artfusion_image_destroy(back);
}

/* Of a plane's rows and columns the first become the picture; what is cut off is not looked at. */
static void the_corner_of_planes_becomes_a_picture(void **state)
{
    (void)state;
    float rgb[3 * 2 * 3];
    for (size_t i = 0; i < 18; i++)
        rgb[i] = ((float)i + 0.5f) / 127.5f - 1.0f;
    rgb[2] = rgb[17] = NAN;
    artfusion_image *image = NULL;
    assert_int_equal(af_image_from_planar(rgb, 3, 2, 2, 1, &image), ARTFUSION_OK);
    assert_int_equal(image->width, 2);
    assert_int_equal(image->height, 1);
    const uint8_t corner[] = {0, 6, 12, 1, 7, 13};
    assert_memory_equal(image->pixels, corner, sizeof corner);
    artfusion_image_destroy(image);
}

/* From rows with a stride; farther than the picture is long, too. */
static void a_picture_is_continued_by_reflection(void **state)
{
    (void)state;
    uint8_t pixels[] = {1, 1, 1, 2, 2, 2, 99, 3, 3, 3, 4, 4, 4, 99};
    artfusion_image *image = NULL, *larger = NULL;
    assert_int_equal(artfusion_image_wrap(pixels, 2, 2, 7, &image), ARTFUSION_OK);
    assert_int_equal(af_image_reflected(image, 7, 3, &larger), ARTFUSION_OK);
    const uint8_t expected[3][7] = {
        {1, 2, 2, 1, 1, 2, 2}, {3, 4, 4, 3, 3, 4, 4}, {3, 4, 4, 3, 3, 4, 4}};
    for (size_t i = 0; i < 21; i++)
        for (size_t c = 0; c < 3; c++)
            assert_int_equal(larger->pixels[3 * i + c], expected[i / 7][i % 7]);
    artfusion_image_destroy(larger);
    assert_int_equal(af_image_reflected(image, 65536, 3, &larger), ARTFUSION_ERROR_ARGUMENT);
    assert_null(larger);
    artfusion_image_destroy(image);
}

static void nan_is_found(void **state)
{
    (void)state;
    float rgb[3 * 2 * 2] = {0};
    rgb[2 * 4 + 3] = NAN;
    artfusion_image *image = NULL;
    assert_int_equal(af_image_from_planar(rgb, 2, 2, 2, 2, &image), ARTFUSION_ERROR_NUMERIC);
    assert_null(image);
    assert_message_has("row 1 of channel 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(created_images_are_black),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(wrapped_pixels_are_the_callers),
        cmocka_unit_test(null_is_an_error_or_nothing),
        cmocka_unit_test(options_begin_with_their_defaults),
        cmocka_unit_test(planar_is_what_numpy_gives),
        cmocka_unit_test(planar_is_clamped_and_truncated),
        cmocka_unit_test(every_level_survives_the_way_there_and_back),
        cmocka_unit_test(the_corner_of_planes_becomes_a_picture),
        cmocka_unit_test(a_picture_is_continued_by_reflection),
        cmocka_unit_test(nan_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
