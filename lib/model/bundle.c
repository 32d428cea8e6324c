/* SPDX-License-Identifier: MIT */
#include "model/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define MANIFEST_NAME "extra/manifest.json"
#define MAX_MANIFEST_BYTES (1u << 20)
#define CHUNK_BYTES (1u << 18)

/* ---- the records, and the manifest -------------------------------------------- */

static artfusion_status damaged(const af_unpacking *u, artfusion_status status)
{
    if (!u->damage)
        return status; /* the source has said why */
    return af_fail(ARTFUSION_ERROR_FORMAT, "the model is damaged: record %s %s", u->entry->name,
                   u->damage);
}

static artfusion_status read_manifest(af_bundle *b, const af_source *source)
{
    const af_entry *entry = &b->archive.entries[b->manifest];
    if (entry->size > MAX_MANIFEST_BYTES)
        return af_fail(ARTFUSION_ERROR_LIMIT, "the model's manifest has %llu bytes, limit %u",
                       (unsigned long long)entry->size, MAX_MANIFEST_BYTES);
    b->text_size = (size_t)entry->size;
    b->text = af_alloc(b->text_size + 1);
    if (!b->text)
        return af_fail_memory(b->text_size + 1, "the manifest");
    b->text[b->text_size] = '\0';
    af_unpacking u;
    artfusion_status status = af_unpacking_begin(&u, source, entry);
    if (status == ARTFUSION_OK)
        status = af_unpacking_next(&u, b->text, b->text_size);
    if (status == ARTFUSION_OK)
        status = af_unpacking_finish(&u);
    af_unpacking_end(&u);
    return status == ARTFUSION_OK ? ARTFUSION_OK : damaged(&u, status);
}

/* FNV-1a, without case, as torch's reader compares. */
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

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static artfusion_status check_repeated_names(const af_bundle *b)
{
    const size_t count = b->archive.count;
    uint64_t *hashes = af_alloc_array(count, sizeof *hashes);
    if (!hashes)
        return af_fail_memory(count * sizeof *hashes, "the names of the model's records");
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_name(b->records[i].name);
    qsort(hashes, count, sizeof *hashes, compare_hashes);
    int repeated = 0;
    for (size_t i = 1; i < count; i++)
        repeated |= hashes[i] == hashes[i - 1];
    af_free(hashes);
    return repeated
               ? af_fail(ARTFUSION_ERROR_FORMAT, "the model's archive has two records of one name")
               : ARTFUSION_OK;
}

static artfusion_status list_records(af_bundle *b)
{
    const size_t count = b->archive.count;
    b->records = af_alloc_array(count, sizeof *b->records);
    b->sums = af_alloc_array(count, sizeof *b->sums);
    if (!b->records || !b->sums)
        return af_fail_memory(count * (sizeof *b->records + sizeof *b->sums),
                              "the model's records");
    b->manifest = count;
    for (size_t i = 0; i < count; i++) {
        const af_entry *entry = &b->archive.entries[i];
        const char *name = entry->name + b->archive.folder;
        b->records[i] = (af_model_record){.name = name, .size = entry->size, .crc = entry->crc};
        if (strcmp(name, MANIFEST_NAME) != 0)
            continue;
        if (b->manifest < count)
            return af_fail(ARTFUSION_ERROR_FORMAT, "the model has two manifests");
        b->manifest = i;
    }
    const artfusion_status unique = check_repeated_names(b);
    if (unique != ARTFUSION_OK)
        return unique;
    return b->manifest < count
               ? ARTFUSION_OK
               : af_fail(ARTFUSION_ERROR_FORMAT,
                         "this archive is no artfusion model: it has no " MANIFEST_NAME);
}

artfusion_status af_bundle_open(af_bundle *bundle, const af_source *source)
{
    *bundle = (af_bundle){.records = NULL};
    artfusion_status status = af_archive_read(source, &bundle->archive);
    if (status == ARTFUSION_OK)
        status = list_records(bundle);
    if (status == ARTFUSION_OK)
        status = read_manifest(bundle, source);
    if (status != ARTFUSION_OK)
        af_bundle_clear(bundle);
    return status;
}

void af_bundle_clear(af_bundle *bundle)
{
    af_archive_clear(&bundle->archive);
    af_free(bundle->records);
    af_free(bundle->sums);
    af_free(bundle->text);
    *bundle = (af_bundle){.records = NULL};
}

