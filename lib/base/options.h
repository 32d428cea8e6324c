/* SPDX-License-Identifier: MIT
 * Size-stamped structs: how an older or newer caller's options are read. */
#ifndef AF_BASE_OPTIONS_H
#define AF_BASE_OPTIONS_H

#include "artfusion.h"

/* Copies `given` (may be NULL) over `defaults`, which holds `known` bytes of
 * defaults. A smaller struct leaves the rest default; a larger one is accepted
 * where its unknown tail is zero. `name` is for the message.
 * Errors: ARGUMENT (size zero or not filled in), UNSUPPORTED (unknown tail). */
artfusion_status af_options_read(const char *name, const void *given, void *defaults, size_t known);

/* The first half of every `..._init`: copies as much of `defaults` as the
 * caller's struct holds, zeroes what it has beyond, and stamps the size. */
artfusion_status af_options_write(const char *name, void *options, size_t struct_size,
                                  const void *defaults, size_t known);

#endif
