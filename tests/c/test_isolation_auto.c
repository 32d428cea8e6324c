/* SPDX-License-Identifier: MIT
 * Isolation AUTO: which files are trusted, and that what was looked at is what runs. */
#define _DEFAULT_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sha256.h"
#include "isolated.h"
#include "runs.h"

enum { DIGITS = 2 * SHA256_DIGEST_LENGTH };

static void digest_of(const uint8_t *bytes, size_t size, char hex[DIGITS + 1])
{
    uint8_t sum[SHA256_DIGEST_LENGTH];
    (void)SHA256(bytes, size, sum);
    for (size_t i = 0; i < sizeof sum; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}

static artfusion_context *auto_context(const char *trusted)
{
    artfusion_context *context;
    artfusion_context_options options;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    assert_null(options.trusted);
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.isolation = ARTFUSION_ISOLATION_AUTO;
    options.trusted = trusted;
    assert_ok(artfusion_context_create(&options, &context));
    return context;
}

static artfusion_isolation isolation_of(const artfusion_model *model)
{
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_int_equal(info.reserved, 0);
    return info.isolation;
}

/* What it becomes, by what is said of it and by the processes that there are. */
static artfusion_isolation chosen(const char *trusted, const uint8_t *bundle, size_t size)
{
    artfusion_context *context = auto_context(trusted);
    artfusion_model *model;
    assert_ok(artfusion_model_open_memory(context, bundle, size, &model));
    artfusion_context_destroy(context);
    const artfusion_isolation isolation = isolation_of(model);
    assert_int_equal(children(getpid(), NULL), isolation == ARTFUSION_ISOLATION_PROCESS);
    float latent[VALUES] = {0}, rgb[3 * SIDE * SIDE];
    assert_ok(artfusion_model_decode(model, latent, 1, 4, 4, rgb, 3 * SIDE * SIDE));
    artfusion_model_destroy(model);
    assert_int_equal(children(getpid(), NULL), 0);
    return isolation;
}

static void the_files_that_are_named_are_trusted(void **state)
{
    (void)state;
    size_t size, others;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    /* Of the same weights_sha256, which leaves out the manifest. */
    uint8_t *other =
        make_bundle(small_manifest, "\"name\": \"small\"", "\"name\": \"smell\"", &others);
    char digest[DIGITS + 1], among[4 * DIGITS];
    digest_of(bundle, size, digest);
    assert_int_equal(chosen(NULL, bundle, size), ARTFUSION_ISOLATION_PROCESS);
    assert_int_equal(chosen(" \n", bundle, size), ARTFUSION_ISOLATION_PROCESS);
    assert_int_equal(chosen(digest, bundle, size), ARTFUSION_ISOLATION_NONE);
    assert_int_equal(chosen(digest, other, others), ARTFUSION_ISOLATION_PROCESS);
    for (size_t i = 0; i < DIGITS; i++)
        digest[i] = (char)toupper(digest[i]);
    (void)snprintf(among, sizeof among, "%064d,%s\n%064d ", 1, digest, 2);
    assert_int_equal(chosen(among, bundle, size), ARTFUSION_ISOLATION_NONE);
    digest[DIGITS - 1] = digest[DIGITS - 1] == '0' ? '1' : '0';
    assert_int_equal(chosen(digest, bundle, size), ARTFUSION_ISOLATION_PROCESS);
    free(bundle);
    free(other);
}

static void what_is_no_digest_is_refused(void **state)
{
    (void)state;
    artfusion_context *context;
    artfusion_context_options options;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    static const struct {
        const char *trusted, *words;
    } cases[] = {
        {"mini.artfusion", "trusted is \"mini.artfusion\": a file's SHA-256 has 64 hex"},
        {"0123", "trusted is \"0123\""},
        {"g123456789012345678901234567890123456789012345678901234567890123", "trusted is \"g123"},
        {"01234567890123456789012345678901234567890123456789012345678901234", "trusted is \"0123"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.trusted = cases[i].trusted; /* whether or not it is going to be used */
        assert_error(artfusion_context_create(&options, &context), ARTFUSION_ERROR_ARGUMENT,
                     cases[i].words);
        assert_null(context);
    }
}

/* A file that shows other bytes once it has given so many. */
typedef struct changing_file {
    const uint8_t *first, *then;
    uint64_t until, given;
} changing_file;

static int32_t read_changing(void *data, uint64_t offset, void *buffer, size_t size)
{
    changing_file *file = data;
    memcpy(buffer, (file->given < file->until ? file->first : file->then) + offset, size);
    file->given += size;
    return 0;
}

static void what_was_looked_at_is_what_runs(void **state)
{
    (void)state;
    size_t size, others;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    uint8_t *other =
        make_bundle(small_manifest, "\"name\": \"small\"", "\"name\": \"smell\"", &others);
    assert_int_equal(size, others);
    char digest[DIGITS + 1];
    digest_of(bundle, size, digest);
    artfusion_context *context = auto_context(digest);
    artfusion_model *model;

    changing_file file = {.first = bundle, .then = other, .until = size};
    assert_error(artfusion_model_open_reader(context, read_changing, &file, size, &model),
                 ARTFUSION_ERROR_CHECKSUM, "the model file was changed while it was opened");
    assert_null(model);

    /* Once it is copied nobody asks for its bytes any more. */
    file = (changing_file){.first = bundle, .then = other, .until = 2 * size};
    assert_ok(artfusion_model_open_reader(context, read_changing, &file, size, &model));
    assert_int_equal(isolation_of(model), ARTFUSION_ISOLATION_NONE);
    assert_int_equal(file.given, 2 * size);
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_string_equal(info.name, "small");
    artfusion_model_destroy(model);

    /* What only later shows the bytes that are trusted is not. */
    file = (changing_file){.first = other, .then = bundle, .until = size};
    assert_ok(artfusion_model_open_reader(context, read_changing, &file, size, &model));
    assert_int_equal(isolation_of(model), ARTFUSION_ISOLATION_PROCESS);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(bundle);
    free(other);
}

static void hear(void *data, artfusion_log_level level, const char *message)
{
    if (level == ARTFUSION_LOG_INFO)
        (void)snprintf(data, 256, "%s", message);
}

static void the_log_tells(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    char digest[DIGITS + 1], heard[256];
    digest_of(bundle, size, digest);
    for (int trusted = 0; trusted < 2; trusted++) {
        artfusion_context *context;
        artfusion_context_options options;
        artfusion_model *model;
        assert_ok(artfusion_context_options_init(&options, sizeof options));
        options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
        options.isolation = ARTFUSION_ISOLATION_AUTO;
        options.trusted = trusted ? digest : NULL;
        options.log = hear;
        options.log_user_data = heard;
        options.log_level = ARTFUSION_LOG_INFO;
        assert_ok(artfusion_context_create(&options, &context));
        assert_ok(artfusion_model_open_memory(context, bundle, size, &model));
        assert_int_equal(!strstr(heard, ", in a process of its own"), trusted);
        artfusion_model_destroy(model);
        artfusion_context_destroy(context);
    }
    free(bundle);
}

/* As an allocation does, reading fails anywhere. */
static int32_t refuse(void *data, uint64_t offset, void *buffer, size_t size)
{
    (void)data;
    (void)offset;
    (void)buffer;
    (void)size;
    return 7;
}

static void reading_may_fail(void **state)
{
    (void)state;
    artfusion_context *context = auto_context(NULL);
    artfusion_model *model;
    assert_error(artfusion_model_open_reader(context, refuse, NULL, 10, &model), ARTFUSION_ERROR_IO,
                 "the read callback returned 7");
    assert_null(model);
    artfusion_context_destroy(context);
}

int main(void)
{
    let_signals_end_it();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_files_that_are_named_are_trusted),
        cmocka_unit_test(what_is_no_digest_is_refused),
        cmocka_unit_test(what_was_looked_at_is_what_runs),
        cmocka_unit_test(the_log_tells),
        cmocka_unit_test(reading_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
