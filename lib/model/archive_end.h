/* SPDX-License-Identifier: MIT
 * Where a zip archive's directory is: the one answer that all readers give, or none. */
#ifndef AF_MODEL_ARCHIVE_END_H
#define AF_MODEL_ARCHIVE_END_H

#include "model/source.h"

typedef struct af_directory_place {
    uint64_t offset, size, count; /* `count` entries */
} af_directory_place;

/* The number of `count` bytes, the lowest first. */
static inline uint64_t af_little(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

/* Errors: those of the source, FORMAT, MEMORY. */
artfusion_status af_archive_find_directory(const af_source *source, af_directory_place *place);

#endif
