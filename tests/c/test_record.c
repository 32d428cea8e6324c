/* SPDX-License-Identifier: MIT
 * Records of other lengths than their fields have, and the two ends of what a network's memory is
 * fitted by. */
#include <string.h>

#include "base/error.h"
#include "base/record.h"
#include "model/curves.h"
#include "support.h"

static const af_record_kind kind = {"testtest", 1, "a test"};

static void two_fields(af_record *record, void *object)
{
    af_record_u32(record, object, 2);
}

/* With a right checksum: another writer's, who has fewer or more fields. Behind the end are zeros. */
static void lengths_are_checked(void **state)
{
    (void)state;
    uint32_t values[2] = {7, 8}, read[3] = {1, 1, 1};
    uint8_t *data;
    size_t size;
    af_record record;
    assert_ok(af_record_save(&kind, two_fields, values, &data, &size));
    for (size_t count = 1; count <= 3; count++) {
        af_error_clear();
        assert_ok(af_record_open(&kind, data, size, &record));
        af_record_u32(&record, read, count);
        if (count == 2)
            assert_ok(af_record_close(&kind, &record));
        else
            assert_error(af_record_close(&kind, &record), ARTFUSION_ERROR_FORMAT,
                         count == 1 ? "a test has 20 bytes where 16 belong"
                                    : "a test has 20 bytes where 24 belong");
    }
    assert_true(read[0] == 7 && read[1] == 8 && read[2] == 0);
    artfusion_free(data);
}

static void nothing_is_written_beyond(void **state)
{
    (void)state;
    uint8_t bytes[8];
    uint32_t values[2] = {0x01020304, 0x05060708};
    memset(bytes, 0xEE, sizeof bytes);
    af_record record = {.mode = AF_RECORD_WRITE, .out = bytes, .size = 7};
    af_record_u32(&record, values, 2);
    static const uint8_t expected[8] = {4, 3, 2, 1, 0xEE, 0xEE, 0xEE, 0xEE};
    assert_memory_equal(bytes, expected, sizeof bytes);
    assert_int_equal(record.position, 8); /* what it would have taken */
}

static void memory_is_fitted_at_its_ends(void **state)
{
    (void)state;
    af_curve curve;
    const double same[] = {4, 4, 8}, bytes[] = {100, 100, 300};
    af_curve_fit(same, bytes, 3, &curve); /* the native size is the smallest: by proportion */
    assert_near(af_curve_at(&curve, 1, 8), 200, 1e-9);
    /* A line that would start below nothing starts at nothing. */
    const double n[] = {4, 8, 16}, steep[] = {10, 110, 310};
    af_curve_fit(n, steep, 3, &curve);
    assert_near(af_curve_at(&curve, 1, 0), 0, 0);

    artfusion_model *model = test_model("\"native_width\": 32, \"native_height\": 24",
                                        "\"native_width\": 8, \"native_height\": 8");
    uint64_t needed = 0;
    assert_ok(artfusion_sampler_memory_needed(model, NULL, &needed));
    assert_true(needed > 0);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_checked),
        cmocka_unit_test(nothing_is_written_beyond),
        cmocka_unit_test(memory_is_fitted_at_its_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
