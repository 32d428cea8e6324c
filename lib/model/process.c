/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "model/process.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/error.h"

static atomic_long owner; /* 0: nobody has loaded an engine yet */

artfusion_status af_process_claim(void)
{
    const long here = (long)getpid();
    long first = 0;
    if (atomic_compare_exchange_strong(&owner, &first, here) || first == here)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ENGINE,
                   "process %ld was forked from process %ld, which had loaded the engine: fork "
                   "before the first model is opened",
                   here, first);
}

int af_process_is_own(void)
{
    return atomic_load(&owner) == (long)getpid();
}
