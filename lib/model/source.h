/* SPDX-License-Identifier: MIT
 * Where a model's bytes come from: a file, memory, or the caller's function. */
#ifndef AF_MODEL_SOURCE_H
#define AF_MODEL_SOURCE_H

#include "model/network.h"

typedef struct af_model_source {
    af_source base; /* first, so that an af_source * is one of these */
    int file;       /* descriptor, or -1 */
    const uint8_t *data;
    artfusion_read_callback callback;
    void *user_data;
} af_model_source;

/* Errors: IO (also for a directory). */
artfusion_status af_source_open_file(af_model_source *source, const char *path);
void af_source_open_memory(af_model_source *source, const void *data, size_t size);
void af_source_open_callback(af_model_source *source, artfusion_read_callback read,
                             void *user_data, uint64_t size);
void af_source_close(af_model_source *source);

#endif
