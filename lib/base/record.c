/* SPDX-License-Identifier: MIT */
#include "base/record.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"

enum { DIGEST = 32, HEAD = sizeof((af_record_kind *)0)->magic + sizeof(uint32_t) };

/* One value of `bytes` bytes, the least significant first. */
static void transfer(af_record *r, uint64_t *value, size_t bytes)
{
    const int inside = r->position <= r->size && bytes <= r->size - r->position;
    if (r->mode == AF_RECORD_WRITE && inside)
        for (size_t i = 0; i < bytes; i++)
            r->out[r->position + i] = (uint8_t)(*value >> 8 * i);
    if (r->mode == AF_RECORD_READ) {
        *value = 0;
        for (size_t i = 0; inside && i < bytes; i++)
            *value |= (uint64_t)r->in[r->position + i] << 8 * i;
    }
    r->position += bytes;
}

/* Through an unsigned integer of the type's own size, which copies every bit. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in them. */
#define DEFINE_FIELD(name, type, bits) \
    void af_record_##name(af_record *record, type *values, size_t count) \
    { \
        for (size_t i = 0; i < count; i++) { \
            uint##bits##_t word; \
            memcpy(&word, &values[i], sizeof word); \
            uint64_t value = word; \
            transfer(record, &value, sizeof word); \
            word = (uint##bits##_t)value; \
            memcpy(&values[i], &word, sizeof word); \
        } \
    }
DEFINE_FIELD(u8, uint8_t, 8)
DEFINE_FIELD(i32, int32_t, 32)
DEFINE_FIELD(u32, uint32_t, 32)
DEFINE_FIELD(u64, uint64_t, 64)
DEFINE_FIELD(f32, float, 32)
DEFINE_FIELD(f64, double, 64)
#undef DEFINE_FIELD
/* NOLINTEND(bugprone-macro-parentheses) */

static void digest(const uint8_t *data, size_t size, uint8_t sum[DIGEST])
{
    SHA256_CTX context;
    (void)SHA256_Init(&context);
    (void)SHA256_Update(&context, data, size);
    (void)SHA256_Final(sum, &context);
}

size_t af_record_size(af_record_fields fields, void *object)
{
    af_record counter = {.mode = AF_RECORD_COUNT};
    fields(&counter, object);
    return HEAD + counter.position + DIGEST;
}

artfusion_status af_record_save(const af_record_kind *kind, af_record_fields fields, void *object,
                                uint8_t **data, size_t *size)
{
    *size = af_record_size(fields, object);
    *data = af_alloc(*size);
    if (!*data) {
        const size_t wanted = *size;
        *size = 0;
        return af_fail_memory(wanted, kind->what);
    }
    const size_t end = *size - DIGEST;
    memcpy(*data, kind->magic, sizeof kind->magic);
    af_record record = {
        .mode = AF_RECORD_WRITE, .out = *data, .size = end, .position = sizeof kind->magic};
    uint32_t version = kind->version;
    af_record_u32(&record, &version, 1);
    fields(&record, object);
    digest(*data, end, *data + end);
    return ARTFUSION_OK;
}

artfusion_status af_record_open(const af_record_kind *kind, const void *data, size_t size,
                                af_record *record)
{
    const uint8_t *bytes = data;
    if (size < HEAD + DIGEST || memcmp(bytes, kind->magic, sizeof kind->magic) != 0)
        return af_fail(ARTFUSION_ERROR_FORMAT, "the %zu bytes are not %s", size, kind->what);
    *record = (af_record){
        .mode = AF_RECORD_READ, .in = bytes, .size = size - DIGEST, .position = sizeof kind->magic};
    uint32_t version = 0;
    af_record_u32(record, &version, 1);
    if (version != kind->version)
        return af_fail(ARTFUSION_ERROR_UNSUPPORTED,
                       "%s of format version %u: this library knows version %u", kind->what,
                       (unsigned)version, (unsigned)kind->version);
    uint8_t sum[DIGEST];
    digest(bytes, record->size, sum);
    if (memcmp(sum, bytes + record->size, DIGEST) != 0)
        return af_fail(ARTFUSION_ERROR_CHECKSUM,
                       "%s: its checksum is wrong: it was changed or cut since it was saved",
                       kind->what);
    return ARTFUSION_OK;
}

artfusion_status af_record_close(const af_record_kind *kind, const af_record *record)
{
    if (record->position == record->size)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_FORMAT, "%s has %zu bytes where %zu belong", kind->what,
                   record->size, record->position);
}
