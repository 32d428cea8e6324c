/* SPDX-License-Identifier: MIT
 * Options and setters: defaults, and what is refused with which words. */
#include <math.h>

#include "runs.h"

static void test_defaults(void **state)
{
    (void)state;
    artfusion_sampler_options o;
    assert_ok(artfusion_sampler_options_init(&o, sizeof o, NULL));
    assert_int_equal(o.steps, 250);
    assert_int_equal(o.solver, ARTFUSION_SOLVER_DDIM);
    assert_true(o.content_scale == 1 && o.style_scale == 1 && o.eta == 0);
    assert_true(o.denoising_strength == 1);
    artfusion_model *model = test_model(NULL, NULL);
    assert_ok(artfusion_sampler_options_init(&o, sizeof o, model));
    assert_int_equal(o.width, 32);
    assert_int_equal(o.height, 24);
    assert_int_equal(o.steps, 10);
    assert_true(o.content_scale == 0.5 && o.style_scale == 2);
    artfusion_model_destroy(model);
}

/* Width and height are what artfusion_model_fit_size says; nothing else is touched, and nothing at
 * all by a call that fails. */
static void test_size_of_a_picture(void **state)
{
    (void)state;
    static const int32_t wanted[] = {0, 100, 1};
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(90, 200, 1);
    artfusion_sampler_options o, expected;
    assert_ok(artfusion_sampler_options_init(&o, sizeof o, model));
    o.steps = 7;
    o.seed = 99;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        expected = o;
        assert_ok(
            artfusion_model_fit_size(model, 90, 200, wanted[i], &expected.width, &expected.height));
        assert_ok(artfusion_sampler_options_set_size(&o, model, picture, wanted[i]));
        assert_memory_equal(&o, &expected, sizeof o);
    }
    assert_ok(artfusion_sampler_options_set_size(&o, model, picture, 0));
    assert_true(o.width == 14 && o.height == 32);

    expected = o;
    const artfusion_status refused = ARTFUSION_ERROR_ARGUMENT;
    assert_error(artfusion_sampler_options_set_size(NULL, model, picture, 0), refused,
                 "options is NULL");
    assert_error(artfusion_sampler_options_set_size(&o, NULL, picture, 0), refused,
                 "model is NULL");
    assert_error(artfusion_sampler_options_set_size(&o, model, NULL, 0), refused, "image is NULL");
    assert_error(artfusion_sampler_options_set_size(&o, model, picture, -1), refused,
                 "90x200 within -1 pixels is no size");
    assert_memory_equal(&o, &expected, sizeof o);
    o.struct_size = 0;
    assert_error(artfusion_sampler_options_set_size(&o, model, picture, 0), refused,
                 "struct_size is 0");

    /* Of a caller with an older header, no byte behind its struct is written. */
    o = expected;
    o.struct_size = offsetof(artfusion_sampler_options, height);
    o.width = 0;
    assert_ok(artfusion_sampler_options_set_size(&o, model, picture, 0));
    assert_int_equal(o.width, 14);
    o.struct_size = expected.struct_size;
    assert_memory_equal(&o, &expected, sizeof o);

    struct {
        artfusion_sampler_options known;
        uint64_t unknown;
    } newer = {expected, 1};
    newer.known.struct_size = sizeof newer;
    assert_error(artfusion_sampler_options_set_size(&newer.known, model, picture, 0),
                 ARTFUSION_ERROR_UNSUPPORTED, "is older");
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

