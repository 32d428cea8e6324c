/* SPDX-License-Identifier: MIT
 * Archives that other writers than PyTorch's make, or would like us to read: records packed, in no
 * folder, twice or far too long, and sources that fail while they are read. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"
#include "zips.h"

static char path[] = "/tmp/artfusion-test-XXXXXX";

/* Of a model of format 1 with one weight record. */
static void digest_of(const char *name, const void *data, size_t size, char hex[65])
{
    const zip_record weights = {name, data, size, 0};
    zip_digest(1, &weights, 1, hex);
}

static char *manifest_with(const char *hex)
{
    const char *at = strstr(small_manifest, "@SHA256@");
    const size_t size = strlen(small_manifest) + 65;
    char *text = malloc(size);
    assert_non_null(text);
    (void)snprintf(text, size, "%.*s%s%s", (int)(at - small_manifest), small_manifest, hex,
                   at + strlen("@SHA256@"));
    return text;
}

static void write_bytes(const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_archive(const zip_record *records, size_t count)
{
    size_t size;
    uint8_t *file = make_zip(records, count, &size);
    write_bytes(file, size);
    free(file);
}

static artfusion_status open_archive(void)
{
    artfusion_context *context = test_context();
    artfusion_model *model = (artfusion_model *)(uintptr_t)1;
    const artfusion_status status = artfusion_model_open_file(context, path, &model);
    assert_true(!model == !!status);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    return status;
}

/* Weights of two reads' length and a byte, as they are and packed, in a folder; and in none. */
static void weights_are_read_however_they_lie(void **state)
{
    (void)state;
    enum { SIZE = (1 << 19) + 1 };
    uint8_t *weights = malloc(SIZE);
    char hex[65];
    assert_non_null(weights);
    for (uint32_t i = 0; i < SIZE; i++)
        weights[i] = (uint8_t)(i * UINT32_C(2654435761) >> 24);
    digest_of("small/data/0", weights, SIZE, hex);
    char *manifest = manifest_with(hex);
    for (int packed = 0; packed < 2; packed++) {
        const zip_record records[] = {
            {"small/data/0", weights, SIZE, packed},
            {"small/extra/manifest.json", manifest, strlen(manifest), packed},
        };
        write_archive(records, 2);
        assert_ok(open_archive());
        /* One byte of the last that are read. */
        weights[SIZE - 1] ^= 1;
        write_archive(records, 2);
        assert_error(open_archive(), ARTFUSION_ERROR_CHECKSUM, "the model was changed or damaged");
        weights[SIZE - 1] ^= 1;
    }
    free(manifest);

    /* A record without a folder is none that the engine's reader would take for the same. */
    digest_of("weights", weights, 5, hex);
    manifest = manifest_with(hex);
    const zip_record flat[] = {
        {"weights", weights, 5, 0},
        {"small/extra/manifest.json", manifest, strlen(manifest), 0},
    };
    write_archive(flat, 2);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "record weights outside of its folder");
    free(manifest);
    free(weights);
}

/* Of a packed record, what cannot be unpacked is named. */
static void damaged_packing_is_named(void **state)
{
    (void)state;
    char weights[5000];
    memset(weights, 'w', sizeof weights);
    char hex[65];
    digest_of("small/data/0", weights, sizeof weights, hex);
    char *manifest = manifest_with(hex);
    const zip_record records[] = {{"small/data/0", weights, sizeof weights, 1},
                                  {"small/extra/manifest.json", manifest, strlen(manifest), 0}};
    write_archive(records, 2);
    free(manifest);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 30 + (long)strlen("small/data/0"), SEEK_SET), 0);
    assert_int_equal(fputc(0xFF, file), 0xFF); /* a block of no kind */
    assert_int_equal(fclose(file), 0);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "record small/data/0 cannot be unpacked");
}

static void there_is_one_manifest_of_its_size(void **state)
{
    (void)state;
    const zip_record two[] = {{"a/extra/manifest.json", "{}", 2, 0},
                              {"a/extra/manifest.json", "{}", 2, 0}};
    write_archive(two, 2);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "the model has two manifests");

    enum { LIMIT = 1 << 20 };
    char *spaces = malloc(LIMIT + 1);
    assert_non_null(spaces);
    memset(spaces, ' ', LIMIT + 1);
    zip_record one = {"a/extra/manifest.json", spaces, LIMIT + 1, 1}; /* small in the file */
    write_archive(&one, 1);
    assert_error(open_archive(), ARTFUSION_ERROR_LIMIT,
                 "the model's manifest has 1048577 bytes, limit 1048576");
    one.size = LIMIT;
    write_archive(&one, 1);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "manifest: line 1");
    free(spaces);

    one = (zip_record){"a/extra/manifest.json", "[1]", 3, 0};
    write_archive(&one, 1);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "manifest: not a JSON object");
}

