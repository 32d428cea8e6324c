/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "support.h"

static void test_from_image(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(20, 30, 5);
    artfusion_style *style;
    assert_ok(artfusion_style_from_image_exact(model, picture, &style));
    size_t count;
    const float *values = artfusion_style_values(style, &count);
    assert_int_equal(count, 3);

    /* The test network's code is the mean colour. */
    for (int c = 0; c < 3; c++) {
        double sum = 0;
        for (int y = 0; y < 30; y++)
            for (int x = 0; x < 20; x++)
                sum += artfusion_image_pixels(
                    picture)[(size_t)y * artfusion_image_stride(picture) + (size_t)(3 * x + c)];
        assert_near(values[c], sum / 600 / 127.5 - 1, 1e-5);
    }

    /* The code needs neither its picture nor the caller's handle of the model. */
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
    assert_int_equal(artfusion_style_values(style, NULL)[0] == values[0], 1);
    artfusion_style_destroy(style);
    assert_int_equal(atomic_load(&test_engine()->networks), 0);
}

/* The code of the picture at the model's native size, whatever size it comes in; as it is, it has
 * another one. The model remembers both, each as what it is. */
static void test_native_size(void **state)
{
    (void)state;
    static const int32_t sizes[][4] = {/* of the picture, and inside 32x24 */
                                       {200, 90, 32, 14},
                                       {60, 300, 5, 24},
                                       {16, 12, 32, 24}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        test_engine_control *engine = test_engine();
        artfusion_model *model = test_model(NULL, NULL);
        artfusion_image *picture = test_picture(sizes[i][0], sizes[i][1], 5), *fitted;
        assert_ok(artfusion_image_resize(picture, sizes[i][2], sizes[i][3],
                                         ARTFUSION_FILTER_BICUBIC, &fitted));
        for (int round = 0; round < 2; round++) {
            artfusion_style *read, *exact, *by_hand;
            assert_ok(artfusion_style_from_image(model, picture, &read));
            assert_ok(artfusion_style_from_image_exact(model, picture, &exact));
            assert_ok(artfusion_style_from_image_exact(model, fitted, &by_hand));
            const float *code = artfusion_style_values(read, NULL);
            assert_memory_equal(code, artfusion_style_values(by_hand, NULL), 3 * sizeof *code);
            assert_memory_not_equal(code, artfusion_style_values(exact, NULL), 3 * sizeof *code);
            assert_int_equal(atomic_load(&engine->calls[TEST_STYLE]), 2);
            artfusion_style_destroy(read);
            artfusion_style_destroy(exact);
            artfusion_style_destroy(by_hand);
        }
        artfusion_image_destroy(fitted);
        artfusion_image_destroy(picture);
        artfusion_model_destroy(model);
    }
}

/* Smaller than style.min_size (16): enlarged in proportion, not refused. */
static void test_small_picture(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *tiny = test_picture(1, 1, 3), *sliver;
    artfusion_style *style;
    assert_ok(artfusion_style_from_image(model, tiny, &style));
    const double green = artfusion_image_pixels(tiny)[1];
    assert_near(artfusion_style_values(style, NULL)[1], green / 127.5 - 1, 1e-5);
    artfusion_style_destroy(style);
    artfusion_image_destroy(tiny);

    assert_ok(artfusion_image_create(60000, 1, &sliver));
    assert_error(artfusion_style_from_image_exact(model, sliver, &style), ARTFUSION_ERROR_ARGUMENT,
                 "60000x1");
    assert_null(style);
    assert_ok(artfusion_style_from_image(model, sliver, &style)); /* 32x1, and then 512x16 */
    artfusion_style_destroy(style);
    artfusion_image_destroy(sliver);
    artfusion_model_destroy(model);
}

static void test_blend(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    const float first[] = {1, 2, 3}, second[] = {-1, 0, 10};
    artfusion_style *a, *b, *mix = NULL;
    assert_ok(artfusion_style_from_values(model, first, 3, &a));
    assert_ok(artfusion_style_from_values(model, second, 3, &b));
    const artfusion_style *both[] = {a, b};
    const double weights[] = {0.25, 0.75}, nan[] = {0.25, NAN};
    assert_ok(artfusion_style_blend(both, weights, 2, &mix));
    const float expected[] = {-0.5f, 0.5f, 8.25f};
    assert_memory_equal(artfusion_style_values(mix, NULL), expected, sizeof expected);
    artfusion_style_destroy(mix);
    assert_error(artfusion_style_blend(both, nan, 2, &mix), ARTFUSION_ERROR_ARGUMENT,
                 "weights[1] is nan");
    assert_null(mix);
    assert_error(artfusion_style_blend(both, weights, 0, &mix), ARTFUSION_ERROR_ARGUMENT,
                 "count is 0");
    const double huge[] = {3e38, 1.0}; /* each finite, and so are the codes */
    assert_error(artfusion_style_blend(both, huge, 2, &mix), ARTFUSION_ERROR_NUMERIC,
                 "the blend: value 1 of 3 is infinite");
    assert_null(mix);

    /* Codes of two models do not mix, though their widths agree; of one model opened twice they do. */
    artfusion_model *twin = test_model(NULL, NULL), *other = test_model("small", "other");
    artfusion_style *of_twin, *of_other;
    assert_ok(artfusion_style_from_values(twin, second, 3, &of_twin));
    assert_ok(artfusion_style_from_values(other, second, 3, &of_other));
    const artfusion_style *alike[] = {a, of_twin}, *unlike[] = {a, of_other};
    assert_ok(artfusion_style_blend(alike, weights, 2, &mix));
    artfusion_style_destroy(mix);
    assert_error(artfusion_style_blend(unlike, weights, 2, &mix), ARTFUSION_ERROR_MISMATCH,
                 "styles[1] is of model other, styles[0] of small");
    artfusion_sampler *sampler;
    assert_ok(artfusion_sampler_create(model, NULL, &sampler));
    assert_ok(artfusion_sampler_set_style(sampler, 0, of_twin));
    assert_error(artfusion_sampler_set_style(sampler, 0, of_other), ARTFUSION_ERROR_MISMATCH,
                 "style code is of model other");
    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(of_twin);
    artfusion_style_destroy(of_other);
    artfusion_model_destroy(twin);
    artfusion_model_destroy(other);
    artfusion_style_destroy(a);
    artfusion_style_destroy(b);
    artfusion_model_destroy(model);
}