static void test_bad_options(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    const artfusion_sampler_options o = options_for(model);
    artfusion_sampler *sampler;
    const int32_t rising[] = {10, 20}, beyond[] = {1000, 0};
#define REFUSED(field, value, words) \
    do { \
        artfusion_sampler_options changed = o; \
        changed.field = value; \
        assert_error(artfusion_sampler_create(model, &changed, &sampler), \
                     ARTFUSION_ERROR_ARGUMENT, words); \
        assert_null(sampler); \
    } while (0)
    REFUSED(height, 0, "height is 0 pixels: it must be 1 to 65528");
    REFUSED(width, -8, "width is -8");
    REFUSED(width, 65529, "width is 65529 pixels: it must be 1 to 65528");
    REFUSED(width, INT32_MAX, "width is 2147483647 pixels");
    REFUSED(height, INT32_MAX, "height is 2147483647 pixels: it must be 1 to 65528");
    REFUSED(batch, 0, "batch is 0: it must be 1 to 256");
    REFUSED(batch, 257, "batch is 257");
    REFUSED(steps, 0, "steps is 0: it must be 1 to 1000");
    REFUSED(steps, 1001, "steps is 1001");
    REFUSED(solver, 5, "solver is 5");
    REFUSED(solver, -1, "solver is -1");
    REFUSED(spacing, 4, "spacing is 4");
    REFUSED(rng, 2, "rng is 2");
    REFUSED(noise, 2, "noise is 2");
    REFUSED(keep_every, -1, "keep_every is -1");
    REFUSED(content_scale, NAN, "content_scale is nan");
    REFUSED(style_scale, INFINITY, "style_scale is inf");
    REFUSED(content_start, -0.1, "content_start is -0.1");
    REFUSED(content_end, 1.1, "content_end is 1.1");
    REFUSED(style_start, NAN, "style_start");
    REFUSED(style_end, 2, "style_end");
    REFUSED(eta, -0.5, "eta is -0.5: it must be 0 to");
    REFUSED(eta, NAN, "eta is nan");
    REFUSED(temperature, -1, "temperature");
    REFUSED(noise_dropout, 1, "noise_dropout is 1");
    REFUSED(denoising_strength, 1.5, "denoising_strength is 1.5");
    REFUSED(struct_size, 0, "struct_size is 0");
#undef REFUSED
    artfusion_sampler_options custom = o;
    custom.steps = 2;
    custom.timesteps = rising;
    assert_error(artfusion_sampler_create(model, &custom, &sampler), ARTFUSION_ERROR_ARGUMENT,
                 "timesteps[1] is 20 after 10");
    custom.timesteps = beyond;
    assert_error(artfusion_sampler_create(model, &custom, &sampler), ARTFUSION_ERROR_ARGUMENT,
                 "timesteps[0] is 1000");
    custom = o;
    custom.content_start = 0.9;
    custom.content_end = 0.1;
    assert_error(artfusion_sampler_create(model, &custom, &sampler), ARTFUSION_ERROR_ARGUMENT,
                 "content_start is 0.9, beyond content_end 0.1");
    custom.content_end = 0.9; /* no step at all */
    custom.style_start = 0.5;
    custom.style_end = 0.25;
    assert_error(artfusion_sampler_create(model, &custom, &sampler), ARTFUSION_ERROR_ARGUMENT,
                 "style_start is 0.5, beyond style_end 0.25");
    assert_error(artfusion_sampler_create(NULL, &o, &sampler), ARTFUSION_ERROR_ARGUMENT,
                 "model is NULL");
    assert_error(artfusion_sampler_create(model, &o, NULL), ARTFUSION_ERROR_ARGUMENT,
                 "sampler is NULL");
    assert_error(artfusion_sampler_options_init(NULL, 8, model), ARTFUSION_ERROR_ARGUMENT, "NULL");
    assert_ok(artfusion_sampler_create(model, NULL, &sampler)); /* the model's own size */
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

static void test_setters(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.batch = 2;
    artfusion_sampler *sampler = sampler_for(model, &options);
    float latent[VALUES] = {0};
    const float *x, *x0;
    artfusion_image *image;
    artfusion_progress progress;
    const artfusion_status refused = ARTFUSION_ERROR_ARGUMENT;
    assert_error(artfusion_sampler_set_content_latent(sampler, 2, latent, VALUES), refused,
                 "index is 2: it must be 0 to 1");
    assert_error(artfusion_sampler_set_content_latent(sampler, -2, latent, VALUES), refused,
                 "index is -2");
    assert_error(artfusion_sampler_set_content_latent(sampler, 0, latent, 5), refused,
                 "count is 5: this run's latent has 48");
    latent[7] = NAN;
    assert_error(artfusion_sampler_set_content_latent(sampler, 0, latent, VALUES), refused,
                 "latent: value 7 of 48 is NaN");
    assert_error(artfusion_sampler_set_init_latent(sampler, 0, latent, VALUES), refused,
                 "latent: value 7 of 48 is NaN");
    assert_error(artfusion_sampler_set_init_latent(sampler, 0, NULL, VALUES), refused,
                 "latent is NULL");
    assert_error(artfusion_sampler_set_content(NULL, 0, NULL), refused, "sampler is NULL");
    assert_error(artfusion_sampler_next(NULL), refused, "sampler is NULL");
    assert_error(artfusion_sampler_run(NULL), refused, "sampler is NULL");
    assert_error(artfusion_sampler_image(sampler, 0, NULL), refused, "image is NULL");
    assert_error(artfusion_sampler_image(sampler, 0, &image), ARTFUSION_ERROR_STATE, "no step");
    assert_error(artfusion_sampler_kept(NULL, 0, &x, &x0), refused, "sampler is NULL");
    assert_error(artfusion_sampler_get_progress(NULL, &progress, sizeof progress), refused, "NULL");
    assert_null(artfusion_sampler_x(NULL, NULL));
    assert_null(artfusion_sampler_x0(sampler, NULL));
    artfusion_sampler_cancel(NULL);
    artfusion_sampler_destroy(NULL);

    assert_ok(artfusion_sampler_next(sampler));
    const artfusion_status late = ARTFUSION_ERROR_STATE;
    assert_error(artfusion_sampler_set_content(sampler, 0, NULL), late, "the run has begun");
    assert_error(artfusion_sampler_set_style(sampler, 0, NULL), late, "the run has begun");
    assert_error(artfusion_sampler_set_mask(sampler, 0, NULL, 0), late, "the run has begun");
    assert_error(artfusion_sampler_image(sampler, 2, &image), refused, "index is 2");
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_size_of_a_picture),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_setters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
