/* SPDX-License-Identifier: MIT
 * The solvers' updates as pure functions. Each is a weighted sum of the latent, data predictions,
 * eps and noise; a solver is the rule for the weights.
 *
 * Here alpha is alphas_cumprod, alpha_bar of arXiv 2006.11239 (the alpha of 2010.02502). The papers
 * on DPM-Solver and UniPC write alpha_t for its square root, sigma_t for sqrt(1 - alpha), and
 * lambda_t = log(alpha_t / sigma_t). All alphas are in (0, 1); alpha_next >= alpha may be 1. */
#ifndef AF_MATH_FACTORS_H
#define AF_MATH_FACTORS_H

#include <stddef.h>

typedef struct af_factors {
    double x;         /* of the latent */
    double x0;        /* of the data prediction at it */
    double x0_before; /* of the data prediction a step earlier; 0 in first-order updates */
    double eps;       /* of the guided eps at it */
    double noise;     /* of standard normal noise, at temperature 1 */
} af_factors;

/* DDIM's noise: arXiv 2010.02502, equation 16. 0 for alpha_next = alpha, and for 1. */
double af_ddim_sigma(double alpha, double alpha_next, double eta);

/* DDIM: arXiv 2010.02502, equation 12. An eta beyond 1 may ask for more noise than there is room
 * for; eps then gets no weight. */
af_factors af_ddim(double alpha, double alpha_next, double eta);

/* The posterior q(x_next | x, x0): arXiv 2006.11239, equations 6 and 7, for a step of any length by
 * writing alpha / alpha_next for the paper's alpha_t. */
af_factors af_ddpm(double alpha, double alpha_next);

/* DPM-Solver++(2M), arXiv 2211.01095, algorithm 2, and the same paper's SDE-DPM-Solver++(2M): `eta`
 * times the variance of the reverse SDE's noise, with the drift that leaves the marginals as they
 * are; 0 is the ODE. `alpha_before` is alpha a step earlier; 0: there is none, and the update is of
 * first order, as it is for alpha_next = 1. */
af_factors af_dpmpp_2m(double alpha, double alpha_next, double alpha_before, double eta);

/* The corrector UniC-2 of arXiv 2302.04867, theorem 3.1, on data predictions and with
 * B(h) = e^h - 1: the step from `alpha_from` to `alpha` is done again now that the data prediction
 * at its end is known. `alpha_before` is alpha a step before it; 0: there is none, UniC-1. */
typedef struct af_unic_factors {
    double x_from;    /* of the latent at alpha_from */
    double x0_from;   /* of the data prediction there */
    double x0_before; /* of the one at alpha_before */
    double x0;        /* of the one at alpha */
} af_unic_factors;
af_unic_factors af_unic_2(double alpha_from, double alpha, double alpha_before);

typedef struct af_term {
    double factor;
    const float *values; /* [count]; not read, and may be NULL, where the factor is 0 */
} af_term;

/* out = sum of factor * values, in float64; `out` may be one of the terms. */
void af_sum(const af_term *terms, size_t term_count, float *out, size_t count);

#endif
