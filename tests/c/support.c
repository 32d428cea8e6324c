/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zips.h"

void check_status(artfusion_status status, artfusion_status expected, const char *words,
                  const char *call, const char *file, int line)
{
    const char *message = status < 0 ? artfusion_error_message() : "";
    if (status != expected || (words && !strstr(message, words))) {
        print_error("%s\n  gave %s, not %s with \"%s\"; the message is: %s\n", call,
                    artfusion_status_name(status), artfusion_status_name(expected),
                    words ? words : "", message);
        _fail(file, line);
    }
}

void check_near(double a, double b, double tolerance, const char *file, int line)
{
    if (!(fabs(a - b) <= tolerance)) {
        print_error("%.9g is not within %g of %.9g\n", a, tolerance, b);
        _fail(file, line);
    }
}

const char *required_environment(const char *name)
{
    const char *value = getenv(name);
    if (!value || !*value)
        fail_msg("the environment lacks %s: run the tests by ctest", name);
    return value;
}

const char *const small_manifest =
    "{\"format\": \"artfusion-model\", \"format_version\": 1, \"name\": \"small\",\n"
    " \"description\": \"for tests\", \"licence\": \"MIT\", \"origin\": \"made up\",\n"
    " \"weights_sha256\": \"@SHA256@\",\n"
    " \"latent\": {\"channels\": 3, \"downsample\": 4, \"shift\": [0.1, 0, -0.1],\n"
    "             \"scale\": [2, 1, 0.5]},\n"
    " \"size\": {\"multiple\": 8, \"native_width\": 32, \"native_height\": 24},\n"
    " \"style\": {\"width\": 3, \"min_size\": 16},\n"
    " \"content\": {\"normalise\": true},\n"
    " \"schedule\": {\"kind\": \"linear\", \"timesteps\": 1000, \"linear_start\": 0.0015,\n"
    "               \"linear_end\": 0.0195},\n"
    " \"prediction\": \"eps\",\n"
    " \"defaults\": {\"solver\": \"ddim\", \"spacing\": \"uniform\", \"steps\": 10, \"eta\": 0,\n"
    "               \"content_scale\": 0.5, \"style_scale\": 2}}\n";

/* ---- model files --------------------------------------------------------- */

char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = from ? strstr(text, from) : NULL;
    if (from && !at)
        fail_msg("the manifest has no %s", from);
    const size_t size = strlen(text) + (to ? strlen(to) : 0) + 1;
    char *made = malloc(size);
    assert_non_null(made);
    if (at)
        (void)snprintf(made, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    else
        (void)snprintf(made, size, "%s", text);
    return made;
}

uint8_t *make_bundle(const char *manifest, const char *from, const char *to, size_t *size)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    /* The test engine has no weights, but a model that differs has others. */
    char weights[64] = {0}, hex[sizeof zeros];
    (void)snprintf(weights, sizeof weights, "weights %s", to ? to : "");
    char *changed = replaced(manifest, from, to);
    char *text = replaced(changed, strstr(changed, "@SHA256@") ? "@SHA256@" : NULL, zeros);
    zip_record records[] = {
        {"small/data/0", weights, sizeof weights, 0},
        {"small/extra/manifest.json", text, strlen(text), 0},
    };
    const int is_second = strstr(text, "\"format_version\": 2") != NULL;
    zip_digest(is_second ? 2 : 1, records, is_second ? 2 : 1, hex);
    if (strstr(text, zeros))
        memcpy(strstr(text, zeros), hex, sizeof zeros - 1);
    uint8_t *bundle = make_zip(records, *text ? 2 : 1, size);
    free(changed);
    free(text);
    return bundle;
}

/* ---- the test engine -------------------------------------------------------- */

test_engine_control *test_engine(void)
{
    void *library = dlopen(required_environment("ARTFUSION_TEST_ENGINE"), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    test_engine_control_entry entry;
    *(void **)&entry = dlsym(library, TEST_ENGINE_CONTROL_SYMBOL);
    assert_non_null(entry);
    test_engine_control *control = entry();
    control->prediction = ARTFUSION_PREDICTION_EPS;
    control->fail_in = control->poison_place = control->lie = 0;
    control->poison = 0.0f;
    control->positions_a_call = 0;
    control->bytes_a_pair = 0;
    atomic_store(&control->most_measured, 0);
    control->on_call = NULL;
    atomic_store(&control->largest_batch, 0);
    for (int i = 0; i < TEST_FUNCTIONS; i++)
        atomic_store(&control->calls[i], 0);
    control->table_version = 0;
    control->table_short = 0;
    return control;
}

artfusion_context *test_context(void)
{
    artfusion_context *context;
    artfusion_context_options options;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    assert_ok(artfusion_context_create(&options, &context));
    return context;
}

artfusion_model *test_model(const char *from, const char *to)
{
    artfusion_context *context = test_context();
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, from, to, &size);
    assert_ok(artfusion_model_open_memory(context, bundle, size, &model));
    free(bundle);
    artfusion_context_destroy(context);
    return model;
}

artfusion_image *test_picture(int32_t width, int32_t height, uint32_t seed)
{
    artfusion_image *image;
    assert_ok(artfusion_image_create(width, height, &image));
    for (int32_t y = 0; y < height; y++) {
        uint8_t *row = artfusion_image_pixels(image) + (size_t)y * artfusion_image_stride(image);
        for (int32_t x = 0; x < width; x++)
            for (int32_t c = 0; c < 3; c++)
                row[3 * x + c] =
                    (uint8_t)(((uint32_t)(x * (5 + c) + y * (9 - c)) + seed * 37) % 251);
    }
    return image;
}
