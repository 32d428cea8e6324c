/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "interrupt.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

/* What a handler needs is out of reach but by globals. */
static atomic_int received;
static _Atomic(artfusion_sampler *) watched;
static _Atomic(const char *) last_words;
static atomic_int handlers; /* that are running: on any thread, the engine's too */

static void on_signal(int signal_number)
{
    int none = 0;
    if (!atomic_compare_exchange_strong(&received, &none, signal_number))
        _exit(128 + signal_number);
    atomic_fetch_add(&handlers, 1);
    const char *words = atomic_load(&last_words);
    if (words != NULL) {
        (void)!write(STDERR_FILENO, words, strlen(words));
        _exit(128 + signal_number);
    }
    artfusion_sampler *sampler = atomic_load(&watched);
    if (sampler != NULL)
        artfusion_sampler_cancel(sampler);
    atomic_fetch_sub(&handlers, 1);
}

void interrupt_install(void)
{
    /* A write beyond the limit of a file's size then fails, and what was written is removed. */
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) != 0 || action.sa_handler == SIG_IGN)
            continue;
        action = (struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(signals[i], &action, NULL);
    }
}

static void wait_for_handlers(void)
{
    while (atomic_load(&handlers) != 0)
        sched_yield();
}

void interrupt_watch(artfusion_sampler *sampler)
{
    atomic_store(&watched, sampler);
    wait_for_handlers();
}

void interrupt_at_once(const char *words)
{
    atomic_store(&last_words, words);
    wait_for_handlers(); /* those before may be reading the words before */
}

int interrupt_signal(void)
{
    return atomic_load(&received);
}

void interrupt_hold(void)
{
    /* Ignored rather than blocked, since a mask would hold for this thread alone. */
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_IGN);
}

void interrupt_hold_quit(bool held)
{
    static bool ignored; /* by whoever started the program */
    if (held)
        ignored = signal(SIGQUIT, SIG_IGN) == SIG_IGN;
    else if (!ignored)
        signal(SIGQUIT, SIG_DFL);
}
