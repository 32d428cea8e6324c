/* SPDX-License-Identifier: MIT
 * How much memory a run needs, and what a limit makes of it. What the real networks use is
 * compared in python/test_memory.py. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "runs.h"
#include "sample/sampler.h"

static void test_fit(void **state)
{
    (void)state;
    af_curve curve;
    const double n[] = {256, 1024, 4096};

    /* A line is found again, and goes on as one. */
    double p[] = {1000 + 256 * 7.0, 1000 + 1024 * 7.0, 1000 + 4096 * 7.0};
    af_curve_fit(n, p, 3, &curve);
    assert_near(curve.square, 0, 0);
    assert_near(af_curve_at(&curve, 3, 10000), 1000 + 3 * 10000 * 7.0, 1e-3);
    af_curve_fit(n, p, 2, &curve);
    assert_near(af_curve_at(&curve, 1, 10000), 1000 + 10000 * 7.0, 1e-3);

    /* So is a square. */
    for (int i = 0; i < 3; i++)
        p[i] = 500 + 3 * n[i] + 0.25 * n[i] * n[i];
    af_curve_fit(n, p, 3, &curve);
    assert_near(af_curve_at(&curve, 2, 9000), 500 + 2 * (3 * 9000.0 + 0.25 * 81e6), 1);

    /* What rises by less at the end has another algorithm there, whose slope counts. */
    const double bent[] = {2.64e6, 5.98e6, 10.05e6};
    af_curve_fit(n, bent, 3, &curve);
    assert_near(curve.square, 0, 0);
    assert_near(af_curve_at(&curve, 1, 16384), 10.05e6 + 12288 * (10.05e6 - 5.98e6) / 3072, 1);

    /* One point: by proportion. Less for more positions: not less and less. */
    af_curve_fit(n, bent, 1, &curve);
    assert_near(af_curve_at(&curve, 1, 512), 2 * 2.64e6, 1e-3);
    const double falling[] = {3e6, 2e6, 1e6};
    af_curve_fit(n, falling, 3, &curve);
    assert_near(af_curve_at(&curve, 1, 1e6), 1e6, 1e-3);
}

static uint64_t needed(artfusion_model *model, const artfusion_sampler_options *options)
{
    uint64_t bytes;
    assert_ok(artfusion_sampler_memory_needed(model, options, &bytes));
    return bytes;
}

/* The test engine says of its calls that they take 1 MiB, and 1 KiB for each position. */
static void test_need_follows_the_options(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.width = options.height = 256; /* 4096 positions */
    options.content_scale = options.style_scale = 1.0;
    const uint64_t one = needed(model, &options);
    assert_int_equal(atomic_load(&engine->calls[TEST_MEMORY]), 12); /* four stages, three sizes */
    const uint64_t layers = (1u << 20) + 4096 * 1024;
    assert_in_range(one, layers, layers + (uint64_t)(5 << 20));

    options.content_scale = options.style_scale = 2.0; /* three passes */
    const uint64_t guided = needed(model, &options);
    assert_in_range(guided - one, 7 << 20, 3 * 4096 * 1024); /* beside the decoder's floats */
    options.batch = 4;
    const uint64_t four = needed(model, &options);
    assert_in_range(four - guided, 9 * 4096 * 1024, 10 * 4096 * 1024 + (uint64_t)(4 << 20));
    engine->positions_a_call = 4096;
    artfusion_model *in_parts = test_model(NULL, NULL);
    assert_in_range(needed(in_parts, &options), guided, guided + (uint64_t)(4 << 20));
    artfusion_model_destroy(in_parts);
    assert_int_equal(atomic_load(&engine->calls[TEST_MEMORY]), 24); /* and once a model */

    options.batch = 1;
    options.keep_every = 1;
    options.steps = 1000;
    const size_t entry = 2 * 3 * 4096 * sizeof(float);
    assert_in_range(needed(model, &options) - guided, 1000 * entry, 1010 * entry);
    options.steps = 10;
    options.keep_every = 0;
    options.solver = ARTFUSION_SOLVER_UNIPC;
    assert_in_range(needed(model, &options) - guided, entry, 2 * entry);
    artfusion_model_destroy(model);
}

