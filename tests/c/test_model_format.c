/* SPDX-License-Identifier: MIT
 * What the digest of a model file covers, in both formats, and that an engine gets what was
 * digested. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "zips.h"

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* small_manifest, of `format`, with zeros for its digest. Freed with free. */
static char *manifest_of(int format)
{
    char version[32];
    (void)snprintf(version, sizeof version, "\"format_version\": %d", format);
    char *dated = replaced(small_manifest, "\"format_version\": 1", version);
    char *text = replaced(dated, "@SHA256@", zeros);
    free(dated);
    return text;
}

static void set_digest(char *manifest, const char *hex)
{
    memcpy(strstr(manifest, "\"weights_sha256\": \"") + 19, hex, 64);
}

/* Of records with a manifest as the last of them. */
static void digest_of(int format, const zip_record *records, size_t count, char hex[65])
{
    zip_digest(format, records, format == 2 ? count : count - 1, hex);
}

/* `hex`, unless it is NULL, gets the digest that the model says. */
static artfusion_status open_records(const zip_record *records, size_t count, char hex[65])
{
    size_t size;
    uint8_t *file = make_zip(records, count, &size);
    artfusion_context *context = test_context();
    artfusion_model *model;
    artfusion_model_info info;
    const artfusion_status status = artfusion_model_open_memory(context, file, size, &model);
    if (status == ARTFUSION_OK && hex) {
        assert_ok(artfusion_model_get_info(model, &info, sizeof info));
        (void)snprintf(hex, 65, "%s", info.weights_sha256);
    }
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(file);
    return status;
}

static void both_formats_open(void **state)
{
    (void)state;
    char digests[3][65];
    for (int format = 1; format <= 2; format++)
        for (int packed = 0; packed < 2; packed++) {
            char hex[65], *manifest = manifest_of(format);
            const zip_record records[] = {
                {"m/data/0", "zero", 4, packed},
                {"m/empty", "", 0, packed},
                {"m/extra/manifest.json", manifest, strlen(manifest), packed},
            };
            digest_of(format, records, 3, hex);
            set_digest(manifest, hex);
            assert_ok(open_records(records, 3, digests[format]));
            assert_string_equal(digests[format], hex);
            free(manifest);
        }
    assert_string_not_equal(digests[1], digests[2]);
}

static void damage_is_found_in_both_formats(void **state)
{
    (void)state;
    for (int format = 1; format <= 2; format++) {
        char *manifest = manifest_of(format), hex[65];
        const zip_record records[] = {
            {"m/data/0", "zero", 4, 0},
            {"m/extra/manifest.json", manifest, strlen(manifest), 0},
        };
        size_t size;
        digest_of(format, records, 2, hex);
        set_digest(manifest, hex);
        uint8_t *file = make_zip(records, 2, &size);
        file[ZIP_LOCAL + 8] ^= 1; /* the first of the four */
        artfusion_context *context = test_context();
        artfusion_model *model;
        assert_error(artfusion_model_open_memory(context, file, size, &model),
                     ARTFUSION_ERROR_FORMAT, "m/data/0 has another CRC");
        artfusion_context_destroy(context);
        free(file);
        free(manifest);
    }
}

/* The manifest's place among the records is its writer's. */
static void the_manifest_may_come_first(void **state)
{
    (void)state;
    char hex[65], *manifest = manifest_of(2);
    const zip_record records[] = {
        {"m/extra/manifest.json", manifest, strlen(manifest), 0},
        {"m/data/0", "zero", 4, 0},
    };
    zip_digest(2, records, 2, hex);
    set_digest(manifest, hex);
    assert_ok(open_records(records, 2, NULL));
    free(manifest);
}

