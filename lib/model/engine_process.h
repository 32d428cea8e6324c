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
    af_sandbox sandbox;
    af_lane *idle;
    int32_t lanes;
    uint64_t own_memory;  /* bytes, beside what runs take; 0: not known yet, or not at all */
    int32_t runs;         /* that the limit of its memory leaves room for */
    int32_t calls;        /* under way: the caller counts */
    uint64_t generation;  /* the caller's */
    int ended, cancelled; /* 1: it has ended; and that because of a call that was cancelled */
    char cause[160];      /* of its end: "the engine's process was ended by SIGSEGV" */
} af_engine_process;

/* Started, its engine loaded; the greeting has the engine's name.
 * Errors: ENGINE (no program, no engine), MEMORY. */
artfusion_status af_engine_process_start(const artfusion_context *context,
                                         af_engine_process **process, af_greeting *greeting);

/* Says through the log what a started process could not give up. */
void af_engine_process_tell(const artfusion_context *context, const af_engine_process *process);

/* What it has of memory by now, in bytes: its own, without what it shares. 0 if that is not known.
 */
uint64_t af_engine_process_memory(const af_engine_process *process);

/* So much it may have from now on, by the system's own limit. 0 for failure, errno says why. */
int af_engine_process_limit(const af_engine_process *process, uint64_t bytes);

/* Why a process is to end: it isn't needed any more; it has closed a lane, mostly since it has
 * ended by itself; a call in it was cancelled; or, a positive number, it has let a call wait for so
 * many milliseconds. */
enum { AF_END_UNNEEDED = 0, AF_END_LANE_CLOSED = -1, AF_END_CANCELLED = -2 };

/* Sees that it ends, now or before, and what ended it. Once is enough. */
void af_engine_process_end(af_engine_process *process, int32_t why);

/* Of one that has ended. */
void af_engine_process_destroy(af_engine_process *process);

/* An idle lane or a new one; NULL for want of memory or descriptors. */
af_lane *af_lane_take(af_engine_process *process);
void af_lane_give_back(af_engine_process *process, af_lane *lane);

/* Room for `size` bytes; 0 for want of memory. What was in it is lost. */
int af_lane_reserve(af_lane *lane, size_t size);

/* The other side has got the lane's memory; or has it no more, and is to get another. */
void af_lane_memory_sent(af_lane *lane);
void af_lane_memory_lost(af_lane *lane);

#endif
