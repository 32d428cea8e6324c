/* SPDX-License-Identifier: MIT
 * For LD_PRELOAD: the n-th allocation of any thread fails, from when it is armed. What libtorch
 * allocates by operator new or posix_memalign comes through here as well. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_long count, fail_at; /* 0: none */
static atomic_int armed, lasting;
static atomic_size_t least;

/* Counts what is of at least `size` bytes; the `at`-th fails, if `on` is set all after it too. */
void artfusion_faults_arm(long at, size_t size, int on);
long artfusion_faults_disarm(void); /* how many there were */

void artfusion_faults_arm(long at, size_t size, int on)
{
    atomic_store(&count, 0);
    atomic_store(&fail_at, at);
    atomic_store(&least, size);
    atomic_store(&lasting, on);
    atomic_store(&armed, 1);
}

long artfusion_faults_disarm(void)
{
    atomic_store(&armed, 0);
    return atomic_load(&count);
}

/* Called where the loader was refused memory: for a module's thread-local data it then ends the
 * process, and no handler hears of that. */
void (*artfusion_faults_loader_refused)(void);

/* It lies where the kernel has put it, and is smaller than 256 KiB. */
static int is_loader(const void *caller)
{
    const uintptr_t loader = getauxval(AT_BASE);
    return (uintptr_t)caller - loader < (1 << 18);
}

static int refuse(size_t size, const void *caller)
{
    if (!atomic_load_explicit(&armed, memory_order_relaxed) || size < atomic_load(&least))
        return 0;
    const long number = atomic_fetch_add(&count, 1) + 1, at = atomic_load(&fail_at);
    if (!at || (atomic_load(&lasting) ? number < at : number != at))
        return 0;
    if (artfusion_faults_loader_refused && is_loader(caller))
        artfusion_faults_loader_refused();
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return refuse(size, __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return refuse(number * size, __builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    return refuse(size, __builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
    return refuse(size, __builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = memalign(alignment, size);
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}