/* ---- the digest ----------------------------------------------------------------- */

typedef struct digesting {
    af_bundle *bundle;
    const af_source *source;
    int32_t version;
    SHA256_CTX digest;
    uint8_t *chunk; /* CHUNK_BYTES */
} digesting;

static void digest_number(SHA256_CTX *digest, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    (void)SHA256_Update(digest, bytes, sizeof bytes);
}

/* Into its own sum, and in format 1 into the digest itself. */
static artfusion_status digest_content(digesting *d, size_t index)
{
    const af_entry *entry = &d->bundle->archive.entries[index];
    SHA256_CTX sum;
    af_unpacking u;
    (void)SHA256_Init(&sum);
    artfusion_status status = af_unpacking_begin(&u, d->source, entry);
    while (status == ARTFUSION_OK && u.given < entry->size) {
        const uint64_t left = entry->size - u.given;
        const size_t now = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        status = af_unpacking_next(&u, d->chunk, now);
        if (status != ARTFUSION_OK)
            break;
        (void)SHA256_Update(&sum, d->chunk, now);
        if (d->version == 1)
            (void)SHA256_Update(&d->digest, d->chunk, now);
    }
    if (status == ARTFUSION_OK)
        status = af_unpacking_finish(&u);
    af_unpacking_end(&u);
    (void)SHA256_Final(d->bundle->sums[index], &sum);
    return status == ARTFUSION_OK ? ARTFUSION_OK : damaged(&u, status);
}

static artfusion_status digest_records_1(digesting *d)
{
    const af_bundle *b = d->bundle;
    for (size_t i = 0; i < b->archive.count; i++) {
        if (i == b->manifest)
            continue;
        const char *name = b->records[i].name;
        (void)SHA256_Update(&d->digest, name, strlen(name) + 1);
        const artfusion_status status = digest_content(d, i);
        if (status != ARTFUSION_OK)
            return status;
    }
    return ARTFUSION_OK;
}

/* The manifest counts with zeros for the digits of its digest. */
static artfusion_status sum_manifest(const af_bundle *b, const char *told,
                                     uint8_t sum[SHA256_DIGEST_LENGTH])
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const size_t digits = sizeof zeros - 1;
    const char *at =
        strspn(told, "0123456789abcdef") == digits && !told[digits] ? strstr(b->text, told) : NULL;
    if (!at || strstr(at + 1, told))
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "manifest: weights_sha256 is not 64 digits that stand in it once");
    const size_t before = (size_t)(at - b->text);
    SHA256_CTX digest;
    (void)SHA256_Init(&digest);
    (void)SHA256_Update(&digest, b->text, before);
    (void)SHA256_Update(&digest, zeros, digits);
    (void)SHA256_Update(&digest, at + digits, b->text_size - before - digits);
    (void)SHA256_Final(sum, &digest);
    return ARTFUSION_OK;
}

/* No name, which a digest of format 1 begins with, begins with the byte 2. */
static artfusion_status digest_records_2(digesting *d, const char *told)
{
    const af_bundle *b = d->bundle;
    uint8_t manifest[SHA256_DIGEST_LENGTH];
    const artfusion_status has_digits = sum_manifest(b, told, manifest);
    if (has_digits != ARTFUSION_OK)
        return has_digits;
    (void)SHA256_Update(&d->digest, "\2", 1);
    digest_number(&d->digest, b->archive.count);
    for (size_t i = 0; i < b->archive.count; i++) {
        const af_model_record *record = &b->records[i];
        digest_number(&d->digest, strlen(record->name));
        (void)SHA256_Update(&d->digest, record->name, strlen(record->name));
        digest_number(&d->digest, record->size);
        const artfusion_status status = i == b->manifest ? ARTFUSION_OK : digest_content(d, i);
        if (status != ARTFUSION_OK)
            return status;
        (void)SHA256_Update(&d->digest, i == b->manifest ? manifest : b->sums[i],
                            SHA256_DIGEST_LENGTH);
    }
    return ARTFUSION_OK;
}

