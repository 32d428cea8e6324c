/* SPDX-License-Identifier: MIT
 * Archives in which another reader of zip files could see other records than the library: two
 * directories in one file, numbers that stand in two places, bytes that are of no record. */
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "zips.h"

typedef struct archive {
    uint8_t *data;
    size_t size;
} archive;

static archive small_bundle(void)
{
    archive a;
    a.data = make_bundle(small_manifest, NULL, NULL, &a.size);
    return a;
}

static artfusion_status open_archive(const archive *a)
{
    artfusion_context *context = test_context();
    artfusion_model *model = (artfusion_model *)(uintptr_t)1;
    const artfusion_status status = artfusion_model_open_memory(context, a->data, a->size, &model);
    assert_true(!model == !!status);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    return status;
}

static void expect(archive a, artfusion_status status, const char *words)
{
    assert_status(open_archive(&a), status, words);
    free(a.data);
}

#define refused(a, words) expect(a, ARTFUSION_ERROR_FORMAT, words)
#define opened(a) expect(a, ARTFUSION_OK, "")

/* ---- changes that leave all other numbers right ------------------------------- */

static uint8_t *end_of(const archive *a)
{
    return a->data + a->size - ZIP_END;
}

static size_t directory_of(const archive *a)
{
    return (size_t)zip_get(end_of(a) + 16, 4);
}

/* The directory's entry `index`. */
static uint8_t *entry_of(const archive *a, int index)
{
    uint8_t *entry = a->data + directory_of(a);
    while (index--)
        entry +=
            ZIP_CENTRAL + zip_get(entry + 28, 2) + zip_get(entry + 30, 2) + zip_get(entry + 32, 2);
    return entry;
}

static uint8_t *local_of(const archive *a, int index)
{
    return a->data + zip_get(entry_of(a, index) + 42, 4);
}

static void insert(archive *a, size_t at, const void *bytes, size_t size)
{
    a->data = realloc(a->data, a->size + size);
    assert_non_null(a->data);
    memmove(a->data + at + size, a->data + at, a->size - at);
    memcpy(a->data + at, bytes, size);
    a->size += size;
}

/* Among the records, at most right before the directory: places behind it are moved. */
static void insert_among_records(archive *a, size_t at, const void *bytes, size_t size)
{
    const size_t directory = directory_of(a);
    insert(a, at, bytes, size);
    zip_put(end_of(a) + 16, directory + size, 4);
    for (int i = 0; i < (int)zip_get(end_of(a) + 10, 2); i++) {
        uint8_t *entry = entry_of(a, i);
        const size_t local = (size_t)zip_get(entry + 42, 4);
        if (local >= at)
            zip_put(entry + 42, local + size, 4);
    }
}

/* Behind the name of the directory's entry `index`, as its extra field or its comment. */
static void insert_in_entry(archive *a, int index, int comment, const void *bytes, size_t size)
{
    uint8_t *entry = entry_of(a, index);
    const size_t name = (size_t)zip_get(entry + 28, 2);
    zip_put(entry + (comment ? 32 : 30), size, 2);
    insert(a, (size_t)(entry - a->data) + ZIP_CENTRAL + name, bytes, size);
    zip_put(end_of(a) + 12, zip_get(end_of(a) + 12, 4) + size, 4);
}

/* ---- two directories ------------------------------------------------------------ */

/* The locator of a large archive's end at `place`. */
static void put_locator(uint8_t locator[ZIP_LOCATOR], uint64_t place)
{
    uint8_t both[ZIP_LARGE_END + ZIP_LOCATOR];
    zip_put_large_end(both, place, 0, 0, 0);
    memcpy(locator, both + ZIP_LARGE_END, ZIP_LOCATOR);
}

/* A whole model, its directory and the end of a large archive, and behind them another one. A
 * reader that looks for a locator anywhere in the end of the file finds the first, one that looks
 * before the end the second: the one checks what the other does not run. */
static archive two_in_one(int with_locator)
{
    archive a = small_bundle(), other;
    other.data = make_bundle(small_manifest, "small", "other", &other.size);
    const size_t directory = directory_of(&a), end = a.size - ZIP_END;
    uint8_t large[ZIP_LARGE_END + ZIP_LOCATOR], locator[ZIP_LOCATOR + 1] = {0};
    zip_put_large_end(large, end, 2, directory, end - directory);
    put_locator(locator, end);
    archive both = {malloc(end), end};
    assert_non_null(both.data);
    memcpy(both.data, a.data, end);
    insert_among_records(&other, 0, large, ZIP_LARGE_END);
    insert_among_records(&other, 0, both.data, both.size);
    if (with_locator)
        insert_in_entry(&other, 1, 1, locator, sizeof locator);
    free(both.data);
    free(a.data);
    return other;
}

