/* SPDX-License-Identifier: MIT
 * The random numbers of PyTorch's CPU generator: MT19937 (Matsumoto and Nishimura, ACM TOMACS 8,
 * 1998) and what torch.rand and torch.randn make of its words. Normals of 16 elements and more are
 * those of x86-64 with AVX2 or AVX-512; PyTorch's own differ elsewhere in their last bits. */
#include <math.h>

#include "math/box_muller.h"
#include "math/rng.h"

enum { WORDS = 624, SHIFT = 397, CHUNK = 16 };

void af_rng_torch_seed(af_rng_torch *rng, uint64_t seed)
{
    /* PyTorch takes 64 bits and uses the lower 32. */
    rng->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < WORDS; i++) {
        uint32_t previous = rng->state[i - 1];
        rng->state[i] = 1812433253u * (previous ^ (previous >> 30)) + i;
    }
    rng->position = WORDS;
    rng->has_cached_normal = 0;
    rng->cached_normal = 0;
}

static void twist(uint32_t *state)
{
    for (int i = 0; i < WORDS; i++) {
        uint32_t mixed = (state[i] & 0x80000000u) | (state[(i + 1) % WORDS] & 0x7fffffffu);
        state[i] = state[(i + SHIFT) % WORDS] ^ (mixed >> 1) ^ ((mixed & 1) ? 0x9908b0dfu : 0);
    }
}

static uint32_t next_word(af_rng_torch *rng)
{
    if (rng->position == WORDS) {
        twist(rng->state);
        rng->position = 0;
    }
    uint32_t word = rng->state[rng->position++];
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680u;
    word ^= (word << 15) & 0xefc60000u;
    return word ^ (word >> 18);
}

static float next_float(af_rng_torch *rng)
{
    return (float)(next_word(rng) & 0xffffffu) * 0x1p-24f;
}

static double next_double(af_rng_torch *rng)
{
    uint64_t upper = next_word(rng);
    uint64_t lower = next_word(rng);
    return (double)(((upper << 32) | lower) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

void af_rng_torch_uniform(af_rng_torch *rng, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = next_float(rng);
}

/* The pair's second normal waits in the state for the next small draw, also of another call. */
static double next_normal(af_rng_torch *rng)
{
    if (rng->has_cached_normal) {
        rng->has_cached_normal = 0;
        return rng->cached_normal;
    }
    double angle = 2.0 * 3.14159265358979323846 * next_double(rng);
    double radius = sqrt(-2.0 * log1p(-next_double(rng)));
    rng->cached_normal = radius * sin(angle);
    rng->has_cached_normal = 1;
    return radius * cos(angle);
}

/* Sixteen uniforms to sixteen normals in place: pairs lie eight apart. */
static void normal_chunk(float *values)
{
    for (int i = 0; i < CHUNK / 2; i++)
        af_box_muller(1.0f - values[i], values[i + CHUNK / 2], &values[i], &values[i + CHUNK / 2]);
}

void af_rng_torch_normal(af_rng_torch *rng, float *values, size_t count)
{
    if (count < CHUNK) {
        for (size_t i = 0; i < count; i++)
            values[i] = (float)next_normal(rng);
        return;
    }
    af_rng_torch_uniform(rng, values, count);
    for (size_t i = 0; i + CHUNK <= count; i += CHUNK)
        normal_chunk(values + i);
    if (count % CHUNK != 0) {
        float *last = values + count - CHUNK;
        af_rng_torch_uniform(rng, last, CHUNK);
        normal_chunk(last);
    }
}
