/* SPDX-License-Identifier: MIT
 * The process of an isolated engine, as the library has it: its start, its lanes, its end. Whoever
 * calls these sees that one thread at a time does with one process; a lane is its taker's. */
#ifndef AF_MODEL_ENGINE_PROCESS_H
#define AF_MODEL_ENGINE_PROCESS_H

#include <sys/types.h>

#include "base/context.h"
#include "model/channel.h"

typedef struct af_lane {
    struct af_lane *next;
    int socket;
    unsigned char *memory; /* shared; NULL before the first request that needs some */
    size_t size;
    int unsent; /* descriptor of memory that the other side has not got yet, or -1 */
} af_lane;

typedef struct af_engine_process {
    pid_t pid;
    int socket;
    af_lane *idle;
    int32_t calls;       /* under way: the caller counts */
    uint64_t generation; /* the caller's */
    int ended;
    char cause[128]; /* of its end: "the engine's process was ended by SIGSEGV" */
} af_engine_process;

/* Started, its engine loaded; the greeting has the engine's name.
 * Errors: ENGINE (no program, no engine), MEMORY. */
artfusion_status af_engine_process_start(const artfusion_context *context,
                                         af_engine_process **process, af_greeting *greeting);

/* Why a process is to end: it isn't needed any more, or it has closed a lane, mostly since it has
 * ended by itself; or, a positive number, it has let a call wait for so many milliseconds. */
enum { AF_END_UNNEEDED = 0, AF_END_LANE_CLOSED = -1 };

/* Sees that it ends, now or before, and what ended it. Once is enough. */
void af_engine_process_end(af_engine_process *process, int32_t why);

/* Of one that has ended. */
void af_engine_process_destroy(af_engine_process *process);

/* An idle lane or a new one; NULL for want of memory or descriptors. */
af_lane *af_lane_take(af_engine_process *process);
void af_lane_give_back(af_engine_process *process, af_lane *lane);

/* Room for `size` bytes; 0 for want of memory. What was in it is lost. */
int af_lane_reserve(af_lane *lane, size_t size);

/* The other side has got the lane's memory. */
void af_lane_memory_sent(af_lane *lane);

#endif
