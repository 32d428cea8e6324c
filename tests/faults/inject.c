/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *const call_names[CALLS] = {
#define X(name) #name,
    FAULT_FUNCTIONS(X)
#undef X
};

static fault_state before_init;
fault_state *faults = &before_init;
static test_engine_control *engine;
static _Thread_local int watched, loading;

void faults_init(void)
{
    void *shared =
        mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    faults = shared;
}

void faults_use_engine(test_engine_control *control)
{
    engine = control;
}

void faults_set(const fault *wanted)
{
    faults->now = *wanted;
}

void faults_arm(void)
{
    memset(faults->count, 0, sizeof faults->count);
    faults->fired = faults->in_loader = faults->optional = 0;
    if (engine) {
        for (int i = 0; i < TEST_FUNCTIONS; i++)
            atomic_store(&engine->calls[i], 0);
        engine->fail_in = engine->lie = 0;
        if (faults->now.kind == FAULT_NETWORK && faults->now.way->of == LIE) {
            engine->lie = faults->now.way->value;
        } else if (faults->now.kind == FAULT_NETWORK) {
            engine->fail_function = faults->now.way->of;
            engine->fail_status = faults->now.way->value;
            engine->poison = faults->now.way->poison;
            engine->poison_place = faults->now.way->place;
            engine->fail_in = (int32_t)faults->now.at;
        }
    }
    watched = 1;
}

void faults_disarm(void)
{
    if (!watched)
        return;
    watched = 0;
    if (!engine)
        return;
    for (int i = 0; i < TEST_FUNCTIONS; i++)
        faults->network_calls[i] = atomic_load(&engine->calls[i]);
    if (faults->now.kind == FAULT_NETWORK)
        faults->fired = !engine->fail_in;
    engine->fail_in = engine->lie = 0;
}

/* Counts one and says whether its turn has come. */
static int turn(fault_kind kind)
{
    const long count = ++faults->count[kind];
    const fault *now = &faults->now;
    if (now->kind != kind || !(now->lasting ? count >= now->at : count == now->at))
        return 0;
    faults->fired++;
    faults->in_loader = loading;
    return 1;
}

int32_t faults_callback(int32_t of, float *values, size_t count)
{
    if (!watched)
        return 0;
    const long index = faults->count[FAULT_CALLBACK];
    if (index < FAULT_TRACE)
        faults->callbacks[index] = (uint8_t)of;
    if (!turn(FAULT_CALLBACK))
        return 0;
    const fault_way *way = faults->now.way;
    if (way->poison != 0.0f && values)
        values[way->place == 1 ? 0 : way->place == 2 ? count / 2 : count - 1] = way->poison;
    return way->value;
}

/* ---- allocations: in the place of the C library's, for all libraries ------- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define REAL(name) __interceptor_##name
#define COUNTED 0
void *__interceptor_memalign(size_t alignment, size_t size);
#else
#define REAL(name) __libc_##name
#define COUNTED 1
void *__libc_memalign(size_t alignment, size_t size);
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *memory, size_t size);
void REAL(free)(void *memory);

/* Seen by the libraries, hidden as all else is. */
#define SEEN __attribute__((visibility("default")))

static atomic_long live;

long faults_live(void)
{
    return COUNTED ? atomic_load(&live) : 0;
}

static int refuse(void)
{
    if (!watched || !turn(FAULT_ALLOCATION))
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *memory)
{
    if (memory)
        atomic_fetch_add(&live, 1);
    return memory;
}

SEEN void *malloc(size_t size)
{
    return refuse() ? NULL : counted(REAL(malloc)(size));
}

SEEN void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : counted(REAL(calloc)(count, size));
}

SEEN void *realloc(void *memory, size_t size)
{
    if (refuse())
        return NULL;
    void *moved = REAL(realloc)(memory, size);
    return memory ? moved : counted(moved);
}

SEEN void *memalign(size_t alignment, size_t size)
{
    return refuse() ? NULL : counted(REAL(memalign)(alignment, size));
}

SEEN void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

SEEN int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = memalign(alignment, size);
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}

SEEN void free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&live, 1);
    REAL(free)(memory);
}

/* ---- system calls: in their place by --wrap ------------------------------- */

