/* SPDX-License-Identifier: MIT
 * Random numbers: PyTorch's CPU generator to the last bit, and a counter-based one. */
#ifndef AF_MATH_RNG_H
#define AF_MATH_RNG_H

#include "artfusion.h"

#define AF_RNG_TORCH_WORDS 624

/* MT19937 with the state torch's CPU generator keeps: also the cached second normal of the small
 * draws (fewer than 16 elements). */
typedef struct af_rng_torch {
    uint32_t state[AF_RNG_TORCH_WORDS];
    int32_t position; /* 0..AF_RNG_TORCH_WORDS */
    int32_t has_cached_normal;
    double cached_normal;
} af_rng_torch;

void af_rng_torch_seed(af_rng_torch *rng, uint64_t seed);
void af_rng_torch_normal(af_rng_torch *rng, float *values, size_t count);
void af_rng_torch_uniform(af_rng_torch *rng, float *values, size_t count);

/* Philox 4x32-10 (Salmon et al., SC11), stateless: element i of stream `stream` of draw `draw` is a
 * pure function of (seed, stream, draw, i). A stream is a picture, a draw one tensor of its run. */
void af_rng_counter_normal(uint64_t seed, uint32_t stream, uint32_t draw, float *values,
                           size_t count);
void af_rng_counter_uniform(uint64_t seed, uint32_t stream, uint32_t draw, float *values,
                            size_t count);

#endif
