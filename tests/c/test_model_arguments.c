/* SPDX-License-Identifier: MIT
 * What a model's functions refuse, and what they do at the edges of what they take. */
#include <math.h>
#include <string.h>

#include "support.h"

#define REFUSED(call, words) assert_error(call, ARTFUSION_ERROR_ARGUMENT, words)

static void opening(void **state)
{
    (void)state;
    artfusion_model *model = (artfusion_model *)(uintptr_t)1;
    REFUSED(artfusion_model_open_memory(NULL, "x", 1, &model), "context is NULL");
    assert_null(model);
    artfusion_context *context = test_context();
    REFUSED(artfusion_model_open_memory(context, "x", 1, NULL), "model is NULL");
    REFUSED(artfusion_model_open_reader(context, NULL, NULL, 1, NULL), "model is NULL");
    artfusion_context_destroy(context);
}

static void fitting(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL); /* 32 x 24 by default */
    int32_t w = -1, h = -1;
    REFUSED(artfusion_model_fit_size(NULL, 1, 1, 0, &w, &h), "model is NULL");
    REFUSED(artfusion_model_fit_size(model, 1, 1, 0, NULL, &h), "fit_width is NULL");
    REFUSED(artfusion_model_fit_size(model, 1, 1, 0, &w, NULL), "fit_height is NULL");
    REFUSED(artfusion_model_fit_size(model, 0, 1, 0, &w, &h), "0x1 within 0 pixels is no size");
    REFUSED(artfusion_model_fit_size(model, 1, -1, 0, &w, &h), "1x-1 within 0");
    REFUSED(artfusion_model_fit_size(model, 1, 1, -1, &w, &h), "within -1 pixels");
    assert_true(w == -1 && h == -1);
    assert_ok(artfusion_model_fit_size(model, INT32_MAX, 1, INT32_MAX, &w, &h));
    assert_int_equal(w, INT32_MAX);
    assert_int_equal(h, 1);
    assert_ok(artfusion_model_fit_size(model, INT32_MAX, 1, 1, &w, &h));
    assert_true(w == 1 && h == 1);
    artfusion_model_destroy(model);

    model = test_model("\"native_width\": 32, \"native_height\": 24",
                       "\"native_width\": 16, \"native_height\": 40"); /* the longer side is high */
    assert_ok(artfusion_model_fit_size(model, 100, 200, 0, &w, &h));
    assert_int_equal(w, 20);
    assert_int_equal(h, 40);
    artfusion_model_destroy(model);
}

static void encoding(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(8, 8, 1), *wide;
    float latent[12];
    REFUSED(artfusion_model_encode(NULL, picture, 0, latent, 12), "model is NULL");
    REFUSED(artfusion_model_encode(model, NULL, 0, latent, 12), "image is NULL");
    REFUSED(artfusion_model_encode(model, picture, 0, NULL, 12), "latent is NULL");
    REFUSED(artfusion_model_encode(model, picture, -1, latent, 12), "kind is -1");
    artfusion_image_destroy(picture);

    /* The width is what does not fit, then the height, then both. */
    static const struct {
        int32_t width, height;
        const char *words;
    } sizes[] = {{12, 8, "width is 12 pixels"},
                 {8, 12, "height is 12 pixels: model small needs a multiple of 8, such as 8 or 16"},
                 {12, 20, "width is 12 pixels"},
                 {8, 7, "height is 7 pixels: model small needs a positive multiple of 8"}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_ok(artfusion_image_create(sizes[i].width, sizes[i].height, &wide));
        REFUSED(artfusion_model_encode(model, wide, 0, latent, 12), sizes[i].words);
        artfusion_image_destroy(wide);
    }
    artfusion_model_destroy(model);
}

static void decoding_and_denoising(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    float f[12] = {0}, rgb[192];
    int32_t t = 0;
    REFUSED(artfusion_model_decode(NULL, f, 1, 2, 2, rgb, 192), "model is NULL");
    REFUSED(artfusion_model_decode(model, f, 1, 2, 2, NULL, 192), "rgb is NULL");
    REFUSED(artfusion_model_denoise(NULL, f, &t, NULL, NULL, 1, 2, 2, f), "model is NULL");
    REFUSED(artfusion_model_denoise(model, NULL, &t, NULL, NULL, 1, 2, 2, f), "x is NULL");
    static const int32_t sizes[][3] = {{257, 2, 2}, {1, 0, 2},     {1, 2, 0},
                                       {1, -2, 2},  {1, 16384, 2}, {1, 2, 16384}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int32_t *s = sizes[i];
        const char *words =
            s[0] > 256 ? "batch is 257: it must be 1 to 256" : "each side must be 1 to 16383";
        REFUSED(artfusion_model_decode(model, f, s[0], s[1], s[2], rgb, 192), words);
        REFUSED(artfusion_model_denoise(model, f, &t, NULL, NULL, s[0], s[1], s[2], f), words);
    }
    t = -1;
    REFUSED(artfusion_model_denoise(model, f, &t, NULL, NULL, 1, 2, 2, f),
            "timesteps[0] is -1: it must be 0 to 999");
    t = 999;
    assert_ok(artfusion_model_denoise(model, f, &t, NULL, NULL, 1, 2, 2, f));

    static const struct {
        int32_t function;
        const char *words;
    } failures[] = {{TEST_CONDITION, "UNet conditions (test): failed on purpose"},
                    {TEST_DENOISE, "UNet (test): failed on purpose"}};
    for (size_t i = 0; i < 2; i++) {
        engine->fail_in = 1;
        engine->fail_function = failures[i].function;
        engine->fail_status = ARTFUSION_ERROR_ENGINE;
        assert_error(artfusion_model_denoise(model, f, &t, NULL, NULL, 1, 2, 2, f),
                     ARTFUSION_ERROR_ENGINE, failures[i].words);
    }
    assert_int_equal(atomic_load(&engine->conditions), 0);
    artfusion_model_destroy(model);
}

