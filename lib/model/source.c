/* SPDX-License-Identifier: MIT */
#include "model/source.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/platform.h"

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

    for (size_t done = 0; done < size;) {
        const int64_t got =
            af_os_read_at(source->file, (char *)buffer + done, size - done, offset + done);
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
    source->file = af_os_open(path);
    if (source->file < 0)
        return af_fail_io(path, NULL, errno);
    af_file_kind kind;
    if (af_os_size(source->file, &kind, &source->base.size) != 0 || kind != AF_FILE_REGULAR) {
        af_source_close(source);
        return af_fail(ARTFUSION_ERROR_IO, "%s is not a regular file", path);
    }
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
    kept->file = af_os_duplicate(source->file);
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
    af_file_kind kind;
    uint64_t size;
    if (source->file < 0)
        return ARTFUSION_OK;
    if (af_os_size(source->file, &kind, &size) != 0)
        return af_fail_io(source->base.path, NULL, errno);
    return size == source->base.size
               ? ARTFUSION_OK
               : af_fail(
                     ARTFUSION_ERROR_CHECKSUM,
                     "%s was changed since the model was opened: it has %llu bytes, and had %llu",
                     source->base.path, (unsigned long long)size,
                     (unsigned long long)source->base.size);
}

void af_source_close(af_model_source *source)
{
    if (source->file >= 0)
        (void)af_os_close(source->file);
    source->file = -1;
    af_free(source->owned);
    source->owned = NULL;
}
