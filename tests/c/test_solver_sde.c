/* SPDX-License-Identifier: MIT
 * The stochastic solvers' weak orders of convergence.
 *
 * On normally distributed data every solver is linear: what comes out is the response to the start
 * plus the sum of the responses to each step's noise. Mean and variance of the result are therefore
 * had without sampling, from one element for each input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gaussian_problem.h"
#include "math/rng.h"

static const gaussian data = {1.0, 0.5};
static const double lambda_first = -2.5;
static const double lambda_last = 2.0;

static void assert_between(double value, double low, double high)
{
    if (!(value >= low && value <= high))
        fail_msg("%.3g is not between %.3g and %.3g", value, low, high);
}

/* The share of the reverse process's noise variance that an eta stands for. */
static double noise_variance_of(const af_solver_options *options)
{
    switch (options->solver) {
    case ARTFUSION_SOLVER_DDPM: return 1.0;
    case ARTFUSION_SOLVER_DPMPP_2M_SDE: return options->eta;
    default: return options->eta * options->eta;
    }
}

typedef struct weak_errors {
    double mean;     /* of a run that starts one standard deviation off the mean */
    double variance; /* of runs that start from the exact distribution */
} weak_errors;

static weak_errors errors_after(const af_solver_options *options, int steps)
{
    double *alphas = calloc((size_t)steps + 1, sizeof *alphas);
    assert_non_null(alphas);
    alphas_alternating(lambda_first, lambda_last, steps, alphas);
    double first = alphas[0], last = alphas[steps];

    /* Element 0 starts at the mean, element 1 a deviation above it, and element 2 + i gets a unit
     * of noise in step i. */
    size_t count = (size_t)steps + 2;
    gaussian *all = calloc(count, sizeof *all);
    float *x = calloc(count, sizeof *x);
    float *noise = calloc(count * (size_t)steps, sizeof *noise);
    assert_non_null(all);
    assert_non_null(x);
    assert_non_null(noise);
    for (size_t i = 0; i < count; i++) {
        all[i] = data;
        x[i] = (float)gaussian_mean_at(&data, first);
    }
    x[1] += (float)sqrt(gaussian_variance_at(&data, first));
    for (size_t i = 0; i < (size_t)steps; i++)
        noise[i * count + 2 + i] = 1.0f;
    gaussian_run(options, all, alphas, steps, noise, x, count);

    double variance = 0.0;
    for (size_t i = 1; i < count; i++)
        variance += pow((double)x[i] - (double)x[0], 2.0);
    double expected_variance = gaussian_variance_at(&data, last);
    double expected_mean =
        gaussian_mean_at(&data, last) +
        gaussian_memory(&data, first, last, noise_variance_of(options)) * sqrt(expected_variance);
    weak_errors errors = {fabs((double)x[1] - expected_mean), fabs(variance - expected_variance)};
    free(noise);
    free(x);
    free(all);
    free(alphas);
    return errors;
}

static void check_order(artfusion_solver solver, double eta, double low, double high)
{
    const af_solver_options options = {solver, eta, 1.0};
    weak_errors coarse = errors_after(&options, 64);
    weak_errors fine = errors_after(&options, 128);
    assert_between(log2(coarse.variance / fine.variance), low, high);
    /* At eta 1 the mean's error vanishes for these data: only rounding is left. */
    if (coarse.mean > 1e-6)
        assert_between(log2(coarse.mean / fine.mean), low, high);
    assert_between(fine.mean, 0.0, 4e-3);
}

static void ddim_is_of_weak_order_one(void **state)
{
    (void)state;
    check_order(ARTFUSION_SOLVER_DDIM, 1.0, 0.9, 1.1);
    check_order(ARTFUSION_SOLVER_DDIM, 0.5, 0.9, 1.1);
}

static void ddpm_is_of_weak_order_one(void **state)
{
    (void)state;
    check_order(ARTFUSION_SOLVER_DDPM, 0.0, 0.9, 1.1);
}

