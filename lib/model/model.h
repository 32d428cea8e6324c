/* SPDX-License-Identifier: MIT
 * The model handle: a manifest and a loaded network, immutable once open but for what it remembers. */
#ifndef AF_MODEL_MODEL_H
#define AF_MODEL_MODEL_H

#include <stdatomic.h>

#include "base/context.h"
#include "model/bundle.h"
#include "model/cache.h"
#include "model/curves.h"
#include "model/engine.h"
#include "model/manifest.h"

struct artfusion_model {
    atomic_int references;
    artfusion_context *context;
    artfusion_isolation isolation; /* NONE or PROCESS */
    long opened_in;                /* the process */
    const af_engine *engine;
    af_network *network;
    af_network_info network_info;
    af_manifest manifest;
    af_bundle bundle;       /* of an isolated network, to open the file again; else empty */
    double *alphas_cumprod; /* [manifest.timesteps] */
    float *null_style;      /* [manifest.style_width] */
    char engine_label[64];
    af_cache cache; /* these two have locks: all else is immutable */
    af_curves curves;
};

static inline int af_model_is_isolated(const artfusion_model *model)
{
    return model->isolation == ARTFUSION_ISOLATION_PROCESS;
}

artfusion_model *af_model_retain(artfusion_model *model);
void af_model_release(artfusion_model *model);

/* Stands before whatever reaches the model's engine or takes a lock of the model's, and leave after
 * it: as af_process_enter, for an engine in this process. An isolated one is in nobody's way at
 * exit; its channel is the opening process's alone. Errors: ENGINE, without a leave. */
artfusion_status af_model_enter(const artfusion_model *model);
void af_model_leave(const artfusion_model *model);

/* The same for what cannot fail: 0 where what is the engine's must be left as it is. */
int af_model_may_enter(const artfusion_model *model);

/* The engine's error as the library's own; returns `status`. */
artfusion_status af_model_failed(const artfusion_model *model, artfusion_status status,
                                 const char *what, const af_engine_error *error);

/* Whether the networks take sides of width x height pixels; the message has the nearest that they
 * do. */
artfusion_status af_model_check_size(const artfusion_model *model, int32_t width, int32_t height);

/* Whether a run can be of width x height pixels: of any number, up to the largest multiple. */
artfusion_status af_model_check_run_size(const artfusion_model *model, int32_t width,
                                         int32_t height);

/* The sides that the networks compute for a picture of width x height pixels: the next multiples. */
af_size af_model_whole_size(const artfusion_model *model, int32_t width, int32_t height);

#endif