static void two_directories_are_refused(void **state)
{
    (void)state;
    refused(two_in_one(1), "has the locator of a second directory");
    refused(two_in_one(0), "does not begin with the file: its first record is at byte");
}

/* Wherever a reader may look for one: the last 65535 bytes before an end without a comment. */
static void a_locator_astray_is_refused(void **state)
{
    (void)state;
    enum { FAR = 70000 };
    uint8_t locator[ZIP_LOCATOR + 1], part[4 + ZIP_LOCATOR] = {0x46, 0x42, ZIP_LOCATOR};
    put_locator(locator, 0);
    locator[ZIP_LOCATOR] = '.';
    memcpy(part + 4, locator, ZIP_LOCATOR);
    static const char words[] = "has the locator of a second directory";

    archive a = small_bundle();
    insert_in_entry(&a, 0, 1, locator, sizeof locator);
    refused(a, words);
    a = small_bundle();
    insert_in_entry(&a, 0, 0, part, sizeof part);
    refused(a, words);
    a = small_bundle(); /* of no disk, as some readers have it, too */
    locator[16] = 0;
    insert_in_entry(&a, 1, 1, locator, sizeof locator);
    refused(a, words);
    a = small_bundle(); /* between the directory and the end, and not right before that */
    insert(&a, a.size - ZIP_END, locator, sizeof locator);
    refused(a, "its directory is not before its end");

    /* Among what a record holds, by its distance from the end. */
    for (int far = 0; far < 2; far++) {
        char hex[65];
        uint8_t *weights = calloc(1, FAR);
        assert_non_null(weights);
        put_locator(weights + (far ? 100 : FAR - 100), 0);
        zip_record records[] = {{"small/data/0", weights, FAR, 0}, {NULL, NULL, 0, 0}};
        zip_digest(1, records, 1, hex);
        char *manifest = replaced(small_manifest, "@SHA256@", hex);
        records[1] = (zip_record){"small/extra/manifest.json", manifest, strlen(manifest), 0};
        a.data = make_zip(records, 2, &a.size);
        free(manifest);
        if (far)
            opened(a);
        else
            refused(a, words);
        /* Four bytes alone may be any weights': with another disk behind them, a place beyond the
         * file, more disks than one. */
        static const size_t places[][2] = {{4, 4}, {8, 8}, {16, 4}};
        for (size_t i = 0; i < 3; i++) {
            put_locator(weights + (far ? 100 : FAR - 100), 0);
            zip_put(weights + (far ? 100 : FAR - 100) + places[i][0], 0x777777, places[i][1]);
            zip_digest(1, records, 1, hex);
            manifest = replaced(small_manifest, "@SHA256@", hex);
            records[1] = (zip_record){"small/extra/manifest.json", manifest, strlen(manifest), 0};
            a.data = make_zip(records, 2, &a.size);
            free(manifest);
            opened(a);
        }
        free(weights);
    }
}

static void numbers_without_room_need_a_second_end(void **state)
{
    (void)state;
    static const size_t places[][2] = {{8, 4}, {12, 4}, {16, 4}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        archive a = small_bundle();
        zip_put(end_of(&a) + places[i][0], UINT32_MAX, places[i][1]);
        refused(a, "no room for its numbers in its end, and no second one before it");
    }
    /* With one, they are its. */
    for (int changed = 0; changed < 8; changed++) {
        archive a = small_bundle();
        const size_t end = a.size - ZIP_END, directory = directory_of(&a);
        uint8_t large[ZIP_LARGE_END + ZIP_LOCATOR];
        zip_put_large_end(large, end, 2, directory, end - directory);
        static const uint8_t fields[] = {4, 16, 20, 24, 32, ZIP_LARGE_END + 4, ZIP_LARGE_END + 16};
        if (changed)
            large[fields[changed - 1]] ^= 1;
        insert(&a, end, large, sizeof large);
        memset(end_of(&a) + 8, 0xFF, 12);
        if (changed)
            refused(a, "does not begin with the file");
        else
            opened(a);
    }
    for (int way = 0; way < 3; way++) { /* of another disk; with a second end; of other numbers */
        archive a = small_bundle();
        const size_t end = a.size - ZIP_END, directory = directory_of(&a);
        uint8_t large[ZIP_LARGE_END + ZIP_LOCATOR];
        zip_put_large_end(large, end, 2, directory, end - directory);
        if (way)
            insert(&a, end, large, sizeof large);
        if (way == 2)
            memset(end_of(&a) + 8, 3, 4);
        else
            zip_put(end_of(&a) + 4, 1, 2);
        refused(a, "does not begin with the file");
    }
}

