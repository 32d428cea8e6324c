/* SPDX-License-Identifier: MIT
 * What the solvers' contract says beside accuracy: ends, repeated timesteps, noise, state. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "artfusion.h"
#include "base/record.h"
#include "gaussian_problem.h"
#include "math/factors.h"
#include "math/rng.h"

enum { COUNT = 5, SOLVERS = 5 };

static const gaussian data[COUNT] = {{0.5, 0.3}, {-1.0, 0.5}, {2.0, 0.7}, {0.0, 0.2}, {1, 1}};
static const float start[COUNT] = {1.2f, -0.7f, 0.3f, -1.5f, 0.1f};

static af_solver *new_solver(artfusion_solver kind, double eta, double temperature)
{
    const af_solver_options options = {kind, eta, temperature};
    af_solver *solver;
    assert_int_equal(af_solver_create(&options, COUNT, &solver), ARTFUSION_OK);
    return solver;
}

/* Steps through alphas[steps + 1]; noise of step i is the i-th draw of a fixed generator, counted
 * over steps that move. */
static void walk(af_solver *solver, const double *alphas, int steps, int last_is_last, float *x)
{
    uint32_t draw = 0;
    for (int i = 0; i < steps; i++) {
        float eps[COUNT], x0[COUNT], noise[COUNT];
        for (size_t j = 0; j < COUNT; j++)
            eps[j] = (float)gaussian_eps(&data[j], alphas[i], (double)x[j]);
        af_rng_counter_normal(9, 0, draw, noise, COUNT);
        if (alphas[i + 1] != alphas[i])
            draw++;
        int needs = af_solver_needs_noise(solver, alphas[i], alphas[i + 1]);
        af_solver_step(solver, alphas[i], alphas[i + 1], eps, needs ? noise : NULL,
                       last_is_last && i == steps - 1, x, x0);
    }
}

static void a_ddim_step_is_equation_12(void **state)
{
    (void)state;
    const double a = 0.3, next = 0.6, eta = 0.5, temperature = 0.7;
    const float eps[COUNT] = {0.5f, -1.0f, 0.0f, 2.0f, 1.0f};
    const float noise[COUNT] = {1.0f, 0.0f, -2.0f, 0.5f, 0.25f};
    float x[COUNT], x0[COUNT];
    memcpy(x, start, sizeof x);
    af_solver *solver = new_solver(ARTFUSION_SOLVER_DDIM, eta, temperature);
    af_solver_step(solver, a, next, eps, noise, 0, x, x0);
    af_solver_destroy(solver);

    double sigma = eta * sqrt((1 - next) / (1 - a)) * sqrt(1 - a / next);
    for (size_t i = 0; i < COUNT; i++) {
        double clean = ((double)start[i] - sqrt(1 - a) * (double)eps[i]) / sqrt(a);
        double expected = sqrt(next) * clean + sqrt(1 - next - sigma * sigma) * (double)eps[i] +
                          sigma * temperature * (double)noise[i];
        assert_true(fabs((double)x0[i] - clean) < 1e-6);
        assert_true(fabs((double)x[i] - expected) < 1e-6);
    }
}

/* More noise than the step has room for: no NaN, and no weight on eps. */
static void ddim_takes_any_eta(void **state)
{
    (void)state;
    af_factors factors = af_ddim(0.3, 0.4, 50.0);
    assert_true(factors.eps == 0.0);
    assert_true(factors.noise > 1.0 && isfinite(factors.noise));
}

static double half_log_snr(double alpha)
{
    return 0.5 * log(alpha / (1.0 - alpha));
}

/* Algorithm 2 of arXiv 2211.01095 in its own letters, with a step before of another length. */
static void a_2m_step_is_algorithm_2(void **state)
{
    (void)state;
    const double before = 0.05, a = 0.2, next = 0.6;
    const double h_before = half_log_snr(a) - half_log_snr(before);
    const double h = half_log_snr(next) - half_log_snr(a), r = h_before / h;
    const double gain = -sqrt(next) * (exp(-h) - 1.0);
    af_factors factors = af_dpmpp_2m(a, next, before, 0.0);
    assert_true(fabs(factors.x - sqrt((1 - next) / (1 - a))) < 1e-15);
    assert_true(fabs(factors.x0 - gain * (1.0 + 0.5 / r)) < 1e-15);
    assert_true(fabs(factors.x0_before + gain * 0.5 / r) < 1e-15);
    assert_true(factors.eps == 0.0 && factors.noise == 0.0);
    /* Without one it is of first order, which is DDIM's step. */
    factors = af_dpmpp_2m(a, next, 0.0, 0.0);
    assert_true(fabs(factors.x0 - gain) < 1e-15);
    assert_true(factors.x0_before == 0.0);
}

