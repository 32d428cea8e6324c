/* SPDX-License-Identifier: MIT */
#ifndef AF_BASE_CONTEXT_H
#define AF_BASE_CONTEXT_H

#include <stdatomic.h>

#include "artfusion.h"
#include "base/printf.h"

struct artfusion_context {
    atomic_int references;
    artfusion_device device;
    int32_t device_index;
    int32_t threads;
    artfusion_precision precision;
    char *engine_path; /* NULL: by the documented order */
    artfusion_log_callback log;
    void *log_user_data;
    artfusion_log_level log_level;
    uint64_t memory_limit; /* bytes that a run may take beside its model; 0: none */
    artfusion_isolation isolation;
    int32_t isolation_timeout; /* milliseconds; 0: none */
    char *trusted;             /* digests of model files (base/digests.h), or NULL */
};

artfusion_context *af_context_retain(artfusion_context *context);
void af_context_release(artfusion_context *context);

/* Formats only where the level is wanted. */
AF_PRINTF(3, 4)
void af_log(const artfusion_context *context, artfusion_log_level level, const char *format, ...);

#endif
