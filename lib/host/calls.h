/* SPDX-License-Identifier: MIT
 * The calls that come over a lane, done by the engine that this process is for. */
#ifndef AF_HOST_CALLS_H
#define AF_HOST_CALLS_H

#include "model/engine.h"

/* Before the first lane. */
void af_calls_begin(const af_engine *engine);

/* Serves a lane until its other end is closed; then closes `socket`. */
void af_calls_serve(int socket);

#endif
