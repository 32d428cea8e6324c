/* SPDX-License-Identifier: MIT
 * ZIP: after a change the frames are made right again (offsets, sizes, CRCs, and the digest in the
 * manifest), so that what comes behind the checks is reached; one of them may be spoilt anew. */
#include <openssl/evp.h>
#include <stdio.h>
#include <zlib.h>

#include "mutate.h"

enum { LOCAL = 30, CENTRAL = 46, END = 22, MAX_RECORDS = 16 };

typedef struct record {
    size_t local, content, size, central;
} record;

typedef struct layout {
    uint8_t *data;
    size_t size, directory, directory_end;
    int count;
    record of[MAX_RECORDS];
} layout;

static uint32_t get(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    while (bytes--)
        value = value << 8 | at[bytes];
    return value;
}

static void put(uint8_t *at, int bytes, size_t value)
{
    for (int i = 0; i < bytes; i++, value >>= 8)
        at[i] = (uint8_t)value;
}

static size_t find(const layout *l, size_t from, const char *signature)
{
    while (from + 4 <= l->size && memcmp(l->data + from, signature, 4) != 0)
        from++;
    return from + 4 <= l->size ? from : l->size;
}

/* Where things are by their signatures, whatever the offsets say. */
static void survey(layout *l)
{
    l->count = 0;
    l->directory = find(l, 0, "PK\1\2");
    size_t local = find(l, 0, "PK\3\4"), central = l->directory;
    while (l->count < MAX_RECORDS && local + LOCAL < l->directory && central + CENTRAL <= l->size &&
           memcmp(l->data + central, "PK\1\2", 4) == 0) {
        record *r = &l->of[l->count++];
        size_t next = find(l, local + 4, "PK\3\4");
        if (next > l->directory)
            next = l->directory;
        r->local = local;
        r->content = local + LOCAL + get(l->data + local + 26, 2) + get(l->data + local + 28, 2);
        if (r->content > next)
            r->content = next;
        r->size = next - r->content;
        r->central = central;
        local = next;
        central += CENTRAL + get(l->data + central + 28, 2) + get(l->data + central + 30, 2) +
                   get(l->data + central + 32, 2);
    }
    l->directory_end = central < l->size ? central : l->size;
}

static size_t unpack(const uint8_t *from, size_t size, uint8_t *to, size_t room)
{
    z_stream z = {0};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return 0;
    z.next_in = (Bytef *)(uintptr_t)from;
    z.avail_in = (uInt)size;
    z.next_out = to;
    z.avail_out = (uInt)room;
    (void)inflate(&z, Z_FINISH);
    room -= z.avail_out;
    (void)inflateEnd(&z);
    return room;
}

static void frame(layout *l, const record *r, const uint8_t *content, size_t size)
{
    uint8_t *local = l->data + r->local, *central = l->data + r->central;
    const uLong crc = crc32(0, content, (uInt)size);
    memcpy(local + 8, central + 10, 2); /* the method */
    put(local + 14, 4, crc);
    put(central + 16, 4, crc);
    put(local + 18, 4, r->size);
    put(central + 20, 4, r->size);
    put(local + 22, 4, size);
    put(central + 24, 4, size);
    put(central + 42, 4, r->local);
    const size_t name = get(central + 28, 2);
    if (get(local + 26, 2) == name && r->central + CENTRAL + name <= l->size)
        memmove(local + LOCAL, central + CENTRAL, name);
}

/* The content of a record: of a packed one as much as fits. */
static const uint8_t *content_of(const layout *l, const record *r, size_t *size)
{
    static uint8_t unpacked[1 << 18];
    *size = r->size;
    if (get(l->data + r->central + 10, 2) == 0)
        return l->data + r->content;
    *size = unpack(l->data + r->content, r->size, unpacked, sizeof unpacked);
    return unpacked;
}

static const char *inner_name(const layout *l, const record *r, size_t *length)
{
    const char *name = (const char *)l->data + r->central + CENTRAL;
    *length = get(l->data + r->central + 28, 2);
    if (r->central + CENTRAL + *length > l->size)
        *length = 0;
    const char *slash = memchr(name, '/', *length);
    if (!slash)
        return name;
    *length -= (size_t)(slash + 1 - name);
    return slash + 1;
}

static void digest_number(EVP_MD_CTX *digest, uint64_t number)
{
    uint8_t bytes[8];
    put(bytes, sizeof bytes, number);
    (void)EVP_DigestUpdate(digest, bytes, sizeof bytes);
}

