/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "model/process.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

static atomic_long owner; /* the process that uses the engine; 0: none yet */
static atomic_int inside; /* calls under way, in all threads */
static atomic_int ending;
static atomic_uint left;        /* calls that ended */
static _Thread_local int depth; /* the calling thread's own share of `inside` */

/* Processor time of all threads but the calling one. */
static int64_t others_work(void)
{
    struct timespec all = {0}, own = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
    return (int64_t)(all.tv_sec - own.tv_sec) * 1000000000 + (all.tv_nsec - own.tv_nsec);
}

/* Waits for the calls that other threads are in; 0 if they do not return. Exit may have been called
 * by a thread that they wait for: one of the engine's own, or one in a call that holds a lock. Then
 * no thread works any more, and so none uses what the engine is about to destroy. The longest wait
 * is for a host whose other threads work on. */
static int wait_for_others(void)
{
    enum { LOOK = 100, IDLE = 2000, LONGEST = 60000 }; /* pauses of a millisecond */
    static const int64_t work = 100000; /* nanoseconds between two looks; less is idle */
    const struct timespec pause = {.tv_nsec = 1000000};
    int64_t before = others_work();
    for (int waited = 1, idle = 0; atomic_load(&inside) > depth; waited++) {
        (void)nanosleep(&pause, NULL);
        if (waited % LOOK != 0)
            continue;
        const int64_t now = others_work();
        idle = now - before < work ? idle + LOOK : 0;
        before = now;
        if (idle >= IDLE || waited >= LONGEST)
            return 0;
    }
    return 1;
}

static void end(void)
{
    static atomic_int given_up; /* for this function is registered often */
    atomic_store(&ending, 1);
    /* A forked child has none of the threads that were counted. */
    if (atomic_load(&owner) == (long)getpid() && !atomic_load(&given_up))
        atomic_store(&given_up, !wait_for_others());
}

int af_process_may_enter(void)
{
    const long here = (long)getpid();
    long first = 0;
    if (atomic_compare_exchange_strong(&owner, &first, here)) {
        (void)OPENSSL_init_crypto(0, NULL); /* its end is to come after ours */
        (void)atexit(end);
    } else if (first != here) {
        return 0;
    }
    atomic_fetch_add(&inside, 1);
    if (atomic_load(&ending)) {
        atomic_fetch_sub(&inside, 1);
        return 0;
    }
    depth++;
    return 1;
}

artfusion_status af_process_enter(void)
{
    if (af_process_may_enter())
        return ARTFUSION_OK;
    const long here = (long)getpid(), first = atomic_load(&owner);
    return here == first
               ? af_fail(ARTFUSION_ERROR_ENGINE, "the process is ending: exit was called")
               : af_fail(ARTFUSION_ERROR_ENGINE,
                         "process %ld was forked from process %ld, which had used the engine: fork "
                         "before the first model is opened, or isolate models",
                         here, first);
}

void af_process_leave(void)
{
    /* What registered last ends first, and libtorch makes some of what it destroys in the end when
     * it is first needed: in the first calls, or one of another size. */
    const unsigned count = atomic_fetch_add(&left, 1) + 1;
    if (count <= 32 || (count & (count - 1)) == 0)
        (void)atexit(end);
    depth--;
    atomic_fetch_sub(&inside, 1);
}
