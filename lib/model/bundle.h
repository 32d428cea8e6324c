/* SPDX-License-Identifier: MIT
 * A model file's records: what its digest is of, where its manifest is, what an engine gets. */
#ifndef AF_MODEL_BUNDLE_H
#define AF_MODEL_BUNDLE_H

#include "base/sha256.h"
#include "model/engine.h"
#include "model/unpack.h"

#define AF_SHA256_HEX 65 /* 64 digits and the zero */

typedef struct af_bundle {
    af_archive archive;
    af_model_record *records;              /* of each entry, what an engine is told */
    uint8_t (*sums)[SHA256_DIGEST_LENGTH]; /* SHA-256 of each record, by af_bundle_digest */
    size_t manifest;                       /* which of them that is */
    char *text;                            /* its content and a zero */
    size_t text_size;                      /* without it */
} af_bundle;

/* Reads the archive's directory and the manifest. The bundle is empty after a failure.
 * Errors: IO and the source's, FORMAT (no archive, damaged, no manifest), LIMIT, MEMORY. */
artfusion_status af_bundle_open(af_bundle *bundle, const af_source *source);
void af_bundle_clear(af_bundle *bundle);

/* Reads all records, each by its CRC, for their digest of the format `version`
 * (docs/model-format.md), where the manifest says that it is `told`.
 * Errors: as above; FORMAT if `told` is not 64 digits that the manifest has once. */
artfusion_status af_bundle_digest(af_bundle *bundle, const af_source *source, int32_t version,
                                  const char *told, char sha256[AF_SHA256_HEX]);

/* ---- what an engine gets ------------------------------------------------------ */

/* A record's bytes as they were digested, or CHECKSUM: the file may have changed since. */
typedef struct af_reading {
    const af_bundle *bundle;
    const af_source *source;
    size_t index;
    int under_way;
    af_unpacking unpacking;
    SHA256_CTX sum;
} af_reading;

/* `size` bytes from `offset` of a record: each record's bytes from the first to the last, in parts.
 * With the last one all were right. Errors: CHECKSUM, ARGUMENT (another place than the next), the
 * source's, MEMORY. */
artfusion_status af_reading_part(af_reading *reading, size_t index, uint64_t offset, void *buffer,
                                 size_t size);
void af_reading_end(af_reading *reading);

/* The same as the seam has it: `base` is first, so that an af_model_records * is one of these. */
typedef struct af_bundle_records {
    af_model_records base;
    const af_bundle *bundle;
    const af_source *source;
} af_bundle_records;

af_bundle_records af_bundle_records_of(const af_bundle *bundle, const af_source *source);

#endif
