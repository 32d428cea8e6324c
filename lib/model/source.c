/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "model/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/floats.h"
#include "base/memory.h"

/* Every read is checked here, so that the three kinds need not. */
static artfusion_status check_range(const af_source *source, uint64_t offset, size_t size)
{
    if (offset > source->size || size > source->size - offset)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "the model ends after %llu bytes, and %zu from byte %llu were needed",
                       (unsigned long long)source->size, size, (unsigned long long)offset);
    return ARTFUSION_OK;
}

static artfusion_status read_file(const af_source *base, uint64_t offset, void *buffer, size_t size)
{
    const af_model_source *source = (const af_model_source *)base;
    const artfusion_status status = check_range(base, offset, size);
    if (status != ARTFUSION_OK)
        return status;

    /* pread, since an engine may read from several threads. */
    for (size_t done = 0; done < size;) {
        const ssize_t got =
            pread(source->file, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return af_fail_io(base->path, NULL, errno);
        if (got == 0)
            return af_fail(ARTFUSION_ERROR_IO, "%s became shorter while it was read", base->path);
        done += (size_t)got;
    }
    return ARTFUSION_OK;
}

static artfusion_status read_memory(const af_source *base, uint64_t offset, void *buffer,
                                    size_t size)
{
    const af_model_source *source = (const af_model_source *)base;
    const artfusion_status status = check_range(base, offset, size);
    if (status == ARTFUSION_OK && size)
        memcpy(buffer, source->data + offset, size);
    return status;
}

static artfusion_status read_callback(const af_source *base, uint64_t offset, void *buffer,
                                      size_t size)
{
    const af_model_source *source = (const af_model_source *)base;
    const artfusion_status status = check_range(base, offset, size);
    if (status != ARTFUSION_OK)
        return status;
    int32_t answer;
    {
        AF_HOST_FLOATS;
        answer = source->callback(source->user_data, offset, buffer, size);
    }
    af_error_clear();
    if (answer)
        return af_fail(ARTFUSION_ERROR_IO,
                       "the read callback returned %d for %zu bytes from byte %llu", (int)answer,
                       size, (unsigned long long)offset);
    return ARTFUSION_OK;
}

artfusion_status af_source_open_file(af_model_source *source, const char *path)
{
    memset(source, 0, sizeof *source);
    /* NONBLOCK: opening a pipe, which is refused, would wait for its writer. */
    do
        source->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (source->file < 0 && errno == EINTR);
    if (source->file < 0)
        return af_fail_io(path, NULL, errno);
    struct stat info;
    if (fstat(source->file, &info) != 0 || !S_ISREG(info.st_mode)) {
        af_source_close(source);
        return af_fail(ARTFUSION_ERROR_IO, "%s is not a regular file", path);
    }
    source->base.size = (uint64_t)info.st_size;
    source->base.path = path;
    source->base.read = read_file;
    return ARTFUSION_OK;
}

void af_source_open_memory(af_model_source *source, const void *data, size_t size)
{
    memset(source, 0, sizeof *source);
    source->file = -1;
    source->base.size = size;
    source->base.read = read_memory;
    source->data = data;
}

void af_source_open_callback(af_model_source *source, artfusion_read_callback read, void *user_data,
                             uint64_t size)
{
    memset(source, 0, sizeof *source);
    source->file = -1;
    source->base.size = size;
    source->base.read = read_callback;
    source->callback = read;
    source->user_data = user_data;
}

static artfusion_status keep_file(const af_model_source *source, af_model_source *kept)
{
    const size_t size = strlen(source->base.path) + 1;
    char *path = af_alloc(size);
    if (!path)
        return af_fail_memory(size, "a path");
    memcpy(path, source->base.path, size);
    *kept = *source;
    kept->owned = path;
    kept->base.path = path;
    kept->file = fcntl(source->file, F_DUPFD_CLOEXEC, 0);
    return kept->file >= 0 ? ARTFUSION_OK : af_fail_io(source->base.path, NULL, errno);
}

artfusion_status af_source_keep(const af_source *source, af_model_source *kept)
{
    const af_model_source *given = (const af_model_source *)source;
    return given->file >= 0 ? keep_file(given, kept) : af_source_copy(source, kept);
}

artfusion_status af_source_copy(const af_source *source, af_model_source *copy)
{
    const size_t size = (size_t)source->size;
    uint8_t *bytes = size == source->size ? af_alloc(size) : NULL;
    if (!bytes)
        return af_fail_memory(size, "a copy of the model file");
    af_source_open_memory(copy, bytes, size);
    copy->owned = bytes;
    return source->read(source, 0, bytes, size);
}

artfusion_status af_source_check_size(const af_model_source *source)
{
    struct stat info;
    if (source->file < 0)
        return ARTFUSION_OK;
    if (fstat(source->file, &info) != 0)
        return af_fail_io(source->base.path, NULL, errno);
    return (uint64_t)info.st_size == source->base.size
               ? ARTFUSION_OK
               : af_fail(
                     ARTFUSION_ERROR_CHECKSUM,
                     "%s was changed since the model was opened: it has %llu bytes, and had %llu",
                     source->base.path, (unsigned long long)info.st_size,
                     (unsigned long long)source->base.size);
}

void af_source_close(af_model_source *source)
{
    if (source->file >= 0)
        (void)close(source->file);
    source->file = -1;
    af_free(source->owned);
    source->owned = NULL;
}
