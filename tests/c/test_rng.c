/* SPDX-License-Identifier: MIT
 * Random numbers: published test vectors, PyTorch's values, independence of batch and size. The
 * comparison with PyTorch itself, at every size, is tests/python/test_rng.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "artfusion.h"
#include "math/box_muller.h"
#include "math/philox.h"
#include "math/rng.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static float *new_floats(size_t count)
{
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    return values;
}

/* The vectors published with Random123. */
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], words[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        uint32_t words[4];
        af_philox4x32(cases[i].counter, cases[i].key, words);
        assert_memory_equal(words, cases[i].words, sizeof words);
    }
}

/* The 10000th word for seed 5489 is in the C++ standard, [rand.predef]; a float shows its lower 24
 * bits. PyTorch ignores a seed's upper half. */
static void mersenne_twister_known_answer(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {5489, 5489 + (UINT64_C(1) << 40)};
    for (size_t i = 0; i < LENGTH(seeds); i++) {
        af_rng_torch rng;
        float values[10000];
        af_rng_torch_seed(&rng, seeds[i]);
        af_rng_torch_uniform(&rng, values, LENGTH(values));
        assert_true(values[9999] == (float)(UINT32_C(4123659995) & 0xffffff) / 16777216.0f);
    }
}

/* torch.manual_seed(0); torch.randn(17): a whole chunk and a tail drawn again. */
static void torch_normal_of_17(void **state)
{
    (void)state;
    static const float expected[17] = {
        -0x1.20370ap+0f, -0x1.b2288cp+0f, 0x1.222008p-1f, 0x1.9646bap-1f, 0x1.329b16p-1f,
        -0x1.8e1ab6p+0f, -0x1.5d8d94p-2f, 0x1.da5e9cp+0f, 0x1.df54aap-2f, -0x1.2bc656p-1f,
        -0x1.631dd6p-3f, 0x1.77c348p-3f,  0x1.63ad8p+0f,  0x1.961ap+0f,   0x1.e48138p-1f,
        -0x1.aff666p-1f, 0x1.dd186p-1f,
    };
    af_rng_torch rng;
    float values[17];
    af_rng_torch_seed(&rng, 0);
    af_rng_torch_normal(&rng, values, LENGTH(values));
    assert_memory_equal(values, expected, sizeof values);

    /* Of 16 there is no tail, and the first is what it was. */
    af_rng_torch_seed(&rng, 0);
    af_rng_torch_normal(&rng, values, 16);
    assert_true(values[0] == expected[0]);
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const float *values, size_t count)
{
    const unsigned char *bytes = (const unsigned char *)values;
    uint64_t value = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < count * sizeof *values; i++)
        value = (value ^ bytes[i]) * UINT64_C(1099511628211);
    return value;
}

/* torch.manual_seed(seed), then torch.randn or torch.rand of so many: every bit of them, as PyTorch
 * 2.13 gives them with AVX-512. A last bit in one polynomial of box_muller.c would show. */
static void torchs_bits_in_bulk(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, hash;
        size_t count;
        int normal;
    } cases[] = {{0, UINT64_C(0x2cb75245f67478d3), 100000, 1},
                 {UINT64_C(1234567890123), UINT64_C(0x115a3e9d1db9dc89), 100007, 1},
                 {0, UINT64_C(0x9eb14a9a6bc5b384), 100000, 0}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        float *values = new_floats(cases[i].count);
        af_rng_torch rng;
        af_rng_torch_seed(&rng, cases[i].seed);
        (cases[i].normal ? af_rng_torch_normal : af_rng_torch_uniform)(&rng, values,
                                                                       cases[i].count);
        assert_true(hash(values, cases[i].count) == cases[i].hash);
        free(values);
    }
}

/* torch.manual_seed(0); torch.randn(3); torch.randn(2): the second normal of the third's pair waits
 * for the next call; seeding anew forgets it. */
static void torch_small_draws_share_pairs(void **state)
{
    (void)state;
    static const float expected[5] = {
        0x1.8a7eb8p+0f, -0x1.2c78ap-2f, -0x1.16e292p+1f, 0x1.23096cp-1f, -0x1.15a342p+0f,
    };
    for (int again = 0; again < 2; again++) {
        af_rng_torch rng;
        float values[5];
        memset(&rng, 0, sizeof rng);
        af_rng_torch_seed(&rng, 7);
        af_rng_torch_normal(&rng, values, 1);
        af_rng_torch_seed(&rng, 0);
        af_rng_torch_normal(&rng, values, 3);
        af_rng_torch_normal(&rng, values + 3, 2);
        assert_memory_equal(values, expected, sizeof values);
    }
}