/* Of the small manifest's text with `from` replaced by `to`; 0: no limit. */
static artfusion_model *limited_model_of(uint64_t limit, const char *from, const char *to)
{
    artfusion_context_options options;
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.memory_limit = limit;
    assert_ok(artfusion_context_create(&options, &context));
    uint8_t *bundle = make_bundle(small_manifest, from, to, &size);
    assert_ok(artfusion_model_open_memory(context, bundle, size, &model));
    artfusion_free(bundle);
    artfusion_context_destroy(context);
    return model;
}

static artfusion_model *limited_model(uint64_t limit)
{
    return limited_model_of(limit, NULL, NULL);
}

static void test_limit_makes_smaller_parts(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *free_model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(free_model);
    options.width = options.height = 256;
    options.batch = 4;
    options.steps = 2;
    options.content_scale = options.style_scale = 2.0;
    artfusion_sampler *whole = sampler_for(free_model, &options);
    condition(whole, free_model);
    assert_ok(artfusion_sampler_run(whole));
    assert_int_equal(engine->largest_batch, 12);

    /* Enough for the sampler and five passes. */
    const uint64_t all = needed(free_model, &options);
    const uint64_t limit = all - 7 * 4096 * 1024;
    artfusion_model *model = limited_model(limit);
    assert_in_range(needed(model, &options), limit / 2, limit);
    engine->largest_batch = 0;
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    assert_ok(artfusion_sampler_run(sampler));
    assert_in_range(engine->largest_batch, 3, 5);
    size_t count;
    const float *x = artfusion_sampler_x(whole, &count);
    assert_memory_equal(x, artfusion_sampler_x(sampler, NULL), count * sizeof *x);
    artfusion_sampler_destroy(whole);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
    artfusion_model_destroy(free_model);
}

static void test_limit_that_nothing_fits(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = limited_model(5 << 20);
    artfusion_sampler_options options = options_for(model);
    artfusion_sampler *sampler;
    options.width = options.height = 256;
    assert_error(artfusion_sampler_create(model, &options, &sampler), ARTFUSION_ERROR_LIMIT,
                 "memory_limit is 5242880");
    assert_null(sampler);
    assert_true(needed(model, &options) > (5 << 20)); /* it says how much instead */
    options.width = options.height = 16;              /* and the next, smaller run works */
    sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_run(sampler));
    artfusion_sampler_destroy(sampler);

    engine->fail_function = TEST_MEMORY;
    engine->fail_in = 1;
    engine->fail_status = ARTFUSION_ERROR_ENGINE;
    artfusion_model *fresh = limited_model(1 << 30);
    assert_error(artfusion_sampler_create(fresh, &options, &sampler), ARTFUSION_ERROR_ENGINE,
                 "failed on purpose");
    sampler = sampler_for(fresh, &options); /* it is measured again */
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(fresh);
    artfusion_model_destroy(model);
}

/* A file says its native size, which no run need have: measuring stays within the limit whatever
 * that is, and within what a picture of 1024 pixels takes where there is none. */
