/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "artfusion.h"

void *af_alloc(size_t bytes)
{
    return malloc(bytes ? bytes : 1);
}

void *af_alloc_array(size_t count, size_t size)
{
    /* calloc checks the product; never asked for nothing, which may give NULL. */
    return count && size ? calloc(count, size) : calloc(1, 1);
}

void *af_realloc(void *memory, size_t bytes)
{
    return realloc(memory, bytes ? bytes : 1);
}

void af_free(void *memory)
{
    free(memory);
}

void af_memory_return_freed(void)
{
#ifdef __GLIBC__
    /* glibc's own first value: that it was set ends its growth. It locks its arena; a thread that
     * allocates meanwhile goes by the old value or by this one.
     * NOLINTNEXTLINE(concurrency-mt-unsafe) */
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

void artfusion_free(void *memory)
{
    af_free(memory);
}
