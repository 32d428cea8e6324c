/* SPDX-License-Identifier: MIT
 * What the command says when something is wrong, and the exit status for it: a sentence on standard
 * error and, with --json, an object on standard output. */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "artfusion.h"

/* Besides 0, and 128 + the signal's number after an interrupt. */
enum { STATUS_FAILURE = 1, STATUS_USAGE = 2 };

/* Which command runs (NULL: none is known yet), and whether failures become JSON objects too. */
void message_begin(const char *command, bool json);

/* The picture of a folder that failures are about from now on; NULL: none. Both are borrowed. */
void message_subject(const char *content, const char *out);

/* "artfusion: <sentence>". `status` is the library's name for the kind of failure, `file` the path
 * that it is about (NULL: none). Returns STATUS_FAILURE. */
__attribute__((format(printf, 3, 4))) int failure(artfusion_status status, const char *file,
                                                  const char *format, ...);

/* The same with the calling thread's last error of the library. */
int library_failure(artfusion_status status, const char *file);
int out_of_memory(void);

/* The same for a command line that can't be followed. The sentence begins with `option`, a long
 * name without its dashes, unless that is NULL; help is pointed to. Returns STATUS_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const char *option, const char *format, ...);

/* The same where the sentence already names the option. */
__attribute__((format(printf, 2, 3))) int usage_error_named(const char *option, const char *format,
                                                            ...);

/* A line of text. Whatever a terminal would obey, or show in another order than it is written, is
 * escaped: names of files and what model files say of themselves come from strangers. */
__attribute__((format(printf, 2, 3))) void print_line(FILE *stream, const char *format, ...);

/* `text` in JSON; null if it is not UTF-8. */
json_t *json_text(const char *text);

#endif
