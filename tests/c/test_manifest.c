/* SPDX-License-Identifier: MIT
 * The texts of a manifest. What else it may say and may not is in test_model.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const struct {
    const char *from, *key;
} texts[] = {
    {"\"name\": \"small\"", "name"},
    {"\"description\": \"for tests\"", "description"},
    {"\"licence\": \"MIT\"", "licence"},
    {"\"origin\": \"made up\"", "origin"},
    {"\"weights_sha256\": \"@SHA256@\"", "weights_sha256"},
    {"\"format\": \"artfusion-model\"", "format"},
    {"\"prediction\": \"eps\"", "prediction"},
    {"\"kind\": \"linear\"", "kind"},
    {"\"solver\": \"ddim\"", "solver"},
};

/* As the manifest writes them, and what the message calls them. */
static const struct {
    const char *written, *named;
} controls[] = {
    {"\\u001b[2J", "U+001B"},
    {"\\n", "U+000A"},
    {"\\t", "U+0009"},
    {"\\u0001", "U+0001"},
    {"\\u001f", "U+001F"},
    {"\x7f", "U+007F"},
    {"\\u0080", "U+0080"},
    {"\\u009f", "U+009F"},
    {"\xc2\x9b"
     "2J",
     "U+009B"},
};

/* A terminal obeys them, and a log takes them for lines of its own. */
static void control_characters_are_refused(void **state)
{
    (void)state;
    artfusion_context *context = test_context();
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (size_t c = 0; c < sizeof controls / sizeof *controls; c++) {
            char to[64], words[96];
            (void)snprintf(to, sizeof to, "\"%s\": \"ok%s\"", texts[t].key, controls[c].written);
            (void)snprintf(words, sizeof words, "%s has a control character, %s", texts[t].key,
                           controls[c].named);
            size_t size;
            uint8_t *bundle = make_bundle(small_manifest, texts[t].from, to, &size);
            artfusion_model *model = (artfusion_model *)(uintptr_t)1;
            assert_error(artfusion_model_open_memory(context, bundle, size, &model),
                         ARTFUSION_ERROR_FORMAT, words);
            assert_null(model);
            free(bundle);
        }
    artfusion_context_destroy(context);
}

/* The nearest that are none, and characters that have a control character's last byte. */
static void other_characters_are_kept(void **state)
{
    (void)state;
    artfusion_model *model =
        test_model("for tests", " ~\xc2\xa0 \\u00a0 \xd0\x9b \xe2\x82\x9b \xf0\x9f\x8e\x9b");
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_string_equal(info.description,
                        " ~\xc2\xa0 \xc2\xa0 \xd0\x9b \xe2\x82\x9b \xf0\x9f\x8e\x9b");
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(other_characters_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