/* Some data prediction that is quadratic in lambda. */
static double quadratic(double lambda)
{
    return 0.7 - 1.3 * lambda + 0.4 * lambda * lambda;
}

/* UniC-2 integrates quadratics without error: x_t / sigma_t = x_s / sigma_s + the integral of
 * e^lambda x0(lambda). Here Simpson's rule does it, with an error below 1e-12. */
static void unic_2_is_exact_on_quadratics(void **state)
{
    (void)state;
    enum { INTERVALS = 1000 };
    const double before = 0.05, from = 0.2, alpha = 0.6, x_from = 0.9;
    double l = half_log_snr(from), h = half_log_snr(alpha) - l;
    double integral = 0.0;
    for (int i = 0; i <= INTERVALS; i++) {
        double weight = i == 0 || i == INTERVALS ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
        double lambda = l + h * i / INTERVALS;
        integral += weight * exp(lambda) * quadratic(lambda) * h / INTERVALS / 3.0;
    }
    double exact = sqrt(1.0 - alpha) * (x_from / sqrt(1.0 - from) + integral);

    af_unic_factors factors = af_unic_2(from, alpha, before);
    double corrected = factors.x_from * x_from + factors.x0_from * quadratic(l) +
                       factors.x0_before * quadratic(half_log_snr(before)) +
                       factors.x0 * quadratic(half_log_snr(alpha));
    assert_true(fabs(corrected - exact) < 1e-11);
}

/* UniC-1, without a step before: both ends in equal parts. */
static void unic_1_takes_the_mean_of_the_ends(void **state)
{
    (void)state;
    af_unic_factors factors = af_unic_2(0.2, 0.6, 0.0);
    double gain = sqrt(0.6) * (1.0 - exp(half_log_snr(0.2) - half_log_snr(0.6)));
    assert_true(fabs(factors.x0 - 0.5 * gain) < 1e-15);
    assert_true(fabs(factors.x0_from - 0.5 * gain) < 1e-15);
    assert_true(factors.x0_before == 0.0);
}

static void last_steps_to_one_give_x0(void **state)
{
    (void)state;
    static const double alphas[] = {0.1, 0.3, 0.6, 1.0};
    for (artfusion_solver kind = 0; kind < SOLVERS; kind++) {
        af_solver *solver = new_solver(kind, 1.0, 1.0);
        float x[COUNT], eps[COUNT], x0[COUNT];
        memcpy(x, start, sizeof x);
        walk(solver, alphas, 2, 0, x);
        for (size_t i = 0; i < COUNT; i++)
            eps[i] = (float)gaussian_eps(&data[i], alphas[2], (double)x[i]);
        float before[COUNT];
        memcpy(before, x, sizeof before);
        assert_false(af_solver_needs_noise(solver, alphas[2], alphas[3]));
        af_solver_step(solver, alphas[2], alphas[3], eps, NULL, 1, x, x0);
        assert_memory_equal(x, x0, sizeof x);
        for (size_t i = 0; i < COUNT; i++) {
            double clean =
                ((double)before[i] - sqrt(1 - alphas[2]) * (double)eps[i]) / sqrt(alphas[2]);
            assert_true(fabs((double)x0[i] - clean) < 1e-6);
        }
        af_solver_destroy(solver);
    }
}

/* A timestep visited twice changes neither x nor what follows. */
static void repeated_timesteps_are_skipped(void **state)
{
    (void)state;
    static const double plain[] = {0.1, 0.2, 0.5, 0.8, 0.9};
    static const double repeated[] = {0.1, 0.1, 0.2, 0.5, 0.5, 0.5, 0.8, 0.9};
    for (artfusion_solver kind = 0; kind < SOLVERS; kind++) {
        float x[COUNT], y[COUNT];
        memcpy(x, start, sizeof x);
        memcpy(y, start, sizeof y);
        af_solver *solver = new_solver(kind, 0.8, 1.0);
        walk(solver, plain, 4, 1, x);
        af_solver_destroy(solver);
        solver = new_solver(kind, 0.8, 1.0);
        assert_false(af_solver_needs_noise(solver, 0.1, 0.1));
        walk(solver, repeated, 7, 1, y);
        af_solver_destroy(solver);
        assert_memory_equal(x, y, sizeof x);
    }
}