static void test_measuring_keeps_to_the_limit(void **state)
{
    (void)state;
    static const struct {
        const char *native;
        uint64_t limit, bytes_a_pair, most;
    } cases[] = {
        {"\"native_width\": 16384, \"native_height\": 16384", 64 << 20, 0, 64 << 20},
        {"\"native_width\": 256, \"native_height\": 256", 3 << 20, 0, 3 << 20},
        {"\"native_width\": 65528, \"native_height\": 8", 3 << 20, 0, 3 << 20},
        {"\"native_width\": 16384, \"native_height\": 16384", 100 << 20, 16, 100 << 20},
        {"\"native_width\": 65528, \"native_height\": 65528", 0, 0, (1 << 20) + (64 << 20)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_engine_control *engine = test_engine();
        engine->bytes_a_pair = cases[i].bytes_a_pair;
        artfusion_model *model = limited_model_of(
            cases[i].limit, "\"native_width\": 32, \"native_height\": 24", cases[i].native);
        artfusion_sampler_options options = options_for(model);
        const uint64_t small = needed(model, &options);
        assert_in_range(small, 1 << 20, 3 << 20);
        assert_in_range(engine->most_measured, 1 << 20, cases[i].most);

        /* What was not measured is not taken for less than it is. */
        options.width = options.height = 512;
        const uint64_t n = 128 * 128;
        const uint64_t real = (1 << 20) + 1024 * n + cases[i].bytes_a_pair * n * n;
        assert_true(needed(model, &options) >= real);
        artfusion_model_destroy(model);
    }
}

/* A product or a sum beyond 64 bits is more than any limit. */
static void test_need_beyond_any_number(void **state)
{
    (void)state;
    (void)test_engine();
    enum { CHANNELS = 1024 };
    char latent[64 + 6 * CHANNELS], *end = latent;
    end += snprintf(end, 64, "\"channels\": %d, \"downsample\": 1", CHANNELS);
    for (int list = 0; list < 2; list++) {
        end += snprintf(end, 16, ", \"%s\": [", list ? "scale" : "shift");
        for (int i = 0; i < CHANNELS; i++)
            end += snprintf(end, 4, i ? ",1" : "1");
        *end++ = ']';
    }
    *end = '\0';
    char *wide = replaced(small_manifest,
                          "\"channels\": 3, \"downsample\": 4, \"shift\": [0.1, 0, -0.1],\n"
                          "             \"scale\": [2, 1, 0.5]",
                          latent);
    char *manifest =
        replaced(wide,
                 "\"timesteps\": 1000, \"linear_start\": 0.0015,\n"
                 "               \"linear_end\": 0.0195",
                 "\"timesteps\": 100000, \"linear_start\": 1e-7, \"linear_end\": 1e-5");
    artfusion_context_options with;
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(manifest, NULL, NULL, &size);
    assert_ok(artfusion_context_options_init(&with, sizeof with));
    with.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    with.memory_limit = UINT64_MAX - 1;
    assert_ok(artfusion_context_create(&with, &context));
    assert_ok(artfusion_model_open_memory(context, bundle, size, &model));

    artfusion_sampler_options options = options_for(model);
    options.width = options.height = 65528;
    options.batch = 256;
    options.steps = 100000;
    options.keep_every = 1;
    assert_true(needed(model, &options) == UINT64_MAX);
    artfusion_sampler *sampler;
    assert_error(artfusion_sampler_create(model, &options, &sampler), ARTFUSION_ERROR_LIMIT,
                 "need 18446744073709551615 bytes");
    assert_null(sampler);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(bundle);
    free(manifest);
    free(wide);
}

static void test_arguments(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    uint64_t bytes = 7;
    assert_error(artfusion_sampler_memory_needed(model, &options, NULL), ARTFUSION_ERROR_ARGUMENT,
                 "bytes is NULL");
    assert_error(artfusion_sampler_memory_needed(NULL, &options, &bytes), ARTFUSION_ERROR_ARGUMENT,
                 "model is NULL");
    assert_int_equal(bytes, 0);
    options.width = 0;
    assert_error(artfusion_sampler_memory_needed(model, &options, &bytes), ARTFUSION_ERROR_ARGUMENT,
                 "width is 0");
    assert_ok(artfusion_sampler_memory_needed(model, NULL, &bytes));
    assert_true(bytes > 0);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_need_follows_the_options),
        cmocka_unit_test(test_limit_makes_smaller_parts),
        cmocka_unit_test(test_limit_that_nothing_fits),
        cmocka_unit_test(test_measuring_keeps_to_the_limit),
        cmocka_unit_test(test_need_beyond_any_number),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