/* The way in which the call that is being made is to fail; NULL: it is not. */
static const fault_way *fails(int of, int optional)
{
    if (!watched)
        return NULL;
    const long index = faults->count[FAULT_SYSTEM];
    faults->seen[of]++;
    if (index < FAULT_TRACE)
        faults->calls[index] = (uint8_t)of;
    if (!turn(FAULT_SYSTEM))
        return NULL;
    faults->optional = optional;
    const fault_way *way = faults->now.way;
    if (way->value > 0)
        errno = way->value;
    return way;
}

int __real_fstat(int file, struct stat *info);

/* A descriptor whose failing to close or to sync loses nothing: one that was only read from, or is
 * no file. */
static int harmless(int file)
{
    struct stat info;
    const int before = errno;
    const int seals = fcntl(file, F_GET_SEALS); /* files of /dev/shm have this one alone */
    const int is = (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY ||
                   (seals >= 0 && seals != F_SEAL_SEAL) ||
                   (__real_fstat(file, &info) == 0 && S_ISSOCK(info.st_mode));
    errno = before;
    return is;
}

#define WRAP(type, name, ...) \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return fails(CALL_open, (flags & O_DIRECTORY) != 0) ? -1 : __real_open(path, flags, mode);
}

WRAP(ssize_t, read, int file, void *data, size_t size)
{
    const fault_way *way = fails(CALL_read, 0);
    if (!way)
        return __real_read(file, data, size);
    if (way->value == HOW_SHORT)
        return __real_read(file, data, (size + 1) / 2);
    return way->value == HOW_NOTHING ? 0 : -1;
}

WRAP(ssize_t, pread, int file, void *data, size_t size, off_t offset)
{
    const fault_way *way = fails(CALL_pread, 0);
    if (!way)
        return __real_pread(file, data, size, offset);
    if (way->value == HOW_SHORT)
        return __real_pread(file, data, (size + 1) / 2, offset);
    return way->value == HOW_NOTHING ? 0 : -1;
}

/* What these are called where the compiler checks the size of what they are given. */
WRAP(ssize_t, __read_chk, int file, void *data, size_t size, size_t room)
{
    (void)room;
    return __wrap_read(file, data, size);
}

WRAP(ssize_t, __pread_chk, int file, void *data, size_t size, off_t offset, size_t room)
{
    (void)room;
    return __wrap_pread(file, data, size, offset);
}

WRAP(ssize_t, write, int file, const void *data, size_t size)
{
    const fault_way *way = fails(CALL_write, 0);
    if (!way)
        return __real_write(file, data, size);
    if (way->value == HOW_SHORT)
        return __real_write(file, data, (size + 1) / 2);
    return way->value == HOW_NOTHING ? 0 : -1;
}

WRAP(int, fsync, int file)
{
    return fails(CALL_fsync, harmless(file)) ? -1 : __real_fsync(file);
}

/* It is closed all the same, as Linux does it. */
WRAP(int, close, int file)
{
    const fault_way *way = fails(CALL_close, harmless(file));
    const int closed = __real_close(file);
    if (way)
        errno = way->value;
    return way ? -1 : closed;
}

WRAP(int, rename, const char *from, const char *to)
{
    return fails(CALL_rename, 0) ? -1 : __real_rename(from, to);
}

WRAP(int, fstat, int file, struct stat *info)
{
    return fails(CALL_fstat, 0) ? -1 : __real_fstat(file, info);
}

WRAP(int, stat, const char *path, struct stat *info)
{
    return fails(CALL_stat, 0) ? -1 : __real_stat(path, info);
}

/* Only asked of what realpath has not found. */
WRAP(int, lstat, const char *path, struct stat *info)
{
    return fails(CALL_lstat, 1) ? -1 : __real_lstat(path, info);
}

WRAP(int, faccessat, int folder, const char *path, int mode, int flags)
{
    return fails(CALL_faccessat, 0) ? -1 : __real_faccessat(folder, path, mode, flags);
}

WRAP(int, fchmod, int file, mode_t mode)
{
    return fails(CALL_fchmod, 0) ? -1 : __real_fchmod(file, mode);
}

/* An engine whose path cannot be made whole is loaded by the one that it was given. */
WRAP(char *, realpath, const char *path, char *resolved)
{
    const int of_engine = strstr(path, ".so") != NULL;
    return fails(CALL_realpath, of_engine) ? NULL : __real_realpath(path, resolved);
}

