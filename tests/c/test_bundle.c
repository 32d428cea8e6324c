/* SPDX-License-Identifier: MIT
 * Records on their way to an engine: in parts, which come in order or not at all, and as a list of
 * bytes for another process. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/bundle.h"
#include "model/record_list.h"
#include "support.h"

enum { WEIGHTS = 64 }; /* of make_bundle's record 0 */

typedef struct opened {
    uint8_t *file;
    af_model_source source;
    af_bundle bundle;
} opened;

static void open_small(opened *o)
{
    size_t size;
    char sha256[AF_SHA256_HEX];
    o->file = make_bundle(small_manifest, NULL, NULL, &size);
    af_source_open_memory(&o->source, o->file, size);
    assert_ok(af_bundle_open(&o->bundle, &o->source.base));
    assert_ok(af_bundle_digest(&o->bundle, &o->source.base, 1, "", sha256));
}

static void close_small(opened *o)
{
    af_bundle_clear(&o->bundle);
    free(o->file);
}

static void a_record_is_read_from_its_beginning_on(void **state)
{
    (void)state;
    opened o;
    uint8_t bytes[WEIGHTS + 1];
    open_small(&o);
    af_reading r = {.bundle = &o.bundle, .source = &o.source.base};
    static const struct {
        size_t index;
        uint64_t offset;
        size_t size;
        const char *words;
    } wrong[] = {
        {2, 0, 1, "no record 2"},
        {0, 8, 1, "read out of order"}, /* from its midst */
        {0, 0, WEIGHTS + 1, "read beyond its end"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        af_error_clear();
        assert_error(af_reading_part(&r, wrong[i].index, wrong[i].offset, bytes, wrong[i].size),
                     ARTFUSION_ERROR_ARGUMENT, wrong[i].words);
    }
    /* After its first 8 bytes: another record, other bytes than the next, more than there are. */
    static const struct {
        size_t index;
        uint64_t offset;
        size_t size;
    } next[] = {{1, 8, 1}, {0, 9, 1}, {0, 8, WEIGHTS - 7}};
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        af_error_clear();
        assert_ok(af_reading_part(&r, 0, 0, bytes, 8));
        assert_error(af_reading_part(&r, next[i].index, next[i].offset, bytes, next[i].size),
                     ARTFUSION_ERROR_ARGUMENT, "a record of the model was read");
    }
    af_error_clear();
    assert_ok(af_reading_part(&r, 0, 0, bytes, 8));
    assert_ok(af_reading_part(&r, 0, 0, bytes, 8)); /* from the beginning again */
    assert_ok(af_reading_part(&r, 0, 8, bytes + 8, WEIGHTS - 8));
    assert_memory_equal(bytes, o.file + o.bundle.archive.entries[0].begin, WEIGHTS);
    af_reading_end(&r);
    close_small(&o);
}

static void a_list_is_the_same_behind_a_channel(void **state)
{
    (void)state;
    const af_model_record records[] = {
        {"data.pkl", 17, 0xDEADBEEF}, {"", 0, 0}, {"data/0", UINT64_C(1) << 40, 1}};
    enum { COUNT = 3 };
    const size_t size = af_record_list_size(records, COUNT);
    uint8_t *list = malloc(size + 1);
    assert_non_null(list);
    af_record_list_write(records, COUNT, list);
    list[size] = 0;
    af_model_record read[COUNT + 1];
    assert_true(af_record_list_read(list, size, read, COUNT));
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(read[i].name, records[i].name);
        assert_true(read[i].size == records[i].size && read[i].crc == records[i].crc);
    }
    for (size_t cut = 0; cut <= size + 1; cut++)
        if (cut != size)
            assert_false(af_record_list_read(list, cut, read, COUNT));
    assert_false(af_record_list_read(list, size, read, COUNT + 1));
    assert_false(af_record_list_read(list, size, read, COUNT - 1));
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_from_its_beginning_on),
        cmocka_unit_test(a_list_is_the_same_behind_a_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
