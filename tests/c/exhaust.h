/* SPDX-License-Identifier: MIT
 * Memory that runs out, for programs that are linked with --wrap of the core's three allocating functions:
 * the first allocation of a call fails, then the second, and so on until the call succeeds. */
#ifndef EXHAUST_H
#define EXHAUST_H

#include "support.h"

extern int exhaust_left;     /* the allocation that fails: 1 is the next, 0 or less is none */
extern size_t exhaust_asked; /* bytes, of arrays */

/* Calls `work` with the first, second, ... allocation failing. Each time it must fail, except for
 * `forgiven` allocations that only save time. There must have been `least` at least. */
void exhaust(artfusion_status (*work)(void), int least, int forgiven);

#define TRY(call) \
    if (status == ARTFUSION_OK) \
    status = (call)

#endif
