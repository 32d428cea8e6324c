/* SPDX-License-Identifier: MIT
 * Callbacks, cancelling and failing: what is said, and that a run goes on as if nothing had been. */
#include <math.h>
#include <string.h>

#include "runs.h"

typedef struct watch {
    int32_t calls, stop_at;
    double brightness;
} watch;

static int32_t on_step(void *user_data, artfusion_sampler *sampler)
{
    watch *w = user_data;
    artfusion_image *preview;
    assert_int_equal(progress_of(sampler).step, ++w->calls);
    assert_ok(artfusion_sampler_image(sampler, 0, &preview));
    assert_int_equal(artfusion_image_width(preview), SIDE);
    w->brightness = artfusion_image_pixels(preview)[0];
    artfusion_image_destroy(preview);
    return w->calls == w->stop_at;
}

static int32_t on_eps(void *user_data, artfusion_sampler *sampler, float *eps, size_t count)
{
    (void)sampler;
    const float value = *(const float *)user_data;
    for (size_t i = 0; i < count; i++)
        eps[i] = value;
    return value == 9.0f;
}

/* A call of its own that fails is the callback's business, and so is its sentence. */
static int32_t fail_inside(void *user_data, artfusion_sampler *sampler)
{
    artfusion_image *image;
    assert_error(artfusion_image_load_file("nowhere.png", NULL, &image), ARTFUSION_ERROR_IO,
                 "nowhere.png");
    if (!user_data)
        return 3;
    artfusion_sampler_cancel(sampler);
    return 0;
}

static void test_sentences_after_callbacks(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.step_callback = fail_inside;
    for (int cancels = 0; cancels < 2; cancels++) {
        artfusion_sampler *sampler;
        options.step_user_data = cancels ? &options : NULL;
        assert_ok(artfusion_sampler_create(model, &options, &sampler));
        assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED,
                     cancels ? "cancelled" : "step callback returned 3");
        assert_null(strstr(artfusion_error_message(), "nowhere"));
        artfusion_sampler_destroy(sampler);
    }
    artfusion_model_destroy(model);
}

static void test_callbacks(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    watch w = {.stop_at = 4};
    options.step_callback = on_step;
    options.step_user_data = &w;
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED, "step callback");
    assert_int_equal(progress_of(sampler).step, 4);
    assert_ok(artfusion_sampler_run(sampler)); /* goes on behind the step it stopped after */
    assert_int_equal(w.calls, 10);
    artfusion_sampler_destroy(sampler);

    float value = 0.0f;
    options = options_for(model);
    options.eps_callback = on_eps;
    options.eps_user_data = &value;
    sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_next(sampler));
    /* eps = 0: x0 = x / sqrt(a), and DDIM goes straight there. */
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    const float *x = artfusion_sampler_x(sampler, NULL), *x0 = artfusion_sampler_x0(sampler, NULL);
    for (int i = 0; i < VALUES; i++)
        assert_near(x[i], sqrt(info.alphas_cumprod[801]) * (double)x0[i], 1e-5);
    value = NAN;
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_NUMERIC, "eps callback");
    value = 9.0f;
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_CANCELLED,
                 "eps callback returned 1");
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

