/* SPDX-License-Identifier: MIT */
#include "model/bundle.h"

#include <minizip/unzip.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"

#define MANIFEST_NAME "extra/manifest.json"
#define MAX_MANIFEST_BYTES (1u << 20)
#define MAX_NAME_BYTES 1024u
#define CHUNK_BYTES (1u << 18)
#define WRONG_CRC "has another CRC than it was written with"

/* ---- minizip reads through the source ---------------------------------- */

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
    r->status = r->source->read(r->source, r->position, buffer, size);
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
    EVP_MD_CTX *digest;
    uint8_t *chunk;
    char *manifest;
    size_t manifest_size;
} scan;

static artfusion_status damaged(const scan *s, const char *record, const char *how)
{
    if (s->reader.status != ARTFUSION_OK)
        return s->reader.status; /* the source has said why */
    return af_fail(ARTFUSION_ERROR_FORMAT, "the model is damaged: record %s %s", record, how);
}

static artfusion_status read_manifest(scan *s, const char *name, uint64_t size)
{
    if (s->manifest)
        return af_fail(ARTFUSION_ERROR_FORMAT, "the model has two manifests");
    if (size > MAX_MANIFEST_BYTES)
        return af_fail(ARTFUSION_ERROR_LIMIT, "the model's manifest has %llu bytes, limit %u",
                       (unsigned long long)size, MAX_MANIFEST_BYTES);
    s->manifest = af_alloc((size_t)size + 1);
    if (!s->manifest)
        return af_fail_memory((size_t)size + 1, "the manifest");
    if (unzReadCurrentFile(s->archive, s->manifest, (unsigned)size) != (int)size)
        return damaged(s, name, "ends early");
    s->manifest[size] = '\0';
    s->manifest_size = (size_t)size;
    return ARTFUSION_OK;
}

static artfusion_status digest(scan *s, const void *bytes, size_t size)
{
    return EVP_DigestUpdate(s->digest, bytes, size) == 1
               ? ARTFUSION_OK
               : af_fail(ARTFUSION_ERROR_MEMORY, "SHA-256 failed");
}

static artfusion_status digest_unpacked(scan *s, const char *name, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        const int got = unzReadCurrentFile(s->archive, s->chunk, CHUNK_BYTES);
        if (got <= 0)
            return damaged(s, name, "ends early or cannot be unpacked");
        const artfusion_status status = digest(s, s->chunk, (size_t)got);
        if (status != ARTFUSION_OK)
            return status;
        done += (uint64_t)got;
    }
    return ARTFUSION_OK;
}

/* Weights lie in the archive as they are, and minizip would copy them byte by byte. */
static artfusion_status digest_stored(scan *s, const char *name, const unz_file_info64 *info)
{
    if (info->compressed_size != info->uncompressed_size)
        return damaged(s, name, "is stored in another size than it has");
    const af_source *source = s->reader.source;
    const uint64_t begin = unzGetCurrentFileZStreamPos64(s->archive);
    uLong crc = crc32_z(0, NULL, 0);
    for (uint64_t done = 0; done < info->uncompressed_size;) {
        const uint64_t left = info->uncompressed_size - done;
        const size_t size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        artfusion_status status = source->read(source, begin + done, s->chunk, size);
        if (status == ARTFUSION_OK)
            status = digest(s, s->chunk, size);
        if (status != ARTFUSION_OK)
            return status;
        crc = crc32_z(crc, s->chunk, size);
        done += size;
    }
    return crc == info->crc ? ARTFUSION_OK : damaged(s, name, WRONG_CRC);
}

static artfusion_status digest_record(scan *s, const char *name, const char *inner,
                                      const unz_file_info64 *info)
{
    const artfusion_status status = digest(s, inner, strlen(inner) + 1);
    if (status != ARTFUSION_OK)
        return status;
    return info->compression_method == 0 ? digest_stored(s, name, info)
                                         : digest_unpacked(s, name, info->uncompressed_size);
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

    if (unzOpenCurrentFile(s->archive) != UNZ_OK)
        return damaged(s, name, "cannot be opened");
    artfusion_status status = strcmp(inner, MANIFEST_NAME) == 0
                                  ? read_manifest(s, name, info.uncompressed_size)
                                  : digest_record(s, name, inner, &info);
    if (unzCloseCurrentFile(s->archive) == UNZ_CRCERROR && status == ARTFUSION_OK)
        status = damaged(s, name, WRONG_CRC);
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
            source->read(source, source->size - sizeof end, end, sizeof end);
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
    artfusion_status status = check_end(s->reader.source);
    if (status != ARTFUSION_OK)
        return status;
    s->archive = unzOpen2_64("", &bound);
    if (!s->archive)
        return damaged(s, "(directory)", "cannot be read");

    s->digest = EVP_MD_CTX_new();
    s->chunk = af_alloc(CHUNK_BYTES);
    if (!s->chunk || !s->digest || EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1)
        return af_fail_memory(CHUNK_BYTES, "reading the model");

    for (int more = unzGoToFirstFile(s->archive); more != UNZ_END_OF_LIST_OF_FILE;
         more = unzGoToNextFile(s->archive)) {
        if (more != UNZ_OK)
            return damaged(s, "(directory)", "cannot be read");
        status = read_record(s);
        if (status != ARTFUSION_OK)
            return status;
    }
    if (!s->manifest)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "this archive is no artfusion model: it has no " MANIFEST_NAME);

    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_DigestFinal_ex(s->digest, sum, &length) != 1)
        return af_fail(ARTFUSION_ERROR_MEMORY, "SHA-256 failed");
    for (unsigned i = 0; i < length && 2 * i + 2 < AF_SHA256_HEX; i++)
        (void)snprintf(sha256 + 2 * (size_t)i, 3, "%02x", sum[i]);
    return ARTFUSION_OK;
}

artfusion_status af_bundle_read(const af_source *source, char **manifest, size_t *manifest_size,
                                char sha256[AF_SHA256_HEX])
{
    scan s = {.reader = {.source = source}};
    *manifest = NULL;
    const artfusion_status status = read_records(&s, sha256);
    if (s.archive)
        (void)unzClose(s.archive);
    EVP_MD_CTX_free(s.digest);
    af_free(s.chunk);
    if (status != ARTFUSION_OK) {
        af_free(s.manifest);
        return status;
    }
    *manifest = s.manifest;
    *manifest_size = s.manifest_size;
    return ARTFUSION_OK;
}
