/* SPDX-License-Identifier: MIT
 * Zip archives as a plain writer makes them, for tests to damage. */
#ifndef ZIPS_H
#define ZIPS_H

#include <stddef.h>
#include <stdint.h>

typedef struct zip_record {
    const char *name;
    const void *data;
    size_t size;
    int packed; /* by deflate */
} zip_record;

/* Freed with free. */
uint8_t *make_zip(const zip_record *records, size_t count, size_t *size);

/* `bytes` of a number, the lowest first. */
void zip_put(uint8_t *to, uint64_t value, size_t bytes);
uint64_t zip_get(const uint8_t *from, size_t bytes);

enum { ZIP_LOCAL = 30, ZIP_CENTRAL = 46, ZIP_END = 22, ZIP_LARGE_END = 56, ZIP_LOCATOR = 20 };

/* The end of an archive of 4 GB and more at `to`, and its locator behind it, for a directory of
 * `count` records. `at` is where `to` will be in the file. */
void zip_put_large_end(uint8_t to[ZIP_LARGE_END + ZIP_LOCATOR], uint64_t at, uint64_t count,
                       uint64_t directory, uint64_t size);

/* A model file's digest as docs/model-format.md has it, of a bundle of these records; `manifest` is
 * among them in format 2, without its digest, and in format 1 left out. */
void zip_digest(int format, const zip_record *records, size_t count, char hex[65]);

#endif
