/* SPDX-License-Identifier: MIT
 * What surrounds a PNG's pixels: the library writes none of it, and as the reference reads it reads none
 * of it; as a person sees it colours and orientation count. The input is a
 * kind of picture and a list of chunks, which are put into a right file: (place, type, length,
 * content). Chunks that a reader may pass over leave the picture as it is, whatever is in them,
 * text of a million bytes packed into a few included; others are refused or read, no more. */
#include "fuzz.h"

#include <string.h>
#include <zlib.h>

enum { FILE_BYTES = 1 << 16, SIDE = 4 };

typedef struct file {
    uint8_t data[FILE_BYTES];
    size_t size;
} file;

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_chunk(file *f, const void *type, const void *content, size_t size)
{
    if (size > FILE_BYTES - f->size - 12)
        return;
    uint8_t *at = f->data + f->size;
    put32(at, (uint32_t)size);
    memcpy(at + 4, type, 4);
    if (size)
        memcpy(at + 8, content, size);
    put32(at + 8 + size, (uint32_t)crc32(0, at + 4, (uInt)size + 4));
    f->size += size + 12;
}

/* Whether readers that do not know it pass over it: the first letter's case says so. A small third
 * one is reserved, and later releases of libpng refuse it. */
static int is_passed_over(const uint8_t type[4])
{
    for (int i = 0; i < 4; i++)
        if (!((type[i] >= 'A' && type[i] <= 'Z') || (type[i] >= 'a' && type[i] <= 'z')))
            return 0;
    return (type[0] & 0x20) && !(type[2] & 0x20) && memcmp(type, "tRNS", 4) != 0;
}

/* The chunks of `list` that belong at `place`. */
static int put_metadata(file *f, cursor list, uint8_t place)
{
    int harmless = 1;
    while (list.size >= 6) {
        const uint8_t where = take8(&list) % 5;
        uint8_t type[4];
        take(&list, type, sizeof type);
        size_t size = take8(&list);
        if (size >= 0xf0) /* long ones */
            size = (size - 0xf0) << 8 | take8(&list);
        if (size > list.size)
            size = list.size;
        if (where == place) {
            put_chunk(f, type, list.data, size);
            /* Between the parts of the pixels nothing may stand; behind the end nothing is read. */
            harmless = harmless && (place == 4 || (place != 2 && is_passed_over(type)));
        }
        list.data += size;
        list.size -= size;
    }
    return harmless;
}

static int make_file(file *f, uint8_t kind, cursor metadata)
{
    static const uint8_t colour_types[] = {0, 2, 3, 4, 6}, channels[] = {1, 3, 1, 2, 4};
    const uint8_t colour = colour_types[kind % 5];
    uint8_t header[13] = {0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 0, 0, 0, 0}, rows[SIDE * (1 + 4 * SIDE)];
    uint8_t packed[512];
    uLongf size = sizeof packed;
    const size_t bytes = SIDE * (1 + (size_t)channels[kind % 5] * SIDE);
    header[9] = colour;
    for (size_t i = 0; i < bytes; i++)
        rows[i] = (uint8_t)(i % (bytes / SIDE) == 0 ? 0 : colour == 3 ? i % 4 : i * 37);
    REQUIRE(compress(packed, &size, rows, bytes) == Z_OK);

    memcpy(f->data, "\x89PNG\r\n\x1a\n", 8);
    f->size = 8;
    put_chunk(f, "IHDR", header, sizeof header);
    int harmless = put_metadata(f, metadata, 0);
    if (colour == 3)
        put_chunk(f, "PLTE", "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc", 12);
    harmless &= put_metadata(f, metadata, 1);
    put_chunk(f, "IDAT", packed, size / 2);
    harmless &= put_metadata(f, metadata, 2);
    put_chunk(f, "IDAT", packed + size / 2, size - size / 2);
    harmless &= put_metadata(f, metadata, 3);
    put_chunk(f, "IEND", NULL, 0);
    return harmless & put_metadata(f, metadata, 4);
}

/* What the library writes has the chunks that a picture needs and no other. */
static void require_bare(const uint8_t *data, size_t size)
{
    size_t at = 8;
    while (at < size) {
        const size_t length = (size_t)data[at + 2] << 8 | data[at + 3];
        REQUIRE(memcmp(data + at + 4, "IHDR", 4) == 0 || memcmp(data + at + 4, "IDAT", 4) == 0 ||
                memcmp(data + at + 4, "IEND", 4) == 0);
        at += length + 12;
    }
    REQUIRE(at == size);
}

static artfusion_status load(const file *f, artfusion_reading reading, artfusion_image **image)
{
    artfusion_load_options options;
    REQUIRE(artfusion_load_options_init(&options, sizeof options) == ARTFUSION_OK);
    memcpy(options.background, "\x20\x80\xff", 3);
    options.reading = reading;
    const artfusion_status status = artfusion_image_load_memory(f->data, f->size, &options, image);
    require_status(status, ERROR(FORMAT) | ERROR(LIMIT));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static file bare, full;
    cursor c = {data, size};
    artfusion_image *naked, *dressed, *viewed;
    uint8_t *written;
    size_t written_size;
    const uint8_t kind = take8(&c);
    (void)make_file(&bare, kind, (cursor){NULL, 0});
    const int harmless = make_file(&full, kind, c);
    REQUIRE(load(&bare, ARTFUSION_READING_REFERENCE, &naked) == ARTFUSION_OK);
    const artfusion_status status = load(&full, ARTFUSION_READING_REFERENCE, &dressed);
    REQUIRE(load(&full, ARTFUSION_READING_VIEWED, &viewed) == status);
    if (status == ARTFUSION_OK) {
        if (harmless)
            REQUIRE(same_pixels(naked, dressed));
        artfusion_save_options saving = save_as(ARTFUSION_FORMAT_PNG);
        saving.png_compression = kind % 10;
        require_round_trip(dressed, &saving, &written, &written_size);
        require_bare(written, written_size);
        artfusion_free(written);
    } else {
        REQUIRE(!harmless);
    }
    artfusion_image_destroy(naked);
    artfusion_image_destroy(dressed);
    artfusion_image_destroy(viewed);
    return 0;
}
