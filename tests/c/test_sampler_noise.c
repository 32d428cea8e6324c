/* SPDX-License-Identifier: MIT
 * Whose random numbers a run takes, and in which order. */
#include <math.h>
#include <string.h>

#include "runs.h"

static void run_batch(artfusion_model *model, artfusion_sampler_options options, int32_t batch,
                      float *x)
{
    options.batch = batch;
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    assert_ok(artfusion_sampler_run(sampler));
    memcpy(x, artfusion_sampler_x(sampler, NULL), (size_t)batch * VALUES * sizeof *x);
    artfusion_sampler_destroy(sampler);
}

/* Picture n of a batch is the same whatever the batch, and no two of a batch are alike. */
static void test_batch_independence(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    static const artfusion_solver solvers[] = {ARTFUSION_SOLVER_DDIM, ARTFUSION_SOLVER_DDPM,
                                               ARTFUSION_SOLVER_DPMPP_2M_SDE};
    for (size_t i = 0; i < 3; i++) {
        options.solver = solvers[i];
        options.eta = 1;
        options.noise_dropout = 0.3;
        options.seed = 77;
        float one[VALUES], five[5 * VALUES];
        run_batch(model, options, 1, one);
        run_batch(model, options, 5, five);
        assert_memory_equal(one, five, sizeof one);
        for (int n = 1; n < 5; n++)
            assert_memory_not_equal(one, five + n * VALUES, sizeof one);
        options.seed = 78;
        run_batch(model, options, 1, one);
        assert_memory_not_equal(one, five, sizeof one);
    }
    artfusion_model_destroy(model);
}

static void test_start(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    for (int kind = 0; kind < 4; kind++) {
        artfusion_sampler_options options = options_for(model);
        options.rng = kind & 1 ? ARTFUSION_RNG_TORCH_CPU : ARTFUSION_RNG_COUNTER;
        options.noise = kind & 2 ? ARTFUSION_NOISE_UNIFORM : ARTFUSION_NOISE_NORMAL;
        options.seed = 2023;
        options.keep_every = 1000;
        artfusion_sampler *sampler = sampler_for(model, &options);
        artfusion_rng *rng;
        float expected[VALUES];
        assert_ok(artfusion_rng_create(options.rng, 2023, &rng));
        assert_ok(kind & 2 ? artfusion_rng_uniform(rng, expected, VALUES)
                           : artfusion_rng_normal(rng, expected, VALUES));
        assert_ok(artfusion_sampler_next(sampler));
        const float *x_T, *none;
        assert_ok(artfusion_sampler_kept(sampler, 0, &x_T, &none));
        assert_memory_equal(x_T, expected, sizeof expected);
        assert_null(none);
        artfusion_rng_destroy(rng);
        artfusion_sampler_destroy(sampler);
    }
    artfusion_model_destroy(model);
}

static void test_noise_callback(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    noise_log log = {.calls = 0};
    options.steps = 3;
    options.eta = 1;
    options.noise_callback = give_noise;
    options.noise_user_data = &log;
    options.keep_every = 1;
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    float mask[16] = {1};
    assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, 16));
    assert_ok(artfusion_sampler_run(sampler));
    const float *x_T, *none;
    assert_ok(artfusion_sampler_kept(sampler, 0, &x_T, &none));
    for (int i = 0; i < VALUES; i++)
        assert_true(x_T[i] == (float)(i % 3) - 1.0f);
    /* x_T; then in each step first the mask's, then the solver's. */
    static const int32_t uses[] = {0, 2, 1, 2, 1, 2, 1}, steps[] = {0, 0, 0, 1, 1, 2, 2};
    assert_int_equal(log.calls, 7);
    assert_memory_equal(log.uses, uses, sizeof uses);
    assert_memory_equal(log.steps, steps, sizeof steps);
    artfusion_sampler_destroy(sampler);

    log.calls = 0;
    log.answer = 5;
    sampler = sampler_for(model, &options);
    assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED,
                 "noise callback returned 5");
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

static int32_t zero_eps(void *user_data, artfusion_sampler *sampler, float *eps, size_t count)
{
    (void)user_data;
    (void)sampler;
    memset(eps, 0, count * sizeof *eps);
    return 0;
}

/* The noise of DDIM's first two steps with eta 1: with eps 0, what x is more than sqrt(a') x0. */
static void step_noise(artfusion_model *model, double dropout, double noise[2][VALUES])
{
    artfusion_sampler_options options = options_for(model);
    artfusion_model_info info;
    double alphas[10], alphas_prev[10], sigmas[10];
    int32_t timesteps[10];
    options.eta = 1;
    options.noise_dropout = dropout;
    options.eps_callback = zero_eps;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_ok(artfusion_timesteps(options.spacing, 10, 1000, timesteps));
    assert_ok(artfusion_ddim_coefficients(info.alphas_cumprod, 1000, options.spacing, timesteps, 10,
                                          1, alphas, alphas_prev, sigmas));
    artfusion_sampler *sampler = sampler_for(model, &options);
    for (int step = 0; step < 2; step++) {
        assert_ok(artfusion_sampler_next(sampler));
        const float *x = artfusion_sampler_x(sampler, NULL);
        const float *x0 = artfusion_sampler_x0(sampler, NULL);
        for (int i = 0; i < VALUES; i++)
            noise[step][i] =
                ((double)x[i] - sqrt(alphas_prev[step]) * (double)x0[i]) / sigmas[step];
    }
    artfusion_sampler_destroy(sampler);
}

/* Each step has numbers of its own; dropout zeroes its share of them and enlarges the rest. */
static void test_step_noise(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    double whole[2][VALUES], dropped[2][VALUES];
    step_noise(model, 0.0, whole);
    step_noise(model, 0.6, dropped);
    int alike = 0, zeros = 0;
    for (int i = 0; i < VALUES; i++) {
        alike += fabs(whole[0][i] - whole[1][i]) < 1e-3;
        for (int step = 0; step < 2; step++) {
            const int gone = fabs(dropped[step][i]) < 1e-4;
            zeros += gone;
            if (!gone)
                assert_near(dropped[step][i], whole[step][i] / 0.4, 1e-3);
        }
    }
    assert_true(alike < 3);
    assert_in_range(zeros, 35, 80); /* of 96, 58 expected */
    artfusion_model_destroy(model);
}

static int32_t no_noise(void *user_data, artfusion_noise_use use, int32_t step, float *values,
                        size_t count)
{
    (void)user_data;
    (void)step;
    if (use == ARTFUSION_NOISE_X_T)
        return 1;
    memset(values, 0, count * sizeof *values);
    return 0;
}

/* Dropping elements of a noise that is zero changes nothing, in a solver that starts from x. */
static void test_dropout_of_nothing(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    float with[VALUES], without[VALUES];
    options.solver = ARTFUSION_SOLVER_DDPM;
    options.noise_callback = no_noise;
    run_batch(model, options, 1, without);
    options.noise_dropout = 0.5;
    run_batch(model, options, 1, with);
    assert_memory_equal(with, without, sizeof with);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_independence), cmocka_unit_test(test_start),
        cmocka_unit_test(test_noise_callback),     cmocka_unit_test(test_step_noise),
        cmocka_unit_test(test_dropout_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
