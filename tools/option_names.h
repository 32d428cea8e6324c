/* SPDX-License-Identifier: MIT
 * What a command's options are called. */
#ifndef TOOLS_OPTION_NAMES_H
#define TOOLS_OPTION_NAMES_H

#include <stddef.h>

#include "options.h"

/* A long name, without its dashes. */
const char *option_name(const struct poptOption *table, enum option option);

/* Of the names in `table` the one that someone who typed `typed` is likely to mean; NULL if none.
 */
const char *option_nearest(const struct poptOption *table, const char *typed);

/* Whether `typed` is `name` with a slip or two. */
bool is_slip(const char *typed, const char *name);

/* Copies the library's sentence, which begins with a field of its options or has such between its
 * words, with the names that those have on the command line. Returns the first one's, or NULL. */
const char *option_translate(const struct poptOption *table, const char *sentence, char *to,
                             size_t size);

#endif
