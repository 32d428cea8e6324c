/* SPDX-License-Identifier: MIT
 * Signal handlers are the host's. Libraries that an engine brings may take some as they are loaded: Debian's
 * libtorch is built with MPI, whose UCX takes SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGHUP. */
#ifndef AF_BASE_HANDLERS_H
#define AF_BASE_HANDLERS_H

#include <signal.h>

typedef struct af_handlers {
    struct sigaction of[NSIG];
    int known[NSIG];      /* 0: no signal, or one that libc keeps for itself */
    unsigned long loaded; /* libraries that the process had loaded until then */
} af_handlers;

void af_handlers_keep(af_handlers *handlers);

/* Gives back what was taken by a library that was loaded since. What another thread sets meanwhile stays. */
void af_handlers_give_back(const af_handlers *handlers);

#endif
