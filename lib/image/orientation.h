/* SPDX-License-Identifier: MIT
 * What of a picture's metadata counts: which way up a camera was held, by EXIF or by XMP, and whether
 * EXIF says that its colours are Adobe RGB. */
#ifndef AF_IMAGE_ORIENTATION_H
#define AF_IMAGE_ORIENTATION_H

#include "image/image.h"

/* The orientation, 1..8, in EXIF metadata: the contents of a JPEG's APP1 segment, a PNG's eXIf chunk
 * or a WebP's EXIF chunk, with or without "Exif\0\0" before them. 0 if there is none or if it is
 * damaged: a picture is not refused for its metadata. */
int32_t af_exif_orientation(const uint8_t *data, size_t size);

/* Whether EXIF says what cameras write that are set to Adobe RGB: the colour space 2, or "uncalibrated"
 * and the interoperability index R03 (DCF 2.0). */
int af_exif_is_adobe_rgb(const uint8_t *data, size_t size);

/* The same in an XMP packet: tiff:Orientation as an attribute or an element. */
int32_t af_xmp_orientation(const uint8_t *text, size_t size);

/* What a file's metadata said, each 0 or 1..8. */
typedef struct af_orientations {
    int32_t exif, xmp;
} af_orientations;

/* Turns `*image` upright; EXIF wins over XMP. It is replaced; after an error it is as it was.
 * Errors: MEMORY. */
artfusion_status af_image_turn(artfusion_image **image, af_orientations told);

#endif