static void dpmpp_2m_sde_is_of_weak_order_two(void **state)
{
    (void)state;
    check_order(ARTFUSION_SOLVER_DPMPP_2M_SDE, 1.0, 1.8, 2.2);
    check_order(ARTFUSION_SOLVER_DPMPP_2M_SDE, 0.5, 1.8, 2.2);
    check_order(ARTFUSION_SOLVER_DPMPP_2M_SDE, 2.0, 1.7, 2.3);
}

/* The same with noise drawn rather than told: 50,000 pictures of a pixel. */
static void sampled_runs_have_the_distribution(void **state)
{
    (void)state;
    enum { COUNT = 50000, STEPS = 32 };
    static const af_solver_options cases[] = {
        {ARTFUSION_SOLVER_DPMPP_2M_SDE, 1.0, 1.0},
        {ARTFUSION_SOLVER_DDPM, 0.0, 1.0},
    };
    static const double bias[] = {4e-3, 4e-2}; /* of the variance, by the weak order */
    float *x = calloc(COUNT, sizeof *x);
    float *noise = calloc((size_t)COUNT * STEPS, sizeof *noise);
    gaussian *all = calloc(COUNT, sizeof *all);
    assert_non_null(x);
    assert_non_null(noise);
    assert_non_null(all);
    for (size_t i = 0; i < COUNT; i++)
        all[i] = data;
    double alphas[STEPS + 1];
    alphas_alternating(lambda_first, lambda_last, STEPS, alphas);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        af_rng_counter_normal(k, 0, 0, x, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            x[i] = (float)(gaussian_mean_at(&data, alphas[0]) +
                           sqrt(gaussian_variance_at(&data, alphas[0])) * (double)x[i]);
        for (uint32_t i = 0; i < STEPS; i++)
            af_rng_counter_normal(k, 0, i + 1, noise + (size_t)i * COUNT, COUNT);
        gaussian_run(&cases[k], all, alphas, STEPS, noise, x, COUNT);

        double mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < COUNT; i++)
            mean += (double)x[i] / COUNT;
        for (size_t i = 0; i < COUNT; i++)
            variance += pow((double)x[i] - mean, 2.0) / COUNT;
        double expected = gaussian_variance_at(&data, alphas[STEPS]);
        assert_between(mean - gaussian_mean_at(&data, alphas[STEPS]), -5.0 * sqrt(expected / COUNT),
                       5.0 * sqrt(expected / COUNT));
        assert_between(fabs(variance - expected), 0.0,
                       bias[k] + 5.0 * expected * sqrt(2.0 / COUNT));
    }
    free(all);
    free(noise);
    free(x);
}

/* The ancestral step is DDIM's at eta 1, written otherwise. */
static void ddpm_is_ddim_at_eta_one(void **state)
{
    (void)state;
    enum { STEPS = 20, COUNT = 64 };
    gaussian all[COUNT];
    float start[COUNT], x[2][COUNT], noise[STEPS * COUNT];
    double alphas[STEPS + 1];
    alphas_alternating(lambda_first, lambda_last, STEPS, alphas);
    for (size_t i = 0; i < COUNT; i++)
        all[i] = data;
    af_rng_counter_normal(1, 0, 0, start, COUNT);
    af_rng_counter_normal(1, 0, 1, noise, STEPS * COUNT);
    const af_solver_options options[2] = {{ARTFUSION_SOLVER_DDPM, 0.0, 0.8},
                                          {ARTFUSION_SOLVER_DDIM, 1.0, 0.8}};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < COUNT; i++)
            x[k][i] = start[i];
        gaussian_run(&options[k], all, alphas, STEPS, noise, x[k], COUNT);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_between(fabs((double)x[0][i] - (double)x[1][i]), 0.0, 3e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ddim_is_of_weak_order_one),
        cmocka_unit_test(ddpm_is_of_weak_order_one),
        cmocka_unit_test(dpmpp_2m_sde_is_of_weak_order_two),
        cmocka_unit_test(sampled_runs_have_the_distribution),
        cmocka_unit_test(ddpm_is_ddim_at_eta_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
