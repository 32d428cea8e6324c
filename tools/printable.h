/* SPDX-License-Identifier: MIT
 * Text that is safe to show on a terminal. */
#ifndef TOOLS_PRINTABLE_H
#define TOOLS_PRINTABLE_H

#include <stddef.h>

/* Copies `text` to `to`, of `size` bytes, as far as it has room, and ends it with a zero. UTF-8
 * stays as it is, except control characters, line separators and marks that turn the direction of
 * writing: these, and bytes that are not UTF-8, become \n or \x1b and the like, byte by byte. */
void printable_copy(char *to, size_t size, const char *text);

#endif