/* Against the C library's double-precision functions, over all exponents and octants. */
static void box_muller_is_accurate(void **state)
{
    (void)state;
    double worst = 0;
    for (int i = 0; i < 200000; i++) {
        float u1 = (float)exp2(-33.0 * i / 199999.0);
        float u2 = (float)((uint32_t)i * 2654435761u >> 8) * 0x1p-24f;
        float cosine_normal, sine_normal;
        af_box_muller(u1, u2, &cosine_normal, &sine_normal);
        double radius = sqrt(-2.0 * log((double)u1));
        double angle = 6.283185307179586 * (double)u2;
        worst = fmax(worst, fabs((double)cosine_normal - radius * cos(angle)));
        worst = fmax(worst, fabs((double)sine_normal - radius * sin(angle)));
    }
    /* Angles near 2 pi carry 1.7e-7 of its own rounding and 2.4e-7 of the product's, times a radius
     * of up to 6.8; and as much again for the polynomials. */
    assert_true(worst < 4e-6);

    float zero, also_zero;
    af_box_muller(1.0f, 0.0f, &zero, &also_zero);
    assert_true(zero == 0.0f && !signbit(zero));
    assert_true(also_zero == 0.0f && !signbit(also_zero));
}

/* Element 4 b + i is word i of the block (b, draw, stream) under the seed. */
static void counter_uniforms_are_words_in_order(void **state)
{
    (void)state;
    const uint32_t key[2] = {0x89abcdef, 0x01234567};
    float values[10];
    af_rng_counter_uniform(UINT64_C(0x0123456789abcdef), 3, 5, values, LENGTH(values));
    for (uint32_t i = 0; i < LENGTH(values); i++) {
        const uint32_t counter[4] = {i / 4, 0, 5, 3};
        uint32_t words[4];
        af_philox4x32(counter, key, words);
        assert_true(values[i] == (float)(words[i % 4] >> 8) / 16777216.0f);
    }
}

/* This draw's first word is 73, its second 989356285: a normal beyond what 24 bits can reach. */
static void counter_normals_have_tails(void **state)
{
    (void)state;
    float values[2];
    af_rng_counter_normal(1, 0, 270842, values, 2);
    double radius = sqrt(-2.0 * log(73.5 / 4294967296.0));
    double angle = 6.283185307179586 * 989356285.0 / 4294967296.0;
    assert_true(radius > 5.9);
    assert_true(fabs((double)values[0] - radius * cos(angle)) < 1e-5);
    assert_true(fabs((double)values[1] - radius * sin(angle)) < 1e-5);
}

static void counter_is_independent_of_size(void **state)
{
    (void)state;
    float whole[67], part[67];
    af_rng_counter_normal(3, 1, 2, whole, LENGTH(whole));
    for (size_t count = 0; count <= LENGTH(part); count++) {
        memset(part, 0xff, sizeof part);
        af_rng_counter_normal(3, 1, 2, part, count);
        assert_memory_equal(part, whole, count * sizeof *part);
        for (size_t i = count; i < LENGTH(part); i++)
            assert_true(isnan(part[i])); /* nothing is written beyond */
    }
}

/* Every part of (seed, stream, draw) counts. */
static void counter_depends_on_all(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        uint32_t stream, draw;
    } cases[] = {{5, 0, 0},          {6, 0, 0}, {5 + (UINT64_C(1) << 32), 0, 0},
                 {5, 1, 0},          {5, 0, 1}, {5, 0x80000000u, 0},
                 {5, 0, 0x80000000u}};
    float values[LENGTH(cases)][8];
    for (size_t i = 0; i < LENGTH(cases); i++) {
        af_rng_counter_uniform(cases[i].seed, cases[i].stream, cases[i].draw, values[i], 8);
        for (size_t j = 0; j < i; j++)
            for (size_t k = 0; k < 8; k++)
                assert_true(values[i][k] != values[j][k]);
    }
}

static double moment(const float *values, size_t count, int power)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += pow((double)values[i], power);
    return sum / (double)count;
}

/* Bounds are five standard errors. */
static void counter_normal_has_its_moments(void **state)
{
    (void)state;
    const size_t count = 1000000;
    float *values = new_floats(count);
    af_rng_counter_normal(42, 0, 0, values, count);
    double error = 5.0 / sqrt((double)count);
    assert_true(fabs(moment(values, count, 1)) < error);
    assert_true(fabs(moment(values, count, 2) - 1.0) < error * sqrt(2.0));
    assert_true(fabs(moment(values, count, 3)) < error * sqrt(15.0));
    assert_true(fabs(moment(values, count, 4) - 3.0) < error * sqrt(96.0));
    for (size_t lag = 1; lag <= 8; lag++) {
        double sum = 0;
        for (size_t i = lag; i < count; i++)
            sum += (double)values[i] * (double)values[i - lag];
        assert_true(fabs(sum / (double)(count - lag)) < error);
    }
    free(values);
}

