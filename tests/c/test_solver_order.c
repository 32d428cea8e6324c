/* SPDX-License-Identifier: MIT
 * The ODE solvers' orders of convergence, to the closed-form flow of normally distributed data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gaussian_problem.h"

enum { ELEMENTS = 4, MAX_STEPS = 96 };

/* The largest error over elements of different data and starts. */
static double error_after(artfusion_solver solver, int steps)
{
    static const gaussian data[ELEMENTS] = {{0.5, 0.3}, {-1.0, 0.5}, {2.0, 0.7}, {0.0, 0.2}};
    float x[ELEMENTS] = {1.2f, -0.7f, 0.3f, -1.5f};
    double alphas[MAX_STEPS + 1], expected[ELEMENTS];
    alphas_alternating(-2.5, 2.0, steps, alphas);
    for (int i = 0; i < ELEMENTS; i++)
        expected[i] = gaussian_flow(&data[i], alphas[0], alphas[steps], (double)x[i]);

    /* An eta that only stochastic solvers may heed. */
    const af_solver_options options = {solver, solver == ARTFUSION_SOLVER_DDIM ? 0.0 : 0.7, 1.0};
    gaussian_run(&options, data, alphas, steps, NULL, x, ELEMENTS);
    double worst = 0.0;
    for (int i = 0; i < ELEMENTS; i++) {
        const double error = fabs((double)x[i] - expected[i]);
        if (!(error <= worst)) /* fmax would pass over a NaN; GCC 12 for AArch64 fails at it */
            worst = error;
    }
    return worst;
}

static double order_between(artfusion_solver solver, int steps)
{
    return log2(error_after(solver, steps) / error_after(solver, 2 * steps));
}

static void assert_between(double value, double low, double high)
{
    if (!(value >= low && value <= high))
        fail_msg("%.3g is not between %.3g and %.3g", value, low, high);
}

static void ddim_is_of_first_order(void **state)
{
    (void)state;
    assert_between(order_between(ARTFUSION_SOLVER_DDIM, 24), 0.9, 1.1);
    assert_between(order_between(ARTFUSION_SOLVER_DDIM, 48), 0.9, 1.1);
    assert_between(error_after(ARTFUSION_SOLVER_DDIM, 24), 0.014, 0.018);
}

static void dpmpp_2m_is_of_second_order(void **state)
{
    (void)state;
    assert_between(order_between(ARTFUSION_SOLVER_DPMPP_2M, 24), 1.8, 2.5);
    assert_between(order_between(ARTFUSION_SOLVER_DPMPP_2M, 48), 1.8, 2.5);
    assert_between(error_after(ARTFUSION_SOLVER_DPMPP_2M, 24), 0.0, 7e-4);
}

/* The predictor is of order two; the corrector adds one, theorem 3.1 of arXiv 2302.04867. */
static void unipc_is_of_third_order(void **state)
{
    (void)state;
    assert_between(order_between(ARTFUSION_SOLVER_UNIPC, 24), 2.7, 3.3);
    assert_between(order_between(ARTFUSION_SOLVER_UNIPC, 48), 2.7, 3.3);
    assert_between(error_after(ARTFUSION_SOLVER_UNIPC, 24), 0.0, 3.5e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ddim_is_of_first_order),
        cmocka_unit_test(dpmpp_2m_is_of_second_order),
        cmocka_unit_test(unipc_is_of_third_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
