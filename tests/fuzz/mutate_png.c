/* SPDX-License-Identifier: MIT
 * PNG: chunks with right lengths and CRCs, and pixels that are packed after they were changed. */
#include <stdlib.h>
#include <zlib.h>

#include "mutate.h"

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
static const char names[][5] = {"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "sBIT", "bKGD",
                                "tEXt", "zTXt", "iTXt", "iCCP", "eXIf", "sPLT", "acTL", "fdAT"};

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void read_chunks(parts *p, const uint8_t *data, size_t size)
{
    size_t at = sizeof signature;
    while (p->count < MAX_PARTS && at + 8 <= size) {
        size_t length = get32(data + at);
        if (length > size - at - 8)
            length = size - at - 8;
        if (length > PART_BYTES)
            length = PART_BYTES;
        part *chunk = parts_add(p);
        memcpy(chunk->name, data + at + 4, 4);
        memcpy(chunk->body, data + at + 8, length);
        chunk->size = length;
        at += 12 + length;
    }
}

static size_t write_chunks(const parts *p, uint8_t *data, size_t max_size)
{
    size_t at = sizeof signature;
    if (max_size < at)
        return 0;
    memcpy(data, signature, at);
    for (int i = 0; i < p->count; i++) {
        const part *chunk = &p->of[i];
        if (12 + chunk->size > max_size - at)
            break;
        put32(data + at, (uint32_t)chunk->size);
        memcpy(data + at + 4, chunk->name, 4);
        memcpy(data + at + 8, chunk->body, chunk->size);
        put32(data + at + 8 + chunk->size,
              (uint32_t)crc32(0, data + at + 4, (uInt)chunk->size + 4));
        at += 12 + chunk->size;
    }
    return at;
}

static part *chunk_named(parts *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (memcmp(p->of[i].name, name, 4) == 0)
            return &p->of[i];
    return NULL;
}

static void add_chunk(parts *p, const char *name, const void *body, size_t size)
{
    part *chunk = parts_add(p);
    memcpy(chunk->name, name, 4);
    memcpy(chunk->body, body, size);
    chunk->size = size;
}

static void compress_into(part *chunk, const uint8_t *raw, size_t size, choices *c)
{
    uLongf packed = PART_BYTES;
    if (compress2(chunk->body, &packed, raw, size, (int)pick(c, 10)) == Z_OK)
        chunk->size = packed;
}

static uint8_t raw[1 << 16];

/* A picture of any kind there is, as many bytes of it as it needs or about so. */
static void make_picture(parts *p, choices *c)
{
    static const uint8_t depths[] = {1, 2, 4, 8, 16}, kinds[] = {0, 2, 3, 4, 6};
    static const uint8_t channels[] = {1, 3, 1, 2, 4};
    uint8_t header[13] = {0}, colours[3 * 256];
    const uint32_t width = 1 + pick(c, 40), height = 1 + pick(c, 40);
    const uint32_t kind = pick(c, 5), depth = kind == 0   ? depths[pick(c, 5)]
                                              : kind == 2 ? depths[pick(c, 4)]
                                                          : depths[3 + pick(c, 2)];
    put32(header, width);
    put32(header + 4, height);
    header[8] = (uint8_t)depth;
    header[9] = kinds[kind];
    header[12] = (uint8_t)pick(c, 2);
    p->count = 0;
    add_chunk(p, "IHDR", header, sizeof header);
    for (size_t i = 0; i < sizeof colours; i++)
        colours[i] = (uint8_t)pick(c, 256);
    if (kind == 2)
        add_chunk(p, "PLTE", colours, (size_t)3 * (1 + pick(c, depth == 8 ? 256 : 1u << depth)));
    if (pick(c, 2))
        add_chunk(p, "tRNS", colours, kind == 0 ? 2 : kind == 1 ? 6 : 1 + pick(c, 16));
    /* Room for the rows of all seven passes. */
    size_t size = (size_t)height * (1 + (width * channels[kind] * depth + 7) / 8);
    if (header[12])
        size = 2 * size + 64;
    if (size > sizeof raw)
        size = sizeof raw;
    for (size_t i = 0; i < size; i++)
        raw[i] = (uint8_t)pick(c, pick(c, 4) ? 5 : 256);
    part *pixels = parts_add(p);
    memcpy(pixels->name, "IDAT", 4);
    compress_into(pixels, raw, size, c);
    add_chunk(p, "IEND", "", 0);
}

static void mutate_pixels(parts *p, choices *c)
{
    part *pixels = chunk_named(p, "IDAT");
    uLongf size = sizeof raw / 2;
    if (!pixels || uncompress(raw, &size, pixels->body, pixels->size) != Z_OK)
        return;
    compress_into(pixels, raw, LLVMFuzzerMutate(raw, size, sizeof raw / 2), c);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static parts p;
    choices c = choices_of(seed);
    if (pick(&c, 8) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    p.count = 0;
    read_chunks(&p, data, size);
    switch (p.count ? pick(&c, 8) : 0) {
    case 0: make_picture(&p, &c); break;
    case 1: parts_shuffle(&p, &c); break;
    case 2:
        add_chunk(&p, names[pick(&c, sizeof names / sizeof *names)], "\0\0\0\0", pick(&c, 5));
        part_mutate(&p.of[p.count - 1]);
        p.of[MAX_PARTS] = p.of[p.count - 1]; /* before the end, where it counts */
        p.of[p.count - 1] = p.of[p.count > 1 ? p.count - 2 : 0];
        p.of[p.count > 1 ? p.count - 2 : 0] = p.of[MAX_PARTS];
        break;
    case 3: mutate_pixels(&p, &c); break;
    case 4: /* a header's field */
        if (chunk_named(&p, "IHDR"))
            chunk_named(&p, "IHDR")->body[pick(&c, 13)] = (uint8_t)pick(&c, pick(&c, 2) ? 17 : 256);
        break;
    default: part_mutate(&p.of[pick(&c, (uint32_t)p.count)]);
    }
    return write_chunks(&p, data, max_size);
}
