/* SPDX-License-Identifier: MIT
 * No engine, but what takes signals as it is loaded, as MPI's libraries do. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdlib.h>

static void take(int number)
{
    (void)number;
}

static void take_with_more(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
}

__attribute__((constructor)) static void take_signals(void)
{
    struct sigaction action = {.sa_handler = take};
    (void)sigaction(SIGHUP, &action, NULL);
    action = (struct sigaction){.sa_sigaction = take_with_more, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGUSR1, &action, NULL);
    /* As if another thread did it just now: a function that is not of this library. */
    action = (struct sigaction){.sa_handler = exit};
    (void)sigaction(SIGUSR2, &action, NULL);
}
