/* SPDX-License-Identifier: MIT */
#include "model/cache.h"

#include <string.h>

#include "base/memory.h"
#include "base/sha256.h"
#include "image/image.h"

int af_cache_init(af_cache *cache)
{
    memset(cache, 0, sizeof *cache);
    return pthread_mutex_init(&cache->lock, NULL) == 0;
}

static void drop(af_cache *cache, af_cache_entry *entry)
{
    cache->bytes -= entry->count * sizeof(float);
    af_free(entry->values);
    *entry = (af_cache_entry){{{0}}, NULL, 0, 0};
}

void af_cache_clear(af_cache *cache)
{
    /* Locked now, it is so by a thread that was not forked along, in the middle of a change. */
    if (pthread_mutex_trylock(&cache->lock) != 0)
        return;
    for (size_t i = 0; i < AF_CACHE_ENTRIES; i++)
        drop(cache, &cache->entries[i]);
    (void)pthread_mutex_unlock(&cache->lock);
    (void)pthread_mutex_destroy(&cache->lock);
}

void af_cache_key_of(const artfusion_image *image, char network, af_cache_key *key)
{
    SHA256_CTX digest;
    const int32_t size[2] = {image->width, image->height};
    (void)SHA256_Init(&digest);
    (void)SHA256_Update(&digest, size, sizeof size);
    for (int32_t y = 0; y < image->height; y++)
        (void)SHA256_Update(&digest, image->pixels + (size_t)y * image->stride,
                            3 * (size_t)image->width);
    (void)SHA256_Final(key->bytes, &digest);
    key->bytes[sizeof key->bytes - 1] = (uint8_t)network;
}

static af_cache_entry *find(af_cache *cache, const af_cache_key *key)
{
    for (size_t i = 0; i < AF_CACHE_ENTRIES; i++)
        if (cache->entries[i].values && !memcmp(&cache->entries[i].key, key, sizeof *key))
            return &cache->entries[i];
    return NULL;
}

int af_cache_find(af_cache *cache, const af_cache_key *key, float *values, size_t count)
{
    (void)pthread_mutex_lock(&cache->lock);
    af_cache_entry *found = find(cache, key);
    if (found && found->count != count)
        found = NULL;
    if (found) {
        memcpy(values, found->values, count * sizeof *values);
        found->used = ++cache->clock;
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return found != NULL;
}

/* The place of the next entry, with `bytes` to spare beside it. */
static af_cache_entry *make_room(af_cache *cache, size_t bytes)
{
    for (;;) {
        af_cache_entry *oldest = NULL, *vacant = NULL;
        for (size_t i = 0; i < AF_CACHE_ENTRIES; i++) {
            af_cache_entry *entry = &cache->entries[i];
            if (!entry->values)
                vacant = entry;
            else if (!oldest || entry->used < oldest->used)
                oldest = entry;
        }
        if (!oldest || (vacant && cache->bytes + bytes <= AF_CACHE_BYTES))
            return vacant; /* one entry has no more than AF_CACHE_BYTES */
        drop(cache, oldest);
    }
}

void af_cache_keep(af_cache *cache, const af_cache_key *key, const float *values, size_t count)
{
    const size_t bytes = count * sizeof *values;
    float *copy = bytes <= AF_CACHE_BYTES ? af_alloc(bytes) : NULL;
    if (!copy)
        return;
    memcpy(copy, values, bytes);
    (void)pthread_mutex_lock(&cache->lock);
    if (find(cache, key)) { /* another thread had the same picture */
        af_free(copy);
    } else {
        af_cache_entry *entry = make_room(cache, bytes);
        *entry = (af_cache_entry){*key, copy, count, ++cache->clock};
        cache->bytes += bytes;
    }
    (void)pthread_mutex_unlock(&cache->lock);
}