static void long_names_are_refused(void **state)
{
    (void)state;
    char name[1100];
    memset(name, 'n', sizeof name);
    name[1] = '/';
    for (size_t length = 1023; length <= 1024; length++) {
        name[length] = '\0';
        const zip_record one = {name, "x", 1, 0};
        write_archive(&one, 1);
        assert_error(open_archive(), ARTFUSION_ERROR_FORMAT,
                     length < 1024 ? "it has no extra/manifest.json"
                                   : "record (directory) cannot be read");
        name[length] = 'n';
    }
}

typedef struct failing {
    const uint8_t *data;
    int reads, fail_at;
} failing;

static int32_t read_or_fail(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    failing *f = user_data;
    if (++f->reads == f->fail_at)
        return 7;
    memcpy(buffer, f->data + offset, size);
    return 0;
}

/* Whichever read it is that fails, it ends the opening, by an error of the source and not one of a
 * damaged archive. */
static void a_failing_source_is_told_as_such(void **state)
{
    (void)state;
    size_t size;
    char hex[65];
    zip_record records[] = {{"small/data/0", "zero", 4, 0},
                            {"small/data/1", "one", 3, 1},
                            {"small/data/2", "two", 3, 0},
                            {NULL, NULL, 0, 1}};
    zip_digest(1, records, 3, hex);
    char *manifest = manifest_with(hex);
    records[3] = (zip_record){"small/extra/manifest.json", manifest, strlen(manifest), 1};
    uint8_t *bundle = make_zip(records, 4, &size);
    free(manifest);
    artfusion_context *context = test_context();
    failing f = {bundle, 0, 0};
    artfusion_model *model;
    assert_ok(artfusion_model_open_reader(context, read_or_fail, &f, size, &model));
    artfusion_model_destroy(model);
    const int reads = f.reads;
    assert_true(reads > 10);
    for (f.fail_at = 1; f.fail_at <= reads; f.fail_at++) {
        f.reads = 0;
        const artfusion_status status =
            artfusion_model_open_reader(context, read_or_fail, &f, size, &model);
        assert_error(status, ARTFUSION_ERROR_IO, "callback returned 7");
        assert_null(model);
        if (f.reads != f.fail_at)
            fail_msg("%d reads after the one that failed", f.reads - f.fail_at);
    }
    artfusion_context_destroy(context);
    free(bundle);
}

static void cut_file(int32_t function)
{
    if (function == TEST_OPEN)
        assert_int_equal(truncate(path, 1), 0);
}

/* Somebody else writes the file while the engine reads its weights. */
static void a_file_that_gets_shorter_is_told(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    write_bytes(bundle, size);
    free(bundle);
    test_engine_control *engine = test_engine();
    engine->on_call = cut_file;
    assert_error(open_archive(), ARTFUSION_ERROR_IO, "became shorter while it was read");
    engine->on_call = NULL;
}

/* What a directory promises beyond the file's end is not read, whatever the source. */
static void promises_beyond_the_end_are_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size), *entry = bundle;
    artfusion_context *context = test_context();
    artfusion_model *model;
    failing f = {bundle, 0, 0};
    while (memcmp(entry, "PK\1\2", 4) != 0)
        entry++;
    const size_t from = 18, to = 20; /* both sizes, in the record's header and in the directory */
    for (size_t i = 0; i < 8; i += 4) {
        bundle[from + i + 2] = 1;
        entry[to + i + 2] = 1;
    }
    assert_error(artfusion_model_open_memory(context, bundle, size, &model), ARTFUSION_ERROR_FORMAT,
                 "small/data/0 that reaches beyond its end");
    assert_null(model);
    assert_error(artfusion_model_open_reader(context, read_or_fail, &f, size, &model),
                 ARTFUSION_ERROR_FORMAT, "small/data/0 that reaches beyond its end");
    write_bytes(bundle, size);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT,
                 "small/data/0 that reaches beyond its end");
    artfusion_context_destroy(context);
    free(bundle);
}

/* ---- what two readers of archives could see differently ------------------- */

