/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CLOCK_H
#define TOOLS_CLOCK_H

/* Seconds on a clock that never jumps; differences alone mean something. */
double clock_seconds(void);

#endif
