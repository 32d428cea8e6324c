/* SPDX-License-Identifier: MIT
 * A JPEG file as a camera or somebody else made it, with and without its orientation, as the reference
 * reads it, and salvaged; and the readers of EXIF and XMP on the bytes as they are. What is read can
 * be written as JPEG and read again. */
#include "fuzz.h"

#include "image/orientation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    artfusion_load_options options;
    artfusion_image *upright, *plain, *other;
    const int32_t orientation = af_exif_orientation(data, size);
    REQUIRE(orientation >= 0 && orientation <= 8);
    const int32_t by_xmp = af_xmp_orientation(data, size);
    REQUIRE(by_xmp >= 0 && by_xmp <= 8);

    REQUIRE(artfusion_load_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.max_pixels = 1 << 14;
    const void *bytes = size ? data : (const uint8_t *)"";
    const artfusion_status status = artfusion_image_load_memory(bytes, size, &options, &upright);
    require_status(status, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    REQUIRE((status == ARTFUSION_OK) == (upright != NULL));

    options.ignore_orientation = 1;
    REQUIRE(artfusion_image_load_memory(bytes, size, &options, &plain) == status);
    options.salvage = 1;
    const artfusion_status lenient = artfusion_image_load_memory(bytes, size, &options, &other);
    require_status(lenient, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    REQUIRE(status != ARTFUSION_OK || lenient == ARTFUSION_OK);
    artfusion_image_destroy(other);
    options.salvage = 0;
    options.reading = ARTFUSION_READING_REFERENCE;
    const artfusion_status strict = artfusion_image_load_memory(bytes, size, &options, &other);
    REQUIRE(strict == status || status == ARTFUSION_OK);
    artfusion_image_destroy(other);
    if (status == ARTFUSION_OK) {
        const int32_t width = artfusion_image_width(plain), height = artfusion_image_height(plain);
        REQUIRE(artfusion_image_width(upright) + artfusion_image_height(upright) == width + height);
        if (width * height <= 1 << 12) {
            artfusion_save_options saving = save_as(ARTFUSION_FORMAT_JPEG);
            saving.jpeg_quality = 1 + (int32_t)(size % 100);
            require_round_trip(plain, &saving, NULL, NULL);
        }
    }
    artfusion_image_destroy(upright);
    artfusion_image_destroy(plain);
    return 0;
}
