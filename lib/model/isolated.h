/* SPDX-License-Identifier: MIT
 * The engine of an isolated model: the seam's table over calls to a process of its own. */
#ifndef AF_MODEL_ISOLATED_H
#define AF_MODEL_ISOLATED_H

#include <stdatomic.h>

#include "base/context.h"
#include "model/engine.h"

/* Starts the process, with its engine loaded. Its `open` takes the network that comes from here,
 * and leaves it in its place; `close` is its end, opened or not. The table lives as long as it. The
 * records that `open` takes are an af_bundle_records, whose bundle is borrowed until `close`.
 * Errors: ENGINE, MEMORY. */
artfusion_status af_isolated_start(artfusion_context *context, const af_engine **engine,
                                   af_network **network);

/* From now on the calling thread's calls end with CANCELLED once `*cancelled` is not 0, and their
 * process with them, if they do not end by themselves within a fifth of a second: it takes longer
 * to start another. NULL: none does any more. */
void af_isolated_heed(const atomic_int *cancelled);

#endif
