/* SPDX-License-Identifier: MIT */
#include "model/bundle.h"

#include <errno.h>
#include <minizip/unzip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"

#define MANIFEST_NAME "extra/manifest.json"
#define MAX_MANIFEST_BYTES (1u << 20)
#define MAX_NAME_BYTES 1024u
#define MAX_RECORDS 65535u
/* Packed records are text. Weights lie as they are, so that no archive is smaller than them. */
#define MAX_UNPACKED_BYTES (16u << 20)
#define MAX_ALL_UNPACKED_BYTES (64u << 20)
#define LEAST_HEADER_BYTES 30u
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
    /* minizip goes on after some failures, so that they must stay failures. */
    if (r->status != ARTFUSION_OK)
        return 0;
    const uint64_t left = r->source->size - r->position;
    if (size > left)
        size = (uLong)left; /* minizip takes a short read for the end */
    r->status = read_source(r->source, r->position, buffer, size);
    if (r->status != ARTFUSION_OK)
        return 0;
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
    char root[MAX_NAME_BYTES]; /* the folder of all records, with its slash */
    uint64_t end;              /* of the record before */
    uint64_t unpacked;         /* bytes of all packed records */
    uint64_t *names;           /* hashes */
    size_t name_count;
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

/* ---- what readers of archives disagree on -------------------------------
 *
 * The engine reads the archive once more, by another library. Where the two could see different
 * records, what is checked here would not be what runs. */

static artfusion_status refused(const char *name, const char *how)
{
    return af_fail(ARTFUSION_ERROR_FORMAT, "the model's archive has a record %.128s %s", name, how);
}

/* Printable, and no path that leaves its folder. */
static int is_good_name(const char *name)
{
    size_t length = 0; /* of the part between two slashes */
    for (const char *at = name;; at++) {
        if (*at == '/' || !*at) {
            const char *part = at - length;
            if (!length || (length == 1 && part[0] == '.') ||
                (length == 2 && part[0] == '.' && part[1] == '.'))
                return 0;
            if (!*at)
                return 1;
            length = 0;
        } else if (*at < ' ' || *at > '~' || *at == '\\' || *at == ':') {
            return 0;
        } else {
            length++;
        }
    }
}

/* FNV-1a, without case, as the engine's reader compares. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++) {
        const uint8_t byte = (uint8_t)*name;
        const uint8_t lower = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
        hash = (hash ^ lower) * 0x100000001b3u;
    }
    return hash;
}

static artfusion_status check_name(scan *s, const char *name)
{
    if (!is_good_name(name))
        return refused(name, "whose name is no path inside of it");
    const char *slash = strchr(name, '/');
    if (!slash)
        return refused(name, "outside of its folder");
    const size_t length = (size_t)(slash - name) + 1;
    if (!s->root[0])
        memcpy(s->root, name, length); /* the rest is 0 */
    if (strncmp(s->root, name, length) != 0 || s->root[length])
        return refused(name, "outside of its folder");
    if (s->name_count == MAX_RECORDS)
        return af_fail(ARTFUSION_ERROR_LIMIT, "the model's archive has more than %u records",
                       MAX_RECORDS);
    s->names[s->name_count++] = hash_name(name);
    return ARTFUSION_OK;
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static artfusion_status check_repeated_names(scan *s)
{
    qsort(s->names, s->name_count, sizeof *s->names, compare_hashes);
    for (size_t i = 1; i < s->name_count; i++)
        if (s->names[i] == s->names[i - 1])
            return af_fail(ARTFUSION_ERROR_FORMAT,
                           "the model's archive has two records of one name");
    return ARTFUSION_OK;
}

/* Opened: each lies behind the one before, and unpacks to no more than text has. */
static artfusion_status check_place(scan *s, const char *name, const unz_file_info64 *info)
{
    const uint64_t begin = unzGetCurrentFileZStreamPos64(s->archive);
    const uint64_t size = s->reader.source->size;
    if (begin < s->end + LEAST_HEADER_BYTES)
        return refused(name, "that overlaps the one before or is out of order");
    if (begin > size || info->compressed_size > size - begin)
        return refused(name, "that reaches beyond its end");
    s->end = begin + info->compressed_size;
    if (info->compression_method == 0)
        return ARTFUSION_OK;
    if (info->compression_method != Z_DEFLATED || (info->flag & 1))
        return refused(name, "that is packed in a way that is not read, or encrypted");
    s->unpacked += info->uncompressed_size;
    if (info->uncompressed_size > MAX_UNPACKED_BYTES || s->unpacked > MAX_ALL_UNPACKED_BYTES)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "the model's archive has packed records of %llu bytes up to %.128s, limit "
                       "%u each and %u together",
                       (unsigned long long)s->unpacked, name, MAX_UNPACKED_BYTES,
                       MAX_ALL_UNPACKED_BYTES);
    return ARTFUSION_OK;
}

