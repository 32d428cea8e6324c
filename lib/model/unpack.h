/* SPDX-License-Identifier: MIT
 * A record of a model file's archive, read from its beginning to its end. */
#ifndef AF_MODEL_UNPACK_H
#define AF_MODEL_UNPACK_H

#include <zlib.h>

#include "model/archive.h"

typedef struct af_unpacking {
    const af_source *source;
    const af_entry *entry;
    uint64_t taken, given; /* bytes of the file, and of the record */
    uLong crc;
    uint8_t *part; /* of a packed record, as it lies in the file */
    z_stream z;
    const char *damage; /* "cannot be unpacked": why it was FORMAT, for the caller's sentence */
} af_unpacking;

/* To be ended, also after a failure. Errors: MEMORY. */
artfusion_status af_unpacking_begin(af_unpacking *unpacking, const af_source *source,
                                    const af_entry *entry);

/* The next `size` bytes, of as many as are left at most. Errors: those of the source, FORMAT,
 * MEMORY. */
artfusion_status af_unpacking_next(af_unpacking *unpacking, void *buffer, size_t size);

/* After all of them: whether they were all, and had the right CRC. Errors: the same. */
artfusion_status af_unpacking_finish(af_unpacking *unpacking);
void af_unpacking_end(af_unpacking *unpacking);

#endif