static void an_archive_of_nothing_is_no_model(void **state)
{
    (void)state;
    archive a;
    a.data = make_zip(NULL, 0, &a.size);
    refused(a, "it has no extra/manifest.json");
}

/* ---- bytes of no record ------------------------------------------------------------ */

static void every_byte_is_of_a_record(void **state)
{
    (void)state;
    archive a = small_bundle();
    insert_among_records(&a, 0, "junk", 4);
    refused(a, "does not begin with the file: its first record is at byte 4");
    a = small_bundle();
    insert_among_records(&a, (size_t)(local_of(&a, 1) - a.data), "junk", 4);
    refused(a, "4 bytes behind its record small/data/0 that are of no record");
    a = small_bundle();
    insert_among_records(&a, directory_of(&a), "between", 7);
    refused(a, "7 bytes behind its record small/extra/manifest.json that are of no record");
    a = small_bundle(); /* in the directory, behind its last entry */
    insert(&a, a.size - ZIP_END, "PK\1\2", 4);
    zip_put(end_of(&a) + 12, zip_get(end_of(&a) + 12, 4) + 4, 4);
    refused(a, "more in its directory than its 2 records");
    a = small_bundle(); /* fewer records than there are */
    zip_put(end_of(&a) + 8, 1, 2);
    zip_put(end_of(&a) + 10, 1, 2);
    refused(a, "more in its directory than its 1 records");
    a = small_bundle(); /* and more */
    zip_put(end_of(&a) + 8, 3, 2);
    zip_put(end_of(&a) + 10, 3, 2);
    refused(a, "record (directory) cannot be read");
}

typedef struct failing {
    const uint8_t *data;
    int reads_left;
} failing;

static int32_t read_or_fail(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    failing *f = user_data;
    if (f->reads_left-- == 0)
        return 7;
    memcpy(buffer, f->data + offset, size);
    return 0;
}

static void fail_at_each_read(const archive *a)
{
    artfusion_context *context = test_context();
    artfusion_model *model = NULL;
    artfusion_status status = ARTFUSION_ERROR_IO;
    int reads = 0;
    for (; status != ARTFUSION_OK; reads++) {
        failing f = {a->data, reads};
        status = artfusion_model_open_reader(context, read_or_fail, &f, a->size, &model);
        if (status != ARTFUSION_OK)
            assert_error(status, ARTFUSION_ERROR_IO, "callback returned 7");
    }
    assert_true(reads > 8);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
}

/* What a writer puts behind a record whose sizes it did not know before, as torch.jit.save does:
 * with and without a signature, of 4 and of 8 bytes a size. */
