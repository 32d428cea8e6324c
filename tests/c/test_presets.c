/* SPDX-License-Identifier: MIT
 * Presets: what a manifest may say of them, and options filled in by them. */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

/* The end of small_manifest, to put presets behind. */
#define END "\"style_scale\": 2}}"

/* Intervals of their own in the defaults too; in no order that something might sort by. */
static const char two[] =
    "\"style_scale\": 2, \"style_start\": 0.125},\n"
    " \"presets\": {\"strong-2\": {\"solver\": \"dpmpp_2m\", \"spacing\": \"trailing\",\n"
    "                          \"steps\": 7, \"eta\": 0.25, \"content_scale\": -1,\n"
    "                          \"style_scale\": 3.5,\n"
    "                          \"content_start\": 0.1, \"content_end\": 0.2,\n"
    "                          \"style_start\": 0.3, \"style_end\": 0.4},\n"
    "             \"as-is\": {\"colour\": \"passed over\"}}}";

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *presets, *words;
    } cases[] = {
        {"[]", "manifest: presets is no object"},
        {"{\"a\": 1}", "manifest: presets.a is no object"},
        {"{\"\": {}}", "presets: \"\" is no name: 1 to 31 of a-z"},
        {"{\"Bold\": {}}", "presets: \"Bold\" is no name"},
        {"{\"a.steps\": {}}", "presets: \"a.steps\" is no name"},
        {"{\"a\": {\"content_start\": 0.9, \"content_end\": 0.1}}",
         "presets.a.content_start is 0.9, beyond content_end 0.1"},
        {"{\"a\": {\"style_start\": 0.3, \"style_end\": 0.2}}", "beyond style_end 0.2"},
        {"{\"abcdefghijklmnopqrstuvwxyz-01234\": {}}", "z-01234\" is no name"}, /* 32 */
        {"{\"a\": {}, \"b\": {}, \"c\": {}, \"d\": {}, \"e\": {}, \"f\": {}, \"g\": {}, \"h\": {}, "
         "\"i\": {}, \"j\": {}, \"k\": {}, \"l\": {}, \"m\": {}, \"n\": {}, \"o\": {}, \"p\": {}, "
         "\"q\": {}}",
         "presets has 17 entries, more than 16"},
        {"{\"a\": {}, \"a\": {}}", "duplicate"},
        {"{\"a\": {}, \"b\": {\"solver\": \"euler\"}}",
         "presets.b.solver: solver \"euler\" is unknown, there are ddim"},
        {"{\"a\": {\"solver\": 1}}", "presets.a.solver is no string"},
        {"{\"a\": {\"spacing\": \"even\"}}", "presets.a.spacing: spacing \"even\""},
        {"{\"a\": {\"steps\": 1001}}", "presets.a.steps is 1001: it must be 1 to 1000"},
        {"{\"a\": {\"steps\": 2.5}}", "presets.a.steps is no integer"},
        {"{\"a\": {\"eta\": -1}}", "presets.a.eta is no number within 0..100"},
        {"{\"a\": {\"content_scale\": 101}}", "presets.a.content_scale is no number"},
        {"{\"a\": {\"style_scale\": \"2\"}}", "presets.a.style_scale is no number"},
        {"{\"a\": {\"style_scale\": null}}", "presets.a.style_scale is no number"},
        {"{\"a\": {\"content_start\": -0.1}}", "presets.a.content_start is no number within 0..1"},
        {"{\"a\": {\"content_end\": 1.1}}", "presets.a.content_end"},
        {"{\"a\": {\"style_start\": 2}}", "presets.a.style_start"},
        {"{\"abcdefghijklmnopqrstuvwxyz-0123\": {\"style_end\": -1}}", "-0123.style_end"},
    };
    artfusion_context *context = test_context();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char to[256];
        (void)snprintf(to, sizeof to, "\"style_scale\": 2}, \"presets\": %s}", cases[i].presets);
        artfusion_model *model;
        size_t size;
        uint8_t *bundle = make_bundle(small_manifest, END, to, &size);
        assert_error(artfusion_model_open_memory(context, bundle, size, &model),
                     ARTFUSION_ERROR_FORMAT, cases[i].words);
        assert_null(model);
        free(bundle);
    }
    artfusion_context_destroy(context);
}

