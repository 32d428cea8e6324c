/* SPDX-License-Identifier: MIT
 * What the fuzz targets share. Each is one file that defines LLVMFuzzerTestOneInput, and is linked
 * either with libFuzzer (preset `fuzz`) or with driver.c, which runs a corpus once. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "artfusion.h"

#ifdef __cplusplus
extern "C" {
#define FUZZ_NORETURN [[noreturn]]
#else
#define FUZZ_NORETURN _Noreturn
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, which is what libFuzzer and a test count as a crash. */
#define REQUIRE(condition) ((condition) ? (void)0 : require_failed(#condition, __FILE__, __LINE__))
FUZZ_NORETURN void require_failed(const char *condition, const char *file, int line);

/* For require_status: ERROR(FORMAT) | ERROR(LIMIT). */
#define ERROR(name) (1u << -(ARTFUSION_ERROR_##name))

/* `status` is OK or one of `allowed`; an error has a sentence. */
void require_status(artfusion_status status, uint32_t allowed);

/* A model of the test engine, which is linked in, and another one: opened once, never closed. */
artfusion_model *fuzz_model(void);
artfusion_model *fuzz_other_model(void);

/* What is left of an input. */
typedef struct cursor {
    const uint8_t *data;
    size_t size;
} cursor;

/* The next bytes; zeros behind the end. */
void take(cursor *c, void *to, size_t size);
uint8_t take8(cursor *c);
uint16_t take16(cursor *c);
uint32_t take32(cursor *c);

/* What artfusion_..._save_memory gave, with changes that the input asks for; freed with free. */
typedef struct record_file {
    uint8_t *data;
    size_t size;
    int same;   /* nothing is changed */
    int sealed; /* the checksum is right, as whoever can compute SHA-256 makes it */
} record_file;
record_file take_record(cursor *c, const uint8_t *saved, size_t size);

/* Bytes as a file, whose path is put into `path`; to be closed. */
enum { MEMORY_PATH = 64 };
int memory_file(const uint8_t *data, size_t size, char path[MEMORY_PATH]);

/* Of one size and colour for colour the same. */
int same_pixels(artfusion_image *a, artfusion_image *b);

artfusion_save_options save_as(artfusion_file_format format);

/* `image` written by `options` and read again has its size and, if nothing was lost, its pixels; the
 * file, to be freed with artfusion_free, if it is asked for. */
void require_round_trip(artfusion_image *image, const artfusion_save_options *options,
                        uint8_t **file, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
