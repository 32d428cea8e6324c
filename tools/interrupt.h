/* SPDX-License-Identifier: MIT
 * Ctrl-C and SIGTERM: the first stops the run within a network call, a second ends the program on
 * the spot. */
#ifndef TOOLS_INTERRUPT_H
#define TOOLS_INTERRUPT_H

#include "artfusion.h"

/* A signal that whoever started the program ignores stays ignored. */
void interrupt_install(void);

/* The sampler to cancel, NULL for none. Once it returns, no handler holds the one before. */
void interrupt_watch(artfusion_sampler *sampler);

/* The signal that came, 0 if none did. */
int interrupt_signal(void);

/* From here on signals wait until the program is done: for the write of the result. */
void interrupt_hold(void);

#endif
