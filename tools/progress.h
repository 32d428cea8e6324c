/* SPDX-License-Identifier: MIT
 * How far along a run is, on stderr: a bar with the time left on a terminal, else a line every
 * tenth. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Empties the terminal's line. */
#define PROGRESS_CLEAR "\r\033[K"

struct progress {
    bool quiet;
    bool terminal;
    bool drawn;      /* something stands on the terminal's line */
    int32_t tenths;  /* told so far */
    double drawn_at; /* seconds on clock_seconds' clock */
    double first_at; /* when the first step was done: what came before it is no measure */
};

void progress_init(struct progress *progress, bool quiet);

/* What is being waited for; on a terminal only. */
void progress_note(struct progress *progress, const char *what);
void progress_step(struct progress *progress, int32_t step, int32_t steps);

/* Makes the terminal's line free for something else. */
void progress_clear(struct progress *progress);

#endif
