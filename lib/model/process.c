/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "model/process.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

static atomic_long owner; /* the process that uses the engine; 0: none yet */
static atomic_int inside; /* calls under way, in all threads */
static atomic_int ending;
static atomic_uint left; /* calls that ended */
static _Thread_local int depth; /* the calling thread's own share of `inside` */

static void end(void)
{
    atomic_store(&ending, 1);
    /* A forked child has none of the threads that were counted. */
    if (atomic_load(&owner) != (long)getpid())
        return;
    /* One's own calls are those that exit was called from. */
    const struct timespec pause = {.tv_nsec = 1000000};
    while (atomic_load(&inside) > depth)
        (void)nanosleep(&pause, NULL);
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
                         "before the first model is opened",
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
