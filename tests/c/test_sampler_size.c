/* SPDX-License-Identifier: MIT
 * A run has exactly the size that was asked for, whatever multiples the networks need. */
#include <string.h>

#include "runs.h"

#define MULTIPLE 8 /* pixels, of the small model */
#define DOWN 4

static int32_t whole(int32_t side)
{
    return (side + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
}

/* Back and forth between the first pixel and the last, both of which come twice. */
static int32_t bounced(int32_t place, int32_t count)
{
    int32_t at = 0, step = 1;
    for (int32_t i = 0; i < place; i++) {
        if (at + step >= 0 && at + step < count)
            at += step;
        else
            step = -step;
    }
    return at;
}

static artfusion_image *stylised(artfusion_model *model, const artfusion_image *content,
                                 int32_t width, int32_t height, double strength)
{
    artfusion_sampler_options options = options_for(model);
    artfusion_image *result;
    options.width = width;
    options.height = height;
    options.steps = 2;
    options.denoising_strength = strength;
    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, content));
    assert_ok(artfusion_sampler_run(sampler));
    assert_ok(artfusion_sampler_image(sampler, 0, &result));
    artfusion_sampler_destroy(sampler);
    return result;
}

static void expect_size(const artfusion_image *image, int32_t width, int32_t height)
{
    assert_int_equal(artfusion_image_width(image), width);
    assert_int_equal(artfusion_image_height(image), height);
}

/* What is made is the corner of what the whole size would give for the content, continued. */
static void a_result_is_the_corner_of_a_whole_one(void **state)
{
    (void)state;
    static const struct {
        int32_t width, height;
    } sizes[] = {{1, 1}, {1, 19}, {2, 3}, {7, 9}, {8, 8}, {17, 16}, {23, 25}};
    artfusion_model *model = test_model(NULL, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int32_t width = sizes[i].width, height = sizes[i].height;
        artfusion_image *content = test_picture(width, height, 5), *continued;
        assert_ok(artfusion_image_create(whole(width), whole(height), &continued));
        for (int32_t y = 0; y < whole(height); y++)
            for (int32_t x = 0; x < whole(width); x++)
                memcpy(artfusion_image_pixels(continued) +
                           (size_t)y * artfusion_image_stride(continued) + 3 * (size_t)x,
                       artfusion_image_pixels(content) +
                           (size_t)bounced(y, height) * artfusion_image_stride(content) +
                           3 * (size_t)bounced(x, width),
                       3);
        for (double strength = 0.5; strength <= 1; strength += 0.5) {
            artfusion_image *cut = stylised(model, content, width, height, strength);
            artfusion_image *uncut =
                stylised(model, continued, whole(width), whole(height), strength);
            expect_size(cut, width, height);
            for (int32_t y = 0; y < height; y++)
                assert_memory_equal(
                    artfusion_image_pixels(cut) + (size_t)y * artfusion_image_stride(cut),
                    artfusion_image_pixels(uncut) + (size_t)y * artfusion_image_stride(uncut),
                    3 * (size_t)width);
            artfusion_image_destroy(cut);
            artfusion_image_destroy(uncut);
        }
        artfusion_image_destroy(continued);
        artfusion_image_destroy(content);
    }
    artfusion_model_destroy(model);
}

static uint32_t next(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* 300 sizes from 1 x 1 to 750 x 500, most of them odd, from a picture of another size. */
static void any_size_comes_out(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *content = test_picture(30, 21, 9);
    uint32_t random = 1;
    for (int i = 0; i < 300; i++) {
        const int32_t width = 1 + (int32_t)(next(&random) % (next(&random) % 750 + 1));
        const int32_t height = 1 + (int32_t)(next(&random) % (next(&random) % 500 + 1));
        artfusion_image *result = stylised(model, content, width, height, 1);
        expect_size(result, width, height);
        artfusion_image_destroy(result);
    }
    artfusion_image_destroy(content);
    artfusion_model_destroy(model);
}

static void latents_are_of_the_whole_size(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.width = 17;
    options.height = 8;
    artfusion_sampler *sampler = sampler_for(model, &options);
    int32_t width, height = -1;
    size_t count;
    assert_ok(artfusion_sampler_latent_size(sampler, &width, &height));
    assert_int_equal(width, 24 / DOWN);
    assert_int_equal(height, 8 / DOWN);
    const float mask[12] = {1};
    const float latent[3 * 12] = {0};
    assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, 12));
    assert_error(artfusion_sampler_set_mask(sampler, 0, mask, 8), ARTFUSION_ERROR_ARGUMENT,
                 "count is 8: this run's mask has 12 values");
    assert_ok(artfusion_sampler_set_init_latent(sampler, 0, latent, 3 * 12));
    assert_ok(artfusion_sampler_next(sampler));
    assert_non_null(artfusion_sampler_x(sampler, &count));
    assert_int_equal(count, 3 * 12);

    const artfusion_status refused = ARTFUSION_ERROR_ARGUMENT;
    assert_error(artfusion_sampler_latent_size(NULL, &width, &height), refused, "sampler is NULL");
    assert_error(artfusion_sampler_latent_size(sampler, NULL, &height), refused, "width is NULL");
    assert_error(artfusion_sampler_latent_size(sampler, &width, NULL), refused, "height is NULL");
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_the_corner_of_a_whole_one),
        cmocka_unit_test(any_size_comes_out),
        cmocka_unit_test(latents_are_of_the_whole_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
