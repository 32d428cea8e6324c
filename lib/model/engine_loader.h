/* SPDX-License-Identifier: MIT
 * Loading the engine on a thread of its own: libtorch's libraries take about as long to load as
 * half a gigabyte of model takes to check, and neither needs the other. */
#ifndef AF_MODEL_ENGINE_LOADER_H
#define AF_MODEL_ENGINE_LOADER_H

#include <pthread.h>

#include "model/engine_search.h"

typedef struct af_engine_loader {
    artfusion_context *context;
    artfusion_isolation isolation;
    pthread_t thread;
    int threaded;
    const af_engine *engine;
    af_network *network;
    artfusion_status status;
    char message[1024];
} af_engine_loader;

/* In this process or in one of its own (NONE, PROCESS). Borrows `context` until the loader is
 * finished, which it must be. */
void af_engine_loader_start(af_engine_loader *loader, artfusion_context *context,
                            artfusion_isolation isolation);

/* Waits. `*network` is what an isolated engine's `open` takes, to be closed in any case; else NULL.
 * Errors: as af_engine_load and af_isolated_start. */
artfusion_status af_engine_loader_finish(af_engine_loader *loader, const af_engine **engine,
                                         af_network **network);

#endif
