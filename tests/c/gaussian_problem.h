/* SPDX-License-Identifier: MIT
 * Diffusion of normally distributed data, where eps and the solutions of the reverse ODE and SDE
 * are known in closed form. */
#ifndef GAUSSIAN_PROBLEM_H
#define GAUSSIAN_PROBLEM_H

#include <stddef.h>

#include "math/solver.h"

/* Data x0 ~ N(mean, deviation^2); x at alpha is then normal as well. */
typedef struct gaussian {
    double mean, deviation;
} gaussian;

double gaussian_mean_at(const gaussian *data, double alpha);
double gaussian_variance_at(const gaussian *data, double alpha);

/* E[eps | x], what a perfect network predicts. */
double gaussian_eps(const gaussian *data, double alpha, double x);

/* Where the probability-flow ODE takes x from alpha to alpha_next: the same number of standard
 * deviations from the mean. */
double gaussian_flow(const gaussian *data, double alpha, double alpha_next, double x);

/* How much of a start's distance from the mean, in standard deviations, is left in the mean by the
 * reverse SDE with `noise_variance` times the noise of the reverse of the forward process: the
 * exponential of -noise_variance * integral of (1 - alpha) / variance over lambda. */
double gaussian_memory(const gaussian *data, double alpha, double alpha_next,
                       double noise_variance);

/* alphas[steps + 1] from one lambda = log(alpha / (1 - alpha)) / 2 to another, `steps` even: every
 * second step is twice as long as the one before it, so that ratios of steps count. */
void alphas_alternating(double lambda_first, double lambda_last, int steps, double *alphas);

/* Runs `steps` steps of a new solver along alphas[steps + 1], in place, with a perfect network for
 * data[i] at element i. noise[steps][count]; NULL: none. */
void gaussian_run(const af_solver_options *options, const gaussian *data, const double *alphas,
                  int steps, const float *noise, float *x, size_t count);

#endif
