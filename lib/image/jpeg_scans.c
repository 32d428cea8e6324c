/* SPDX-License-Identifier: MIT */
#include "image/jpeg_scans.h"

#include <inttypes.h>

#include "base/error.h"

/* Of a pixel, and so of coefficients for each pixel that there may be. */
#define PIXEL_BYTES 3
/* Whatever the limit: blocks of 8 x 8 are whole, and small pictures have no need of it. */
#define SMALL_BYTES ((uint64_t)16 << 20)

static uint64_t coefficient_bytes(const struct jpeg_decompress_struct *jpeg)
{
    uint64_t blocks = 0;
    for (int channel = 0; channel < jpeg->num_components; channel++) {
        const jpeg_component_info *info = &jpeg->comp_info[channel];
        blocks += (uint64_t)info->width_in_blocks * info->height_in_blocks;
    }
    return blocks * sizeof(JBLOCK);
}

artfusion_status af_jpeg_check_scans(j_decompress_ptr jpeg, const artfusion_load_options *options)
{
    if (!jpeg_has_multiple_scans(jpeg))
        return ARTFUSION_OK;
    const uint64_t bytes = coefficient_bytes(jpeg);
    if (bytes <= SMALL_BYTES || (bytes - SMALL_BYTES) / PIXEL_BYTES <= options->max_pixels)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_LIMIT,
                   "JPEG: %u x %u pixels, whose scans are held together, in %" PRIu64
                   " bytes: for max_pixels, %" PRIu64 ", %d each may be held, and %" PRIu64,
                   jpeg->image_width, jpeg->image_height, bytes, options->max_pixels, PIXEL_BYTES,
                   SMALL_BYTES);
}

int af_jpeg_is_refined(const struct jpeg_decompress_struct *jpeg)
{
    if (!jpeg->progressive_mode)
        return jpeg->input_scan_number == 1 && jpeg->comps_in_scan == jpeg->num_components;
    for (int channel = 0; channel < jpeg->num_components; channel++)
        for (int i = 0; i < DCTSIZE2; i++)
            if (jpeg->coef_bits[channel][i] != 0)
                return 0;
    return 1;
}
