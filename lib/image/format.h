/* SPDX-License-Identifier: MIT
 * What a file is, by its first bytes: which codec reads it, or what it is called that none reads. */
#ifndef AF_IMAGE_FORMAT_H
#define AF_IMAGE_FORMAT_H

#include "image/image.h"

/* PNG, JPEG or WEBP, or AUTO for none of them. */
artfusion_file_format af_format_of_data(const uint8_t *data, size_t size);

/* The error for what none of the codecs reads: FORMAT, in a sentence that names it. */
artfusion_status af_format_refuse(const uint8_t *data, size_t size);

#endif