static void names_are_paths_inside(void **state)
{
    (void)state;
    static const char *const bad[] = {"a/../b", "a/./b", "a//b",   "a/",     "..",
                                      "a/b\\c", "a/c:d", "a/\x1f", "a/\x7f", "a/\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const zip_record one = {bad[i], "x", 1, 0};
        write_archive(&one, 1);
        assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "whose name is no path inside of it");
    }
    const zip_record folders[] = {{"a/data/0", "x", 1, 0}, {"ab/data/1", "x", 1, 0}};
    write_archive(folders, 2);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "record ab/data/1 outside of its folder");
    const zip_record twice[] = {
        {"a/data/b", "x", 1, 0}, {"a/c", "x", 1, 0}, {"a/data/B", "y", 1, 0}};
    write_archive(twice, 3);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "two records of one name");
}

static void unpacked_records_are_limited(void **state)
{
    (void)state;
    enum { LIMIT = 16 << 20 };
    uint8_t *zeros = calloc(1, LIMIT + 1);
    assert_non_null(zeros);
    zip_record five[] = {{"a/0", zeros, LIMIT + 1, 1},
                         {"a/1", zeros, LIMIT, 1},
                         {"a/2", zeros, LIMIT, 1},
                         {"a/3", zeros, LIMIT, 1},
                         {"a/4", zeros, LIMIT, 1}};
    write_archive(five, 1);
    assert_error(open_archive(), ARTFUSION_ERROR_LIMIT, "16777217 bytes up to a/0");
    five[0].size = LIMIT;
    write_archive(five, 4);
    assert_error(open_archive(), ARTFUSION_ERROR_FORMAT, "it has no extra/manifest.json");
    write_archive(five, 5);
    assert_error(open_archive(), ARTFUSION_ERROR_LIMIT, "83886080 bytes up to a/4");
    free(zeros);
}

/* Opens a bundle whose directory's entry `number` has other bytes at `at`. */
static artfusion_status open_patched(int number, size_t at, const uint8_t *bytes, size_t count,
                                     const char *signature)
{
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size), *entry = bundle;
    for (;; entry++)
        if (!memcmp(entry, signature, 4) && number-- == 0)
            break;
    memcpy(entry + at, bytes, count);
    artfusion_context *context = test_context();
    artfusion_model *model;
    const artfusion_status status = artfusion_model_open_memory(context, bundle, size, &model);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(bundle);
    return status;
}

static void directories_say_what_is_there(void **state)
{
    (void)state;
    static const char entry[] = "PK\1\2", end[] = "PK\5\6";
    /* The second record where the first is. */
    assert_error(open_patched(1, 42, (const uint8_t[]){0, 0, 0, 0}, 4, entry),
                 ARTFUSION_ERROR_FORMAT, "");
    /* A directory that is elsewhere, or larger than what is there. */
    assert_error(open_patched(0, 16, (const uint8_t[]){1}, 1, end), ARTFUSION_ERROR_FORMAT,
                 "does not begin with the file");
    assert_error(open_patched(0, 12, (const uint8_t[]){0xFF, 0xFF, 0xFF, 0x7F}, 4, end),
                 ARTFUSION_ERROR_FORMAT, "does not begin with the file");
    /* A comment behind the end, which somebody could hide another end in. */
    assert_error(open_patched(0, 20, (const uint8_t[]){4}, 1, end), ARTFUSION_ERROR_FORMAT,
                 "no archive directory ends its");
    /* Bytes in front. */
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size), *longer = malloc(size + 7);
    assert_non_null(longer);
    memset(longer, 'x', 7);
    memcpy(longer + 7, bundle, size);
    artfusion_context *context = test_context();
    artfusion_model *model;
    assert_error(artfusion_model_open_memory(context, longer, size + 7, &model),
                 ARTFUSION_ERROR_FORMAT, "does not begin with the file");
    artfusion_context_destroy(context);
    free(longer);
    free(bundle);
}

