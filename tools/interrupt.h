/* SPDX-License-Identifier: MIT
 * Ctrl-C, SIGTERM and SIGHUP: the first stops the run within a network call, or at once while the
 * model is opened; a second ends the program on the spot. */
#ifndef TOOLS_INTERRUPT_H
#define TOOLS_INTERRUPT_H

#include <stdbool.h>

#include "artfusion.h"

/* A signal that whoever started the program ignores stays ignored. */
void interrupt_install(void);

/* The sampler to cancel, NULL for none. Once it returns, no handler holds the one before. */
void interrupt_watch(artfusion_sampler *sampler);

/* While nothing is being written: a signal prints `words` on the standard error and ends the program
 * on the spot, as the opening of a model cannot be cancelled. NULL: no longer. The words stay the
 * caller's and are not read once another call returns. */
void interrupt_at_once(const char *words);

/* The signal that came, 0 if none did. */
int interrupt_signal(void);

/* From here on they change nothing any more: for the write of the result. */
void interrupt_hold(void);

/* SIGQUIT, which ends the program with a core dump as ever, must not do so in the midst of a write:
 * it would leave a temporary file. */
void interrupt_hold_quit(bool held);

#endif
