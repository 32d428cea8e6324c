/* SPDX-License-Identifier: MIT
 * The counter-based generator. The counter is (block, draw, stream), the key is the seed; a block
 * is four words and makes elements 4 block .. 4 block + 3. */
#include "math/box_muller.h"
#include "math/philox.h"
#include "math/rng.h"

enum { BLOCK = 4 };

/* [0, 1): 24 bits, which a float holds. */
static float to_uniform(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/* (0, 1], down to 2^-33: normals reach 6.7 rather than the 5.8 that 24 bits would give. */
static float to_radius_uniform(uint32_t word)
{
    return (float)word * 0x1p-32f + 0x1p-33f;
}

static void uniform_block(const uint32_t words[BLOCK], float values[BLOCK])
{
    for (int i = 0; i < BLOCK; i++)
        values[i] = to_uniform(words[i]);
}

static void normal_block(const uint32_t words[BLOCK], float values[BLOCK])
{
    for (int i = 0; i < BLOCK; i += 2)
        af_box_muller(to_radius_uniform(words[i]), to_uniform(words[i + 1]), &values[i],
                      &values[i + 1]);
}

static void fill(uint64_t seed, uint32_t stream, uint32_t draw, float *values, size_t count,
                 void (*block)(const uint32_t words[BLOCK], float values[BLOCK]))
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < count; i += BLOCK) {
        uint64_t index = i / BLOCK;
        const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), draw, stream};
        uint32_t words[BLOCK];
        float numbers[BLOCK];
        af_philox4x32(counter, key, words);
        block(words, numbers);
        for (size_t j = 0; j < BLOCK && i + j < count; j++)
            values[i + j] = numbers[j];
    }
}

void af_rng_counter_normal(uint64_t seed, uint32_t stream, uint32_t draw, float *values,
                           size_t count)
{
    fill(seed, stream, draw, values, count, normal_block);
}

void af_rng_counter_uniform(uint64_t seed, uint32_t stream, uint32_t draw, float *values,
                            size_t count)
{
    fill(seed, stream, draw, values, count, uniform_block);
}
