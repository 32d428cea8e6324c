/* SPDX-License-Identifier: MIT */
#include "model/archive.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/archive_end.h"

#define MAX_RECORDS 65535u
#define MAX_DIRECTORY_BYTES (16u << 20)
#define MAX_NAME_BYTES 1023u
/* Packed records are text. Weights lie as they are, so that no archive is smaller than them. */
#define MAX_UNPACKED_BYTES (16u << 20)
#define MAX_ALL_UNPACKED_BYTES (64u << 20)

enum { LOCAL = 30, CENTRAL = 46, STORED = 0, DEFLATED = 8 };
enum { FLAG_DEFLATE = 3 << 1, FLAG_DESCRIPTOR = 1 << 3, FLAG_UTF8 = 1 << 11 };

typedef struct scan {
    const af_source *source;
    af_directory_place place;
    af_archive *archive;
    uint64_t end;      /* of the record before */
    int descriptor;    /* whether numbers of that one follow it */
    uint64_t unpacked; /* bytes of all packed records */
} scan;

static artfusion_status refused(const char *name, const char *how)
{
    return af_fail(ARTFUSION_ERROR_FORMAT, "the model's archive has a record %.128s %s", name, how);
}

static artfusion_status damaged_directory(void)
{
    return af_fail(ARTFUSION_ERROR_FORMAT,
                   "the model is damaged: record (directory) cannot be read");
}

/* ---- names ----------------------------------------------------------------- */

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

static artfusion_status check_name(scan *s, const char *name, size_t index)
{
    if (!is_good_name(name))
        return refused(name, "whose name is no path inside of it");
    const char *slash = strchr(name, '/');
    if (!slash)
        return refused(name, "outside of its folder");
    const size_t folder = (size_t)(slash - name) + 1;
    const char *first = index ? s->archive->entries[0].name : name;
    if (index == 0)
        s->archive->folder = folder;
    if (folder != s->archive->folder || memcmp(first, name, folder) != 0)
        return refused(name, "outside of its folder");
    return ARTFUSION_OK;
}

/* ---- one record -------------------------------------------------------------- */

/* What the directory says of a record, beside what an entry keeps. */
typedef struct central {
    unsigned flags, method;
    uint64_t local;
} central;

/* A number that has no room in its 32 bits stands in the extra field of large archives. */
static int take_large(uint64_t *value, const uint8_t **large, size_t *left)
{
    if (*value != UINT32_MAX)
        return 1;
    if (*left < 8)
        return 0;
    *value = af_little(*large, 8);
    *large += 8;
    *left -= 8;
    return 1;
}

/* The extra field must be a list of parts, with the large numbers at most once, and no more of them
 * than are asked for: readers differ on what they would do with the rest. */
static int read_extra(const uint8_t *extra, size_t size, af_entry *entry, central *c)
{
    enum { HEAD = 4, LARGE = 1 };
    const uint8_t *large = NULL;
    size_t left = 0;
    for (size_t at = 0, part; at < size; at += HEAD + part) {
        if (size - at < HEAD)
            return 0;
        part = (size_t)af_little(extra + at + 2, 2);
        if (part > size - at - HEAD)
            return 0;
        if (af_little(extra + at, 2) != LARGE)
            continue;
        if (large)
            return 0;
        large = extra + at + HEAD;
        left = part;
    }
    return take_large(&entry->size, &large, &left) &&
           take_large(&entry->packed_size, &large, &left) && take_large(&c->local, &large, &left) &&
           left == 0;
}

/* Behind a record that was written before its sizes were known: they, and its CRC. Without a
 * descriptor there is nothing between two records. */
static artfusion_status check_gap(const scan *s, const af_entry *before, uint64_t next)
{
    const uint64_t gap = next - s->end;
    if (gap == 0 && !s->descriptor)
        return ARTFUSION_OK;
    uint8_t bytes[24];
    const size_t head = gap == 16 || gap == 24 ? 4 : 0, wide = gap >= 20 ? 8 : 4;
    if (!s->descriptor || gap != head + 4 + 2 * wide)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "the model's archive has %llu bytes behind its record %.128s that are of no "
                       "record",
                       (unsigned long long)gap, before->name);
    const artfusion_status status = s->source->read(s->source, s->end, bytes, (size_t)gap);
    if (status != ARTFUSION_OK)
        return status;
    if ((head && memcmp(bytes, "PK\7\10", 4) != 0) || af_little(bytes + head, 4) != before->crc ||
        af_little(bytes + head + 4, (int)wide) != before->packed_size ||
        af_little(bytes + head + 4 + wide, (int)wide) != before->size)
        return refused(before->name, "that is described otherwise behind it than in the directory");
    return ARTFUSION_OK;
}

