/* SPDX-License-Identifier: MIT
 *
 * fork, exit and dlclose, by an engine and a model of which both test_processes.c and
 * test_engine_torch_processes.c have one. Each program of these tests is its own helper as well: it
 * runs itself anew to see a process end.
 */
#ifndef PROCESSES_H
#define PROCESSES_H

#include "jobs.h"

#define PROCESS_STATUS 7 /* with which it leaves */

typedef struct process_setup {
    const char *engine; /* path */
    const void *model;  /* the file's bytes */
    size_t size;
    int exits;              /* of each kind */
    int loads, models_each; /* how often the library is loaded, and every how many times a model */
    long growth;            /* KiB that loading it may add between */
} process_setup;

/* In this order: the first is of a process that has not used the engine yet. */
void test_fork_before(void **setup);
void test_fork_after(void **setup);
void test_fork_at_work(void **setup);
void test_fork_in_callbacks(void **setup);
void test_exits(void **setup);
void test_loading(void **setup);

/* What main does first: what the program was run anew for, if it was; then it does not return but
 * to end main by it. -1: nothing. */
int process_errand(int count, char **arguments, const process_setup *setup);

/* How this program, run anew with `arguments`, ends, as waitpid tells it; -1 if it doesn't. */
int process_run_anew(const char *const arguments[]);

#endif
