/* SPDX-License-Identifier: MIT
 * One call of an isolated engine: a process for it, which is started anew if the last one has
 * ended, a lane, the buffers there and back, and what it means if no answer comes. */
#ifndef AF_MODEL_ISOLATED_CALL_H
#define AF_MODEL_ISOLATED_CALL_H

#include <pthread.h>

#include "model/bundle.h"
#include "model/engine_process.h"
#include "model/source.h"

struct af_network {
    af_engine table; /* first: name and release are the network's */
    af_greeting greeting;
    artfusion_context *context;
    pthread_mutex_t lock;       /* of what follows it */
    af_engine_process *process; /* NULL after its end, until the next call */
    uint64_t generation;        /* of processes, counted from 1 */
    int32_t conditions;         /* that there are, in whatever process */
    af_model_source source;     /* kept, to open it again */
    const af_bundle *bundle;    /* what is in it */
    af_network_options options;
    af_network_info info;
};

/* One of a call's arrays: in goes there, out comes back. */
typedef struct af_shared {
    const void *in;
    void *out;
    size_t bytes;
} af_shared;

typedef struct af_isolated_call {
    af_network *network;
    af_engine_process *process;
    af_lane *lane;
    af_answer answer;
    af_reading *reading; /* of the model file, while it is opened; else NULL */
    int broken;          /* the process has to end: it has not answered */
    int cancelled;       /* since nobody wants the answer any more, if that is why */
    int32_t unanswered;  /* or for so many milliseconds */
} af_isolated_call;

/* There is one more run whose conditions are kept, or one less. */
void af_isolated_count(af_network *network, int32_t conditions);

/* A lane of the process, which stays what it is until the call is finished. */
artfusion_status af_isolated_begin(af_isolated_call *c, af_network *network,
                                   af_engine_error *error);

/* The same if a process of this generation runs, else 0. */
int af_isolated_begin_in(af_isolated_call *c, af_network *network, uint64_t generation);

/* The request with its buffers, and its answer. As often as the call needs, until one fails. */
artfusion_status af_isolated_run(af_isolated_call *c, af_request *request, const af_shared *buffers,
                                 int32_t count, af_engine_error *error);

/* Gives the lane back; `error` gets what ended the process, if it has not answered. 1: the call is
 * to be made again from its beginning, since the process was ended for another that was cancelled.
 */
int af_isolated_finish(af_isolated_call *c, af_engine_error *error);

/* The model file into a process. Before other threads know of the network. */
artfusion_status af_isolated_open_in(af_network *network, af_engine_process *process,
                                     af_network_info *info, af_engine_error *error);

#endif