/* 0 where a writer did not know it yet, UINT32_MAX where it has no room. */
static int agrees(uint64_t local, uint64_t value, const central *c)
{
    return local == value || local == UINT32_MAX || (local == 0 && (c->flags & FLAG_DESCRIPTOR));
}

/* What stands before the record says what the directory does. */
static artfusion_status check_local(scan *s, af_entry *entry, const central *c)
{
    uint8_t bytes[LOCAL + MAX_NAME_BYTES];
    const size_t length = strlen(entry->name);
    if (s->place.offset - c->local < LOCAL + length)
        return refused(entry->name, "that reaches beyond its end");
    const artfusion_status status = s->source->read(s->source, c->local, bytes, LOCAL + length);
    if (status != ARTFUSION_OK)
        return status;
    if (memcmp(bytes, "PK\3\4", 4) != 0 || af_little(bytes + 26, 2) != length ||
        memcmp(bytes + LOCAL, entry->name, length) != 0 ||
        ((af_little(bytes + 6, 2) ^ c->flags) & ~(uint64_t)FLAG_UTF8) != 0 ||
        af_little(bytes + 8, 2) != c->method || !agrees(af_little(bytes + 14, 4), entry->crc, c) ||
        !agrees(af_little(bytes + 18, 4), entry->packed_size, c) ||
        !agrees(af_little(bytes + 22, 4), entry->size, c))
        return refused(entry->name, "that is described otherwise before it than in the directory");
    entry->begin = c->local + LOCAL + length + af_little(bytes + 28, 2);
    return ARTFUSION_OK;
}

/* Each lies right behind the one before. */
static artfusion_status check_place(scan *s, af_entry *entry, size_t index, const central *c)
{
    if (c->local < s->end)
        return refused(entry->name, "that overlaps the one before or is out of order");
    if (c->local > s->place.offset)
        return refused(entry->name, "that reaches beyond its end");
    if (index == 0 && c->local)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "the model's archive does not begin with the file: its first record is at "
                       "byte %llu",
                       (unsigned long long)c->local);
    artfusion_status status = index ? check_gap(s, entry - 1, c->local) : ARTFUSION_OK;
    if (status == ARTFUSION_OK)
        status = check_local(s, entry, c);
    if (status != ARTFUSION_OK)
        return status;
    if (entry->begin > s->place.offset || entry->packed_size > s->place.offset - entry->begin)
        return refused(entry->name, "that reaches beyond its end");
    s->end = entry->begin + entry->packed_size;
    s->descriptor = (c->flags & FLAG_DESCRIPTOR) != 0;
    return ARTFUSION_OK;
}

static artfusion_status check_packing(scan *s, af_entry *entry, const central *c)
{
    if ((c->method != STORED && c->method != DEFLATED) ||
        (c->flags & ~(unsigned)(FLAG_DEFLATE | FLAG_DESCRIPTOR | FLAG_UTF8)))
        return refused(entry->name, "that is packed in a way that is not read, or encrypted");
    entry->packed = c->method == DEFLATED;
    if (!entry->packed)
        return entry->packed_size == entry->size
                   ? ARTFUSION_OK
                   : af_fail(ARTFUSION_ERROR_FORMAT,
                             "the model is damaged: record %.128s is stored in another size than "
                             "it has",
                             entry->name);
    s->unpacked = af_add(s->unpacked, entry->size);
    if (entry->size > MAX_UNPACKED_BYTES || s->unpacked > MAX_ALL_UNPACKED_BYTES)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "the model's archive has packed records of %llu bytes up to %.128s, limit "
                       "%u each and %u together",
                       (unsigned long long)s->unpacked, entry->name, MAX_UNPACKED_BYTES,
                       MAX_ALL_UNPACKED_BYTES);
    return ARTFUSION_OK;
}

