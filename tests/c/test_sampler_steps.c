/* SPDX-License-Identifier: MIT
 * How many steps a run has, where they start and end, and what is kept of them. */
#include <math.h>
#include <string.h>

#include "runs.h"

static void test_every_step_count(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.width = options.height = 8; /* the smallest latent: this is about counting */
    for (options.solver = ARTFUSION_SOLVER_DDIM; options.solver <= ARTFUSION_SOLVER_UNIPC;
         options.solver++)
        for (options.spacing = ARTFUSION_SPACING_UNIFORM;
             options.spacing <= ARTFUSION_SPACING_LINSPACE; options.spacing++)
            for (options.steps = 1; options.steps <= 1000; options.steps++) {
                artfusion_sampler *sampler = sampler_for(model, &options);
                int32_t done = 0;
                artfusion_status status;
                while ((status = artfusion_sampler_next(sampler)) == ARTFUSION_OK)
                    done++;
                if (status != ARTFUSION_DONE || done != options.steps)
                    fail_msg("solver %s, spacing %s: %d of %d steps, then %s: %s",
                             artfusion_name_of(ARTFUSION_ENUM_SOLVER, options.solver),
                             artfusion_name_of(ARTFUSION_ENUM_SPACING, options.spacing), done,
                             options.steps, artfusion_status_name(status),
                             artfusion_error_message());
                assert_int_equal(progress_of(sampler).passes, options.steps);
                artfusion_sampler_destroy(sampler);
            }
    artfusion_model_destroy(model);
}

/* The probability-flow ODE of a Gaussian world ends at mu + s (x_T - sqrt(a) mu) / sqrt(a s^2 + 1 - a). */
static void check_end(artfusion_model *model, artfusion_solver solver, int32_t steps,
                      double tolerance)
{
    artfusion_sampler_options options = options_for(model);
    options.solver = solver;
    options.spacing = ARTFUSION_SPACING_TRAILING;
    options.steps = steps;
    options.content_scale = options.style_scale = 1.0;
    options.seed = 11;
    artfusion_sampler *sampler = sampler_for(model, &options);
    const float code[] = {0.4f, -0.3f, 0.2f};
    artfusion_style *style;
    float latent[VALUES], content[VALUES], x_T[VALUES];
    for (int i = 0; i < VALUES; i++)
        latent[i] = sinf((float)i) + (float)(i % 5);
    assert_ok(artfusion_style_from_values(model, code, 3, &style));
    assert_ok(artfusion_sampler_set_style(sampler, 0, style));
    assert_ok(artfusion_sampler_set_content_latent(sampler, 0, latent, VALUES));

    /* The normalised content, on paper. */
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        for (int i = 16 * c; i < 16 * c + 16; i++)
            sum += (double)latent[i] / 16;
        for (int i = 16 * c; i < 16 * c + 16; i++)
            squares += ((double)latent[i] - sum) * ((double)latent[i] - sum);
        for (int i = 16 * c; i < 16 * c + 16; i++)
            content[i] = (float)(((double)latent[i] - sum) / sqrt(squares / 15));
    }
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    const double a = info.alphas_cumprod[999];
    artfusion_rng *rng;
    assert_ok(artfusion_rng_create(ARTFUSION_RNG_COUNTER, 11, &rng));
    assert_ok(artfusion_rng_normal(rng, x_T, VALUES));
    artfusion_rng_destroy(rng);

    assert_ok(artfusion_sampler_run(sampler));
    const float *x = artfusion_sampler_x(sampler, NULL);
    for (int i = 0; i < VALUES; i++) {
        const int c = i / 16;
        const double mu = (double)code[c] + 0.5 * (1 + c) * (double)content[i];
        const double end = mu + TEST_DEVIATION * ((double)x_T[i] - sqrt(a) * mu) /
                                    sqrt(a * TEST_DEVIATION * TEST_DEVIATION + 1 - a);
        if (!(fabs((double)x[i] - end) <= tolerance))
            fail_msg("solver %d, value %d: %g, not %g", solver, i, (double)x[i], end);
    }
    artfusion_style_destroy(style);
    artfusion_sampler_destroy(sampler);
}

