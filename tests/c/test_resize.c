/* SPDX-License-Identifier: MIT
 * Resampling against bytes that Pillow 11.3 gave, and the sizes of fit and cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"

#define assert_message_has(part) assert_non_null(strstr(artfusion_error_message(), part))

/* Quadratic residues with full and empty values between, so that sums overshoot. */
static artfusion_image *pattern(int32_t width, int32_t height)
{
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_create(width, height, &image), ARTFUSION_OK);
    for (int i = 0; i < width * height * 3; i++)
        image->pixels[i] = (uint8_t)(i % 5 ? i * i * 7 + i * 13 : i % 2 ? 255 : 0);
    return image;
}

/* Down and up on both axes, and from and to a single pixel. */
/* clang-format off */
static const struct golden {
    artfusion_filter filter;
    int32_t width, height, to_width, to_height;
    uint8_t pixels[36];
} goldens[] = {
    {ARTFUSION_FILTER_BICUBIC, 7, 5, 3, 2,
     {117, 138, 148, 115, 141, 141, 144, 142, 91, 125, 81, 142, 131, 100, 114, 117, 118, 56}},
    {ARTFUSION_FILTER_BICUBIC, 3, 2, 4, 3,
     {0, 13, 32, 61, 114, 202, 94, 182, 197, 61, 177, 17, 87, 6, 139, 105, 73, 139, 140,
      154, 130, 164, 197, 117, 185, 0, 245, 149, 31, 75, 186, 125, 62, 255, 217, 217}},
    {ARTFUSION_FILTER_BICUBIC, 1, 9, 2, 1,
     {140, 132, 126, 140, 132, 126}},
    {ARTFUSION_FILTER_BOX, 7, 5, 3, 2,
     {122, 128, 154, 111, 135, 121, 143, 159, 71, 114, 104, 167, 136, 80, 114, 98, 65, 44}},
    {ARTFUSION_FILTER_BOX, 3, 2, 4, 3,
     {0, 20, 54, 102, 164, 255, 102, 164, 255, 74, 178, 40, 172, 0, 222, 140, 72, 18, 140,
      72, 18, 255, 208, 196, 172, 0, 222, 140, 72, 18, 140, 72, 18, 255, 208, 196}},
    {ARTFUSION_FILTER_BOX, 1, 9, 2, 1,
     {136, 133, 128, 136, 133, 128}},
    {ARTFUSION_FILTER_BILINEAR, 7, 5, 3, 2,
     {119, 138, 147, 114, 138, 140, 141, 138, 90, 127, 84, 141, 128, 103, 117, 121, 117, 58}},
    {ARTFUSION_FILTER_BILINEAR, 3, 2, 4, 3,
     {0, 20, 54, 64, 110, 180, 92, 169, 174, 74, 178, 40, 86, 10, 138, 108, 78, 138, 138,
      146, 130, 165, 193, 118, 172, 0, 222, 152, 45, 95, 183, 123, 85, 255, 208, 196}},
    {ARTFUSION_FILTER_BILINEAR, 1, 9, 2, 1,
     {141, 130, 124, 141, 130, 124}},
    {ARTFUSION_FILTER_LANCZOS, 7, 5, 3, 2,
     {118, 136, 146, 121, 146, 144, 144, 145, 92, 124, 78, 142, 132, 101, 112, 116, 122, 57}},
    {ARTFUSION_FILTER_LANCZOS, 3, 2, 4, 3,
     {0, 11, 9, 55, 112, 217, 95, 196, 210, 47, 171, 0, 89, 5, 138, 101, 63, 140, 144, 164,
      129, 163, 196, 117, 199, 0, 255, 146, 13, 63, 193, 132, 47, 255, 221, 237}},
    {ARTFUSION_FILTER_LANCZOS, 1, 9, 2, 1,
     {140, 132, 126, 140, 132, 126}},
};
/* clang-format on */

static void resize_gives_pillows_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        const struct golden *g = &goldens[i];
        artfusion_image *image = pattern(g->width, g->height), *resized = NULL;
        assert_int_equal(
            artfusion_image_resize(image, g->to_width, g->to_height, g->filter, &resized),
            ARTFUSION_OK);
        assert_int_equal(resized->width, g->to_width);
        assert_int_equal(resized->height, g->to_height);
        assert_memory_equal(resized->pixels, g->pixels, 3 * (size_t)(g->to_width * g->to_height));
        artfusion_image_destroy(image);
        artfusion_image_destroy(resized);
    }
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const uint8_t *bytes, size_t size)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        value = (value ^ bytes[i]) * UINT64_C(1099511628211);
    return value;
}

