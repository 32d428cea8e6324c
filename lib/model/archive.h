/* SPDX-License-Identifier: MIT
 * The zip archive of a model file, as far as torch.jit.save and its like write one: its records, as
 * they are or deflated, one right after the other, their directory right behind them, and its end,
 * which is the file's. What readers of zip files could see differently is refused. */
#ifndef AF_MODEL_ARCHIVE_H
#define AF_MODEL_ARCHIVE_H

#include "model/source.h"

typedef struct af_entry {
    const char *name; /* with the folder: "mini/data/0" */
    uint64_t begin;   /* of what lies in the file, `packed_size` bytes */
    uint64_t packed_size;
    uint64_t size;
    uint32_t crc;
    int32_t packed; /* by deflate */
} af_entry;

typedef struct af_archive {
    af_entry *entries;
    size_t count;
    size_t folder;      /* bytes of the folder that all names begin with, and its slash */
    uint8_t *directory; /* what the names lie in */
} af_archive;

/* Reads the directory, and what stands before each record. An archive that could not be read is
 * empty. Errors: those of the source, FORMAT, LIMIT, MEMORY. */
artfusion_status af_archive_read(const af_source *source, af_archive *archive);
void af_archive_clear(af_archive *archive);

#endif
