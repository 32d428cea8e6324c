/* SPDX-License-Identifier: MIT */
#include "model/unpack.h"

#include "base/error.h"
#include "base/memory.h"

#define PART_BYTES (1u << 16)

static artfusion_status damaged(af_unpacking *u, const char *how)
{
    u->damage = how;
    return ARTFUSION_ERROR_FORMAT;
}

artfusion_status af_unpacking_begin(af_unpacking *u, const af_source *source, const af_entry *entry)
{
    *u = (af_unpacking){.source = source, .entry = entry, .crc = crc32_z(0, NULL, 0)};
    if (!entry->packed)
        return ARTFUSION_OK;
    u->part = af_alloc(PART_BYTES);
    if (u->part && inflateInit2(&u->z, -MAX_WBITS) == Z_OK)
        return ARTFUSION_OK;
    af_free(u->part);
    u->part = NULL;
    return af_fail_memory(PART_BYTES, "unpacking the model");
}

/* A part of the file, if none is left of the last. */
static artfusion_status take_part(af_unpacking *u)
{
    const uint64_t left = u->entry->packed_size - u->taken;
    if (u->z.avail_in || !left)
        return ARTFUSION_OK;
    const size_t now = left < PART_BYTES ? (size_t)left : PART_BYTES;
    const artfusion_status status =
        u->source->read(u->source, u->entry->begin + u->taken, u->part, now);
    if (status != ARTFUSION_OK)
        return status;
    u->taken += now;
    u->z.next_in = u->part;
    u->z.avail_in = (uInt)now;
    return ARTFUSION_OK;
}

/* zlib's result is left in *result: Z_OK or Z_STREAM_END. */
static artfusion_status inflate_some(af_unpacking *u, int *result)
{
    const artfusion_status status = take_part(u);
    if (status != ARTFUSION_OK)
        return status;
    *result = inflate(&u->z, Z_NO_FLUSH);
    if (*result == Z_MEM_ERROR)
        return af_fail_memory(PART_BYTES, "unpacking the model");
    return *result == Z_OK || *result == Z_STREAM_END ? ARTFUSION_OK
                                                      : damaged(u, "cannot be unpacked");
}

static artfusion_status inflate_next(af_unpacking *u, void *buffer, size_t size)
{
    u->z.next_out = buffer;
    u->z.avail_out = (uInt)size; /* a packed record is no larger than an uInt */
    while (u->z.avail_out) {
        int result;
        const artfusion_status status = inflate_some(u, &result);
        if (status != ARTFUSION_OK)
            return status;
        if (result == Z_STREAM_END && u->z.avail_out)
            return damaged(u, "ends early");
    }
    return ARTFUSION_OK;
}

artfusion_status af_unpacking_next(af_unpacking *u, void *buffer, size_t size)
{
    const artfusion_status status =
        u->part ? inflate_next(u, buffer, size)
                : u->source->read(u->source, u->entry->begin + u->given, buffer, size);
    if (status != ARTFUSION_OK)
        return status;
    u->crc = crc32_z(u->crc, buffer, size);
    u->given += size;
    return ARTFUSION_OK;
}

artfusion_status af_unpacking_finish(af_unpacking *u)
{
    for (int result = u->part ? Z_OK : Z_STREAM_END; result != Z_STREAM_END;) {
        uint8_t more;
        u->z.next_out = &more;
        u->z.avail_out = sizeof more;
        const artfusion_status status = inflate_some(u, &result);
        if (status != ARTFUSION_OK)
            return status;
        if (!u->z.avail_out)
            return damaged(u, "cannot be unpacked");
    }
    if (u->part && (u->z.avail_in || u->taken != u->entry->packed_size))
        return damaged(u, "is packed in fewer bytes than it has");
    return u->crc == u->entry->crc ? ARTFUSION_OK
                                   : damaged(u, "has another CRC than it was written with");
}

void af_unpacking_end(af_unpacking *u)
{
    if (u->part)
        (void)inflateEnd(&u->z);
    af_free(u->part);
    u->part = NULL;
}
