/* SPDX-License-Identifier: MIT */
#include "model/bundle.h"

#include <errno.h>
#include <minizip/unzip.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"

#define MANIFEST_NAME "extra/manifest.json"
#define MAX_MANIFEST_BYTES (1u << 20)
#define MAX_NAME_BYTES 1024u
#define CHUNK_BYTES (1u << 18)
#define WRONG_CRC "has another CRC than it was written with"

/* ---- minizip reads through the source ---------------------------------- */

/* Of minizip's failures for want of memory errno alone tells, which nothing else is to change. */
static artfusion_status read_source(const af_source *source, uint64_t offset, void *buffer,
                                    size_t size)
{
    const int before = errno;
    const artfusion_status status = source->read(source, offset, buffer, size);
    errno = before;
    return status;
}

typedef struct reader {
    const af_source *source;
    uint64_t position;
    artfusion_status status; /* the first failure of the source itself */
} reader;

static voidpf zip_open(voidpf opaque, const void *name, int mode)
{
    (void)name;
    (void)mode;
    return opaque;
}

static uLong zip_read(voidpf opaque, voidpf stream, void *buffer, uLong size)
{
    reader *r = stream;
    (void)opaque;
    const uint64_t left = r->source->size - r->position;
    if (size > left)
        size = (uLong)left; /* minizip takes a short read for the end */
    const artfusion_status status = read_source(r->source, r->position, buffer, size);
    if (status != ARTFUSION_OK) {
        if (r->status == ARTFUSION_OK)
            r->status = status;
        return 0;
    }
    r->position += size;
    return size;
}

static ZPOS64_T zip_tell(voidpf opaque, voidpf stream)
{
    (void)opaque;
    return ((reader *)stream)->position;
}

static long zip_seek(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin)
{
    reader *r = stream;
    (void)opaque;
    const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? r->position
                          : origin == ZLIB_FILEFUNC_SEEK_END ? r->source->size
                                                             : 0;
    if (offset > r->source->size - base)
        return -1;
    r->position = base + offset;
    return 0;
}

static int zip_close(voidpf opaque, voidpf stream)
{
    (void)opaque;
    (void)stream;
    return 0;
}

static int zip_error(voidpf opaque, voidpf stream)
{
    (void)opaque;
    return ((reader *)stream)->status != ARTFUSION_OK;
}

/* ---- the records -------------------------------------------------------- */

typedef struct scan {
    reader reader;
    unzFile archive;
    SHA256_CTX digest;
    uint8_t *packed, *chunk; /* CHUNK_BYTES each */
    char *manifest;
    size_t manifest_size;
} scan;

static artfusion_status damaged(const scan *s, const char *record, const char *how)
{
    if (s->reader.status != ARTFUSION_OK)
        return s->reader.status; /* the source has said why */
    if (errno == ENOMEM)
        return af_fail(ARTFUSION_ERROR_MEMORY, "out of memory: reading the model's record %s",
                       record);
    return af_fail(ARTFUSION_ERROR_FORMAT, "the model is damaged: record %s %s", record, how);
}

/* Where the bytes of a record go: to the digest, or to the manifest. */
typedef struct sink {
    scan *scan;
    char *copy; /* NULL: they are digested */
    uint64_t done;
    uLong crc;
} sink;

static void put(sink *to, const uint8_t *bytes, size_t size)
{
    to->crc = crc32_z(to->crc, bytes, size);
    if (to->copy)
        memcpy(to->copy + to->done, bytes, size);
    else
        (void)SHA256_Update(&to->scan->digest, bytes, size);
    to->done += size;
}

/* Weights lie in the archive as they are, and minizip would copy them byte by byte. */
static artfusion_status read_stored(const scan *s, uint64_t begin, uint64_t size, sink *to)
{
    while (to->done < size) {
        const uint64_t left = size - to->done;
        const size_t now = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        const artfusion_status status =
            read_source(s->reader.source, begin + to->done, s->chunk, now);
        if (status != ARTFUSION_OK)
            return status;
        put(to, s->chunk, now);
    }
    return ARTFUSION_OK;
}