WRAP(char *, __realpath_chk, const char *path, char *resolved, size_t room)
{
    (void)room;
    return __wrap_realpath(path, resolved);
}

WRAP(int, access, const char *path, int mode)
{
    return fails(CALL_access, 0) ? -1 : __real_access(path, mode);
}

WRAP(int, clock_gettime, clockid_t clock, struct timespec *now)
{
    return fails(CALL_clock_gettime, 1) ? -1 : __real_clock_gettime(clock, now);
}

WRAP(int, pthread_mutex_init, pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    const fault_way *way = fails(CALL_pthread_mutex_init, 0);
    return way ? way->value : __real_pthread_mutex_init(mutex, attributes);
}

WRAP(int, sigaction, int number, const struct sigaction *action, struct sigaction *before)
{
    return fails(CALL_sigaction, 1) ? -1 : __real_sigaction(number, action, before);
}

WRAP(int, socketpair, int domain, int type, int protocol, int ends[2])
{
    return fails(CALL_socketpair, 0) ? -1 : __real_socketpair(domain, type, protocol, ends);
}

WRAP(int, posix_spawn, pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
     const posix_spawnattr_t *attributes, char *const arguments[], char *const variables[])
{
    const fault_way *way = fails(CALL_posix_spawn, 0);
    return way ? way->value
               : __real_posix_spawn(pid, path, actions, attributes, arguments, variables);
}

WRAP(int, memfd_create, const char *name, unsigned flags)
{
    return fails(CALL_memfd_create, 0) ? -1 : __real_memfd_create(name, flags);
}

WRAP(int, posix_fallocate, int file, off_t offset, off_t size)
{
    const fault_way *way = fails(CALL_posix_fallocate, 0);
    return way ? way->value : __real_posix_fallocate(file, offset, size);
}

WRAP(void *, mmap, void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    return fails(CALL_mmap, 0) ? MAP_FAILED
                               : __real_mmap(at, size, protection, flags, file, offset);
}

WRAP(ssize_t, sendmsg, int socket, const struct msghdr *packet, int flags)
{
    return fails(CALL_sendmsg, 0) ? -1 : __real_sendmsg(socket, packet, flags);
}

WRAP(ssize_t, recvmsg, int socket, struct msghdr *packet, int flags)
{
    return fails(CALL_recvmsg, 0) ? -1 : __real_recvmsg(socket, packet, flags);
}

/* By the real one, so that dlerror has something to say. */
WRAP(void *, dlopen, const char *path, int flags)
{
    const fault_way *way = fails(CALL_dlopen, 0);
    loading = 1;
    void *library = __real_dlopen(way ? "/nowhere/made-to-fail.so" : path, flags);
    loading = 0;
    return library;
}

WRAP(void *, dlsym, void *library, const char *name)
{
    /* Whether the program has a symbol is a question, and no is an answer. */
    const fault_way *way = library == RTLD_DEFAULT ? NULL : fails(CALL_dlsym, 0);
    loading = 1;
    void *symbol = __real_dlsym(library, way ? "made_to_fail" : name);
    loading = 0;
    return symbol;
}

typedef struct start {
    void *(*run)(void *);
    void *data;
    sem_t done;
} start;

static void *run_watched(void *data)
{
    start *s = data;
    watched = 1;
    void *result = s->run(s->data);
    watched = 0;
    (void)sem_post(&s->done);
    return result;
}

/* The thread does its work before its maker goes on, so that the n-th of what both do is always the
 * same one. */
WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
     void *data)
{
    if (!watched)
        return __real_pthread_create(thread, attributes, run, data);
    const fault_way *way = fails(CALL_pthread_create, 1);
    if (way)
        return way->value;
    start s = {.run = run, .data = data};
    (void)sem_init(&s.done, 0, 0);
    const int failed = __real_pthread_create(thread, attributes, run_watched, &s);
    while (!failed && sem_wait(&s.done) != 0)
        ;
    (void)sem_destroy(&s.done);
    return failed;
}

int faults_lowest_descriptor(void)
{
    const int file = __real_open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)__real_close(file);
    return file;
}
