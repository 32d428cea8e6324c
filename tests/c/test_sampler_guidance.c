/* SPDX-License-Identifier: MIT
 * Branches, their mix, and whose condition is whose. */
#include <math.h>
#include <string.h>

#include "runs.h"

static void check_passes(artfusion_model *model, double content_scale, double style_scale,
                         int32_t conditioned, int32_t passes_a_step)
{
    test_engine_control *engine = test_engine();
    artfusion_sampler_options options = options_for(model);
    options.content_scale = content_scale;
    options.style_scale = style_scale;
    options.batch = 2;
    artfusion_sampler *sampler = sampler_for(model, &options);
    if (conditioned)
        condition(sampler, model);
    assert_ok(artfusion_sampler_run(sampler));
    assert_int_equal(progress_of(sampler).passes, passes_a_step * options.steps);
    assert_int_equal(engine->last_batch, passes_a_step * 2);
    /* One call a step, whatever the branches; conditions once a run. */
    assert_int_equal(atomic_load(&engine->calls[TEST_DENOISE]), options.steps);
    assert_int_equal(atomic_load(&engine->calls[TEST_CONDITION]), 1);
    artfusion_sampler_destroy(sampler);
}

static void test_passes(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    check_passes(model, 1, 1, 1, 1);
    check_passes(model, 0.5, 1, 1, 2);
    check_passes(model, 1, 3, 1, 2);
    check_passes(model, 0.5, 2, 1, 3);
    check_passes(model, 0, 0, 1, 3);
    check_passes(model, 0.5, 2, 0, 1); /* without conditions there is nothing to guide */
    artfusion_model_destroy(model);
}

/* The UNet of the test world is linear in mu, so guidance can be computed by hand: x0 of the first
 * step with scales s1, s2 is that mix of three runs' without guidance. */
static void first_x0(artfusion_model *model, double content_scale, double style_scale,
                     int32_t with_content, int32_t with_style, double start, float *x0)
{
    artfusion_sampler_options options = options_for(model);
    options.content_scale = content_scale;
    options.style_scale = style_scale;
    options.content_start = options.style_start = start;
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    if (!with_content)
        assert_ok(artfusion_sampler_set_content(sampler, 0, NULL));
    if (!with_style)
        assert_ok(artfusion_sampler_set_style(sampler, 0, NULL));
    assert_ok(artfusion_sampler_next(sampler));
    memcpy(x0, artfusion_sampler_x0(sampler, NULL), VALUES * sizeof *x0);
    artfusion_sampler_destroy(sampler);
}

static void test_guidance(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    float e[VALUES], e1[VALUES], e2[VALUES], mixed[VALUES], content[VALUES], late[VALUES];
    first_x0(model, 1, 1, 1, 1, 0, e);
    first_x0(model, 1, 1, 0, 1, 0, e1);
    first_x0(model, 1, 1, 1, 0, 0, e2);
    first_x0(model, 0.6, 2.5, 1, 1, 0, mixed);
    first_x0(model, 0.6, 1, 1, 1, 0, content);
    first_x0(model, 0.6, 2.5, 1, 1, 0.5, late);
    int32_t matters = 0;
    for (int i = 0; i < VALUES; i++) {
        const float both = e1[i] + 0.6f * (e[i] - e1[i]) + e2[i] + 2.5f * (e[i] - e2[i]) - e[i];
        assert_near(mixed[i], both, 1e-3);
        assert_near(content[i], e1[i] + 0.6f * (e[i] - e1[i]), 1e-3);
        matters += fabsf(both - e[i]) > 0.05f && fabsf(e1[i] - e2[i]) > 0.05f;
    }
    assert_true(matters > VALUES / 2);
    /* Guidance that starts later is off in the first step. */
    assert_memory_equal(late, e, sizeof e);
    artfusion_model_destroy(model);
}