static artfusion_status inflate_all(const scan *s, z_stream *z, const char *name, uint64_t begin,
                                    const unz_file_info64 *info, sink *to)
{
    uint64_t taken = 0;
    for (int result = Z_OK; result != Z_STREAM_END;) {
        const uint64_t left = info->compressed_size - taken;
        if (!z->avail_in && left) {
            const size_t now = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
            const artfusion_status status =
                read_source(s->reader.source, begin + taken, s->packed, now);
            if (status != ARTFUSION_OK)
                return status;
            taken += now;
            z->next_in = s->packed;
            z->avail_in = (uInt)now;
        }
        z->next_out = s->chunk;
        z->avail_out = CHUNK_BYTES;
        result = inflate(z, Z_NO_FLUSH);
        const size_t got = CHUNK_BYTES - z->avail_out;
        if (result == Z_MEM_ERROR)
            return af_fail_memory(CHUNK_BYTES, "unpacking the model");
        if ((result != Z_OK && result != Z_STREAM_END) || got > info->uncompressed_size - to->done)
            return damaged(s, name, "cannot be unpacked");
        put(to, s->chunk, got);
    }
    return to->done == info->uncompressed_size ? ARTFUSION_OK : damaged(s, name, "ends early");
}

/* minizip's own way forgets its buffer where zlib gets no memory. */
static artfusion_status read_deflated(scan *s, const char *name, uint64_t begin,
                                      const unz_file_info64 *info, sink *to)
{
    if (!s->packed)
        s->packed = af_alloc(CHUNK_BYTES);
    z_stream z = {0};
    const int result = s->packed ? inflateInit2(&z, -MAX_WBITS) : Z_MEM_ERROR;
    if (result != Z_OK)
        return af_fail_memory(CHUNK_BYTES, "unpacking the model");
    const artfusion_status status = inflate_all(s, &z, name, begin, info, to);
    (void)inflateEnd(&z);
    return status;
}

static artfusion_status read_bytes(scan *s, const char *name, const unz_file_info64 *info,
                                   int method, char *copy)
{
    sink to = {.scan = s, .copy = copy, .crc = crc32_z(0, NULL, 0)};
    const uint64_t begin = unzGetCurrentFileZStreamPos64(s->archive);
    artfusion_status status;
    if (method == 0 && info->compressed_size != info->uncompressed_size)
        return damaged(s, name, "is stored in another size than it has");
    if (method == 0)
        status = read_stored(s, begin, info->uncompressed_size, &to);
    else
        status = read_deflated(s, name, begin, info, &to);
    if (status == ARTFUSION_OK && to.crc != info->crc)
        status = damaged(s, name, WRONG_CRC);
    return status;
}

static artfusion_status read_manifest(scan *s, const char *name, const unz_file_info64 *info,
                                      int method)
{
    const uint64_t size = info->uncompressed_size;
    if (s->manifest)
        return af_fail(ARTFUSION_ERROR_FORMAT, "the model has two manifests");
    if (size > MAX_MANIFEST_BYTES)
        return af_fail(ARTFUSION_ERROR_LIMIT, "the model's manifest has %llu bytes, limit %u",
                       (unsigned long long)size, MAX_MANIFEST_BYTES);
    s->manifest = af_alloc((size_t)size + 1);
    if (!s->manifest)
        return af_fail_memory((size_t)size + 1, "the manifest");
    s->manifest[size] = '\0';
    s->manifest_size = (size_t)size;
    return read_bytes(s, name, info, method, s->manifest);
}

