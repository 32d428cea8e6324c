/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* realpath, fsync, and the strerror_r that returns int */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

#define MODE_BITS (S_IRWXU | S_IRWXG | S_IRWXO)
#define NAME_ATTEMPTS 100

artfusion_status af_fail_io(const char *path, const char *doing, int error)
{
    char reason[128];
    if (strerror_r(error, reason, sizeof reason) != 0)
        (void)snprintf(reason, sizeof reason, "error %d", error);
    return af_fail(ARTFUSION_ERROR_IO, "%s: %s%s%s", path, doing ? doing : "", doing ? ": " : "",
                   reason);
}

static artfusion_status fail_irregular(const char *path, mode_t mode)
{
    return af_fail(ARTFUSION_ERROR_IO, "%s: %s", path,
                   S_ISDIR(mode) ? "is a directory, not a file" : "is not a regular file");
}

/* Again where a signal's handler came first, which network file systems and FUSE let happen. */
static int open_file(const char *path, int flags, mode_t mode)
{
    int file;
    do
        file = open(path, flags | O_CLOEXEC, mode);
    while (file < 0 && errno == EINTR);
    return file;
}

static int sync_file(int file)
{
    int status;
    do
        status = fsync(file);
    while (status != 0 && errno == EINTR);
    return status;
}

/* As far as `size` or the file goes. */
static artfusion_status read_all(int file, const char *path, uint8_t *data, size_t *size)
{
    size_t done = 0;
    while (done < *size) {
        const ssize_t got = read(file, data + done, *size - done);
        if (got == 0)
            break;
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return af_fail_io(path, "reading", errno);
    }
    *size = done;
    return ARTFUSION_OK;
}

static artfusion_status read_open(int file, const char *path, uint64_t limit, uint8_t **data,
                                  size_t *size)
{
    struct stat info;
    if (fstat(file, &info) != 0)
        return af_fail_io(path, "reading", errno);
    if (!S_ISREG(info.st_mode))
        return fail_irregular(path, info.st_mode);
    const uint64_t length = (uint64_t)info.st_size;
    if (length > limit)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "%s: %" PRIu64 " bytes are beyond the limit, %" PRIu64, path, length, limit);

    uint8_t *bytes = length <= SIZE_MAX ? af_alloc((size_t)length) : NULL;
    if (!bytes)
        return af_fail(ARTFUSION_ERROR_MEMORY, "%s: out of memory: its %" PRIu64 " bytes", path,
                       length);
    *size = (size_t)length;
    const artfusion_status status = read_all(file, path, bytes, size);
    if (status)
        af_free(bytes);
    else
        *data = bytes;
    return status;
}

artfusion_status af_file_read(const char *path, uint64_t limit, uint8_t **data, size_t *size)
{
    *data = NULL;
    *size = 0;
    /* NONBLOCK: opening a pipe, which is refused, would wait for its writer. */
    const int file = open_file(path, O_RDONLY | O_NONBLOCK, 0);
    if (file < 0)
        return af_fail_io(path, "opening", errno);
    const artfusion_status status = read_open(file, path, limit, data, size);
    (void)close(file);
    return status;
}

/* What af_file_write is about to replace. */
typedef struct target {
    char *path; /* links resolved; of malloc, as realpath gives it */
    int exists;
    mode_t mode; /* of an existing file, as is its group */
    gid_t group;
} target;

static artfusion_status find_target(const char *path, target *t)
{
    struct stat info;
    t->path = realpath(path, NULL);
    if (t->path) {
        if (stat(t->path, &info) != 0)
            return af_fail_io(path, "writing", errno);
        if (!S_ISREG(info.st_mode))
            return fail_irregular(path, info.st_mode);
        /* Renaming needs no permission on the file itself, but its owner said no. */
        if (faccessat(AT_FDCWD, t->path, W_OK, AT_EACCESS) != 0)
            return af_fail_io(path, "writing", errno);
        t->exists = 1;
        t->mode = info.st_mode & MODE_BITS;
        t->group = info.st_gid;
        return ARTFUSION_OK;
    }
    if (errno == ENOMEM)
        return af_fail_memory(PATH_MAX, path);
    if (errno != ENOENT)
        return af_fail_io(path, "writing", errno);
    if (lstat(path, &info) == 0)
        return af_fail(ARTFUSION_ERROR_IO, "%s: is a link to what does not exist", path);
    t->path = strdup(path);
    return t->path ? ARTFUSION_OK : af_fail_memory(strlen(path) + 1, path);
}