static void test_guidance_interval(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.steps = 10;
    options.content_start = 0.2;
    options.content_end = 0.5; /* steps 2, 3, 4 */
    options.style_end = 0.4;   /* steps 0, 1, 2, 3 */
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    static const int32_t passes[] = {2, 2, 3, 3, 2, 1, 1, 1, 1, 1};
    int32_t before = 0;
    for (int i = 0; i < 10; i++) {
        assert_ok(artfusion_sampler_next(sampler));
        const int32_t now = progress_of(sampler).passes;
        assert_int_equal(now - before, passes[i]);
        before = now;
    }
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

/* Two pictures, two styles: each gets its own, and equal ones share their rows. */
static void test_styles_of_a_batch(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    const float codes[2][3] = {{1, 1, 1}, {-2, 0, 2}};
    static const int32_t pattern[] = {1, 0, 1, 2, 0}; /* 2: none */
    artfusion_style *styles[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 2; i++)
        assert_ok(artfusion_style_from_values(model, codes[i], 3, &styles[i]));
    options.batch = 5;
    artfusion_sampler *together = sampler_for(model, &options);
    for (int i = 0; i < 5; i++)
        assert_ok(artfusion_sampler_set_style(together, i, styles[pattern[i]]));
    assert_ok(artfusion_sampler_run(together));
    for (int i = 0; i < 5; i++) {
        /* Alone, with the same noise: the batch up to it, all of this style. */
        options.batch = i + 1;
        artfusion_sampler *alone = sampler_for(model, &options);
        assert_ok(artfusion_sampler_set_style(alone, ARTFUSION_ALL, styles[pattern[i]]));
        assert_ok(artfusion_sampler_run(alone));
        const float *a = artfusion_sampler_x(together, NULL) + i * VALUES;
        const float *b = artfusion_sampler_x(alone, NULL) + i * VALUES;
        for (int v = 0; v < VALUES; v++) /* the null style costs a run alone no guidance */
            assert_near(a[v], b[v], 1e-4);
        artfusion_sampler_destroy(alone);
    }
    artfusion_sampler_destroy(together);
    for (int i = 0; i < 2; i++)
        artfusion_style_destroy(styles[i]);
    artfusion_model_destroy(model);
}

/* A step of five pictures by an engine that gains nothing by more than `positions` at once. */
static artfusion_sampler *many(int32_t positions)
{
    test_engine_control *engine = test_engine();
    engine->positions_a_call = positions;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.batch = 5;
    options.content_scale = 0.5;
    options.style_scale = 2.0;
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    artfusion_model_destroy(model);
    return sampler;
}

/* 15 passes of 16 positions each: in calls of about one size, never of less than a picture's three. */
static void test_parts_of_a_batch(void **state)
{
    (void)state;
    static const struct {
        int32_t positions, calls, largest, last;
    } cases[] = {{0, 1, 15, 15}, {240, 1, 15, 15}, {239, 2, 8, 7},
                 {112, 3, 5, 5}, {64, 4, 4, 3},    {1, 5, 3, 3}};
    float whole[5 * VALUES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        artfusion_sampler *sampler = many(cases[i].positions);
        test_engine_control *engine = test_engine();
        assert_ok(artfusion_sampler_next(sampler));
        assert_int_equal(atomic_load(&engine->calls[TEST_DENOISE]), cases[i].calls);
        assert_int_equal(engine->largest_batch, cases[i].largest);
        assert_int_equal(engine->last_batch, cases[i].last);
        assert_int_equal(progress_of(sampler).passes, 3);
        if (i == 0)
            memcpy(whole, artfusion_sampler_x(sampler, NULL), sizeof whole);
        else
            assert_memory_equal(artfusion_sampler_x(sampler, NULL), whole, sizeof whole);
        artfusion_sampler_destroy(sampler);
    }
}

/* What one of the calls says is heard, and the step is done again as if nothing had been. */
static void test_part_fails(void **state)
{
    (void)state;
    artfusion_sampler *whole = many(0), *parts = many(64);
    test_engine_control *engine = test_engine();
    assert_ok(artfusion_sampler_next(whole));
    engine->fail_in = 3;
    engine->fail_function = TEST_DENOISE;
    engine->fail_status = ARTFUSION_ERROR_ENGINE;
    atomic_store(&engine->calls[TEST_DENOISE], 0);
    assert_error(artfusion_sampler_next(parts), ARTFUSION_ERROR_ENGINE, "UNet (test)");
    assert_int_equal(atomic_load(&engine->calls[TEST_DENOISE]), 3);
    assert_int_equal(progress_of(parts).passes, 0);
    assert_ok(artfusion_sampler_next(parts));
    assert_memory_equal(artfusion_sampler_x(parts, NULL), artfusion_sampler_x(whole, NULL),
                        5 * VALUES * sizeof(float));
    artfusion_sampler_destroy(parts);
    artfusion_sampler_destroy(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_guidance),
        cmocka_unit_test(test_guidance_interval),
        cmocka_unit_test(test_styles_of_a_batch),
        cmocka_unit_test(test_parts_of_a_batch),
        cmocka_unit_test(test_part_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