static void counter_uniform_fills_the_interval(void **state)
{
    (void)state;
    enum { COUNT = 1000000, BINS = 1000 };
    float *values = new_floats(COUNT);
    af_rng_counter_uniform(42, 0, 0, values, COUNT);
    int bins[BINS] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(values[i] >= 0.0f && values[i] < 1.0f);
        bins[(int)(values[i] * BINS)]++;
    }
    double chi_squared = 0;
    for (int i = 0; i < BINS; i++)
        chi_squared += (bins[i] - 1000.0) * (bins[i] - 1000.0) / 1000.0;
    /* 999 degrees of freedom: mean 999, standard deviation 44.7. */
    assert_true(chi_squared > 999 - 5 * 44.7 && chi_squared < 999 + 5 * 44.7);
    free(values);
}

static void handle_counts_its_draws(void **state)
{
    (void)state;
    artfusion_rng *rng;
    float values[6], expected[6];
    assert_int_equal(artfusion_rng_create(ARTFUSION_RNG_COUNTER, 11, &rng), ARTFUSION_OK);
    assert_int_equal(artfusion_rng_normal(rng, values, 6), ARTFUSION_OK);
    af_rng_counter_normal(11, 0, 0, expected, 6);
    assert_memory_equal(values, expected, sizeof values);
    assert_int_equal(artfusion_rng_uniform(rng, values, 6), ARTFUSION_OK);
    af_rng_counter_uniform(11, 0, 1, expected, 6);
    assert_memory_equal(values, expected, sizeof values);
    artfusion_rng_destroy(rng);
}

static void handle_continues_torch(void **state)
{
    (void)state;
    artfusion_rng *rng;
    af_rng_torch torch;
    float values[40], expected[40];
    assert_int_equal(artfusion_rng_create(ARTFUSION_RNG_TORCH_CPU, 11, &rng), ARTFUSION_OK);
    af_rng_torch_seed(&torch, 11);
    assert_int_equal(artfusion_rng_uniform(rng, values, 5), ARTFUSION_OK);
    af_rng_torch_uniform(&torch, expected, 5);
    assert_memory_equal(values, expected, 5 * sizeof *values);
    assert_int_equal(artfusion_rng_normal(rng, values, 40), ARTFUSION_OK);
    af_rng_torch_normal(&torch, expected, 40);
    assert_memory_equal(values, expected, sizeof values);
    artfusion_rng_destroy(rng);
}

static void handle_refuses_bad_arguments(void **state)
{
    (void)state;
    artfusion_rng *rng = (artfusion_rng *)1;
    float value;
    assert_int_equal(artfusion_rng_create(2, 0, &rng), ARTFUSION_ERROR_ARGUMENT);
    assert_null(rng);
    assert_non_null(strstr(artfusion_error_message(), "2"));
    assert_int_equal(artfusion_rng_create(0, 0, NULL), ARTFUSION_ERROR_ARGUMENT);
    assert_string_equal(artfusion_error_message(), "rng is NULL"); /* not the call's before */
    assert_int_equal(artfusion_rng_create(-1, 0, &rng), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_rng_normal(NULL, &value, 1), ARTFUSION_ERROR_ARGUMENT);
    assert_string_equal(artfusion_error_message(), "rng is NULL");
    assert_int_equal(artfusion_rng_uniform(NULL, &value, 1), ARTFUSION_ERROR_ARGUMENT);
    artfusion_rng_destroy(NULL);

    assert_int_equal(artfusion_rng_create(ARTFUSION_RNG_TORCH_CPU, 0, &rng), ARTFUSION_OK);
    assert_int_equal(artfusion_rng_normal(rng, NULL, 1), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_rng_normal(rng, NULL, 0), ARTFUSION_OK);
    artfusion_rng_destroy(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(mersenne_twister_known_answer),
        cmocka_unit_test(torch_normal_of_17),
        cmocka_unit_test(torchs_bits_in_bulk),
        cmocka_unit_test(torch_small_draws_share_pairs),
        cmocka_unit_test(box_muller_is_accurate),
        cmocka_unit_test(counter_uniforms_are_words_in_order),
        cmocka_unit_test(counter_normals_have_tails),
        cmocka_unit_test(counter_is_independent_of_size),
        cmocka_unit_test(counter_depends_on_all),
        cmocka_unit_test(counter_normal_has_its_moments),
        cmocka_unit_test(counter_uniform_fills_the_interval),
        cmocka_unit_test(handle_counts_its_draws),
        cmocka_unit_test(handle_continues_torch),
        cmocka_unit_test(handle_refuses_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