static void sde_without_noise_is_the_ode(void **state)
{
    (void)state;
    static const double alphas[] = {0.1, 0.2, 0.5, 0.8, 0.9, 1.0};
    float x[COUNT], y[COUNT];
    memcpy(x, start, sizeof x);
    memcpy(y, start, sizeof y);
    af_solver *ode = new_solver(ARTFUSION_SOLVER_DPMPP_2M, 0.9, 1.0);
    af_solver *sde = new_solver(ARTFUSION_SOLVER_DPMPP_2M_SDE, 0.0, 1.0);
    walk(ode, alphas, 5, 1, x);
    walk(sde, alphas, 5, 1, y);
    af_solver_destroy(ode);
    af_solver_destroy(sde);
    assert_memory_equal(x, y, sizeof x);
}

/* A run after a reset, and one after a run that said which step was its last, are as a first run;
 * one after neither is not, where there is history. */
static void runs_begin_without_history(void **state)
{
    (void)state;
    static const double alphas[] = {0.1, 0.2, 0.5, 0.8};
    for (artfusion_solver kind = 0; kind < SOLVERS; kind++) {
        float first[COUNT], x[COUNT];
        memcpy(first, start, sizeof first);
        af_solver *solver = new_solver(kind, 0.8, 1.0);
        walk(solver, alphas, 3, 1, first);
        memcpy(x, start, sizeof x);
        walk(solver, alphas, 3, 0, x);
        assert_memory_equal(x, first, sizeof x);
        if (kind != ARTFUSION_SOLVER_DDIM && kind != ARTFUSION_SOLVER_DDPM) {
            memcpy(x, start, sizeof x);
            walk(solver, alphas, 3, 0, x);
            assert_memory_not_equal(x, first, sizeof x);
        }
        af_solver_reset(solver);
        memcpy(x, start, sizeof x);
        walk(solver, alphas, 3, 0, x);
        assert_memory_equal(x, first, sizeof x);
        af_solver_destroy(solver);
    }
}

