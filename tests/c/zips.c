/* SPDX-License-Identifier: MIT */
#include "zips.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "support.h"

void zip_put(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, value >>= 8)
        to[i] = (uint8_t)value;
}

uint64_t zip_get(const uint8_t *from, size_t bytes)
{
    uint64_t value = 0;
    while (bytes--)
        value = value << 8 | from[bytes];
    return value;
}

/* ---- writing ---------------------------------------------------------------- */

static size_t pack(const zip_record *record, uint8_t *to)
{
    if (!record->packed) {
        memcpy(to, record->data, record->size);
        return record->size;
    }
    z_stream z = {0};
    uint8_t *from;
    memcpy(&from, &record->data, sizeof from); /* zlib takes no const */
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = from;
    z.avail_in = (uInt)record->size;
    z.next_out = to;
    z.avail_out = (uInt)compressBound((uLong)record->size);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&z);
    return z.total_out;
}

/* The fields that both headers have, from the version to the length of the extra field. */
static void put_common(uint8_t *to, const zip_record *record, size_t packed)
{
    memset(to, 0, 26);
    zip_put(to, 20, 2);
    zip_put(to + 4, record->packed ? 8 : 0, 2);
    zip_put(to + 8, 1 << 5 | 1, 2);
    zip_put(to + 10, crc32(0, record->data, (uInt)record->size), 4);
    zip_put(to + 14, packed, 4);
    zip_put(to + 18, record->size, 4);
    zip_put(to + 22, strlen(record->name), 2);
}

uint8_t *make_zip(const zip_record *records, size_t count, size_t *size)
{
    size_t room = ZIP_END;
    for (size_t i = 0; i < count; i++)
        room += ZIP_LOCAL + ZIP_CENTRAL + 2 * strlen(records[i].name) +
                compressBound((uLong)records[i].size);
    uint8_t *file = malloc(room), *directory = malloc(room), *at = file, *entry = directory;
    assert_non_null(file);
    assert_non_null(directory);
    for (size_t i = 0; i < count; i++) {
        const zip_record *record = &records[i];
        const size_t name = strlen(record->name);
        const size_t packed = pack(record, at + ZIP_LOCAL + name);
        memcpy(at, "PK\3\4", 4);
        put_common(at + 4, record, packed);
        memcpy(at + ZIP_LOCAL, record->name, name);
        memset(entry, 0, ZIP_CENTRAL);
        memcpy(entry, "PK\1\2\24\0", 6);
        put_common(entry + 6, record, packed);
        zip_put(entry + 42, (size_t)(at - file), 4);
        memcpy(entry + ZIP_CENTRAL, record->name, name);
        at += ZIP_LOCAL + name + packed;
        entry += ZIP_CENTRAL + name;
    }
    const size_t directory_size = (size_t)(entry - directory);
    memcpy(at, directory, directory_size);
    free(directory);
    uint8_t *end = at + directory_size;
    memset(end, 0, ZIP_END);
    memcpy(end, "PK\5\6", 4);
    zip_put(end + 8, count, 2);
    zip_put(end + 10, count, 2);
    zip_put(end + 12, directory_size, 4);
    zip_put(end + 16, (size_t)(at - file), 4);
    *size = (size_t)(end - file) + ZIP_END;
    return file;
}

void zip_put_large_end(uint8_t to[ZIP_LARGE_END + ZIP_LOCATOR], uint64_t at, uint64_t count,
                       uint64_t directory, uint64_t size)
{
    memset(to, 0, ZIP_LARGE_END + ZIP_LOCATOR);
    memcpy(to, "PK\6\6", 4);
    zip_put(to + 4, ZIP_LARGE_END - 12, 8);
    zip_put(to + 12, 45, 2);
    zip_put(to + 14, 45, 2);
    zip_put(to + 24, count, 8);
    zip_put(to + 32, count, 8);
    zip_put(to + 40, size, 8);
    zip_put(to + 48, directory, 8);
    memcpy(to + ZIP_LARGE_END, "PK\6\7", 4);
    zip_put(to + ZIP_LARGE_END + 8, at, 8);
    zip_put(to + ZIP_LARGE_END + 16, 1, 4);
}

/* ---- the digest ---------------------------------------------------------------- */

static void update(EVP_MD_CTX *digest, const void *data, size_t size)
{
    assert_int_equal(EVP_DigestUpdate(digest, data, size), 1);
}

static void update_number(EVP_MD_CTX *digest, uint64_t number)
{
    uint8_t bytes[8];
    zip_put(bytes, number, sizeof bytes);
    update(digest, bytes, sizeof bytes);
}

void zip_digest(int format, const zip_record *records, size_t count, char hex[65])
{
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned length;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    assert_non_null(digest);
    assert_int_equal(EVP_DigestInit_ex(digest, EVP_sha256(), NULL), 1);
    if (format == 2) {
        update(digest, "\2", 1);
        update_number(digest, count);
    }
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(records[i].name, '/');
        const char *name = slash ? slash + 1 : records[i].name;
        if (format == 2) {
            assert_int_equal(
                EVP_Digest(records[i].data, records[i].size, sum, &length, EVP_sha256(), NULL), 1);
            update_number(digest, strlen(name));
            update(digest, name, strlen(name));
            update_number(digest, records[i].size);
            update(digest, sum, length);
        } else {
            update(digest, name, strlen(name) + 1);
            update(digest, records[i].data, records[i].size);
        }
    }
    assert_int_equal(EVP_DigestFinal_ex(digest, sum, &length), 1);
    EVP_MD_CTX_free(digest);
    for (unsigned i = 0; i < length; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}