static void test_result(void **state)
{
    (void)state;
    static const char *const predictions[] = {"\"eps\"", "\"v\"", "\"x0\""};
    for (int32_t p = 0; p < 3; p++) {
        test_engine()->prediction = p;
        artfusion_model *model = test_model("\"eps\"", predictions[p]);
        check_end(model, ARTFUSION_SOLVER_DDIM, 1000, 0.02);
        check_end(model, ARTFUSION_SOLVER_DPMPP_2M, 200, 0.02);
        check_end(model, ARTFUSION_SOLVER_UNIPC, 200, 0.02);
        artfusion_model_destroy(model);
    }
    test_engine()->prediction = ARTFUSION_PREDICTION_EPS;
}

static void test_custom_timesteps(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    int32_t timesteps[] = {900, 500, 500, 20};
    options.timesteps = timesteps;
    options.steps = 4;
    artfusion_sampler *sampler = sampler_for(model, &options);
    timesteps[0] = -1; /* it was copied */
    static const int32_t expected[] = {900, 500, 500, 20};
    for (int i = 0; i < 4; i++) {
        assert_ok(artfusion_sampler_next(sampler));
        assert_int_equal(progress_of(sampler).timestep, expected[i]);
    }
    /* Given timesteps end at x0 itself. */
    assert_memory_equal(artfusion_sampler_x(sampler, NULL), artfusion_sampler_x0(sampler, NULL),
                        VALUES * sizeof(float));
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

static void test_denoising_strength(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    static const struct {
        double denoising_strength;
        int32_t steps;
    } cases[] = {{1, 20}, {0.5, 10}, {0.51, 10}, {0.53, 11}, {0.01, 1}, {0, 1}};
    options.steps = 20;
    options.spacing = ARTFUSION_SPACING_TRAILING;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.denoising_strength = cases[i].denoising_strength;
        artfusion_sampler *sampler = sampler_for(model, &options);
        condition(sampler, model);
        assert_int_equal(progress_of(sampler).steps, cases[i].steps);
        assert_ok(artfusion_sampler_run(sampler));
        assert_int_equal(progress_of(sampler).step, cases[i].steps);
        artfusion_sampler_destroy(sampler);
    }

    /* x_T is the noised init latent. */
    float init[VALUES];
    for (int i = 0; i < VALUES; i++)
        init[i] = 0.1f * (float)i;
    noise_log log = {.calls = 0};
    options.denoising_strength = 0.5;
    options.noise_callback = give_noise;
    options.noise_user_data = &log;
    options.keep_every = 1;
    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_init_latent(sampler, 0, init, VALUES));
    assert_ok(artfusion_sampler_next(sampler));
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    const double a = info.alphas_cumprod[progress_of(sampler).timestep];
    assert_int_equal(progress_of(sampler).timestep, 499);
    const float *x_T, *none;
    assert_ok(artfusion_sampler_kept(sampler, 0, &x_T, &none));
    for (int i = 0; i < VALUES; i++)
        assert_near(x_T[i], sqrt(a) * (double)init[i] + sqrt(1 - a) * ((i % 3) - 1), 1e-5);
    artfusion_sampler_destroy(sampler);

    sampler = sampler_for(model, &options);
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_ARGUMENT,
                 "neither a content nor an init latent to start from");
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

static void test_mask(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.steps = 50;
    options.spacing = ARTFUSION_SPACING_UNIFORM; /* ends at t = 1: hardly any noise is left there */
    float init[VALUES], mask[16], wrong[16] = {2.0f};
    for (int i = 0; i < VALUES; i++)
        init[i] = (float)(i % 7) - 3.0f;
    for (int i = 0; i < 16; i++)
        mask[i] = (float)(i % 4 < 2); /* the left half is kept */
    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_error(artfusion_sampler_set_mask(sampler, 0, wrong, 16), ARTFUSION_ERROR_ARGUMENT,
                 "mask[0] is 2");
    assert_error(artfusion_sampler_set_mask(sampler, 0, mask, 15), ARTFUSION_ERROR_ARGUMENT,
                 "count is 15");
    assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, 16));
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_ARGUMENT, "has a mask");
    assert_ok(artfusion_sampler_set_init_latent(sampler, 0, init, VALUES));
    assert_ok(artfusion_sampler_run(sampler));
    const float *x = artfusion_sampler_x(sampler, NULL);
    double kept = 0, painted = 0;
    for (int i = 0; i < VALUES; i++) {
        const double distance = fabs((double)x[i] - (double)init[i]);
        if (mask[i % 16] > 0)
            kept = fmax(kept, distance);
        else
            painted += distance / (VALUES / 2);
    }
    assert_true(kept < 0.3);
    assert_true(painted > 1.0);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