/* ---- all of them --------------------------------------------------------------- */

/* The entry at `*at` of the directory. Its name is moved to `*names`, which is further to the front
 * by the parts of entries that were read, and gets its zero. */
static artfusion_status read_entry(scan *s, size_t index, size_t *at, char **names)
{
    const uint8_t *entry = s->archive->directory + *at;
    const size_t left = (size_t)s->place.size - *at;
    if (left < CENTRAL || memcmp(entry, "PK\1\2", 4) != 0)
        return damaged_directory();
    const size_t length = (size_t)af_little(entry + 28, 2);
    const size_t extra = (size_t)af_little(entry + 30, 2);
    const size_t comment = (size_t)af_little(entry + 32, 2);
    if (CENTRAL + length + extra + comment > left || length > MAX_NAME_BYTES)
        return damaged_directory();
    af_entry *made = &s->archive->entries[index];
    central c = {.flags = (unsigned)af_little(entry + 8, 2),
                 .method = (unsigned)af_little(entry + 10, 2),
                 .local = af_little(entry + 42, 4)};
    made->crc = (uint32_t)af_little(entry + 16, 4);
    made->packed_size = af_little(entry + 20, 4);
    made->size = af_little(entry + 24, 4);
    const int is_sound =
        af_little(entry + 34, 2) == 0 && read_extra(entry + CENTRAL + length, extra, made, &c);
    *at += CENTRAL + length + extra + comment;

    memmove(*names, entry + CENTRAL, length);
    (*names)[length] = '\0';
    made->name = *names;
    *names += length + 1;
    if (strlen(made->name) != length)
        return refused(made->name, "whose name has a zero byte");
    artfusion_status status = check_name(s, made->name, index);
    if (status == ARTFUSION_OK && !is_sound)
        status = refused(made->name, "whose sizes or place cannot be read");
    if (status == ARTFUSION_OK)
        status = check_place(s, made, index, &c);
    return status == ARTFUSION_OK ? check_packing(s, made, &c) : status;
}

static artfusion_status read_entries(scan *s)
{
    const size_t count = s->archive->count;
    char *names = (char *)s->archive->directory;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const artfusion_status status = read_entry(s, i, &at, &names);
        if (status != ARTFUSION_OK)
            return status;
    }
    if (at != s->place.size)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "the model's archive has more in its directory than its %zu records", count);
    return count ? check_gap(s, &s->archive->entries[count - 1], s->place.offset) : ARTFUSION_OK;
}

static artfusion_status read_directory(scan *s)
{
    artfusion_status status = af_archive_find_directory(s->source, &s->place);
    if (status != ARTFUSION_OK)
        return status;
    const uint64_t count = s->place.count, size = s->place.size;
    if (count > MAX_RECORDS)
        return af_fail(ARTFUSION_ERROR_LIMIT, "the model's archive has more than %u records",
                       MAX_RECORDS);
    if (size > MAX_DIRECTORY_BYTES)
        return af_fail(ARTFUSION_ERROR_LIMIT,
                       "the model's archive has a directory of %llu bytes, limit %u",
                       (unsigned long long)size, MAX_DIRECTORY_BYTES);
    s->archive->count = (size_t)count;
    s->archive->directory = af_alloc((size_t)size);
    s->archive->entries = af_alloc_array((size_t)count, sizeof *s->archive->entries);
    if (!s->archive->directory || !s->archive->entries)
        return af_fail_memory((size_t)(size + count * sizeof *s->archive->entries),
                              "the model's directory");
    status = s->source->read(s->source, s->place.offset, s->archive->directory, (size_t)size);
    return status == ARTFUSION_OK ? read_entries(s) : status;
}

artfusion_status af_archive_read(const af_source *source, af_archive *archive)
{
    scan s = {.source = source, .archive = archive};
    *archive = (af_archive){0};
    const artfusion_status status = read_directory(&s);
    if (status != ARTFUSION_OK)
        af_archive_clear(archive);
    return status;
}

void af_archive_clear(af_archive *archive)
{
    af_free(archive->entries);
    af_free(archive->directory);
    *archive = (af_archive){0};
}