static artfusion_status read_record(scan *s)
{
    char name[MAX_NAME_BYTES];
    unz_file_info64 info;
    if (unzGetCurrentFileInfo64(s->archive, &info, name, sizeof name, NULL, 0, NULL, 0) != UNZ_OK ||
        info.size_filename >= sizeof name)
        return damaged(s, "(directory)", "cannot be read");
    const char *slash = strchr(name, '/');
    const char *inner = slash ? slash + 1 : name;

    int method = 0, level = 0;
    if (unzOpenCurrentFile2(s->archive, &method, &level, /*raw=*/1) != UNZ_OK)
        return damaged(s, name, "cannot be opened");
    artfusion_status status;
    if (method != 0 && method != Z_DEFLATED) {
        status = damaged(s, name, "is packed in a way that is neither stored nor deflated");
    } else if (strcmp(inner, MANIFEST_NAME) == 0) {
        status = read_manifest(s, name, &info, method);
    } else {
        (void)SHA256_Update(&s->digest, inner, strlen(inner) + 1);
        status = read_bytes(s, name, &info, method, NULL);
    }
    (void)unzCloseCurrentFile(s->archive);
    return status;
}

/* The directory's end must be the file's: minizip would search for one further up, and so read an
 * archive that lacks its last bytes or has others behind them. */
static artfusion_status check_end(const af_source *source)
{
    static const uint8_t signature[4] = {'P', 'K', 5, 6};
    uint8_t end[22];
    if (source->size >= sizeof end) {
        const artfusion_status status =
            read_source(source, source->size - sizeof end, end, sizeof end);
        if (status != ARTFUSION_OK)
            return status;
        if (memcmp(end, signature, sizeof signature) == 0 && end[20] == 0 && end[21] == 0)
            return ARTFUSION_OK;
    }
    return af_fail(ARTFUSION_ERROR_FORMAT,
                   "this is no model, or one that was cut short: no archive directory ends its "
                   "%llu bytes",
                   (unsigned long long)source->size);
}

static artfusion_status read_records(scan *s, char sha256[AF_SHA256_HEX])
{
    static const zlib_filefunc64_def functions = {
        .zopen64_file = zip_open,
        .zread_file = zip_read,
        .ztell64_file = zip_tell,
        .zseek64_file = zip_seek,
        .zclose_file = zip_close,
        .zerror_file = zip_error,
    };
    zlib_filefunc64_def bound = functions;
    bound.opaque = &s->reader;
    const artfusion_status status = check_end(s->reader.source);
    if (status != ARTFUSION_OK)
        return status;
    s->archive = unzOpen2_64("", &bound);
    if (!s->archive)
        return damaged(s, "(directory)", "cannot be read");

    (void)SHA256_Init(&s->digest);
    s->chunk = af_alloc(CHUNK_BYTES);
    if (!s->chunk)
        return af_fail_memory(CHUNK_BYTES, "reading the model");

    for (int more = unzGoToFirstFile(s->archive); more != UNZ_END_OF_LIST_OF_FILE;
         more = unzGoToNextFile(s->archive)) {
        if (more != UNZ_OK)
            return damaged(s, "(directory)", "cannot be read");
        const artfusion_status status = read_record(s);
        if (status != ARTFUSION_OK)
            return status;
    }
    if (!s->manifest)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "this archive is no artfusion model: it has no " MANIFEST_NAME);

    /* minizip does without some of what it reads. */
    if (s->reader.status != ARTFUSION_OK)
        return s->reader.status;

    uint8_t sum[SHA256_DIGEST_LENGTH];
    (void)SHA256_Final(sum, &s->digest);
    for (size_t i = 0; i < sizeof sum; i++)
        (void)snprintf(sha256 + 2 * i, 3, "%02x", sum[i]);
    return ARTFUSION_OK;
}

artfusion_status af_bundle_read(const af_source *source, char **manifest, size_t *manifest_size,
                                char sha256[AF_SHA256_HEX])
{
    scan s = {.reader = {.source = source}};
    *manifest = NULL;
    errno = 0;
    const artfusion_status status = read_records(&s, sha256);
    if (s.archive)
        (void)unzClose(s.archive);
    af_free(s.packed);
    af_free(s.chunk);
    if (status != ARTFUSION_OK) {
        af_free(s.manifest);
        return status;
    }
    *manifest = s.manifest;
    *manifest_size = s.manifest_size;
    return ARTFUSION_OK;
}
