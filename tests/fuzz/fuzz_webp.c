/* SPDX-License-Identifier: MIT
 * A WebP file as somebody else made it, as a person sees it, as the reference reads it, and salvaged.
 * What is read can be written without loss, and is then the same picture. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    artfusion_load_options options;
    artfusion_image *viewed, *plain, *salvaged;
    REQUIRE(artfusion_load_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.max_pixels = 1 << 14;
    const void *bytes = size ? data : (const uint8_t *)"";
    const artfusion_status status = artfusion_image_load_memory(bytes, size, &options, &viewed);
    require_status(status, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    REQUIRE((status == ARTFUSION_OK) == (viewed != NULL));

    options.reading = ARTFUSION_READING_REFERENCE;
    REQUIRE(artfusion_image_load_memory(bytes, size, &options, &plain) == status);
    options.reading = ARTFUSION_READING_VIEWED;
    options.salvage = 1;
    const artfusion_status lenient = artfusion_image_load_memory(bytes, size, &options, &salvaged);
    require_status(lenient, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    if (status == ARTFUSION_OK) {
        REQUIRE(lenient == ARTFUSION_OK && same_pixels(viewed, salvaged));
        const int32_t width = artfusion_image_width(plain), height = artfusion_image_height(plain);
        if (width * height <= 1 << 10) {
            artfusion_save_options saving = save_as(ARTFUSION_FORMAT_WEBP);
            saving.webp_quality = (int32_t)(size % 101);
            for (saving.webp_lossless = 0; saving.webp_lossless < 2; saving.webp_lossless++)
                require_round_trip(plain, &saving, NULL, NULL);
        }
    }
    artfusion_image_destroy(viewed);
    artfusion_image_destroy(plain);
    artfusion_image_destroy(salvaged);
    return 0;
}