/* Of a record in the directory and before its bytes alike: bzip2, and encrypted. */
static void packing_is_stored_or_deflated(void **state)
{
    (void)state;
    static const struct {
        size_t entry, header;
        uint8_t value;
    } fields[] = {{10, 8, 12}, {8, 6, 1}};
    char weights[100] = "";
    const zip_record one = {"small/data/0", weights, sizeof weights, 1};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        write_archive(&one, 1);
        FILE *file = fopen(path, "r+b");
        uint8_t all[4096];
        assert_non_null(file);
        const size_t size = fread(all, 1, sizeof all, file);
        size_t at = 0;
        while (memcmp(all + at, "PK\1\2", 4) != 0)
            at++;
        all[at + fields[i].entry] = all[fields[i].header] = fields[i].value;
        assert_int_equal(fseek(file, 0, SEEK_SET), 0);
        assert_int_equal(fwrite(all, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        const artfusion_status status = open_archive();
        if (status != ARTFUSION_ERROR_FORMAT)
            fail_msg("field %zu: %s, %s", i, artfusion_status_name(status),
                     artfusion_error_message());
    }
}

static void put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* A zip64 end before the plain one is the directory's, too, and must say the same. */
static void two_ends_agree(void **state)
{
    (void)state;
    enum { LARGE = 56, LOCATOR = 20, END = 22 };
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    uint8_t *file = malloc(size + LARGE + LOCATOR);
    assert_non_null(file);
    const size_t end = size - END;
    uint64_t directory_size = 0, directory = 0;
    for (int i = 3; i >= 0; i--) {
        directory_size = directory_size << 8 | bundle[end + 12 + (size_t)i];
        directory = directory << 8 | bundle[end + 16 + (size_t)i];
    }
    memcpy(file, bundle, end);
    uint8_t *large = file + end, *locator = large + LARGE, *last = locator + LOCATOR;
    memset(large, 0, LARGE + LOCATOR);
    memcpy(large, "PK\6\6", 4);
    put(large + 4, LARGE - 12, 8);
    put(large + 12, 45, 2);
    put(large + 14, 45, 2);
    put(large + 24, 2, 8);
    put(large + 32, 2, 8);
    put(large + 40, directory_size, 8);
    put(large + 48, directory, 8);
    memcpy(locator, "PK\6\7", 4);
    put(locator + 8, end, 8);
    put(locator + 16, 1, 4);
    memcpy(last, bundle + end, END);
    artfusion_context *context = test_context();
    artfusion_model *model;
    assert_ok(artfusion_model_open_memory(context, file, size + LARGE + LOCATOR, &model));
    artfusion_model_destroy(model);

    uint8_t *const changed[] = {large, large + 40, large + 48, locator + 8, last + 12, last + 16};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        *changed[i] ^= 1;
        assert_error(artfusion_model_open_memory(context, file, size + LARGE + LOCATOR, &model),
                     ARTFUSION_ERROR_FORMAT, "does not begin with the file");
        *changed[i] ^= 1;
    }
    artfusion_context_destroy(context);
    free(file);
    free(bundle);
}

/* Manifests whose fields are each of their kind, and yet make no model. */
static void manifests_that_make_no_model(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"\"format\": \"artfusion-model\", ", "", "manifest: format is missing"},
        {"[0.1, 0, -0.1]", "[0.1, 1e39, -0.1]", "manifest: latent.shift[1] is no number"},
        {"[2, 1, 0.5]", "[-2, 1, 0.5]", "manifest: latent.scale[0] is no positive number"},
        {"\"native_height\": 24", "\"native_height\": 20", "native size 32x20 is no multiple"},
        {"\"linear_start\": 0.0015", "\"linear_start\": 0",
         "manifest: schedule: betas from 0 to 0.0195 do not lie between 0 and 1"},
        {"\"linear_end\": 0.0195", "\"linear_end\": 1", "betas from 0.0015 to 1 do not lie"},
        {"\"linear_start\": 0.0015,\n               \"linear_end\": 0.0195",
         "\"linear_start\": 1e-12,\n \"linear_end\": 1e-11",
         "alphas_cumprod[0] is 1, not between 0 and 1"},
        {"\"linear_start\": 0.0015,\n               \"linear_end\": 0.0195",
         "\"linear_start\": 0.9,\n \"linear_end\": 0.99", "is 0, not between 0 and 1"},
    };
    artfusion_context *context = test_context();
    artfusion_model *model;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        uint8_t *bundle = make_bundle(small_manifest, cases[i].from, cases[i].to, &size);
        assert_error(artfusion_model_open_memory(context, bundle, size, &model),
                     ARTFUSION_ERROR_FORMAT, cases[i].words);
        assert_null(model);
        free(bundle);
    }
    artfusion_context_destroy(context);
}

static int make_path(void **state)
{
    (void)state;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_read_however_they_lie),
        cmocka_unit_test(damaged_packing_is_named),
        cmocka_unit_test(there_is_one_manifest_of_its_size),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(a_failing_source_is_told_as_such),
        cmocka_unit_test(a_file_that_gets_shorter_is_told),
        cmocka_unit_test(promises_beyond_the_end_are_refused),
        cmocka_unit_test(names_are_paths_inside),
        cmocka_unit_test(unpacked_records_are_limited),
        cmocka_unit_test(directories_say_what_is_there),
        cmocka_unit_test(packing_is_stored_or_deflated),
        cmocka_unit_test(two_ends_agree),
        cmocka_unit_test(manifests_that_make_no_model),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