/* Different for every call in every process, as far as a clock can make it so; O_EXCL sees to
 * the rest. */
static uint64_t name_number(void)
{
    static atomic_uint_fast64_t calls;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) ^
           ((uint64_t)getpid() << 40) ^ (atomic_fetch_add(&calls, 1) << 32);
}

/* A new file in the target's directory, under a short name of its own since the target's may be
 * as long as names can be. `*name` is of af_alloc. What replaces a file is its owner's alone until
 * it has that file's mode. */
static artfusion_status create_beside(const char *path, const target *t, char **name, int *file)
{
    const char *slash = strrchr(t->path, '/');
    const size_t directory = slash ? (size_t)(slash - t->path) + 1 : 0;
    const size_t bytes = directory + sizeof ".artfusion-0123456789abcdef.tmp";
    *name = af_alloc(bytes);
    if (!*name)
        return af_fail_memory(bytes, path);
    memcpy(*name, t->path, directory);

    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        (void)snprintf(*name + directory, bytes - directory, ".artfusion-%016" PRIx64 ".tmp",
                       name_number());
        *file = open_file(*name, O_WRONLY | O_CREAT | O_EXCL, t->exists ? S_IRUSR | S_IWUSR : 0666);
        if (*file >= 0)
            return ARTFUSION_OK;
        if (errno != EEXIST)
            break;
    }
    const artfusion_status status = af_fail_io(path, "creating a file beside it", errno);
    af_free(*name);
    return status;
}

/* Who could not read or write the file that is replaced cannot do so now: where its group cannot be
 * had, another one's members are as all others. */
static int take_mode(int file, const target *t)
{
    struct stat info;
    mode_t mode = t->mode;
    if (fstat(file, &info) != 0)
        return -1;
    if (info.st_gid != t->group && fchown(file, (uid_t)-1, t->group) != 0)
        mode &= ~(mode_t)S_IRWXG | ((mode & S_IRWXO) << 3);
    return fchmod(file, mode);
}

static int write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t put = write(file, data, size);
        if (put > 0) {
            data += put;
            size -= (size_t)put;
        } else if (put == 0 || errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* Makes the rename itself last. Not all file systems can sync a directory, and the file is in its
 * place whether or not this one can: no error. */
static void sync_directory(char *name)
{
    char *slash = strrchr(name, '/');
    if (slash)
        slash[1] = '\0';
    const int directory = open_file(slash ? name : ".", O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0)
        return;
    (void)sync_file(directory);
    (void)close(directory);
}

static artfusion_status replace(const char *path, const target *t, const void *data, size_t size)
{
    char *name = NULL;
    int file = -1;
    artfusion_status status = create_beside(path, t, &name, &file);
    if (status)
        return status;

    int failed =
        (t->exists && take_mode(file, t)) || write_all(file, data, size) || sync_file(file);
    int error = errno;
    /* A delayed write may be found out by close. Interrupted, it has closed the file all the same,
     * which was synced. */
    if (close(file) != 0 && errno != EINTR && !failed) {
        failed = 1;
        error = errno;
    }
    if (!failed && rename(name, t->path) != 0) {
        failed = 1;
        error = errno;
    }
    if (failed) {
        status = af_fail_io(path, "writing", error);
        (void)unlink(name);
    } else {
        sync_directory(name);
    }
    af_free(name);
    return status;
}

artfusion_status af_file_write(const char *path, const void *data, size_t size)
{
    target t = {0};
    artfusion_status status = find_target(path, &t);
    if (!status)
        status = replace(path, &t, data, size);
    free(t.path);
    return status;
}
