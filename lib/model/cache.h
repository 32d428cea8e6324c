/* SPDX-License-Identifier: MIT
 *
 * What the networks have said of the last pictures, by the pictures' content: whoever makes many in
 * one style, or of one photo, pays for the style network and the encoder once, without keeping
 * anything. Any number of threads at once.
 */
#ifndef AF_MODEL_CACHE_H
#define AF_MODEL_CACHE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "artfusion.h"

#define AF_CACHE_BYTES (16u << 20)
#define AF_CACHE_ENTRIES 64

/* SHA-256 of a picture's size and pixels, and which network it was for. */
typedef struct af_cache_key {
    uint8_t bytes[33];
} af_cache_key;

typedef struct af_cache_entry {
    af_cache_key key;
    float *values; /* NULL: free */
    size_t count;
    uint64_t used; /* the cache's clock when it was */
} af_cache_entry;

typedef struct af_cache {
    pthread_mutex_t lock;
    uint64_t clock;
    size_t bytes;
    af_cache_entry entries[AF_CACHE_ENTRIES];
} af_cache;

/* Returns 0 where there can be no lock. */
int af_cache_init(af_cache *cache);
void af_cache_clear(af_cache *cache);

void af_cache_key_of(const artfusion_image *image, char network, af_cache_key *key);

/* Copies what was kept; returns whether something was. */
int af_cache_find(af_cache *cache, const af_cache_key *key, float *values, size_t count);

/* Keeps a copy, in the place of what was not used for longest; or doesn't, for want of memory. */
void af_cache_keep(af_cache *cache, const af_cache_key *key, const float *values, size_t count);

#endif
