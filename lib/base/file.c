/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/platform.h"

#define NAME_ATTEMPTS 100

artfusion_status af_fail_io(const char *path, const char *doing, int error)
{
    char reason[128];
    af_os_reason(error, reason, sizeof reason);
    return af_fail(ARTFUSION_ERROR_IO, "%s: %s%s%s", path, doing ? doing : "", doing ? ": " : "",
                   reason);
}

static artfusion_status fail_irregular(const char *path, af_file_kind kind)
{
    return af_fail(ARTFUSION_ERROR_IO, "%s: %s", path,
                   kind == AF_FILE_FOLDER ? "is a directory, not a file" : "is not a regular file");
}

/* As far as `size` or the file goes. */
static artfusion_status read_all(int file, const char *path, uint8_t *data, size_t *size)
{
    size_t done = 0;
    while (done < *size) {
        const int64_t got = af_os_read(file, data + done, *size - done);
        if (got < 0)
            return af_fail_io(path, "reading", errno);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *size = done;
    return ARTFUSION_OK;
}

static artfusion_status read_open(int file, const char *path, uint64_t limit, uint8_t **data,
                                  size_t *size)
{
    af_file_kind kind;
    uint64_t length;
    if (af_os_size(file, &kind, &length) != 0)
        return af_fail_io(path, "reading", errno);
    if (kind != AF_FILE_REGULAR)
        return fail_irregular(path, kind);
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
    const int file = af_os_open(path);
    if (file < 0)
        return af_fail_io(path, "opening", errno);
    const artfusion_status status = read_open(file, path, limit, data, size);
    (void)af_os_close(file);
    return status;
}

static artfusion_status find_target(const char *path, af_target *t)
{
    const int error = af_os_find_target(path, t);
    if (error == ENOMEM)
        return af_fail_memory(AF_PATH_MAX, path);
    if (error)
        return af_fail_io(path, "writing", error);
    if (t->kind == AF_FILE_LOST_LINK)
        return af_fail(ARTFUSION_ERROR_IO, "%s: is a link to what does not exist", path);
    return t->kind == AF_FILE_NONE || t->kind == AF_FILE_REGULAR ? ARTFUSION_OK
                                                                 : fail_irregular(path, t->kind);
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
 * as long as names can be. `*name` is of af_alloc. */
static artfusion_status create_beside(const char *path, const af_target *t, char **name, int *file)
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
        *file = af_os_create(*name, t);
        if (*file >= 0)
            return ARTFUSION_OK;
        if (errno != EEXIST)
            break;
    }
    const artfusion_status status = af_fail_io(path, "creating a file beside it", errno);
    af_free(*name);
    return status;
}

static int write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const int64_t put = af_os_write(file, data, size);
        if (put <= 0)
            return -1;
        data += put;
        size -= (size_t)put;
    }
    return 0;
}

static artfusion_status replace(const char *path, const af_target *t, const void *data, size_t size)
{
    char *name = NULL;
    int file = -1;
    artfusion_status status = create_beside(path, t, &name, &file);
    if (status)
        return status;

    int failed = (t->kind == AF_FILE_REGULAR && af_os_take_mode(file, t)) ||
                 write_all(file, data, size) || af_os_sync(file);
    int error = errno;
    /* A delayed write may be found out by close. */
    if (af_os_close(file) != 0 && !failed) {
        failed = 1;
        error = errno;
    }
    if (!failed && af_os_rename(name, t->path) != 0) {
        failed = 1;
        error = errno;
    }
    if (failed) {
        status = af_fail_io(path, "writing", error);
        af_os_remove(name);
    } else {
        af_os_sync_folder(name);
    }
    af_free(name);
    return status;
}

artfusion_status af_file_write(const char *path, const void *data, size_t size)
{
    af_target t = {0};
    artfusion_status status = find_target(path, &t);
    if (!status)
        status = replace(path, &t, data, size);
    free(t.path);
    return status;
}