artfusion_status af_bundle_digest(af_bundle *bundle, const af_source *source, int32_t version,
                                  const char *told, char sha256[AF_SHA256_HEX])
{
    digesting d = {.bundle = bundle, .source = source, .version = version};
    d.chunk = af_alloc(CHUNK_BYTES);
    if (!d.chunk)
        return af_fail_memory(CHUNK_BYTES, "reading the model");
    SHA256_CTX text;
    (void)SHA256_Init(&d.digest);
    (void)SHA256_Init(&text);
    (void)SHA256_Update(&text, bundle->text, bundle->text_size);
    (void)SHA256_Final(bundle->sums[bundle->manifest], &text);
    const artfusion_status status =
        version == 1 ? digest_records_1(&d) : digest_records_2(&d, told);
    af_free(d.chunk);
    uint8_t sum[SHA256_DIGEST_LENGTH];
    (void)SHA256_Final(sum, &d.digest);
    for (size_t i = 0; i < sizeof sum; i++)
        (void)snprintf(sha256 + 2 * i, 3, "%02x", sum[i]);
    return status;
}

/* ---- what an engine gets ---------------------------------------------------------- */

static artfusion_status changed(const af_reading *r, const char *how)
{
    return af_fail(ARTFUSION_ERROR_CHECKSUM,
                   "record %.128s of %s was changed since the model was opened: %s",
                   r->bundle->records[r->index].name,
                   r->source->path ? r->source->path : "the model file", how);
}

static artfusion_status begin(af_reading *r, size_t index)
{
    af_reading_end(r);
    r->index = index;
    r->under_way = 1;
    (void)SHA256_Init(&r->sum);
    return af_unpacking_begin(&r->unpacking, r->source, &r->bundle->archive.entries[index]);
}

static artfusion_status finish(af_reading *r)
{
    uint8_t sum[SHA256_DIGEST_LENGTH];
    (void)SHA256_Final(sum, &r->sum);
    return memcmp(sum, r->bundle->sums[r->index], sizeof sum) == 0
               ? af_unpacking_finish(&r->unpacking)
               : changed(r, "its SHA-256 is another");
}

static artfusion_status read_part(af_reading *r, void *buffer, size_t size)
{
    artfusion_status status = af_unpacking_next(&r->unpacking, buffer, size);
    if (status != ARTFUSION_OK)
        return status;
    (void)SHA256_Update(&r->sum, buffer, size);
    return r->unpacking.given == r->unpacking.entry->size ? finish(r) : ARTFUSION_OK;
}

artfusion_status af_reading_part(af_reading *r, size_t index, uint64_t offset, void *buffer,
                                 size_t size)
{
    artfusion_status status = ARTFUSION_OK;
    if (index >= r->bundle->archive.count)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "the model has no record %zu", index);
    if (!offset)
        status = begin(r, index);
    else if (!r->under_way || index != r->index || offset != r->unpacking.given)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "a record of the model was read out of order");
    if (status == ARTFUSION_OK && size > r->unpacking.entry->size - r->unpacking.given)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "a record of the model was read beyond its end");
    if (status == ARTFUSION_OK)
        status = read_part(r, buffer, size);
    if (r->unpacking.damage)
        status = changed(r, "it cannot be unpacked any more");
    if (status != ARTFUSION_OK)
        af_reading_end(r);
    return status;
}

void af_reading_end(af_reading *r)
{
    if (r->under_way)
        af_unpacking_end(&r->unpacking);
    r->under_way = 0;
}

static artfusion_status read_record(const af_model_records *base, size_t index, void *buffer)
{
    const af_bundle_records *records = (const af_bundle_records *)base;
    af_reading r = {.bundle = records->bundle, .source = records->source};
    artfusion_status status = ARTFUSION_OK;
    uint64_t done = 0;
    do { /* an empty record, too, is read once */
        const uint64_t left = base->list[index].size - done;
        const size_t now = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        status = af_reading_part(&r, index, done, (uint8_t *)buffer + done, now);
        done += now;
    } while (status == ARTFUSION_OK && done < base->list[index].size);
    af_reading_end(&r);
    return status;
}

af_bundle_records af_bundle_records_of(const af_bundle *bundle, const af_source *source)
{
    return (af_bundle_records){
        .base = {.list = bundle->records, .count = bundle->archive.count, .read = read_record},
        .bundle = bundle,
        .source = source,
    };
}