static void noise_is_asked_for_where_it_counts(void **state)
{
    (void)state;
    static const struct {
        artfusion_solver kind;
        double eta, temperature;
        int32_t needed;
    } cases[] = {
        {ARTFUSION_SOLVER_DDIM, 0.0, 1.0, 0},         {ARTFUSION_SOLVER_DDIM, 0.1, 1.0, 1},
        {ARTFUSION_SOLVER_DDIM, 1.0, 0.0, 0},         {ARTFUSION_SOLVER_DDPM, 0.0, 1.0, 1},
        {ARTFUSION_SOLVER_DDPM, 0.0, 0.0, 0},         {ARTFUSION_SOLVER_DPMPP_2M, 1.0, 1.0, 0},
        {ARTFUSION_SOLVER_DPMPP_2M_SDE, 0.1, 1.0, 1}, {ARTFUSION_SOLVER_DPMPP_2M_SDE, 0.0, 1.0, 0},
        {ARTFUSION_SOLVER_DPMPP_2M_SDE, 1.0, 0.0, 0}, {ARTFUSION_SOLVER_UNIPC, 1.0, 1.0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        af_solver *solver = new_solver(cases[i].kind, cases[i].eta, cases[i].temperature);
        assert_int_equal(af_solver_needs_noise(solver, 0.3, 0.4), cases[i].needed);
        assert_int_equal(af_solver_needs_noise(solver, 0.3, 1.0), 0);
        af_solver_destroy(solver);
    }
}

/* From the first to the last alpha of a schedule of thousand steps: nothing overflows where lambda
 * is steep or steps are tiny. */
static void extremes_stay_finite(void **state)
{
    (void)state;
    static const double alphas[] = {2.4e-9, 2.5e-9, 0.004, 0.004000001, 0.99, 0.9999999, 1.0};
    for (artfusion_solver kind = 0; kind < SOLVERS; kind++) {
        float x[COUNT];
        memcpy(x, start, sizeof x);
        af_solver *solver = new_solver(kind, 1.0, 1.0);
        walk(solver, alphas, 6, 1, x);
        for (size_t i = 0; i < COUNT; i++)
            assert_true(isfinite(x[i]));
        af_solver_destroy(solver);
    }
}

/* A history that is written and read into a solver of its own goes on as the first one does. */
static void histories_are_recorded_whole(void **state)
{
    (void)state;
    static const double alphas[] = {0.1, 0.2, 0.5, 0.8, 0.9, 0.95};
    static const size_t sizes[SOLVERS] = {
        [ARTFUSION_SOLVER_DPMPP_2M] = 8 + 4 * COUNT,
        [ARTFUSION_SOLVER_DPMPP_2M_SDE] = 8 + 4 * COUNT,
        [ARTFUSION_SOLVER_UNIPC] = 2 * (8 + 4 * COUNT) + 4 * COUNT,
    };
    for (artfusion_solver kind = 0; kind < SOLVERS; kind++) {
        uint8_t bytes[256];
        float x[COUNT], y[COUNT];
        memcpy(x, start, sizeof x);
        af_solver *first = new_solver(kind, 0.8, 1.0), *second = new_solver(kind, 0.8, 1.0);
        walk(first, alphas, 3, 0, x);
        af_record out = {.mode = AF_RECORD_WRITE, .out = bytes, .size = sizeof bytes};
        af_solver_record(first, &out);
        assert_int_equal(out.position, sizes[kind]);
        af_record in = {.mode = AF_RECORD_READ, .in = bytes, .size = out.position};
        af_solver_record(second, &in);
        assert_int_equal(in.position, out.position);
        assert_true(af_solver_is_valid(second));
        memcpy(y, x, sizeof y);
        walk(first, alphas + 3, 2, 0, x);
        walk(second, alphas + 3, 2, 0, y);
        assert_memory_equal(x, y, sizeof x);
        af_solver_destroy(first);
        af_solver_destroy(second);
    }
}

/* Alphas grow from step to step, below 1: others would be roots and logarithms of what has none. */
static void impossible_histories_are_found(void **state)
{
    (void)state;
    static const struct {
        double last, before;
        int valid;
    } cases[] = {{0.0, 0.0, 1},  {0.5, 0.0, 1},  {0.5, 0.2, 1}, {0.999, 0.998, 1}, {1.0, 0.0, 0},
                 {1.5, 0.2, 0},  {-0.1, 0.0, 0}, {NAN, 0.0, 0}, {0.5, 0.5, 0},     {0.5, 0.6, 0},
                 {0.5, -0.1, 0}, {0.5, NAN, 0},  {0.0, 0.1, 0}, {0.5, 1.0, 0},     {1.0, 0.5, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[256];
        float zeros[COUNT] = {0};
        double last = cases[i].last, before = cases[i].before;
        af_record out = {.mode = AF_RECORD_WRITE, .out = bytes, .size = sizeof bytes};
        af_record_f64(&out, &last, 1);
        af_record_f32(&out, zeros, COUNT);
        af_record_f64(&out, &before, 1);
        af_record_f32(&out, zeros, COUNT);
        af_record_f32(&out, zeros, COUNT);
        af_record in = {.mode = AF_RECORD_READ, .in = bytes, .size = out.position};
        af_solver *solver = new_solver(ARTFUSION_SOLVER_UNIPC, 0.0, 1.0);
        af_solver_record(solver, &in);
        if (af_solver_is_valid(solver) != cases[i].valid)
            fail_msg("%g after %g", cases[i].last, cases[i].before);
        af_solver_destroy(solver);
    }
}

static void unknown_solvers_are_refused(void **state)
{
    (void)state;
    af_solver *solver = (af_solver *)1;
    const af_solver_options unknown = {SOLVERS, 0.0, 1.0};
    assert_int_equal(af_solver_create(&unknown, COUNT, &solver), ARTFUSION_ERROR_ARGUMENT);
    assert_null(solver);
    af_solver_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ddim_step_is_equation_12),
        cmocka_unit_test(ddim_takes_any_eta),
        cmocka_unit_test(a_2m_step_is_algorithm_2),
        cmocka_unit_test(unic_2_is_exact_on_quadratics),
        cmocka_unit_test(unic_1_takes_the_mean_of_the_ends),
        cmocka_unit_test(last_steps_to_one_give_x0),
        cmocka_unit_test(repeated_timesteps_are_skipped),
        cmocka_unit_test(sde_without_noise_is_the_ode),
        cmocka_unit_test(runs_begin_without_history),
        cmocka_unit_test(noise_is_asked_for_where_it_counts),
        cmocka_unit_test(extremes_stay_finite),
        cmocka_unit_test(histories_are_recorded_whole),
        cmocka_unit_test(impossible_histories_are_found),
        cmocka_unit_test(unknown_solvers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
