/* SPDX-License-Identifier: MIT
 *
 * What the networks' calls take of memory at any size, as curves through measurements around the
 * native one. Layers are proportional to a latent's positions; where attention keeps a matrix of
 * all pairs, to their square.
 */
#ifndef AF_MODEL_CURVES_H
#define AF_MODEL_CURVES_H

#include <pthread.h>

#include "model/engine.h"

#define AF_CURVE_POINTS 3

/* Bytes of a call: constant + batch * (linear * positions + square * positions^2). */
typedef struct af_curve {
    int32_t known;
    double constant, linear, square;
} af_curve;

/* Through 1 to 3 points of growing positions; the square only where it is more than rounding. */
void af_curve_fit(const double positions[AF_CURVE_POINTS], const double bytes[AF_CURVE_POINTS],
                  int32_t points, af_curve *curve);
double af_curve_at(const af_curve *curve, double batch, double positions);

/* A model's: each is fitted when its stage is first asked for, under the lock. */
typedef struct af_curves {
    pthread_mutex_t lock;
    af_curve of[AF_STAGES];
} af_curves;

/* Returns 0 where there can be no lock. */
int af_curves_init(af_curves *curves);
void af_curves_clear(af_curves *curves);

#endif