/* A model may say that its UNet takes the content latent as it is. */
static void content_may_stay_as_it_is(void **state)
{
    (void)state;
    artfusion_model *model = test_model("\"normalise\": true", "\"normalise\": false");
    artfusion_image *picture = test_picture(16, 8, 1);
    float scaled[24], content[24];
    assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_SCALED, scaled, 24));
    assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_CONTENT, content, 24));
    assert_memory_equal(scaled, content, sizeof content);
    assert_true(scaled[0] != scaled[1]);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

/* One pixel of a latent has no deviation: zeros rather than 0 / 0. */
static void a_latent_of_one_pixel_is_flat(void **state)
{
    (void)state;
    artfusion_model *model = test_model("\"multiple\": 8", "\"multiple\": 4");
    artfusion_image *picture = test_picture(4, 4, 3);
    float content[3] = {NAN, NAN, NAN};
    assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_CONTENT, content, 3));
    for (int i = 0; i < 3; i++)
        assert_true(content[i] == 0.0f);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

static void styles(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_style *style, *out = (artfusion_style *)(uintptr_t)1;
    const float code[3] = {1, 2, 3};
    const double weights[2] = {1, 1};
    assert_ok(artfusion_style_from_values(model, code, 3, &style));
    const artfusion_style *both[2] = {style, NULL};
    REFUSED(artfusion_style_from_values(NULL, code, 3, &out), "model is NULL");
    assert_null(out);
    REFUSED(artfusion_style_from_values(model, code, 3, NULL), "style is NULL");
    REFUSED(artfusion_style_blend(both, weights, 2, NULL), "style is NULL");
    REFUSED(artfusion_style_blend(NULL, weights, 2, &out), "styles is NULL");
    REFUSED(artfusion_style_blend(both, NULL, 2, &out), "weights is NULL");
    REFUSED(artfusion_style_blend(both, weights, 0, &out), "count is 0");
    REFUSED(artfusion_style_blend(both, weights, 2, &out), "styles[1] is NULL");
    assert_null(out);
    size_t count = 9;
    assert_null(artfusion_style_values(NULL, &count));
    assert_int_equal(count, 0);

    /* A strip that enlarging would make longer than pictures can be: on either axis. */
    static const int32_t strips[][2] = {{65535, 1}, {1, 65535}};
    for (size_t i = 0; i < 2; i++) {
        artfusion_image *strip;
        assert_ok(artfusion_image_create(strips[i][0], strips[i][1], &strip));
        REFUSED(artfusion_style_from_image_exact(model, strip, &out),
                "too narrow to be enlarged to 16");
        artfusion_image_destroy(strip);
    }
    artfusion_style_destroy(style);
    artfusion_model_destroy(model);
}

static void one_call(void **state)
{
    (void)state;
    const char *paths[4] = {"m", "c", "s", "o"};
    static const char *const words[4] = {NULL, "content_path is NULL", "style_path is NULL",
                                         "output_path is NULL"};
    for (int i = 1; i < 4; i++) {
        const char *kept = paths[i];
        paths[i] = NULL;
        REFUSED(artfusion_stylize_file(paths[0], paths[1], paths[2], paths[3]), words[i]);
        paths[i] = kept;
    }
    /* Pictures come first, in the order of the arguments. */
    assert_error(artfusion_stylize_file("/no/m", "/no/c", "/no/s", "/no/o"), ARTFUSION_ERROR_IO,
                 "/no/c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(fitting),
        cmocka_unit_test(encoding),
        cmocka_unit_test(decoding_and_denoising),
        cmocka_unit_test(content_may_stay_as_it_is),
        cmocka_unit_test(a_latent_of_one_pixel_is_flat),
        cmocka_unit_test(styles),
        cmocka_unit_test(one_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
