/* SPDX-License-Identifier: MIT
 * What the codecs share, and nobody else sees. */
#ifndef AF_IMAGE_CODEC_H
#define AF_IMAGE_CODEC_H

#include "image/image.h"

/* The black image a decoder fills, once its header has told the size. `codec` is for the message.
 * Errors: LIMIT (beyond max_pixels or AF_IMAGE_MAX_SIDE), MEMORY. */
artfusion_status af_codec_image_create(const char *codec, uint32_t width, uint32_t height,
                                       const artfusion_load_options *options,
                                       artfusion_image **image);

/* A buffer that grows, of af_alloc. Begin with zeros; free `data` with af_free. */
typedef struct af_bytes {
    uint8_t *data;
    size_t size, capacity;
} af_bytes;

/* Errors: MEMORY; what was there is kept. */
artfusion_status af_bytes_append(af_bytes *bytes, const void *data, size_t size);

/* `width` pixels of RGBA to RGB, whatever their alpha. */
void af_codec_drop_alpha(const uint8_t *rgba, uint8_t *rgb, size_t width);

/* Puts `width` pixels over `background`, rounded as Pillow's alpha_composite does over an opaque
 * picture. `alpha` is the first pixel's, the next one's is `step` bytes on. */
void af_codec_compose(const uint8_t *alpha, size_t step, const uint8_t *background, uint8_t *rgb,
                      size_t width);

#endif
