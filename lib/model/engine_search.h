/* SPDX-License-Identifier: MIT
 * Where the engine lies, and loading its table. */
#ifndef AF_MODEL_ENGINE_SEARCH_H
#define AF_MODEL_ENGINE_SEARCH_H

#include "base/context.h"
#include "base/platform.h"
#include "model/engine.h"

#define AF_ENGINE_FILE AF_OS_LIBRARY("artfusion-engine-torch")
#define AF_LIBTORCH AF_OS_LIBRARY("torch_cpu")

/* The engine of a context, loaded on demand and never unloaded (libtorch can't be). The order:
 * the context's engine_path, then the environment's ARTFUSION_ENGINE, then beside the library, in
 * its folder `artfusion`, and by the loader's own search. A path that was named is not passed over.
 * Errors: ENGINE (what was tried and the loader's words). */
artfusion_status af_engine_load(const artfusion_context *context, const af_engine **engine);

artfusion_status af_engine_open(const char *path, const af_engine **engine);

/* The engine that the first two name; NULL if the place is left to the library. */
const char *af_engine_named(const artfusion_context *context);

/* The same in another process's two halves: where the engine lies, for any working directory, with
 * the libtorch that this process has; and loading it. That libtorch is for an engine that finds none
 * by itself, as one of this process would be given it. What is linked into a program is not looked
 * at. In engine_found.c, as engines' processes are for Linux alone. */
void af_engine_find(const artfusion_context *context, char *found, size_t size);
artfusion_status af_engine_open_found(const char *found, const af_engine **engine);

#endif