/* What a program believes of the manifest without running anything: its words, and its numbers. */
static void a_changed_manifest_is_found_in_format_2(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"\"for tests\"", "\"for pests\""},        {"\"style_scale\": 2", "\"style_scale\": 3"},
        {"\"width\": 3", "\"width\": 4"},          {"}}", "} }"}, /* not even a space */
        {"\"origin\"", "\"more\": 1, \"origin\""},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        for (int format = 1; format <= 2; format++) {
            char hex[65], *manifest = manifest_of(format);
            zip_record records[] = {
                {"m/data/0", "zero", 4, 0},
                {"m/extra/manifest.json", manifest, strlen(manifest), 0},
            };
            digest_of(format, records, 2, hex);
            set_digest(manifest, hex);
            char *changed = replaced(manifest, changes[i][0], changes[i][1]);
            records[1].data = changed;
            records[1].size = strlen(changed);
            if (format == 1)
                assert_ok(open_records(records, 2, NULL)); /* as it always was */
            else
                assert_error(open_records(records, 2, NULL), ARTFUSION_ERROR_CHECKSUM,
                             "the model was changed or damaged");
            free(changed);
            free(manifest);
        }
}

/* Taken away, put in, renamed, in another order, longer by a zero, cut elsewhere. */
static void every_other_list_of_records_is_found_in_format_2(void **state)
{
    (void)state;
    char hex[65], *manifest = manifest_of(2);
    const zip_record last = {"m/extra/manifest.json", manifest, strlen(manifest), 0};
    const zip_record right[] = {{"m/data/0", "zero", 4, 0}, {"m/data/1", "one", 3, 0}, last};
    const struct {
        size_t count;
        zip_record records[4];
    } wrong[] = {
        {2, {right[0], last}},
        {4, {right[0], right[1], {"m/data/2", "", 0, 0}, last}},
        {3, {right[0], {"m/data/2", "one", 3, 0}, last}},
        {3, {right[1], right[0], last}},
        {3, {{"m/data/0", "zero", 5, 0}, right[1], last}},
        {3, {{"m/data/0", "zeroo", 5, 0}, {"m/data/1", "ne", 2, 0}, last}},
        {3, {{"m/data/0", "zerO", 4, 0}, right[1], last}},
        {3, {right[0], last, right[1]}},
    };
    zip_digest(2, right, 3, hex);
    set_digest(manifest, hex);
    assert_ok(open_records(right, 3, NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_error(open_records(wrong[i].records, wrong[i].count, NULL), ARTFUSION_ERROR_CHECKSUM,
                     "the model was changed or damaged");
    free(manifest);
}

/* A digest of names and bytes without their lengths is one of other records too: here "code" is one
 * text or the other. Format 2 tells them apart. */
static void records_cut_elsewhere_have_another_digest_in_format_2(void **state)
{
    (void)state;
    static const char a0[] = "pad",
                      b0[] = "pad"
                             "code\0one"
                             "data/1\0"
                             "pad",
                      a1[] = "pad"
                             "code\0two";
    for (int format = 1; format <= 2; format++) {
        char first[65], second[65], *manifest = manifest_of(format);
        const zip_record last = {"m/extra/manifest.json", manifest, strlen(manifest), 0};
        const zip_record a[] = {{"m/data/0", a0, sizeof a0 - 1, 0},
                                {"m/code", "one", 3, 0},
                                {"m/data/1", a1, sizeof a1 - 1, 0},
                                last};
        const zip_record b[] = {{"m/data/0", b0, sizeof b0 - 1, 0}, {"m/code", "two", 3, 0}, last};
        digest_of(format, a, 4, first);
        digest_of(format, b, 3, second);
        set_digest(manifest, first);
        assert_ok(open_records(a, 4, NULL));
        assert_int_equal(strcmp(first, second) == 0, format == 1);
        if (format == 1)
            assert_ok(open_records(b, 3, NULL));
        else
            assert_error(open_records(b, 3, NULL), ARTFUSION_ERROR_CHECKSUM,
                         "the model was changed or damaged");
        free(manifest);
    }
}

/* The digest counts with zeros in its place, which therefore must be one. */
static void the_digest_stands_in_the_manifest_once(void **state)
{
    (void)state;
    static const char digits[] = "a0000000000000000000000000000000000000000000000000000000000000bc",
                      words[] = "weights_sha256 is not 64 digits that stand in it once";
    char twice[100], upper[65], escaped[80], longer[66];
    (void)snprintf(twice, sizeof twice, "\"origin\": \"%s\"", digits);
    (void)snprintf(upper, sizeof upper, "%.62sBC", digits);
    (void)snprintf(escaped, sizeof escaped, "\\u0061%s", digits + 1);
    (void)snprintf(longer, sizeof longer, "%sx", digits);
    const char *const told[] = {digits, upper, escaped, longer, digits + 1, "", "00"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        char *second = replaced(small_manifest, "\"format_version\": 1", "\"format_version\": 2");
        char *named = replaced(second, i ? NULL : "\"origin\": \"made up\"", twice);
        char *manifest = replaced(named, "@SHA256@", told[i]);
        const zip_record records[] = {
            {"m/data/0", "zero", 4, 0},
            {"m/extra/manifest.json", manifest, strlen(manifest), 0},
        };
        assert_error(open_records(records, 2, NULL), ARTFUSION_ERROR_FORMAT, words);
        free(manifest);
        free(named);
        free(second);
    }
}

/* ---- a file that changes while it is opened ----------------------------------------- */

/* The polynomial of CRC-32: what is changed by it has the CRC that it had. */
static const uint8_t unseen[] = {0x41, 0x06, 0x71, 0xDB, 0x01};

typedef struct changing {
    uint8_t *data;
    size_t at;      /* where bytes change */
    int reads_left; /* of them, before they do */
} changing;

static int32_t read_changing(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    changing *c = user_data;
    if (c->at >= offset && c->at < offset + size && c->reads_left-- == 0)
        for (size_t i = 0; i < sizeof unseen; i++)
            c->data[c->at + i] ^= unseen[i];
    memcpy(buffer, c->data + offset, size);
    return 0;
}

/* The test engine reads the first record. Of a packed one a byte can be changed so that it cannot
 * be unpacked any more, too. The file's end, which is looked through first, is longer than all
 * others. */
static void an_engine_gets_what_was_digested(void **state)
{
    (void)state;
    enum { WEIGHTS = 300000 };
    uint8_t *weights = malloc(WEIGHTS);
    assert_non_null(weights);
    uint32_t number = 1; /* what can't be packed, so that it takes several reads */
    for (uint32_t i = 0; i < WEIGHTS; i++) {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
        weights[i] = (uint8_t)number;
    }
    artfusion_context *context = test_context();
    for (int packed = 0; packed < 2; packed++)
        for (int format = 1; format <= 2; format++)
            for (int change = 0; change < 2; change++) {
                char hex[65], *manifest = manifest_of(format);
                const zip_record records[] = {
                    {"m/data/0", weights, WEIGHTS, packed},
                    {"m/data/1", weights, WEIGHTS, 0},
                    {"m/extra/manifest.json", manifest, strlen(manifest), 0},
                };
                digest_of(format, records, 3, hex);
                set_digest(manifest, hex);
                size_t size;
                changing c = {.data = make_zip(records, 3, &size), .at = 1000};
                c.reads_left = change ? 1 : 2; /* for the digest, and for the engine */
                artfusion_model *model;
                const artfusion_status status =
                    artfusion_model_open_reader(context, read_changing, &c, size, &model);
                if (change)
                    assert_error(status, ARTFUSION_ERROR_CHECKSUM,
                                 "record data/0 of the model file was changed since the model was "
                                 "opened: it");
                else
                    assert_ok(status);
                assert_int_equal(model == NULL, change);
                artfusion_model_destroy(model);
                free(c.data);
                free(manifest);
            }
    artfusion_context_destroy(context);
    free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_open),
        cmocka_unit_test(damage_is_found_in_both_formats),
        cmocka_unit_test(the_manifest_may_come_first),
        cmocka_unit_test(a_changed_manifest_is_found_in_format_2),
        cmocka_unit_test(every_other_list_of_records_is_found_in_format_2),
        cmocka_unit_test(records_cut_elsewhere_have_another_digest_in_format_2),
        cmocka_unit_test(the_digest_stands_in_the_manifest_once),
        cmocka_unit_test(an_engine_gets_what_was_digested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