static artfusion_status read_record(scan *s)
{
    char name[MAX_NAME_BYTES];
    unz_file_info64 info;
    if (unzGetCurrentFileInfo64(s->archive, &info, name, sizeof name, NULL, 0, NULL, 0) != UNZ_OK ||
        info.size_filename >= sizeof name)
        return damaged(s, "(directory)", "cannot be read");
    artfusion_status status = strlen(name) == info.size_filename
                                  ? check_name(s, name)
                                  : refused(name, "whose name has a zero byte");
    if (status != ARTFUSION_OK)
        return status;
    const char *inner = strchr(name, '/') + 1;

    int method = 0, level = 0;
    if (unzOpenCurrentFile2(s->archive, &method, &level, /*raw=*/1) != UNZ_OK)
        return damaged(s, name, "cannot be opened");
    status = check_place(s, name, &info);
    if (status == ARTFUSION_OK && strcmp(inner, MANIFEST_NAME) == 0) {
        status = read_manifest(s, name, &info, method);
    } else if (status == ARTFUSION_OK) {
        (void)SHA256_Update(&s->digest, inner, strlen(inner) + 1);
        status = read_bytes(s, name, &info, method, NULL);
    }
    (void)unzCloseCurrentFile(s->archive);
    return status;
}

static uint64_t little(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

/* The directory must lie right before its end: minizip takes what is missing between them for bytes
 * before the archive, and moves all records by it. Archives of 4 GB and more have a second end
 * before that one, which holds the numbers that the first has no room for. */
static int is_whole(const af_source *source, const uint8_t *end, uint64_t at,
                    artfusion_status *status)
{
    enum { LOCATOR = 20, LARGE_END = 56 };
    static const uint8_t locator[4] = {'P', 'K', 6, 7}, large_end[4] = {'P', 'K', 6, 6};
    uint8_t large[LARGE_END + LOCATOR];
    uint64_t size = little(end + 12, 4), offset = little(end + 16, 4);
    if (at >= sizeof large) {
        *status = read_source(source, at - sizeof large, large, sizeof large);
        if (*status != ARTFUSION_OK)
            return 0;
        if (memcmp(large + LARGE_END, locator, sizeof locator) == 0) {
            at -= sizeof large;
            const uint64_t large_size = little(large + 40, 8), large_offset = little(large + 48, 8);
            if (memcmp(large, large_end, sizeof large_end) != 0 ||
                little(large + LARGE_END + 8, 8) != at ||
                (size != UINT32_MAX && size != large_size) ||
                (offset != UINT32_MAX && offset != large_offset))
                return 0;
            size = large_size;
            offset = large_offset;
        }
    }
    return size <= at && offset == at - size;
}

/* The directory's end must be the file's: minizip would search for one further up, and so read an
 * archive that lacks its last bytes or has others behind them. */
static artfusion_status check_end(const af_source *source)
{
    static const uint8_t signature[4] = {'P', 'K', 5, 6};
    uint8_t end[22];
    if (source->size >= sizeof end) {
        artfusion_status status = read_source(source, source->size - sizeof end, end, sizeof end);
        if (status != ARTFUSION_OK)
            return status;
        if (memcmp(end, signature, sizeof signature) == 0 && end[20] == 0 && end[21] == 0) {
            if (is_whole(source, end, source->size - sizeof end, &status))
                return ARTFUSION_OK;
            return status != ARTFUSION_OK
                       ? status
                       : af_fail(ARTFUSION_ERROR_FORMAT,
                                 "the model's archive does not begin with the file, or its "
                                 "directory is not before its end");
        }
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
    artfusion_status status = check_end(s->reader.source);
    if (status != ARTFUSION_OK)
        return status;
    s->archive = unzOpen2_64("", &bound);
    if (!s->archive)
        return damaged(s, "(directory)", "cannot be read");

    (void)SHA256_Init(&s->digest);
    s->chunk = af_alloc(CHUNK_BYTES);
    s->names = af_alloc_array(MAX_RECORDS, sizeof *s->names);
    if (!s->chunk || !s->names)
        return af_fail_memory(CHUNK_BYTES, "reading the model");

    for (int more = unzGoToFirstFile(s->archive); more != UNZ_END_OF_LIST_OF_FILE;
         more = unzGoToNextFile(s->archive)) {
        if (more != UNZ_OK)
            return damaged(s, "(directory)", "cannot be read");
        status = read_record(s);
        if (status != ARTFUSION_OK)
            return status;
    }
    const artfusion_status unique = check_repeated_names(s);
    if (unique != ARTFUSION_OK)
        return unique;
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
    af_free(s.names);
    if (status != ARTFUSION_OK) {
        af_free(s.manifest);
        return status;
    }
    *manifest = s.manifest;
    *manifest_size = s.manifest_size;
    return ARTFUSION_OK;
}
