/* SPDX-License-Identifier: MIT
 * Guidance and the conversions between predictions, on numbers that floats hold exactly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "math/guidance.h"

enum { COUNT = 3 };

static const float both[COUNT] = {1.0f, -2.0f, 0.5f};
static const float null_content[COUNT] = {3.0f, 1.0f, 0.25f};
static const float null_style[COUNT] = {-1.0f, 4.0f, 0.0f};

static void a_scale_of_one_costs_no_pass(void **state)
{
    (void)state;
    assert_int_equal(af_guidance_branches(1.0, 1.0), AF_BRANCH_BOTH);
    assert_int_equal(af_guidance_branches(0.5, 1.0), AF_BRANCH_BOTH | AF_BRANCH_NULL_CONTENT);
    assert_int_equal(af_guidance_branches(1.0, 0.0), AF_BRANCH_BOTH | AF_BRANCH_NULL_STYLE);
    assert_int_equal(af_guidance_branches(0.0, 2.0),
                     AF_BRANCH_BOTH | AF_BRANCH_NULL_CONTENT | AF_BRANCH_NULL_STYLE);
    assert_int_equal(af_guidance_branches(nextafter(1.0, 2.0), 1.0),
                     AF_BRANCH_BOTH | AF_BRANCH_NULL_CONTENT);
}

static void both_scales_mix_as_published(void **state)
{
    (void)state;
    /* e1 + s1 (e - e1) + e2 + s2 (e - e2) - e with s1 = 0.5, s2 = 2. */
    const float expected[COUNT] = {2.0f + 3.0f - 1.0f, -0.5f - 8.0f + 2.0f, 0.375f + 1.0f - 0.5f};
    float eps[COUNT];
    af_guidance_mix(both, null_content, null_style, 0.5, 2.0, eps, COUNT);
    assert_memory_equal(eps, expected, sizeof eps);
}

static void one_scale_mixes_as_usual(void **state)
{
    (void)state;
    const float with_content[COUNT] = {-3.0f, -8.0f, 1.0f}; /* e1 + 3 (e - e1) */
    const float with_style[COUNT] = {0.0f, 1.0f, 0.25f};    /* e2 + 0.5 (e - e2) */
    float eps[COUNT];
    af_guidance_mix(both, null_content, NULL, 3.0, 1.0, eps, COUNT);
    assert_memory_equal(eps, with_content, sizeof eps);
    af_guidance_mix(both, NULL, null_style, 1.0, 0.5, eps, COUNT);
    assert_memory_equal(eps, with_style, sizeof eps);
    af_guidance_mix(both, NULL, NULL, 1.0, 1.0, eps, COUNT);
    assert_memory_equal(eps, both, sizeof eps);
}

static void mixing_in_place_is_the_same(void **state)
{
    (void)state;
    static const double scales[][2] = {{1, 1}, {0.5, 1}, {1, 2}, {0.5, 2}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        float apart[COUNT + 1], in_place[COUNT];
        memcpy(in_place, both, sizeof both);
        apart[COUNT] = 7.0f;
        af_guidance_mix(both, null_content, null_style, scales[i][0], scales[i][1], apart, COUNT);
        assert_true(apart[COUNT] == 7.0f); /* nothing is written beyond */
        af_guidance_mix(in_place, null_content, null_style, scales[i][0], scales[i][1], in_place,
                        COUNT);
        assert_memory_equal(apart, in_place, sizeof in_place);
    }
}

/* alpha = 0.64: x = 0.8 x0 + 0.6 eps, v = 0.8 eps - 0.6 x0. */
static void predictions_convert_to_the_same_eps(void **state)
{
    (void)state;
    const double alpha = 0.64;
    const float x0[COUNT] = {1.0f, -2.0f, 0.0f}, eps[COUNT] = {0.5f, 1.5f, -3.0f};
    float x[COUNT], v[COUNT], converted[COUNT], clean[COUNT];
    af_add_noise(alpha, x0, eps, x, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_true(fabs((double)x[i] - (0.8 * (double)x0[i] + 0.6 * (double)eps[i])) < 1e-6);
        v[i] = (float)(0.8 * (double)eps[i] - 0.6 * (double)x0[i]);
    }
    const struct {
        artfusion_prediction prediction;
        const float *predicted;
    } cases[] = {{ARTFUSION_PREDICTION_EPS, eps},
                 {ARTFUSION_PREDICTION_V, v},
                 {ARTFUSION_PREDICTION_X0, x0}};
    for (size_t k = 0; k < 3; k++) {
        af_prediction_to_eps(cases[k].prediction, alpha, x, cases[k].predicted, converted, COUNT);
        for (int i = 0; i < COUNT; i++)
            assert_true(fabs((double)converted[i] - (double)eps[i]) < 1e-6);
        memcpy(converted, cases[k].predicted, sizeof converted);
        af_prediction_to_eps(cases[k].prediction, alpha, x, converted, converted, COUNT);
        for (int i = 0; i < COUNT; i++)
            assert_true(fabs((double)converted[i] - (double)eps[i]) < 1e-6);
    }
    af_eps_to_x0(alpha, x, eps, clean, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(fabs((double)clean[i] - (double)x0[i]) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scale_of_one_costs_no_pass),
        cmocka_unit_test(both_scales_mix_as_published),
        cmocka_unit_test(one_scale_mixes_as_usual),
        cmocka_unit_test(mixing_in_place_is_the_same),
        cmocka_unit_test(predictions_convert_to_the_same_eps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