/* The digest is of the weights alone: files of one digest may say other widths. */
static void test_widths_of_one_digest(void **state)
{
    (void)state;
    artfusion_context *context = test_context();
    artfusion_model *models[2];
    artfusion_style *styles[2], *mix;
    const char *const widths[] = {"\"width\": 3", "\"width\": 3000"};
    for (int i = 0; i < 2; i++) {
        char *manifest = replaced(small_manifest, widths[0], widths[i]);
        size_t size;
        uint8_t *bundle = make_bundle(manifest, NULL, NULL, &size);
        assert_ok(artfusion_model_open_memory(context, bundle, size, &models[i]));
        assert_ok(artfusion_style_null(models[i], &styles[i]));
        free(bundle);
        free(manifest);
    }
    assert_string_equal(models[0]->manifest.weights_sha256, models[1]->manifest.weights_sha256);

    for (int i = 0; i < 2; i++) {
        const artfusion_style *both[] = {styles[i], styles[1 - i]};
        const double weights[] = {0.5, 0.5};
        assert_error(artfusion_style_blend(both, weights, 2, &mix), ARTFUSION_ERROR_MISMATCH,
                     i ? "of 3 and 3000 values" : "of 3000 and 3 values");
        assert_null(mix);
        artfusion_sampler *sampler;
        assert_ok(artfusion_sampler_create(models[i], NULL, &sampler));
        assert_error(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, styles[1 - i]),
                     ARTFUSION_ERROR_MISMATCH, i ? ", 3 values)" : ", 3000 values)");
        assert_ok(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, styles[i]));
        artfusion_sampler_destroy(sampler);
    }
    for (int i = 0; i < 2; i++) {
        artfusion_style_destroy(styles[i]);
        artfusion_model_destroy(models[i]);
    }
    artfusion_context_destroy(context);
}

static void test_null_style(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_style *style;
    assert_ok(artfusion_style_null(model, &style));
    assert_true(artfusion_style_values(style, NULL)[2] == -0.25f);
    artfusion_style_destroy(style);
    artfusion_model_destroy(model);
}

static void test_bad_input(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(20, 20, 1);
    artfusion_style *style;
    const float bad[] = {1, INFINITY, 3};
    const artfusion_status refused = ARTFUSION_ERROR_ARGUMENT;
    assert_error(artfusion_style_from_image(NULL, picture, &style), refused, "model is NULL");
    assert_error(artfusion_style_from_image(model, NULL, &style), refused, "image is NULL");
    assert_error(artfusion_style_from_image(model, picture, NULL), refused, "style is NULL");
    assert_error(artfusion_style_from_image_exact(NULL, picture, &style), refused, "model is NULL");
    assert_error(artfusion_style_from_image_exact(model, NULL, &style), refused, "image is NULL");
    assert_error(artfusion_style_from_image_exact(model, picture, NULL), refused, "style is NULL");
    assert_error(artfusion_style_from_values(model, NULL, 3, &style), refused, "values is NULL");
    assert_error(artfusion_style_from_values(model, bad, 3, &style), refused,
                 "values: value 1 of 3 is ");
    assert_error(artfusion_style_from_values(model, bad, 2, &style), ARTFUSION_ERROR_MISMATCH,
                 "count is 2: a style code of model small has 3");
    assert_error(artfusion_style_blend(NULL, NULL, 1, &style), refused, "styles is NULL");
    assert_error(artfusion_style_null(NULL, &style), refused, "model is NULL");
    artfusion_style_destroy(NULL);
    assert_null(artfusion_style_values(NULL, NULL));

    engine->fail_in = 1;
    engine->fail_function = TEST_STYLE;
    engine->fail_status = ARTFUSION_OK; /* a NaN */
    assert_error(artfusion_style_from_image(model, picture, &style), ARTFUSION_ERROR_NUMERIC,
                 "value 2 of 3");
    assert_null(style);
    engine->fail_in = 1;
    engine->fail_status = ARTFUSION_ERROR_MEMORY;
    assert_error(artfusion_style_from_image(model, picture, &style), ARTFUSION_ERROR_MEMORY,
                 "style network (test): failed on purpose");
    assert_ok(artfusion_style_from_image(model, picture, &style)); /* and is none the worse */
    artfusion_style_destroy(style);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_image),           cmocka_unit_test(test_native_size),
        cmocka_unit_test(test_small_picture),        cmocka_unit_test(test_blend),
        cmocka_unit_test(test_null_style),           cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_widths_of_one_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
