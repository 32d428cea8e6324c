/* SPDX-License-Identifier: MIT
 * The one place through which the library allocates. */
#ifndef AF_BASE_MEMORY_H
#define AF_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

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

/* Counts of bytes for limits: what no number holds is the largest one, which no limit allows. */
static inline uint64_t af_product(uint64_t a, uint64_t b)
{
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static inline uint64_t af_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Of an estimate, which is 0 or more. */
static inline uint64_t af_whole(double bytes)
{
    return bytes < 0x1p64 ? (uint64_t)bytes : UINT64_MAX;
}

#endif
