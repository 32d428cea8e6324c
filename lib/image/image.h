/* SPDX-License-Identifier: MIT
 * The image handle and what of it the rest of the library uses. */
#ifndef AF_IMAGE_IMAGE_H
#define AF_IMAGE_IMAGE_H

#include "artfusion.h"
#include "base/limits.h"
#include "base/printf.h"

struct artfusion_image {
    int32_t width, height;
    size_t stride; /* bytes */
    uint8_t *pixels;
    int32_t owned;     /* whether `pixels` is the image's to free */
    char warning[244]; /* artfusion_image_warning */
};

/* Codecs, one a file. Decoders are given the whole file's bytes and check the
 * header's size against options->max_pixels before they allocate. Encoders
 * give memory of af_alloc. */
artfusion_status af_png_decode(const uint8_t *data, size_t size,
                               const artfusion_load_options *options, artfusion_image **image);
artfusion_status af_png_encode(const artfusion_image *image, int32_t compression, uint8_t **data,
                               size_t *size);
artfusion_status af_jpeg_decode(const uint8_t *data, size_t size,
                                const artfusion_load_options *options, artfusion_image **image);
artfusion_status af_jpeg_encode(const artfusion_image *image, int32_t quality, uint8_t **data,
                                size_t *size);
artfusion_status af_webp_decode(const uint8_t *data, size_t size,
                                const artfusion_load_options *options, artfusion_image **image);
artfusion_status af_webp_encode(const artfusion_image *image, int32_t quality, int32_t lossless,
                                uint8_t **data, size_t *size);

/* Adds a clause to what artfusion_image_warning says, as far as there is room. */
AF_PRINTF(2, 3)
void af_image_warn(artfusion_image *image, const char *format, ...);

/* Planar floats [3, height, width] = u8 / 127.5 - 1, as the networks take them. */
void af_image_to_planar(const artfusion_image *image, float *rgb);

/* Back: clamp((x + 1) / 2, 0, 1) * 255, truncated. `rgb` is [3, rows, columns], of which the first
 * width and height become the picture. Errors: NUMERIC if a value of it is NaN, MEMORY. */
artfusion_status af_image_from_planar(const float *rgb, int32_t columns, int32_t rows,
                                      int32_t width, int32_t height, artfusion_image **image);

/* The picture continued to the right and below to width x height, which are not smaller than its
 * sides: reflected at its edges, whose pixels repeat. Errors: ARGUMENT (beyond
 * AF_IMAGE_MAX_SIDE), MEMORY. */
artfusion_status af_image_reflected(const artfusion_image *image, int32_t width, int32_t height,
                                    artfusion_image **reflected);

#endif