/* Of enough noise for the last bit of a weight to show. */
static void resize_of_large_noise_gives_pillows_bytes(void **state)
{
    (void)state;
    static const struct {
        artfusion_filter filter;
        int32_t width, height, to_width, to_height;
        uint64_t hash;
    } cases[] = {
        {ARTFUSION_FILTER_BICUBIC, 300, 211, 97, 350, UINT64_C(0xd7ff0b06a338dd0e)},
        {ARTFUSION_FILTER_BICUBIC, 64, 97, 401, 83, UINT64_C(0x2731e41260c6f436)},
        {ARTFUSION_FILTER_BOX, 300, 211, 97, 350, UINT64_C(0x5266fc814638b7e7)},
        {ARTFUSION_FILTER_BOX, 64, 97, 401, 83, UINT64_C(0x26393e1d336d05a7)},
        {ARTFUSION_FILTER_BILINEAR, 300, 211, 97, 350, UINT64_C(0xd01c331c7b7ebe0b)},
        {ARTFUSION_FILTER_BILINEAR, 64, 97, 401, 83, UINT64_C(0xee774cf5bb453a14)},
        {ARTFUSION_FILTER_LANCZOS, 300, 211, 97, 350, UINT64_C(0x0f720e217e50e8a5)},
        {ARTFUSION_FILTER_LANCZOS, 64, 97, 401, 83, UINT64_C(0x0db3b68f7745ba07)},
        /* To a third, a fifth, two fifths, and threefold: pixels at the middle and at the very
         * borders of kernels. */
        {ARTFUSION_FILTER_BICUBIC, 135, 105, 45, 21, UINT64_C(0xf5d6d06ab3f30c5c)},
        {ARTFUSION_FILTER_BICUBIC, 64, 50, 192, 20, UINT64_C(0x0bf0c8ea1e623a50)},
        {ARTFUSION_FILTER_BOX, 135, 105, 45, 21, UINT64_C(0x753201a97476d735)},
        {ARTFUSION_FILTER_BOX, 64, 50, 192, 20, UINT64_C(0xea21d4fc3353552c)},
        {ARTFUSION_FILTER_BILINEAR, 135, 105, 45, 21, UINT64_C(0x8a0f3533aeb9d735)},
        {ARTFUSION_FILTER_BILINEAR, 64, 50, 192, 20, UINT64_C(0xcaac2e541706a6f1)},
        {ARTFUSION_FILTER_LANCZOS, 135, 105, 45, 21, UINT64_C(0x4c3436dfa3fd4e6d)},
        {ARTFUSION_FILTER_LANCZOS, 64, 50, 192, 20, UINT64_C(0x9d6671831a7fa142)},
        /* A little smaller, and almost to half, where a pixel almost lies within. */
        {ARTFUSION_FILTER_BICUBIC, 1200, 2, 1199, 2, UINT64_C(0x2eaf6d7b3b20de98)},
        {ARTFUSION_FILTER_BOX, 3000, 2, 1501, 2, UINT64_C(0x7f0ec6cd709d8dcd)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        artfusion_image *image = NULL, *resized = NULL;
        assert_int_equal(artfusion_image_create(cases[i].width, cases[i].height, &image),
                         ARTFUSION_OK);
        for (uint32_t j = 0; j < (uint32_t)(3 * cases[i].width * cases[i].height); j++)
            image->pixels[j] = (uint8_t)(j * UINT32_C(2654435761) >> 13);
        assert_int_equal(artfusion_image_resize(image, cases[i].to_width, cases[i].to_height,
                                                cases[i].filter, &resized),
                         ARTFUSION_OK);
        assert_true(hash(resized->pixels, resized->stride * (size_t)resized->height) ==
                    cases[i].hash);
        artfusion_image_destroy(image);
        artfusion_image_destroy(resized);
    }
}

static void the_same_size_is_a_copy(void **state)
{
    (void)state;
    artfusion_image *image = pattern(7, 5), *resized = NULL;
    for (artfusion_filter filter = 0; filter < 4; filter++) {
        assert_int_equal(artfusion_image_resize(image, 7, 5, filter, &resized), ARTFUSION_OK);
        assert_ptr_not_equal(resized->pixels, image->pixels);
        assert_memory_equal(resized->pixels, image->pixels, 7 * 5 * 3);
        artfusion_image_destroy(resized);
    }
    artfusion_image_destroy(image);
}

/* The largest sums there are: a border through Lanczos, between full and empty pixels. */
static void sums_do_not_overflow(void **state)
{
    (void)state;
    uint8_t pixels[2 * 3] = {255, 255, 255, 0, 0, 0};
    artfusion_image *image = NULL, *resized = NULL;
    assert_int_equal(artfusion_image_wrap(pixels, 2, 1, 6, &image), ARTFUSION_OK);
    assert_int_equal(artfusion_image_resize(image, 65535, 1, ARTFUSION_FILTER_LANCZOS, &resized),
                     ARTFUSION_OK);
    assert_int_equal(resized->pixels[0], 255);
    assert_int_equal(resized->pixels[3 * 65534], 0);
    artfusion_image_destroy(image);
    artfusion_image_destroy(resized);
}

typedef artfusion_status (*resizer)(const artfusion_image *, int32_t, int32_t, artfusion_filter,
                                    artfusion_image **);

static void arguments_are_checked(void **state)
{
    (void)state;
    const resizer resizers[] = {artfusion_image_resize, artfusion_image_resize_fit,
                                artfusion_image_resize_cover};
    artfusion_image *image = pattern(7, 5);
    for (size_t i = 0; i < 3; i++) {
        artfusion_image *resized = image;
        assert_int_equal(resizers[i](image, 0, 5, 0, &resized), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has("0 x 5");
        assert_null(resized);
        assert_int_equal(resizers[i](image, 5, 0, 0, &resized), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has("5 x 0");
        assert_int_equal(resizers[i](image, 5, -1, 0, &resized), ARTFUSION_ERROR_ARGUMENT);
        resized = image;
        assert_int_equal(resizers[i](NULL, 5, 5, 0, &resized), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has("image is NULL");
        assert_null(resized);
        assert_int_equal(resizers[i](image, 5, 5, 0, NULL), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has("resized is NULL");
        assert_int_equal(resizers[i](image, 65536, 5, 0, &resized), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has("65535");
        assert_int_equal(resizers[i](image, 5, 65536, 0, &resized), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has("5 x 65536");
        assert_int_equal(resizers[i](image, 5, 5, 4, &resized), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has("filter is 4: it must be 0 to 3");
        assert_int_equal(resizers[i](image, 5, 5, -1, &resized), ARTFUSION_ERROR_ARGUMENT);
    }
    artfusion_image_destroy(image);
}

static void fit_keeps_the_proportions(void **state)
{
    (void)state;
    static const int32_t cases[][6] = {
        /* of, inside, gives */
        {400, 300, 200, 200, 200, 150},    {300, 400, 200, 200, 150, 200},
        {40, 30, 1000, 800, 1000, 750},    {100, 75, 50, 50, 50, 38}, /* 37.5 is rounded up */
        {1000, 1, 10, 10, 10, 1},          {1, 1000, 10, 10, 1, 10},
        {65535, 1, 65535, 65535, 65535, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int32_t *c = cases[i];
        artfusion_image *image = NULL, *resized = NULL;
        assert_int_equal(artfusion_image_create(c[0], c[1], &image), ARTFUSION_OK);
        assert_int_equal(
            artfusion_image_resize_fit(image, c[2], c[3], ARTFUSION_FILTER_BOX, &resized),
            ARTFUSION_OK);
        assert_int_equal(resized->width, c[4]);
        assert_int_equal(resized->height, c[5]);
        artfusion_image_destroy(image);
        artfusion_image_destroy(resized);
    }
}

static void cover_is_the_centre(void **state)
{
    (void)state;
    /* Columns 0..6; a square of the five in the middle, then of a tall strip of one. */
    uint8_t pixels[5 * 21];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i % 21 / 3 * 10);
    artfusion_image *image = NULL, *resized = NULL;
    assert_int_equal(artfusion_image_wrap(pixels, 7, 5, 21, &image), ARTFUSION_OK);

    assert_int_equal(artfusion_image_resize_cover(image, 5, 5, ARTFUSION_FILTER_BICUBIC, &resized),
                     ARTFUSION_OK);
    for (size_t x = 0; x < 5; x++)
        assert_int_equal(resized->pixels[3 * x], 10 * (x + 1));
    artfusion_image_destroy(resized);

    assert_int_equal(artfusion_image_resize_cover(image, 2, 10, ARTFUSION_FILTER_BICUBIC, &resized),
                     ARTFUSION_OK);
    for (size_t i = 0; i < 2 * 10 * 3; i++)
        assert_int_equal(resized->pixels[i], 30);
    artfusion_image_destroy(resized);
    artfusion_image_destroy(image);
}

/* A tall picture loses rows above and below; of an odd margin the one more goes right or below. */
static void cover_cuts_either_axis(void **state)
{
    (void)state;
    static const struct {
        int32_t width, height, to_width, to_height,
            first; /* the first row or column that is left */
    } cases[] = {{5, 7, 5, 5, 1}, {5, 6, 5, 5, 0}, {5, 8, 5, 5, 1},
                 {7, 5, 5, 5, 1}, {6, 5, 5, 5, 0}, {8, 5, 5, 5, 1},
                 {3, 9, 3, 1, 4}, {9, 3, 1, 3, 4}, {4, 4, 4, 4, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        artfusion_image *image = NULL, *resized = NULL;
        const int tall = cases[i].height > cases[i].width;
        assert_int_equal(artfusion_image_create(cases[i].width, cases[i].height, &image),
                         ARTFUSION_OK);
        for (int32_t y = 0; y < cases[i].height; y++)
            for (int32_t x = 0; x < 3 * cases[i].width; x++)
                image->pixels[(size_t)y * image->stride + (size_t)x] =
                    (uint8_t)(10 * (tall ? y : x / 3));
        assert_int_equal(artfusion_image_resize_cover(image, cases[i].to_width, cases[i].to_height,
                                                      ARTFUSION_FILTER_BICUBIC, &resized),
                         ARTFUSION_OK);
        assert_int_equal(resized->width, cases[i].to_width);
        assert_int_equal(resized->height, cases[i].to_height);
        for (int32_t y = 0; y < resized->height; y++)
            for (int32_t x = 0; x < resized->width; x++)
                assert_int_equal(resized->pixels[(size_t)y * resized->stride + 3 * (size_t)x],
                                 10 * (cases[i].first + (tall ? y : x)));
        artfusion_image_destroy(image);
        artfusion_image_destroy(resized);
    }
}

/* Rows may lie further apart than they are long: what is between them is nobody's. */
static void strides_are_heeded(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{7, 5}, {3, 5}, {7, 9}, {11, 2}};
    enum { STRIDE = 40 };
    uint8_t pixels[5 * STRIDE];
    artfusion_image *dense = pattern(7, 5), *sparse = NULL;
    memset(pixels, 255, sizeof pixels);
    for (size_t y = 0; y < 5; y++)
        memcpy(pixels + y * STRIDE, dense->pixels + y * dense->stride, 7 * 3);
    assert_int_equal(artfusion_image_wrap(pixels, 7, 5, STRIDE, &sparse), ARTFUSION_OK);
    const resizer resizers[] = {artfusion_image_resize, artfusion_image_resize_fit,
                                artfusion_image_resize_cover};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t r = 0; r < 3; r++) {
            artfusion_image *a = NULL, *b = NULL;
            assert_int_equal(resizers[r](dense, sizes[i][0], sizes[i][1], 0, &a), ARTFUSION_OK);
            assert_int_equal(resizers[r](sparse, sizes[i][0], sizes[i][1], 0, &b), ARTFUSION_OK);
            assert_int_equal(a->width, b->width);
            assert_int_equal(a->height, b->height);
            assert_memory_equal(a->pixels, b->pixels, a->stride * (size_t)a->height);
            artfusion_image_destroy(a);
            artfusion_image_destroy(b);
        }
    }
    artfusion_image_destroy(dense);
    artfusion_image_destroy(sparse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resize_gives_pillows_bytes),
        cmocka_unit_test(resize_of_large_noise_gives_pillows_bytes),
        cmocka_unit_test(the_same_size_is_a_copy),
        cmocka_unit_test(sums_do_not_overflow),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(fit_keeps_the_proportions),
        cmocka_unit_test(cover_is_the_centre),
        cmocka_unit_test(cover_cuts_either_axis),
        cmocka_unit_test(strides_are_heeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
