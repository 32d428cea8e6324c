/* SPDX-License-Identifier: MIT
 * For the mutators, which are linked with libFuzzer only: they change what a format's own checks
 * (lengths, CRCs, digests) leave to be changed and then make these right, so that inputs get past
 * them and the library is tested as it ships. */
#ifndef MUTATE_H
#define MUTATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Numbers that follow from the seed libFuzzer gives (xorshift). Never 0 within. */
typedef struct choices {
    uint32_t state;
} choices;

static inline choices choices_of(unsigned seed)
{
    return (choices){seed * 2654435761u | 1u};
}

/* 0..count - 1. */
static inline uint32_t pick(choices *c, uint32_t count)
{
    c->state ^= c->state << 13;
    c->state ^= c->state >> 17;
    c->state ^= c->state << 5;
    return (c->state >> 3) % count;
}

/* A file of parts (chunks, segments) whose frames are written anew. */
enum { MAX_PARTS = 48, PART_BYTES = 1 << 14 };

typedef struct part {
    uint8_t name[4];
    size_t size;
    uint8_t body[PART_BYTES];
} part;

typedef struct parts {
    int count;
    part of[MAX_PARTS + 1]; /* one more for a part that is being moved */
} parts;

static inline part *parts_add(parts *p)
{
    part *made = p->count < MAX_PARTS ? &p->of[p->count++] : &p->of[MAX_PARTS - 1];
    made->size = 0;
    return made;
}

/* Takes one away, doubles one, or changes the places of two. */
static inline void parts_shuffle(parts *p, choices *c)
{
    if (!p->count)
        return;
    const uint32_t a = pick(c, (uint32_t)p->count), b = pick(c, (uint32_t)p->count);
    switch (pick(c, 3)) {
    case 0:
        memmove(&p->of[a], &p->of[a + 1], ((size_t)p->count - a - 1) * sizeof(part));
        p->count--;
        break;
    case 1:
        if (p->count < MAX_PARTS) {
            memmove(&p->of[a + 1], &p->of[a], ((size_t)p->count - a) * sizeof(part));
            p->count++;
        }
        break;
    default:
        p->of[MAX_PARTS] = p->of[a];
        p->of[a] = p->of[b];
        p->of[b] = p->of[MAX_PARTS];
    }
}

/* By libFuzzer's own means. */
static inline void part_mutate(part *p)
{
    p->size = LLVMFuzzerMutate(p->body, p->size, sizeof p->body);
}

#endif
