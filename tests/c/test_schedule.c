/* SPDX-License-Identifier: MIT
 * Schedules and timesteps: their rules for every number of steps, ends and errors. The published
 * code's values are compared in tests/python/test_schedule.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "artfusion.h"
#include "math/schedule.h"

enum { T = 1000, SPACINGS = 4, SCHEDULES = 4 };

#define assert_message(text) assert_string_equal(artfusion_error_message(), text)

static void assert_valid_timesteps(artfusion_spacing spacing, int32_t steps, int32_t train)
{
    int32_t timesteps[T + 1];
    timesteps[steps] = -7;
    assert_int_equal(artfusion_timesteps(spacing, steps, train, timesteps), ARTFUSION_OK);
    assert_int_equal(timesteps[steps], -7); /* nothing is written beyond */
    for (int32_t i = 0; i < steps; i++) {
        assert_in_range(timesteps[i], 0, train - 1);
        if (i > 0)
            assert_true(timesteps[i] <= timesteps[i - 1]);
        if (i > 0 && spacing != ARTFUSION_SPACING_QUAD)
            assert_true(timesteps[i] < timesteps[i - 1]);
    }
}

static void every_number_of_steps_is_done(void **state)
{
    (void)state;
    for (artfusion_spacing spacing = 0; spacing < SPACINGS; spacing++) {
        for (int32_t steps = 1; steps <= T; steps++)
            assert_valid_timesteps(spacing, steps, T);
        for (int32_t train = 1; train <= 40; train++)
            for (int32_t steps = 1; steps <= train; steps++)
                assert_valid_timesteps(spacing, steps, train);
    }
}