static void test_kept(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    static const struct {
        int32_t steps, every, count;
    } cases[] = {{10, 0, 0}, {10, 100, 3}, {10, 3, 5}, {10, 1, 11}, {1, 1, 2}, {7, 2, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.steps = cases[i].steps;
        options.keep_every = cases[i].every;
        artfusion_sampler *sampler = sampler_for(model, &options);
        assert_ok(artfusion_sampler_run(sampler));
        assert_int_equal(artfusion_sampler_kept_count(sampler), cases[i].count);
        const float *x, *x0;
        if (cases[i].count) {
            assert_ok(artfusion_sampler_kept(sampler, cases[i].count - 1, &x, &x0));
            assert_memory_equal(x, artfusion_sampler_x(sampler, NULL), VALUES * sizeof *x);
            assert_memory_equal(x0, artfusion_sampler_x0(sampler, NULL), VALUES * sizeof *x);
        }
        assert_error(artfusion_sampler_kept(sampler, cases[i].count, &x, &x0),
                     ARTFUSION_ERROR_ARGUMENT, "were kept");
        artfusion_sampler_destroy(sampler);
    }
    artfusion_model_destroy(model);
}

/* The conditions of a long run are made in parts, where they would take too much memory at once. */
static void test_conditions_in_parts(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *small = test_model(NULL, NULL);
    artfusion_model *wide = test_model("\"width\": 3", "\"width\": 1000000"); /* 4 MB a row */
    artfusion_sampler_options options = options_for(small);
    options.steps = 40;
    artfusion_sampler *expected = sampler_for(small, &options),
                      *sampler = sampler_for(wide, &options);
    assert_ok(artfusion_sampler_run(expected));
    atomic_store(&engine->calls[TEST_CONDITION], 0);
    assert_ok(artfusion_sampler_run(sampler));
    assert_in_range(atomic_load(&engine->calls[TEST_CONDITION]), 2, 4);
    assert_memory_equal(artfusion_sampler_x(sampler, NULL), artfusion_sampler_x(expected, NULL),
                        VALUES * sizeof(float));
    artfusion_sampler_destroy(sampler);
    artfusion_sampler_destroy(expected);
    assert_int_equal(atomic_load(&engine->conditions), 0);
    artfusion_model_destroy(wide);
    artfusion_model_destroy(small);
}

/* An init latent that was given is not replaced by the content's. */
static void test_init_latent_stays(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    float init[VALUES] = {0}, x[2][VALUES];
    options.denoising_strength = 0.5;
    for (int order = 0; order < 2; order++) {
        artfusion_sampler *sampler = sampler_for(model, &options);
        if (order)
            condition(sampler, model);
        assert_ok(artfusion_sampler_set_init_latent(sampler, 0, init, VALUES));
        if (!order)
            condition(sampler, model);
        assert_ok(artfusion_sampler_run(sampler));
        memcpy(x[order], artfusion_sampler_x(sampler, NULL), sizeof x[order]);
        artfusion_sampler_destroy(sampler);
    }
    assert_memory_equal(x[0], x[1], sizeof x[0]);
    artfusion_model_destroy(model);
}

/* Before the last step the picture is a preview of x0, after it the latent itself. */
static void test_preview(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.steps = 2;
    artfusion_sampler *sampler = sampler_for(model, &options);
    for (int step = 0; step < 2; step++) {
        float rgb[3 * SIDE * SIDE];
        artfusion_image *image;
        assert_ok(artfusion_sampler_next(sampler));
        const float *latent =
            step ? artfusion_sampler_x(sampler, NULL) : artfusion_sampler_x0(sampler, NULL);
        assert_ok(artfusion_model_decode(model, latent, 1, 4, 4, rgb, 3 * SIDE * SIDE));
        assert_ok(artfusion_sampler_image(sampler, 0, &image));
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const double level = fmin(fmax(((double)rgb[y * SIDE + x] + 1) / 2, 0), 1) * 255;
                const size_t at = (size_t)y * artfusion_image_stride(image) + (size_t)(3 * x);
                assert_near(artfusion_image_pixels(image)[at], floor(level), 1);
            }
        artfusion_image_destroy(image);
    }
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step_count),
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_custom_timesteps),
        cmocka_unit_test(test_denoising_strength),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_conditions_in_parts),
        cmocka_unit_test(test_init_latent_stays),
        cmocka_unit_test(test_preview),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
