/* SPDX-License-Identifier: MIT
 * JPEG: segments with right lengths, and EXIF segments made up. A part's name is its marker; the
 * coded data behind a start of scan is a part of its own, whose marker is 0. */
#include "mutate.h"

enum { SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, APP1 = 0xE1, CODED = 0 };

static int has_length(uint8_t marker)
{
    return marker != CODED && marker != SOI && marker != EOI && !(marker >= 0xD0 && marker <= 0xD7);
}

static size_t coded_length(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at + 1 < size && !(data[at] == 0xFF && data[at + 1] && (data[at + 1] & 0xF8) != 0xD0))
        at++;
    return at + 1 < size ? at : size;
}

static void read_segments(parts *p, const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (p->count < MAX_PARTS && at + 2 <= size) {
        part *s = parts_add(p);
        size_t length;
        if (p->count > 1 && s[-1].name[0] == SOS) {
            s->name[0] = CODED;
            length = coded_length(data + at, size - at);
        } else {
            s->name[0] = data[at + 1];
            at += 2;
            length = 0;
            if (has_length(s->name[0]) && at + 2 <= size) {
                length = (size_t)data[at] << 8 | data[at + 1];
                length = length < 2 ? 0 : length - 2;
                at += 2;
            }
        }
        if (length > size - at)
            length = size - at;
        s->size = length < PART_BYTES ? length : PART_BYTES;
        memcpy(s->body, data + at, s->size);
        at += length;
    }
}

static size_t write_segments(const parts *p, uint8_t *data, size_t max_size)
{
    size_t at = 0;
    for (int i = 0; i < p->count; i++) {
        const part *s = &p->of[i];
        if (s->size + 4 > max_size - at)
            break;
        if (s->name[0] != CODED) {
            data[at++] = 0xFF;
            data[at++] = s->name[0];
        }
        if (has_length(s->name[0])) {
            data[at++] = (uint8_t)((s->size + 2) >> 8);
            data[at++] = (uint8_t)(s->size + 2);
        }
        memcpy(data + at, s->body, s->size);
        at += s->size;
    }
    return at;
}

/* Orientation among other entries, in either byte order. */
static void make_exif(part *s, choices *c)
{
    const int big = (int)pick(c, 2);
    const uint32_t entries = 1 + pick(c, 4), place = pick(c, entries);
    uint8_t *at = s->body;
    s->name[0] = APP1;
    memcpy(at, big ? "Exif\0\0MM\0*\0\0\0\x08" : "Exif\0\0II*\0\x08\0\0\0", 14);
    at += 14;
#define PUT16(value) \
    (*at++ = (uint8_t)(big ? (value) >> 8 : (value)), \
     *at++ = (uint8_t)(big ? (value) : (value) >> 8))
    PUT16(entries);
    for (uint32_t i = 0; i < entries; i++) {
        const uint32_t type = i == place && pick(c, 3) ? 3 + pick(c, 2) : pick(c, 14);
        const uint32_t value = pick(c, 8) ? 1 + pick(c, 8) : pick(c, 65536);
        const int high_first = big && type == 4;
        PUT16(i == place ? 0x112u : 0x100u + pick(c, 40));
        PUT16(type);
        PUT16(big ? 0u : 1u);
        PUT16(big ? 1u : 0u);
        PUT16(high_first ? 0u : value);
        PUT16(high_first ? value : 0u);
    }
#undef PUT16
    s->size = (size_t)(at - s->body);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static parts p;
    choices c = choices_of(seed);
    p.count = 0;
    if (size)
        read_segments(&p, data, size);
    if (p.count < 2 || pick(&c, 8) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    switch (pick(&c, 8)) {
    case 0: parts_shuffle(&p, &c); break;
    case 1: /* behind the start of the image */
        if (p.count < MAX_PARTS) {
            memmove(&p.of[2], &p.of[1], ((size_t)p.count - 1) * sizeof(part));
            p.count++;
            make_exif(&p.of[1], &c);
        }
        break;
    case 2: p.of[pick(&c, (uint32_t)p.count)].name[0] = (uint8_t)(0xC0 + pick(&c, 64)); break;
    default: part_mutate(&p.of[pick(&c, (uint32_t)p.count)]);
    }
    return write_segments(&p, data, max_size);
}
