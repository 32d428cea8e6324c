/* SPDX-License-Identifier: MIT
 *
 * What is saved and loaded again: a frame around fields, little-endian on every machine,
 *
 *     magic[8]  version u32  fields...  SHA-256 of all before it [32]
 *
 * One list of fields serves for counting, writing and reading, so that the three agree.
 */
#ifndef AF_BASE_RECORD_H
#define AF_BASE_RECORD_H

#include "artfusion.h"

typedef struct af_record_kind {
    char magic[8];
    uint32_t version;
    const char *what; /* for messages: "a style code" */
} af_record_kind;

typedef struct af_record {
    enum { AF_RECORD_COUNT, AF_RECORD_WRITE, AF_RECORD_READ } mode;
    uint8_t *out;
    const uint8_t *in;
    size_t size, position; /* behind the end nothing is written, and zeros are read */
} af_record;

/* Each takes `count` values to or from the place they stand at. */
void af_record_u8(af_record *record, uint8_t *values, size_t count);
void af_record_i32(af_record *record, int32_t *values, size_t count);
void af_record_u32(af_record *record, uint32_t *values, size_t count);
void af_record_u64(af_record *record, uint64_t *values, size_t count);
void af_record_f32(af_record *record, float *values, size_t count);
void af_record_f64(af_record *record, double *values, size_t count);

typedef void (*af_record_fields)(af_record *record, void *object);

/* `*data` is of af_alloc. Errors: MEMORY. */
artfusion_status af_record_save(const af_record_kind *kind, af_record_fields fields, void *object,
                                uint8_t **data, size_t *size);

/* Checks the frame, and makes `record` ready to read the fields.
 * Errors: FORMAT, UNSUPPORTED (a newer version), CHECKSUM. */
artfusion_status af_record_open(const af_record_kind *kind, const void *data, size_t size,
                                af_record *record);

/* Whether just what there was has been read. Errors: FORMAT. */
artfusion_status af_record_close(const af_record_kind *kind, const af_record *record);

/* How large a record of `object` is. */
size_t af_record_size(af_record_fields fields, void *object);

#endif
