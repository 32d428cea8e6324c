/* SPDX-License-Identifier: MIT
 * One run of a case: here, or in a process of its own. */
#ifndef RUN_H
#define RUN_H

#include "cases.h"

/* What came of one run of a case; shared with the process that ran it, where it was another. */
typedef struct result {
    artfusion_status status, again;
    int done, abandoned;
    uint64_t hash;
    size_t size;
    char message[1024], wrong[512];
} result;

/* Which fault is next, for a crash to say. */
extern char running[512];

void runs_init(void);
/* Whether it needs a process of its own. */
int forked(const fault_case *c);
void run(const fault_case *c, const fault *f, result *r);

#endif
