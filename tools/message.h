/* SPDX-License-Identifier: MIT
 * What the command says on stderr when something is wrong, and the exit status for it. */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

/* Besides 0, and 128 + the signal's number after an interrupt. */
enum { STATUS_FAILURE = 1, STATUS_USAGE = 2 };

/* "artfusion: <sentence>". Returns STATUS_FAILURE. */
__attribute__((format(printf, 1, 2))) int failure(const char *format, ...);

/* The same, and where to find help about `command` (NULL: about all). Returns STATUS_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const char *command, const char *format, ...);

#endif
