/* SPDX-License-Identifier: MIT
 * The one place through which the library allocates. */
#ifndef AF_BASE_MEMORY_H
#define AF_BASE_MEMORY_H

#include <stddef.h>

/* NULL for failure; zero bytes give a pointer that can be freed. */
void *af_alloc(size_t bytes);

/* Zeroed, NULL also where count * size overflows. */
void *af_alloc_array(size_t count, size_t size);

/* As realloc, of what the two above gave. */
void *af_realloc(void *memory, size_t bytes);
void af_free(void *memory);

#endif
