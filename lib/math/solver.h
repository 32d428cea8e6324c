/* SPDX-License-Identifier: MIT
 * Solvers: from x at alpha to x at alpha_next, given the guided eps. Each update is a pure function
 * of its arguments and of the history it is handed; the state between steps is in af_solver. */
#ifndef AF_MATH_SOLVER_H
#define AF_MATH_SOLVER_H

#include "base/record.h"

typedef struct af_solver_options {
    artfusion_solver solver;
    double eta;         /* DDIM, DPMPP_2M_SDE */
    double temperature; /* factor of the noise */
} af_solver_options;

/* One run's solver state: the x0 (data predictions) and log-SNR halves lambda of earlier steps, and
 * what UniPC's corrector needs. Allocated once, for `count` elements; a step allocates nothing. */
typedef struct af_solver af_solver;

artfusion_status af_solver_create(const af_solver_options *options, size_t count,
                                  af_solver **solver);
void af_solver_destroy(af_solver *solver);

/* How many bytes the state of a solver for `count` elements takes. */
size_t af_solver_bytes(artfusion_solver solver, size_t count);

/* Forgets the history. */
void af_solver_reset(af_solver *solver);

/* The history, saved or loaded: of a solver of the same kind and count. A loaded one is right where
 * af_solver_is_valid says so. */
void af_solver_record(af_solver *solver, af_record *record);
int32_t af_solver_is_valid(const af_solver *solver);

/* 1 if a step from alpha to alpha_next adds noise (its factor is not 0), else 0. The sampler draws
 * noise for every step of DDIM and DDPM with the TORCH_CPU generator, as the reference does,
 * whatever this says. */
int32_t af_solver_needs_noise(const af_solver *solver, double alpha, double alpha_next);

/* Does the update in place; for UniPC first the correction of x by the eps evaluated at it, then
 * the prediction from there, so that a step costs one evaluation.
 *   alpha, alpha_next  alphas_cumprod here and after the step; 0 < alpha < 1, alpha_next >= alpha,
 *                      alpha_next = 1 gives x0 (second-order solvers then take a first-order step)
 *   eps                the guided noise prediction at x, [count]
 *   noise              [count], standard normal, NULL where af_solver_needs_noise says 0
 *   is_last            whether no step follows
 *   x                  [count], in and out
 *   x0                 [count], out: the data prediction of this step
 * alpha_next == alpha (a timestep visited twice) is the identity for ODE solvers. */
void af_solver_step(af_solver *solver, double alpha, double alpha_next, const float *eps,
                    const float *noise, int32_t is_last, float *x, float *x0);

#endif