static void descriptors_say_what_the_directory_does(void **state)
{
    (void)state;
    for (int head = 0; head < 2; head++)
        for (size_t wide = 4; wide <= 8; wide += 4)
            for (int changed = 0; changed < 5; changed++) {
                archive a = small_bundle();
                uint8_t bytes[24] = "PK\7\10";
                const uint8_t *entry = entry_of(&a, 0);
                const size_t at = head ? 4 : 0, size = at + 4 + 2 * wide;
                zip_put(bytes + at, zip_get(entry + 16, 4), 4);
                zip_put(bytes + at + 4, zip_get(entry + 20, 4), wide);
                zip_put(bytes + at + 4 + wide, zip_get(entry + 24, 4), wide);
                if (changed == 4 && !head) {
                    free(a.data);
                    continue;
                }
                if (changed)
                    bytes[changed == 1   ? at
                          : changed == 2 ? at + 4
                          : changed == 3 ? at + 4 + wide
                                         : 0] ^= 1;
                insert_among_records(&a, (size_t)(local_of(&a, 1) - a.data), bytes, size);
                zip_put(entry_of(&a, 0) + 8, 8, 2);
                memset(local_of(&a, 0) + 14, 0, 12); /* its CRC and sizes */
                zip_put(local_of(&a, 0) + 6, 8, 2);
                if (changed)
                    refused(a, "small/data/0 that is described otherwise behind it");
                else
                    opened(a);
            }
    /* A source that fails in the midst of one is told as such. */
    archive a = small_bundle();
    const uint8_t *first = entry_of(&a, 0);
    uint8_t described[16] = "PK\7\10";
    memcpy(described + 4, first + 16, 12);
    insert_among_records(&a, (size_t)(local_of(&a, 1) - a.data), described, sizeof described);
    zip_put(entry_of(&a, 0) + 8, 8, 2);
    zip_put(local_of(&a, 0) + 6, 8, 2);
    fail_at_each_read(&a);
    opened(a);

    a = small_bundle(); /* that is announced, and is not there */
    zip_put(entry_of(&a, 0) + 8, 8, 2);
    zip_put(local_of(&a, 0) + 6, 8, 2);
    refused(a, "has 0 bytes behind its record small/data/0");
}

/* ---- numbers that stand in two places ------------------------------------------------- */

static void a_record_is_what_its_directory_says(void **state)
{
    (void)state;
    /* Signature, flags, method, CRC, both sizes, length of the name, the name. */
    static const uint8_t places[] = {0, 6, 8, 14, 18, 22, 26, ZIP_LOCAL + 8};
    for (size_t i = 0; i < sizeof places; i++) {
        archive a = small_bundle();
        local_of(&a, 1)[places[i]] ^= 2;
        refused(a, "manifest.json that is described otherwise before it than in the directory");
    }
    archive a = small_bundle(); /* 0 is of those that have a descriptor */
    zip_put(local_of(&a, 1) + 14, 0, 4);
    refused(a, "described otherwise before it");
    a = small_bundle(); /* the mark of UTF-8 is put on plain names, and taken away */
    zip_put(local_of(&a, 1) + 6, 1 << 11, 2);
    opened(a);
    a = small_bundle(); /* a record of another disk */
    zip_put(entry_of(&a, 1) + 34, 1, 2);
    refused(a, "manifest.json whose sizes or place cannot be read");
}

