/* SPDX-License-Identifier: MIT
 * For LD_PRELOAD: the n-th allocation of any thread fails, from when it is armed. What libtorch
 * allocates by operator new or posix_memalign comes through here as well. Of an isolated engine it is
 * the engine's process whose allocations fail, and the program that arms them. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

#define VARIABLE "ARTFUSION_FAULTS_SHARED"

typedef struct control {
    atomic_long count, fail_at; /* 0: none */
    atomic_int armed, lasting;
    atomic_size_t least;
} control;

static control own, *shared = &own; /* or in memory of several processes */
static int others_only;             /* this process arms, and is left alone */

/* Counts what is of at least `size` bytes; the `at`-th fails, if `on` is set all after it too. */
void artfusion_faults_arm(long at, size_t size, int on);
long artfusion_faults_disarm(void); /* how many there were */

/* From now on it is about the processes that this one starts; `path` is a file of at least a page.
 * 0, or -1. */
int artfusion_faults_share(const char *path);

static int map(const char *path)
{
    const int file = open(path, O_RDWR);
    void *const memory = mmap(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    (void)close(file);
    if (memory == MAP_FAILED)
        return -1;
    shared = memory;
    return 0;
}

int artfusion_faults_share(const char *path)
{
    others_only = 1;
    return map(path) == 0 && setenv(VARIABLE, path, 1) == 0 ? 0 : -1;
}

/* While files may still be opened. */
__attribute__((constructor)) static void join(void)
{
    const char *const path = getenv(VARIABLE);
    if (path && map(path) != 0)
        abort();
}

void artfusion_faults_arm(long at, size_t size, int on)
{
    atomic_store(&shared->count, 0);
    atomic_store(&shared->fail_at, at);
    atomic_store(&shared->least, size);
    atomic_store(&shared->lasting, on);
    atomic_store(&shared->armed, 1);
}

long artfusion_faults_disarm(void)
{
    atomic_store(&shared->armed, 0);
    return atomic_load(&shared->count);
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
    if (!atomic_load_explicit(&shared->armed, memory_order_relaxed) || others_only ||
        size < atomic_load(&shared->least))
        return 0;
    const long number = atomic_fetch_add(&shared->count, 1) + 1, at = atomic_load(&shared->fail_at);
    if (!at || (atomic_load(&shared->lasting) ? number < at : number != at))
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
