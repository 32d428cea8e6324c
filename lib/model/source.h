/* SPDX-License-Identifier: MIT
 * Where a model's bytes come from: a file, memory, or the caller's function. */
#ifndef AF_MODEL_SOURCE_H
#define AF_MODEL_SOURCE_H

#include "artfusion.h"

/* Random access to it. `read` fills exactly `size` bytes from `offset`, from any thread. */
typedef struct af_source {
    uint64_t size;
    const char *path; /* NULL where there is no file */
    artfusion_status (*read)(const struct af_source *source, uint64_t offset, void *buffer,
                             size_t size);
} af_source;

typedef struct af_model_source {
    af_source base; /* first, so that an af_source * is one of these */
    int file;       /* descriptor, or -1 */
    void *owned;    /* what goes with it: of a kept one, its path or its bytes */
    const uint8_t *data;
    artfusion_read_callback callback;
    void *user_data;
} af_model_source;

/* Errors: IO (also for a directory). */
artfusion_status af_source_open_file(af_model_source *source, const char *path);
void af_source_open_memory(af_model_source *source, const void *data, size_t size);
void af_source_open_callback(af_model_source *source, artfusion_read_callback read, void *user_data,
                             uint64_t size);

/* The same bytes for longer than `source` is valid, which is an af_model_source: by a descriptor of
 * its own if that is a file, else by a copy. Errors: MEMORY, IO, those of reading. */
artfusion_status af_source_keep(const af_source *source, af_model_source *kept);

/* The same by a copy, of a file too. Errors: MEMORY, those of reading. */
artfusion_status af_source_copy(const af_source *source, af_model_source *copy);

/* Whether a kept file has the size that it was opened with. Errors: CHECKSUM, IO. */
artfusion_status af_source_check_size(const af_model_source *source);
void af_source_close(af_model_source *source);

#endif
