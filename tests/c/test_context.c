/* SPDX-License-Identifier: MIT
 * What a program hears of a context: its log, and the names of what calls return. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

typedef struct heard {
    int count;
    artfusion_log_level level;
    char text[256];
} heard;

static void hear(void *user_data, artfusion_log_level level, const char *text)
{
    heard *h = user_data;
    h->count++;
    h->level = level;
    (void)strncpy(h->text, text, sizeof h->text - 1);
}

/* Opens a model in a context that logs up to `level`. */
static heard open_at(artfusion_log_level level, artfusion_log_callback log)
{
    heard h = {0};
    artfusion_context_options options;
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.log = log;
    options.log_user_data = &h;
    options.log_level = level;
    assert_ok(artfusion_context_create(&options, &context));
    assert_ok(artfusion_model_open_memory(context, bundle, size, &model));
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(bundle);
    return h;
}

static void the_log_has_what_was_asked_for(void **state)
{
    (void)state;
    const heard info = open_at(ARTFUSION_LOG_INFO, hear);
    assert_int_equal(info.count, 1);
    assert_int_equal(info.level, ARTFUSION_LOG_INFO);
    assert_string_equal(info.text, "model small by test 1 on test, 1 threads, float32");
    assert_int_equal(open_at(ARTFUSION_LOG_DEBUG, hear).count, 1);
    assert_int_equal(open_at(ARTFUSION_LOG_WARNING, hear).count, 0);
    assert_int_equal(open_at(ARTFUSION_LOG_NONE, hear).count, 0);
    assert_int_equal(open_at(ARTFUSION_LOG_DEBUG, NULL).count, 0);
}

static void levels_and_sizes_are_checked(void **state)
{
    (void)state;
    artfusion_context_options options;
    artfusion_context *context;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.log_level = ARTFUSION_LOG_NONE - 1;
    assert_error(artfusion_context_create(&options, &context), ARTFUSION_ERROR_ARGUMENT,
                 "log_level is -1");
    assert_null(context);

    /* A size that was never set is not taken for a newer caller's. */
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.struct_size = 0xCDCDCDCD;
    assert_error(artfusion_context_create(&options, &context), ARTFUSION_ERROR_ARGUMENT,
                 "struct_size is 3452816845");
    assert_error(artfusion_context_options_init(&options, 65537), ARTFUSION_ERROR_ARGUMENT,
                 "struct_size is 65537");
    assert_error(artfusion_context_options_init(&options, 3), ARTFUSION_ERROR_ARGUMENT,
                 "struct_size is 3");
}

/* Every status of the header, by the name it has there. */
static void every_status_has_its_name(void **state)
{
    (void)state;
#define NAMED(status) assert_string_equal(artfusion_status_name(status), #status)
    NAMED(ARTFUSION_OK);
    NAMED(ARTFUSION_DONE);
    NAMED(ARTFUSION_ERROR_ARGUMENT);
    NAMED(ARTFUSION_ERROR_MEMORY);
    NAMED(ARTFUSION_ERROR_IO);
    NAMED(ARTFUSION_ERROR_FORMAT);
    NAMED(ARTFUSION_ERROR_UNSUPPORTED);
    NAMED(ARTFUSION_ERROR_LIMIT);
    NAMED(ARTFUSION_ERROR_STATE);
    NAMED(ARTFUSION_ERROR_CANCELLED);
    NAMED(ARTFUSION_ERROR_ENGINE);
    NAMED(ARTFUSION_ERROR_MISMATCH);
    NAMED(ARTFUSION_ERROR_NUMERIC);
    NAMED(ARTFUSION_ERROR_CHECKSUM);
#undef NAMED
    assert_string_equal(artfusion_status_name(2), "unknown status");
    assert_string_equal(artfusion_status_name(ARTFUSION_ERROR_CHECKSUM - 1), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_has_what_was_asked_for),
        cmocka_unit_test(levels_and_sizes_are_checked),
        cmocka_unit_test(every_status_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