static void test_names(void **state)
{
    (void)state;
    artfusion_model *model = test_model(END, two);
    assert_int_equal(artfusion_model_preset_count(model), 2);
    assert_string_equal(artfusion_model_preset_name(model, 0), "strong-2");
    assert_string_equal(artfusion_model_preset_name(model, 1), "as-is");
    assert_null(artfusion_model_preset_name(model, 2));
    assert_null(artfusion_model_preset_name(model, -1));
    assert_int_equal(artfusion_model_preset_count(NULL), 0);
    assert_null(artfusion_model_preset_name(NULL, 0));
    artfusion_model_destroy(model);
}

static void test_options(void **state)
{
    (void)state;
    artfusion_model *model = test_model(END, two);
    artfusion_sampler_options defaults, o, expected;
    const int32_t timesteps[] = {500, 0};
    assert_ok(artfusion_sampler_options_init(&defaults, sizeof defaults, model));
    assert_true(defaults.style_start == 0.125 && defaults.content_end == 1);

    o = expected = defaults;
    o.width = expected.width = 64;
    o.seed = expected.seed = 5;
    o.temperature = expected.temperature = 0.5;
    expected.solver = ARTFUSION_SOLVER_DPMPP_2M;
    expected.spacing = ARTFUSION_SPACING_TRAILING;
    expected.steps = 7;
    expected.eta = 0.25;
    expected.content_scale = -1;
    expected.style_scale = 3.5;
    expected.content_start = 0.1;
    expected.content_end = 0.2;
    expected.style_start = 0.3;
    expected.style_end = 0.4;
    o.steps = 2; /* fewer than the preset's: these must not be read as if they were seven */
    o.timesteps = timesteps;
    assert_ok(artfusion_sampler_options_set_preset(&o, model, "strong-2"));
    assert_memory_equal(&o, &expected, sizeof o);

    /* What a preset leaves open is the default again, whatever came before. */
    assert_ok(artfusion_sampler_options_set_preset(&o, model, "as-is"));
    expected = defaults;
    expected.width = 64;
    expected.seed = 5;
    expected.temperature = 0.5;
    assert_memory_equal(&o, &expected, sizeof o);

    /* An older caller's struct ends where it says; what stands behind stays. */
    o.struct_size = offsetof(artfusion_sampler_options, eta);
    o.eta = 77;
    assert_ok(artfusion_sampler_options_set_preset(&o, model, "strong-2"));
    assert_int_equal(o.struct_size, offsetof(artfusion_sampler_options, eta));
    assert_true(o.steps == 7 && o.style_end == 0.4 && o.eta == 77);
    artfusion_model_destroy(model);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    artfusion_model *plain = test_model(NULL, NULL), *model = test_model(END, two);
    artfusion_sampler_options o, before;
    const artfusion_status refused = ARTFUSION_ERROR_ARGUMENT;
    assert_ok(artfusion_sampler_options_init(&o, sizeof o, NULL));
    before = o;
    assert_error(artfusion_sampler_options_set_preset(&o, model, "strong"), refused,
                 "preset \"strong\" is unknown, model small has strong-2, as-is");
    assert_error(artfusion_sampler_options_set_preset(&o, plain, "strong-2"), refused,
                 "model small has no presets");
    assert_error(artfusion_sampler_options_set_preset(NULL, model, "as-is"), refused, "options is");
    assert_error(artfusion_sampler_options_set_preset(&o, NULL, "as-is"), refused, "model is NULL");
    assert_error(artfusion_sampler_options_set_preset(&o, model, NULL), refused, "name is NULL");
    assert_memory_equal(&o, &before, sizeof o);
    o.struct_size = 0;
    assert_error(artfusion_sampler_options_set_preset(&o, model, "as-is"), refused,
                 "struct_size is 0");
    artfusion_model_destroy(plain);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