/* Of the format that the manifest says, with zeros in the place of its digits. */
static void digest_all(const layout *l, const record *manifest, int format, uint8_t *sum)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        return;
    if (format == 2) {
        (void)EVP_DigestUpdate(digest, "\2", 1);
        digest_number(digest, (uint64_t)l->count);
    }
    for (int i = 0; i < l->count; i++) {
        size_t size, length;
        const uint8_t *content = content_of(l, &l->of[i], &size);
        const char *name = inner_name(l, &l->of[i], &length);
        if (format == 2) {
            uint8_t record_sum[EVP_MAX_MD_SIZE];
            (void)EVP_Digest(content, size, record_sum, NULL, EVP_sha256(), NULL);
            digest_number(digest, length);
            (void)EVP_DigestUpdate(digest, name, length);
            digest_number(digest, size);
            (void)EVP_DigestUpdate(digest, record_sum, 32);
        } else if (&l->of[i] != manifest) {
            (void)EVP_DigestUpdate(digest, name, length);
            (void)EVP_DigestUpdate(digest, "", 1);
            (void)EVP_DigestUpdate(digest, content, size);
        }
    }
    (void)EVP_DigestFinal_ex(digest, sum, NULL);
    EVP_MD_CTX_free(digest);
}

static uint8_t *find_text(uint8_t *from, size_t size, const char *text)
{
    const size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(from + i, text, length) == 0)
            return from + i;
    return NULL;
}

/* The digest into a manifest that is stored as it is. */
static void repair_manifest(layout *l, const record *manifest)
{
    enum { KEY = 19, DIGITS = 64 };
    uint8_t *text = l->data + manifest->content, sum[EVP_MAX_MD_SIZE] = {0};
    uint8_t *key = find_text(text, manifest->size, "\"weights_sha256\": \"");
    if (!key || manifest->size - (size_t)(key - text) < KEY + DIGITS)
        return;
    const int second = find_text(text, manifest->size, "\"format_version\": 2") != NULL;
    memset(key + KEY, '0', DIGITS);
    digest_all(l, manifest, second ? 2 : 1, sum);
    for (size_t i = 0; i < DIGITS / 2; i++) {
        char digits[3];
        (void)snprintf(digits, sizeof digits, "%02x", sum[i]);
        memcpy(key + KEY + 2 * i, digits, 2);
    }
}

static void repair(layout *l)
{
    survey(l);
    for (int i = 0; i < l->count; i++) {
        size_t length;
        const char *name = inner_name(l, &l->of[i], &length);
        if (length == 19 && memcmp(name, "extra/manifest.json", 19) == 0)
            repair_manifest(l, &l->of[i]);
    }
    for (int i = 0; i < l->count; i++) {
        size_t size;
        const uint8_t *content = content_of(l, &l->of[i], &size);
        frame(l, &l->of[i], content, size);
    }
    if (l->directory_end + END <= l->size) {
        uint8_t *end = l->data + l->directory_end;
        l->size = l->directory_end + END;
        memset(end, 0, END);
        memcpy(end, "PK\5\6", 4);
        put(end + 8, 2, (size_t)l->count);
        put(end + 10, 2, (size_t)l->count);
        put(end + 12, 4, l->directory_end - l->directory);
        put(end + 16, 4, l->directory);
    }
}

/* A record's content by libFuzzer's means, what is behind it moved. */
static void mutate_content(layout *l, size_t max_size, choices *c)
{
    static uint8_t content[1 << 14];
    const record *r = &l->of[pick(c, (uint32_t)l->count)];
    if (r->size > sizeof content / 2)
        return;
    memcpy(content, l->data + r->content, r->size);
    const size_t size = LLVMFuzzerMutate(content, r->size, sizeof content);
    if (l->size - r->size + size > max_size)
        return;
    memmove(l->data + r->content + size, l->data + r->content + r->size,
            l->size - r->content - r->size);
    memcpy(l->data + r->content, content, size);
    l->size += size - r->size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    choices c = choices_of(seed);
    layout l = {.data = data, .size = size};
    survey(&l);
    if (!l.count || pick(&c, 8) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (pick(&c, 3))
        mutate_content(&l, max_size, &c);
    else
        l.size = LLVMFuzzerMutate(data, size, max_size);
    repair(&l);
    if (l.count && pick(&c, 4) == 0) { /* a field of one record's frame, or of the end */
        const record *r = &l.of[pick(&c, (uint32_t)l.count)];
        const size_t at = pick(&c, 3) == 0   ? r->local + pick(&c, LOCAL)
                          : pick(&c, 2) == 0 ? r->central + pick(&c, CENTRAL)
                                             : l.size - 1 - pick(&c, END);
        if (at < l.size)
            data[at] = (uint8_t)pick(&c, 256);
    }
    return l.size;
}
