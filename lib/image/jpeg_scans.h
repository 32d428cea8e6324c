/* SPDX-License-Identifier: MIT
 * What the scans of a JPEG are, and what they take. */
#ifndef AF_IMAGE_JPEG_SCANS_H
#define AF_IMAGE_JPEG_SCANS_H

#include <stdio.h> /* before jpeglib.h, which uses FILE */

#include <jpeglib.h>

#include "artfusion.h"

/* Once the header is read, before the scans are: libjpeg holds the coefficients of all the picture
 * where its scans come one after another. Error: LIMIT. */
artfusion_status af_jpeg_check_scans(j_decompress_ptr jpeg, const artfusion_load_options *options);

/* After the last row: whether no scan is missing that would make the picture finer. */
int af_jpeg_is_refined(const struct jpeg_decompress_struct *jpeg);

#endif
