/* SPDX-License-Identifier: MIT
 * EXIF orientation: which way up a camera was held. */
#ifndef AF_IMAGE_EXIF_H
#define AF_IMAGE_EXIF_H

#include "image/image.h"

/* The orientation, 1..8, that a JPEG's APP1 segment of `size` bytes tells; 1 (as it is) where it
 * tells none or is damaged: a picture is not refused for its metadata. */
int32_t af_exif_orientation(const uint8_t *segment, size_t size);

/* Turns `*image` upright. It is replaced; after an error it is as it was. Errors: MEMORY. */
artfusion_status af_exif_orient(artfusion_image **image, int32_t orientation);

#endif