static void ends_are_where_they_should_be(void **state)
{
    (void)state;
    static const struct {
        artfusion_spacing spacing;
        int32_t steps, first, last;
    } cases[] = {
        {ARTFUSION_SPACING_UNIFORM, 1, 1, 1},       {ARTFUSION_SPACING_UNIFORM, 250, 997, 1},
        {ARTFUSION_SPACING_UNIFORM, 3, 667, 1},     {ARTFUSION_SPACING_UNIFORM, 999, 999, 1},
        {ARTFUSION_SPACING_UNIFORM, 1000, 999, 0},  {ARTFUSION_SPACING_QUAD, 1, 801, 801},
        {ARTFUSION_SPACING_QUAD, 10, 801, 1},       {ARTFUSION_SPACING_TRAILING, 1, 999, 999},
        {ARTFUSION_SPACING_TRAILING, 10, 999, 99},  {ARTFUSION_SPACING_TRAILING, 1000, 999, 0},
        {ARTFUSION_SPACING_LINSPACE, 1, 999, 999},  {ARTFUSION_SPACING_LINSPACE, 2, 999, 0},
        {ARTFUSION_SPACING_LINSPACE, 1000, 999, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t timesteps[T];
        assert_int_equal(artfusion_timesteps(cases[i].spacing, cases[i].steps, T, timesteps),
                         ARTFUSION_OK);
        assert_int_equal(timesteps[0], cases[i].first);
        assert_int_equal(timesteps[cases[i].steps - 1], cases[i].last);
    }
}

/* The published code's lines, in NumPy, for a number of steps that does not divide 1000. */
static void timesteps_are_numpys(void **state)
{
    (void)state;
    static const int32_t expected[SPACINGS][7] = {
        [ARTFUSION_SPACING_UNIFORM] = {858, 715, 572, 429, 286, 143, 1},
        [ARTFUSION_SPACING_QUAD] = {801, 556, 356, 201, 89, 23, 1},
        [ARTFUSION_SPACING_TRAILING] = {999, 856, 713, 570, 428, 285, 142},
        [ARTFUSION_SPACING_LINSPACE] = {999, 832, 666, 500, 333, 166, 0},
    };
    for (artfusion_spacing spacing = 0; spacing < SPACINGS; spacing++) {
        int32_t timesteps[7];
        assert_int_equal(artfusion_timesteps(spacing, 7, T, timesteps), ARTFUSION_OK);
        assert_memory_equal(timesteps, expected[spacing], sizeof timesteps);
    }
}

static void bad_timestep_arguments_are_refused(void **state)
{
    (void)state;
    int32_t timesteps[T];
    assert_int_equal(artfusion_timesteps(0, 0, T, timesteps), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_timesteps(0, -1, T, timesteps), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_timesteps(0, T + 1, T, timesteps), ARTFUSION_ERROR_ARGUMENT);
    assert_non_null(strstr(artfusion_error_message(), "1001"));
    assert_int_equal(artfusion_timesteps(0, 1, 0, timesteps), ARTFUSION_ERROR_ARGUMENT);
    assert_message("train_timesteps is 0, not 1 or more"); /* this call's, not the one's before */
    assert_int_equal(artfusion_timesteps(0, 1, 1, timesteps), ARTFUSION_OK);
    assert_int_equal(artfusion_timesteps(0, 1, T, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_timesteps(SPACINGS, 1, T, timesteps), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_timesteps(-1, 1, T, timesteps), ARTFUSION_ERROR_ARGUMENT);
}

static void betas_are_betas(void **state)
{
    (void)state;
    for (artfusion_schedule schedule = 0; schedule < SCHEDULES; schedule++) {
        double betas[T];
        assert_int_equal(artfusion_schedule_betas(schedule, 0.0015, 0.0195, T, betas),
                         ARTFUSION_OK);
        for (int i = 0; i < T; i++) {
            assert_true(betas[i] > 0.0 && betas[i] <= 0.999);
            if (i > 0)
                assert_true(betas[i] >= betas[i - 1]);
        }
        assert_int_equal(artfusion_schedule_betas(schedule, 0.25, 0.75, 1, betas), ARTFUSION_OK);
        if (schedule != ARTFUSION_SCHEDULE_COSINE) /* a range of one is its start */
            assert_true(fabs(betas[0] - (schedule == ARTFUSION_SCHEDULE_SQRT ? 0.5 : 0.25)) <
                        1e-15);
    }
}

/* Whatever steps add up to: NumPy's linspace ends at its end. (24 and 10 are numbers of steps whose
 * sum is another one, and 0.9 to 0.03 is such a range for 2.) */
static void ranges_end_at_their_end(void **state)
{
    (void)state;
    double betas[24];
    assert_int_equal(artfusion_schedule_betas(ARTFUSION_SCHEDULE_LINEAR, 0.0015, 0.0195, 24, betas),
                     ARTFUSION_OK);
    assert_true(betas[23] == sqrt(0.0195) * sqrt(0.0195));
    assert_int_equal(
        artfusion_schedule_betas(ARTFUSION_SCHEDULE_SQRT_LINEAR, 0.0015, 0.0195, 10, betas),
        ARTFUSION_OK);
    assert_true(betas[9] == 0.0195);
    assert_int_equal(artfusion_schedule_betas(ARTFUSION_SCHEDULE_SQRT_LINEAR, 0.9, 0.03, 2, betas),
                     ARTFUSION_OK);
    assert_true(betas[0] == 0.9 && betas[1] == 0.03);
}

/* The first, the 501st and the last beta of the published code. */
static void betas_are_the_published(void **state)
{
    (void)state;
    static const double expected[SCHEDULES][3] = {
        [ARTFUSION_SCHEDULE_LINEAR] = {0.0015, 0.007963175016542865, 0.0195},
        [ARTFUSION_SCHEDULE_COSINE] = {4.1284224821747095e-05, 0.003155691441585007, 0.999},
        [ARTFUSION_SCHEDULE_SQRT_LINEAR] = {0.0015, 0.01050900900900901, 0.0195},
        [ARTFUSION_SCHEDULE_SQRT] = {0.03872983346207417, 0.10251345769707024, 0.1396424004376894},
    };
    static const int at[3] = {0, 500, 999};
    for (artfusion_schedule schedule = 0; schedule < SCHEDULES; schedule++) {
        double betas[T];
        assert_int_equal(artfusion_schedule_betas(schedule, 0.0015, 0.0195, T, betas),
                         ARTFUSION_OK);
        for (int i = 0; i < 3; i++)
            assert_true(fabs(betas[at[i]] - expected[schedule][i]) < 1e-15);
    }
}

static void bad_schedule_arguments_are_refused(void **state)
{
    (void)state;
    double beta;
    static const struct {
        double start, end;
    } ranges[] = {{0.0, 0.1},  {0.1, 1.0}, {1.0, 0.1}, {0.1, 0.0},     {-0.1, 0.1},
                  {0.1, -0.1}, {NAN, 0.1}, {0.1, NAN}, {0.1, INFINITY}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (artfusion_schedule schedule = 0; schedule < SCHEDULES; schedule++) {
            int cosine = schedule == ARTFUSION_SCHEDULE_COSINE; /* has no range */
            assert_int_equal(
                artfusion_schedule_betas(schedule, ranges[i].start, ranges[i].end, 1, &beta),
                cosine ? ARTFUSION_OK : ARTFUSION_ERROR_ARGUMENT);
        }
    }
    assert_int_equal(artfusion_schedule_betas(0, 0.1, 0.2, 0, &beta), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_schedule_betas(0, 0.1, 0.2, 1, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_message("betas is NULL"); /* this call's, not the one's before */
    assert_int_equal(artfusion_schedule_betas(SCHEDULES, 0.1, 0.2, 1, &beta),
                     ARTFUSION_ERROR_ARGUMENT);
}

/* Products in float64, kept in float32. */
static void alphas_cumprod_are_rounded_products(void **state)
{
    (void)state;
    const double betas[3] = {0.1, 0.2, 0.3};
    double alphas[3];
    af_alphas_cumprod(betas, 3, alphas);
    assert_true(alphas[0] == (double)(float)0.9);
    assert_true(alphas[1] == (double)(float)(0.9 * 0.8));
    assert_true(alphas[2] == (double)(float)(0.9 * 0.8 * 0.7));
}

static void final_alpha_follows_the_spacing(void **state)
{
    (void)state;
    const double alphas[1] = {0.97};
    assert_true(af_final_alpha(ARTFUSION_SPACING_UNIFORM, alphas) == 0.97);
    assert_true(af_final_alpha(ARTFUSION_SPACING_QUAD, alphas) == 0.97);
    assert_true(af_final_alpha(ARTFUSION_SPACING_TRAILING, alphas) == 1.0);
    assert_true(af_final_alpha(ARTFUSION_SPACING_LINSPACE, alphas) == 1.0);
}

static void coefficients_follow_the_timesteps(void **state)
{
    (void)state;
    const double alphas_cumprod[4] = {0.9, 0.7, 0.4, 0.1};
    const int32_t timesteps[3] = {3, 1, 1};
    double alphas[3], alphas_prev[3], sigmas[3];
    assert_int_equal(artfusion_ddim_coefficients(alphas_cumprod, 4, ARTFUSION_SPACING_UNIFORM,
                                                 timesteps, 3, 0.5, alphas, alphas_prev, sigmas),
                     ARTFUSION_OK);
    assert_true(alphas[0] == 0.1 && alphas[1] == 0.7 && alphas[2] == 0.7);
    assert_true(alphas_prev[0] == 0.7 && alphas_prev[1] == 0.7 && alphas_prev[2] == 0.9);
    assert_true(fabs(sigmas[0] - 0.5 * sqrt(0.3 / 0.9 * (1.0 - 0.1 / 0.7))) < 1e-15);
    assert_true(sigmas[1] == 0.0);
    assert_true(fabs(sigmas[2] - 0.5 * sqrt(0.1 / 0.3 * (1.0 - 0.7 / 0.9))) < 1e-15);

    assert_int_equal(artfusion_ddim_coefficients(alphas_cumprod, 4, ARTFUSION_SPACING_TRAILING,
                                                 timesteps, 3, 0.5, alphas, alphas_prev, sigmas),
                     ARTFUSION_OK);
    assert_true(alphas_prev[2] == 1.0 && sigmas[2] == 0.0);
}

/* Without noise to take away there is none to add: neither 0 / 0 nor the root of what is below 0. */
static void sigmas_are_never_nan(void **state)
{
    (void)state;
    const double clean[2] = {1.0, 1.0}, rising[2] = {0.5, 0.9};
    const int32_t timesteps[2] = {1, 0};
    double alphas[2], alphas_prev[2], sigmas[2];
    assert_int_equal(artfusion_ddim_coefficients(clean, 2, ARTFUSION_SPACING_TRAILING, timesteps, 2,
                                                 1.0, alphas, alphas_prev, sigmas),
                     ARTFUSION_OK);
    assert_true(sigmas[0] == 0.0 && sigmas[1] == 0.0);
    assert_int_equal(artfusion_ddim_coefficients(rising, 2, ARTFUSION_SPACING_UNIFORM, timesteps, 2,
                                                 1.0, alphas, alphas_prev, sigmas),
                     ARTFUSION_OK);
    assert_true(sigmas[0] == 0.0 && sigmas[1] == 0.0);
}

static void missing_coefficient_arrays_are_refused(void **state)
{
    (void)state;
    double table[1] = {0.5}, out[3];
    const int32_t timesteps[1] = {0};
    for (int missing = 0; missing < 6; missing++)
        assert_int_equal(artfusion_ddim_coefficients(
                             missing == 0 ? NULL : table, 1, 0, missing == 1 ? NULL : timesteps, 1,
                             0.0, missing == 2 ? NULL : &out[0], missing == 3 ? NULL : &out[1],
                             missing == 4 ? NULL : &out[2]),
                         missing == 5 ? ARTFUSION_OK : ARTFUSION_ERROR_ARGUMENT);
}

static artfusion_status coefficients_of(const double *alphas_cumprod, const int32_t *timesteps,
                                        int32_t steps, artfusion_spacing spacing, double eta)
{
    double alphas[2], alphas_prev[2], sigmas[2];
    return artfusion_ddim_coefficients(alphas_cumprod, 3, spacing, timesteps, steps, eta, alphas,
                                       alphas_prev, sigmas);
}

static void bad_coefficient_arguments_are_refused(void **state)
{
    (void)state;
    const double good[3] = {0.9, 0.5, 0.1}, bad[3] = {0.9, 0.5, 0.0};
    const double one[3] = {1.0, 0.5, 0.1}, more[3] = {1.001, 0.5, 0.1};
    const int32_t timesteps[2] = {2, 0}, high[2] = {3, 0}, low[2] = {2, -1}, rising[2] = {0, 2};
    assert_int_equal(coefficients_of(good, timesteps, 2, 0, 1.0), ARTFUSION_OK);
    assert_int_equal(coefficients_of(one, timesteps, 2, 0, 0.0), ARTFUSION_OK);
    assert_int_equal(coefficients_of(good, timesteps, 1, 0, 0.0), ARTFUSION_OK);
    assert_int_equal(coefficients_of(bad, timesteps, 2, 0, 1.0), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(coefficients_of(more, timesteps, 2, 0, 1.0), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(coefficients_of(good, high, 2, 0, 1.0), ARTFUSION_ERROR_ARGUMENT);
    assert_message("timesteps[0] is 3: it must be 0 to 2");
    assert_int_equal(coefficients_of(good, low, 2, 0, 1.0), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(coefficients_of(good, rising, 2, 0, 1.0), ARTFUSION_ERROR_ARGUMENT);
    assert_message("timesteps[1] is 2, above the 0 before it");
    assert_int_equal(coefficients_of(good, timesteps, 0, 0, 1.0), ARTFUSION_ERROR_ARGUMENT);
    assert_message("train_timesteps is 3 and steps 0, not both 1 or more");
    double out[3];
    assert_int_equal(
        artfusion_ddim_coefficients(good, 0, 0, timesteps, 1, 1.0, &out[0], &out[1], &out[2]),
        ARTFUSION_ERROR_ARGUMENT);
    assert_message("train_timesteps is 0 and steps 1, not both 1 or more");
    assert_int_equal(coefficients_of(good, timesteps, 2, SPACINGS, 1.0), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(coefficients_of(good, timesteps, 2, 0, -0.1), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(coefficients_of(good, timesteps, 2, 0, NAN), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(coefficients_of(good, timesteps, 2, 0, INFINITY), ARTFUSION_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_steps_is_done),
        cmocka_unit_test(ends_are_where_they_should_be),
        cmocka_unit_test(timesteps_are_numpys),
        cmocka_unit_test(bad_timestep_arguments_are_refused),
        cmocka_unit_test(betas_are_betas),
        cmocka_unit_test(ranges_end_at_their_end),
        cmocka_unit_test(betas_are_the_published),
        cmocka_unit_test(bad_schedule_arguments_are_refused),
        cmocka_unit_test(alphas_cumprod_are_rounded_products),
        cmocka_unit_test(final_alpha_follows_the_spacing),
        cmocka_unit_test(coefficients_follow_the_timesteps),
        cmocka_unit_test(sigmas_are_never_nan),
        cmocka_unit_test(missing_coefficient_arrays_are_refused),
        cmocka_unit_test(bad_coefficient_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
