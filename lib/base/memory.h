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

/* From now on the process's allocator returns large blocks to the system when they are freed. Of
 * itself glibc keeps more of them the more are freed, in one heap with holes: a run at 1024 x 1024 then
 * takes up to twice the bytes that it holds. Costs new pages at each allocation. */
void af_memory_return_freed(void);

#endif
