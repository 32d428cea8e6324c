/* SPDX-License-Identifier: MIT
 * Picture files file_bytes by the formats' own libraries, and colour profiles by littlecms. */
#ifndef PICTURES_H
#define PICTURES_H

#include <stddef.h>
#include <stdint.h>

typedef struct file_bytes {
    uint8_t *data; /* of malloc */
    size_t size;
} file_bytes;

void bytes_add(file_bytes *b, const void *data, size_t size);
void bytes_free(file_bytes *b);

/* An RGB profile of sRGB's, nearly sRGB's or Adobe RGB's primaries and an exponent, 0 for sRGB's curve. */
typedef enum gamut { GAMUT_SRGB, GAMUT_NEARLY_SRGB, GAMUT_ADOBE } gamut;
file_bytes make_rgb_profile(gamut primaries, double exponent);
file_bytes make_grey_profile(double exponent);
/* Four inks to Lab by a small table: where cyan, magenta, yellow and black are full it is dark. */
file_bytes make_cmyk_profile(void);

/* What stands around a PNG's pixels; NULL, 0 or an empty profile: not there. */
typedef struct png_extras {
    file_bytes profile;
    uint32_t gamma; /* gAMA's number */
    int srgb;
    const uint32_t *primaries; /* cHRM's eight */
    const void *chunks;        /* whole chunks, put behind IHDR */
    size_t chunks_size;
    const void *last_chunks; /* whole chunks, put before IEND */
    size_t last_size;
    int interlaced;
} png_extras;

/* Rows of `channels` (1 grey, 2 with alpha, 3 RGB, 4 with alpha) of 8 or 16 bits, as PNG has them. */
file_bytes make_png(uint32_t width, uint32_t height, int channels, int depth, const uint8_t *rows,
                    const png_extras *extras);

/* A chunk with its length and checksum, into `to`, which has room; its size. */
size_t make_chunk(uint8_t *to, const char *name, const void *body, size_t size);

/* Rows of 1, 3 or 4 channels (inks, 0 is none, stored as they are), quality 100. The marker is Adobe's
 * of four channels. `app1` and `profile` may be empty. */
file_bytes make_jpeg(uint32_t width, uint32_t height, int channels, const uint8_t *rows,
                     int progressive, int marker, file_bytes app1, file_bytes profile);

/* RGBA, without loss or with some, but then with an alpha that is not packed; chunks of an extended
 * file if any of them is there. */
file_bytes make_webp(int width, int height, int lossless, const uint8_t *rgba, file_bytes profile,
                     file_bytes exif, file_bytes xmp);

/* EXIF with an orientation alone: TIFF, little-endian. */
file_bytes make_exif(int orientation);

#endif