/* Whatever stops a step, doing it again gives the bytes of an undisturbed run. */
static void test_resumes_exactly(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.eta = 1;
    options.noise_dropout = 0.2;
    float mask[16] = {1, 1, 1, 1};
    for (options.rng = 0; options.rng < 2; options.rng++)
        for (options.solver = 0; options.solver <= ARTFUSION_SOLVER_UNIPC; options.solver++) {
            artfusion_sampler *whole = sampler_for(model, &options);
            artfusion_sampler *broken = sampler_for(model, &options);
            condition(whole, model);
            condition(broken, model);
            assert_ok(artfusion_sampler_set_mask(whole, 0, mask, 16));
            assert_ok(artfusion_sampler_set_mask(broken, 0, mask, 16));
            assert_ok(artfusion_sampler_run(whole));
            for (int i = 0; i < options.steps; i++) {
                engine->fail_in = 1;
                engine->fail_function = TEST_DENOISE;
                engine->fail_status = i % 2 ? ARTFUSION_ERROR_ENGINE : ARTFUSION_OK;
                const artfusion_status status = artfusion_sampler_next(broken);
                assert_error(status, i % 2 ? ARTFUSION_ERROR_ENGINE : ARTFUSION_ERROR_NUMERIC, "");
                artfusion_sampler_cancel(broken);
                assert_error(artfusion_sampler_next(broken), ARTFUSION_ERROR_CANCELLED, "cancel");
                assert_ok(artfusion_sampler_next(broken));
            }
            assert_int_equal(artfusion_sampler_next(broken), ARTFUSION_DONE);
            assert_memory_equal(artfusion_sampler_x(whole, NULL), artfusion_sampler_x(broken, NULL),
                                VALUES * sizeof(float));
            artfusion_sampler_destroy(whole);
            artfusion_sampler_destroy(broken);
        }
    artfusion_model_destroy(model);
}

static void test_failures_are_named(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    assert_ok(artfusion_sampler_next(sampler));
    engine->fail_in = 1;
    engine->fail_function = TEST_DENOISE;
    engine->fail_status = ARTFUSION_OK; /* a NaN at the end: in the last branch */
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_NUMERIC,
                 "step 2 of 10 (timestep 801), branch null style, picture 0");
    engine->fail_in = 1;
    engine->fail_function = TEST_DECODE;
    engine->fail_status = ARTFUSION_ERROR_MEMORY;
    artfusion_image *image;
    assert_error(artfusion_sampler_image(sampler, 0, &image), ARTFUSION_ERROR_MEMORY,
                 "decoder (test): failed on purpose");
    assert_null(image);
    artfusion_sampler_cancel(sampler);
    assert_error(artfusion_sampler_image(sampler, 0, &image), ARTFUSION_ERROR_CANCELLED, "");
    assert_ok(artfusion_sampler_image(sampler, 0, &image));
    artfusion_image_destroy(image);
    artfusion_sampler_destroy(sampler);

    sampler = sampler_for(model, &options);
    engine->fail_in = 1;
    engine->fail_function = TEST_CONDITION;
    engine->fail_status = ARTFUSION_ERROR_ENGINE;
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_ENGINE, "UNet conditions");
    assert_ok(artfusion_sampler_run(sampler));
    engine->fail_in = 1;
    engine->fail_function = TEST_ENCODE;
    artfusion_sampler_destroy(sampler);
    sampler = sampler_for(model, &options);
    artfusion_image *picture = test_picture(100, 50, 1); /* resized to the run's size */
    assert_error(artfusion_sampler_set_content(sampler, 0, picture), ARTFUSION_ERROR_ENGINE,
                 "encoder");
    assert_ok(artfusion_sampler_set_content(sampler, 0, picture));
    artfusion_image_destroy(picture);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

/* A run outlives the caller's handles of model and context, and leaves nothing behind. */
static void test_lifetimes(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    artfusion_model_destroy(model);
    assert_ok(artfusion_sampler_run(sampler));
    artfusion_image *image;
    assert_ok(artfusion_sampler_image(sampler, 0, &image));
    assert_int_equal(atomic_load(&engine->networks), 1);
    artfusion_sampler_destroy(sampler);
    assert_int_equal(atomic_load(&engine->networks), 0);
    assert_int_equal(atomic_load(&engine->conditions), 0);
    assert_int_equal(artfusion_image_height(image), SIDE);
    artfusion_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callbacks),       cmocka_unit_test(test_sentences_after_callbacks),
        cmocka_unit_test(test_resumes_exactly), cmocka_unit_test(test_failures_are_named),
        cmocka_unit_test(test_lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
