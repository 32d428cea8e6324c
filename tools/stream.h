/* SPDX-License-Identifier: MIT
 * Pictures that are read from and written to what is no file: standard input and output, pipes,
 * devices. */
#ifndef TOOLS_STREAM_H
#define TOOLS_STREAM_H

#include "run.h"

/* Whether `path` is such, now. */
bool stream_is_input(const char *path);
bool stream_is_output(const char *path);

/* What an output can be refused for before the work: a terminal, or nothing there. */
int stream_check_output(const char *path);

/* All that comes until the end, by malloc. A signal ends the wait for it. */
int stream_read(struct run *run, const char *path, void **data, size_t *size);
int stream_write(const char *path, const void *data, size_t size);

/* For messages. */
const char *stream_name(const char *path);

#endif
