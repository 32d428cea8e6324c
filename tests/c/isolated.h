/* SPDX-License-Identifier: MIT
 * What the tests of isolated engines share: models of the test engine in processes that end on
 * demand. */
#ifndef ISOLATED_H
#define ISOLATED_H

#include "children.h"
#include "support.h"

/* The small model; `timeout` is in milliseconds, or 0. The context is the model's alone. */
artfusion_context *isolated_context(int32_t timeout);
artfusion_status open_isolated(int32_t timeout, artfusion_model **model);
artfusion_model *isolated_model(int32_t timeout);

/* How the processes that are started from now on end: in that call (1: the first) of a TEST_
 * function, in one of the ways of engine/ending.c. */
void arrange(int32_t function, int32_t call, const char *way);
void arrange_nothing(void);

/* Kills this program's only child. */
void end_process(void);

/* No children, no shared memory, and as many descriptors as there were. */
void remember_what_is_open(void);
void assert_nothing_left(void);

/* Since then; and how many pieces this process has mapped. */
int descriptors_opened(void);
int shared_memories(void);

/* Sanitizers have handlers and findings of their own, which the processes are started without. */
void let_signals_end_it(void);

#endif
