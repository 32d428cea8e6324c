/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../c/support.h"

/* An absurd size asked for is refused, as by a machine that has not got it, and is no crash. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

_Noreturn void require_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

void require_status(artfusion_status status, uint32_t allowed)
{
    if (status == ARTFUSION_OK)
        return;
    if (status > 0 || status < -12 || !(allowed >> -status & 1u)) {
        (void)fprintf(stderr, "%s: %s\n", artfusion_status_name(status), artfusion_error_message());
        abort();
    }
    REQUIRE(*artfusion_error_message());
}

static artfusion_model *open_once(const char *from, const char *to)
{
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, from, to, &size);
    REQUIRE(artfusion_context_create(NULL, &context) == ARTFUSION_OK);
    REQUIRE(artfusion_model_open_memory(context, bundle, size, &model) == ARTFUSION_OK);
    artfusion_context_destroy(context);
    free(bundle);
    return model;
}

artfusion_model *fuzz_model(void)
{
    static artfusion_model *model;
    if (!model)
        model = open_once("\"style_scale\": 2}",
                          "\"style_scale\": 2}, \"presets\": {\"bold\": {\"style_scale\": 3}}");
    return model;
}

artfusion_model *fuzz_other_model(void)
{
    static artfusion_model *model;
    if (!model)
        model = open_once("small", "other");
    return model;
}

void take(cursor *c, void *to, size_t size)
{
    const size_t have = size < c->size ? size : c->size;
    memset(to, 0, size);
    if (have)
        memcpy(to, c->data, have);
    c->data += have;
    c->size -= have;
}

uint8_t take8(cursor *c)
{
    uint8_t value;
    take(c, &value, sizeof value);
    return value;
}

uint16_t take16(cursor *c)
{
    uint16_t value;
    take(c, &value, sizeof value);
    return value;
}

uint32_t take32(cursor *c)
{
    uint32_t value;
    take(c, &value, sizeof value);
    return value;
}

/* ---- saved records -------------------------------------------------------- */

enum { DIGEST = 32, RECORD_ROOM = 64 };

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

/* One change to the `*size` bytes before the digest, which have `room`. */
static void change_record(cursor *c, uint8_t *data, size_t *size, size_t room)
{
    /* Counts and indices at their ends, floats and the upper halves of doubles at theirs. */
    static const uint32_t words[] = {
        0,          1,          2,          3,          624,        625,
        0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x7f7fffff, 0x7f800000,
        0x7fc00000, 0xff7fffff, 0xbf800000, 0x3f800000, 0x7fefffff, 0x7ff00000,
        0x7ff80000, 0xbff00000, 0x3ff00000, 0x00000100,
    };
    const uint8_t how = take8(c);
    const size_t at = take16(c), word = *size >= 4 ? 4 * (at % (*size / 4)) : 0;
    uint8_t raw[8];
    switch (how % 8) {
    case 0: /* fields begin at multiples of 4 */
    case 1:
    case 2:
    case 3:
        if (*size >= 4)
            put32(data + word, how % 8 == 3 ? take32(c) : words[take8(c) % (sizeof words / 4)]);
        break;
    case 4:
        take(c, raw, sizeof raw);
        if (*size >= word + sizeof raw)
            memcpy(data + word, raw, sizeof raw);
        break;
    case 5:
        if (*size)
            data[at % *size] ^= take8(c);
        break;
    case 6: *size -= at % (*size + 1); break;
    default: /* longer; zeros, or what stood there before a cut */
        *size += at % RECORD_ROOM;
        if (*size > room)
            *size = room;
    }
}

record_file take_record(cursor *c, const uint8_t *saved, size_t size)
{
    const uint8_t how = take8(c);
    record_file file = {.sealed = how < 224};
    REQUIRE(size > DIGEST);
    size_t end = size - DIGEST;
    const size_t room = end + RECORD_ROOM;
    uint8_t *changed = calloc(1, room + DIGEST);
    REQUIRE(changed);
    memcpy(changed, saved, end);
    for (int changes = how % 4; changes; changes--)
        change_record(c, changed, &end, room);
    if (file.sealed)
        REQUIRE(EVP_Digest(changed, end, changed + end, NULL, EVP_sha256(), NULL) == 1);
    else
        memcpy(changed + end, saved + size - DIGEST, DIGEST);
    file.size = end + DIGEST;
    if (how >= 248) /* cut anywhere */
        file.size = take16(c) % (file.size + 1);
    /* Just as large as its content: what reads beyond is seen by a sanitizer. */
    file.data = malloc(file.size ? file.size : 1);
    REQUIRE(file.data);
    memcpy(file.data, changed, file.size);
    file.same = file.size == size && memcmp(file.data, saved, size) == 0;
    free(changed);
    return file;
}

int memory_file(const uint8_t *data, size_t size, char path[MEMORY_PATH])
{
    const int file = memfd_create("fuzz", MFD_CLOEXEC);
    REQUIRE(file >= 0 && write(file, data, size) == (ssize_t)size);
    (void)snprintf(path, MEMORY_PATH, "/proc/self/fd/%d", file);
    return file;
}

/* ---- pictures ------------------------------------------------------------- */

int same_pixels(artfusion_image *a, artfusion_image *b)
{
    const int32_t width = artfusion_image_width(a), height = artfusion_image_height(a);
    if (width != artfusion_image_width(b) || height != artfusion_image_height(b))
        return 0;
    for (int32_t y = 0; y < height; y++)
        if (memcmp(artfusion_image_pixels(a) + (size_t)y * artfusion_image_stride(a),
                   artfusion_image_pixels(b) + (size_t)y * artfusion_image_stride(b),
                   3 * (size_t)width) != 0)
            return 0;
    return 1;
}

artfusion_save_options save_as(artfusion_file_format format)
{
    artfusion_save_options options;
    REQUIRE(artfusion_save_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.format = format;
    return options;
}

void require_round_trip(artfusion_image *image, const artfusion_save_options *options,
                        uint8_t **file, size_t *size)
{
    artfusion_image *again;
    uint8_t *bytes;
    size_t count;
    const int lossless = options->format == ARTFUSION_FORMAT_PNG ||
                         (options->format == ARTFUSION_FORMAT_WEBP && options->webp_lossless);
    REQUIRE(artfusion_image_save_memory(image, options, &bytes, &count) == ARTFUSION_OK);
    REQUIRE(artfusion_image_load_memory(bytes, count, NULL, &again) == ARTFUSION_OK);
    REQUIRE(artfusion_image_width(again) == artfusion_image_width(image));
    REQUIRE(artfusion_image_height(again) == artfusion_image_height(image));
    REQUIRE(!lossless || same_pixels(image, again));
    artfusion_image_destroy(again);
    if (file) {
        *file = bytes;
        *size = count;
    } else {
        artfusion_free(bytes);
    }
}