/* Sizes and places that have no room in 32 bits, and here would have. */
static void large_numbers_stand_in_one_extra_field(void **state)
{
    (void)state;
    for (int way = 0; way < 10; way++) {
        archive a = small_bundle();
        const uint8_t *entry = entry_of(&a, 1);
        uint8_t extra[64] = {0x46, 0x42, 3, 0, 'x', 'y', 'z', 1, 0, 24};
        zip_put(extra + 11, zip_get(entry + 24, 4), 8);
        zip_put(extra + 19, zip_get(entry + 20, 4), 8);
        zip_put(extra + 27, zip_get(entry + 42, 4), 8);
        size_t size = 7 + 4 + 24;
        if (way == 1) { /* a second one */
            memcpy(extra + size, extra + 7, 28);
            size += 28;
        }
        if (way == 2) { /* one number is missing */
            extra[9] -= 8;
            size -= 8;
        }
        if (way >= 8) { /* two; all of them */
            extra[9] = way == 8 ? 8 : 0;
            size = 7 + 4 + (size_t)extra[9];
        }
        if (way == 3) { /* one more than is asked for */
            extra[9] += 8;
            size += 8;
        }
        if (way == 4) /* longer than the field */
            extra[9]++;
        if (way == 5) /* part of a head */
            size += 3;
        if (way == 6) /* a place behind all, that wraps if something is added */
            memset(extra + 27, 0xFF, 8);
        if (way == 7) { /* a size that does */
            memset(extra + 11, 0xFF, 16);
            memset(local_of(&a, 1) + 18, 0xFF, 8);
        }
        zip_put(entry_of(&a, 1) + 20, UINT32_MAX, 4);
        zip_put(entry_of(&a, 1) + 24, UINT32_MAX, 4);
        zip_put(entry_of(&a, 1) + 42, UINT32_MAX, 4);
        insert_in_entry(&a, 1, 0, extra, size);
        if (way == 0)
            opened(a);
        else
            refused(a, way < 6 || way > 7 ? "manifest.json whose sizes or place cannot be read"
                                          : "manifest.json that reaches beyond its end");
    }
    archive a = small_bundle(); /* numbers that nobody asked for */
    const uint8_t extra[] = {1, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    insert_in_entry(&a, 0, 0, extra, sizeof extra);
    refused(a, "small/data/0 whose sizes or place cannot be read");
}

/* Whose stream ends before its bytes do: the rest would be read by nobody, or by somebody else. */
static void packed_bytes_are_all_read(void **state)
{
    (void)state;
    char *manifest = replaced(small_manifest, "@SHA256@", "0");
    const zip_record records[] = {{"small/data/0", "weights", 7, 1},
                                  {"small/extra/manifest.json", manifest, strlen(manifest), 0}};
    archive a;
    a.data = make_zip(records, 2, &a.size);
    free(manifest);
    insert_among_records(&a, (size_t)(local_of(&a, 1) - a.data), "rest", 4);
    const uint64_t longer = zip_get(entry_of(&a, 0) + 20, 4) + 4;
    zip_put(entry_of(&a, 0) + 20, longer, 4);
    zip_put(local_of(&a, 0) + 18, longer, 4);
    refused(a, "record small/data/0 is packed in fewer bytes than it has");
}

/* Of another size than is said, by one byte, or cut before the stream's end. */
static void packed_records_have_their_size(void **state)
{
    (void)state;
    char *manifest = replaced(small_manifest, "@SHA256@", "0");
    for (int way = 0; way < 3; way++) {
        const zip_record records[] = {{"small/data/0", "weights", 7, 1},
                                      {"small/extra/manifest.json", manifest, strlen(manifest), 0}};
        archive a;
        a.data = make_zip(records, 2, &a.size);
        const uint64_t size = way == 2 ? 7 : way ? 8 : 6;
        zip_put(entry_of(&a, 0) + 24, size, 4);
        zip_put(local_of(&a, 0) + 22, size, 4);
        if (way == 2) /* a block that is none, behind all that is wanted: the last bit is taken */
            a.data[ZIP_LOCAL + 12] &= 0xFE;
        refused(a, way == 1 ? "record small/data/0 ends early" : "small/data/0 cannot be unpacked");
    }
    free(manifest);
}

/* What stands before a record does not reach into the directory. */
static void a_record_has_room_for_its_name(void **state)
{
    (void)state;
    const zip_record one = {"small/data/0", "weights", 7, 0};
    archive a;
    a.data = make_zip(&one, 1, &a.size);
    const size_t directory = directory_of(&a), cut = directory - 10;
    memmove(a.data + 10, a.data + directory, a.size - directory);
    a.size -= cut;
    zip_put(end_of(&a) + 16, 10, 4);
    refused(a, "small/data/0 that reaches beyond its end");
}

static void directories_are_limited(void **state)
{
    (void)state;
    enum { LIMIT = 16 << 20 };
    archive a = {calloc(1, LIMIT + 1 + ZIP_END), LIMIT + 1 + ZIP_END};
    assert_non_null(a.data);
    memcpy(end_of(&a), "PK\5\6", 4);
    zip_put(end_of(&a) + 12, LIMIT + 1, 4);
    expect(a, ARTFUSION_ERROR_LIMIT, "a directory of 16777217 bytes, limit 16777216");

    a = small_bundle();
    const size_t end = a.size - ZIP_END, directory = directory_of(&a);
    uint8_t large[ZIP_LARGE_END + ZIP_LOCATOR];
    zip_put_large_end(large, end, 65536, directory, end - directory);
    insert(&a, end, large, sizeof large);
    memset(end_of(&a) + 8, 0xFF, 4);
    expect(a, ARTFUSION_ERROR_LIMIT, "more than 65535 records");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_directories_are_refused),
        cmocka_unit_test(a_locator_astray_is_refused),
        cmocka_unit_test(numbers_without_room_need_a_second_end),
        cmocka_unit_test(an_archive_of_nothing_is_no_model),
        cmocka_unit_test(every_byte_is_of_a_record),
        cmocka_unit_test(descriptors_say_what_the_directory_does),
        cmocka_unit_test(a_record_is_what_its_directory_says),
        cmocka_unit_test(large_numbers_stand_in_one_extra_field),
        cmocka_unit_test(packed_bytes_are_all_read),
        cmocka_unit_test(packed_records_have_their_size),
        cmocka_unit_test(a_record_has_room_for_its_name),
        cmocka_unit_test(directories_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
