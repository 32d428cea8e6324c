/* SPDX-License-Identifier: MIT */
#include "gaussian_problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

double gaussian_mean_at(const gaussian *data, double alpha)
{
    return sqrt(alpha) * data->mean;
}

double gaussian_variance_at(const gaussian *data, double alpha)
{
    return alpha * data->deviation * data->deviation + 1.0 - alpha;
}

double gaussian_eps(const gaussian *data, double alpha, double x)
{
    return sqrt(1.0 - alpha) * (x - gaussian_mean_at(data, alpha)) /
           gaussian_variance_at(data, alpha);
}

double gaussian_flow(const gaussian *data, double alpha, double alpha_next, double x)
{
    double deviations =
        (x - gaussian_mean_at(data, alpha)) / sqrt(gaussian_variance_at(data, alpha));
    return gaussian_mean_at(data, alpha_next) +
           deviations * sqrt(gaussian_variance_at(data, alpha_next));
}

double gaussian_memory(const gaussian *data, double alpha, double alpha_next, double noise_variance)
{
    /* The integrand is 1 / (1 + deviation^2 e^(2 lambda)), its integral lambda -
     * log(1 + deviation^2 e^(2 lambda)) / 2, which is log(alpha / variance) / 2. */
    double before = 0.5 * log(alpha / gaussian_variance_at(data, alpha));
    double after = 0.5 * log(alpha_next / gaussian_variance_at(data, alpha_next));
    return exp(-noise_variance * (after - before));
}

void alphas_alternating(double lambda_first, double lambda_last, int steps, double *alphas)
{
    double unit = (lambda_last - lambda_first) / (1.5 * steps);
    double lambda = lambda_first;
    for (int i = 0; i <= steps; i++) {
        alphas[i] = 1.0 / (1.0 + exp(-2.0 * lambda));
        lambda += i % 2 == 0 ? unit : 2.0 * unit;
    }
}

void gaussian_run(const af_solver_options *options, const gaussian *data, const double *alphas,
                  int steps, const float *noise, float *x, size_t count)
{
    af_solver *solver;
    assert_int_equal(af_solver_create(options, count, &solver), ARTFUSION_OK);
    float *eps = malloc(count * sizeof *eps);
    float *x0 = malloc(count * sizeof *x0);
    assert_non_null(eps);
    assert_non_null(x0);
    for (int i = 0; i < steps; i++) {
        for (size_t j = 0; j < count; j++)
            eps[j] = (float)gaussian_eps(&data[j], alphas[i], (double)x[j]);
        af_solver_step(solver, alphas[i], alphas[i + 1], eps,
                       noise == NULL ? NULL : noise + (size_t)i * count, i == steps - 1, x, x0);
    }
    free(eps);
    free(x0);
    af_solver_destroy(solver);
}
