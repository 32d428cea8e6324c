/* SPDX-License-Identifier: MIT
 *
 * What the networks' calls take of memory at any size, from measurements around the native one.
 * Layers are proportional to a latent's positions; where attention keeps a matrix of all pairs, to
 * their square.
 */
#ifndef AF_MODEL_MEMORY_H
#define AF_MODEL_MEMORY_H

#include <pthread.h>

#include "model/engine.h"

/* Bytes of a call: constant + batch * (linear * positions + square * positions^2). */
typedef struct af_memory_curve {
    int32_t known;
    double constant, linear, square;
} af_memory_curve;

typedef struct af_memory {
    pthread_mutex_t lock;
    af_memory_curve curves[AF_STAGES];
} af_memory;

/* Through 1 to 3 points of growing positions; the square only where it is more than rounding. */
void af_memory_fit(const double positions[3], const double bytes[3], int32_t points,
                   af_memory_curve *curve);
double af_memory_at(const af_memory_curve *curve, double batch, double positions);

/* Returns 0 where there can be no lock. */
int af_memory_init(af_memory *memory);
void af_memory_clear(af_memory *memory);

/* At most, for `batch` latents of h x w, or `batch` rows of CONDITION (h = w = 1). The first time
 * of a stage it is measured, while other threads that ask wait. Errors: ENGINE, MEMORY. */
artfusion_status af_model_memory(artfusion_model *model, af_stage stage, int32_t batch, int32_t h,
                                 int32_t w, uint64_t *bytes);

#endif
