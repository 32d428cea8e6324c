/* SPDX-License-Identifier: MIT
 * A JPEG file as a camera or somebody else made it, with and without its EXIF orientation, and the
 * EXIF reader on the bytes as they are. What is read can be written as JPEG and read again. */
#include "fuzz.h"

#include <string.h>

#include "image/exif.h"

static void require_writable(artfusion_image *image, int32_t quality)
{
    artfusion_save_options options;
    artfusion_image *again;
    uint8_t *bytes;
    size_t size;
    REQUIRE(artfusion_save_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_JPEG;
    options.jpeg_quality = quality;
    REQUIRE(artfusion_image_save_memory(image, &options, &bytes, &size) == ARTFUSION_OK);
    REQUIRE(artfusion_image_load_memory(bytes, size, NULL, &again) == ARTFUSION_OK);
    REQUIRE(artfusion_image_width(again) == artfusion_image_width(image));
    REQUIRE(artfusion_image_height(again) == artfusion_image_height(image));
    artfusion_image_destroy(again);
    artfusion_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    artfusion_load_options options;
    artfusion_image *upright, *plain;
    const int32_t orientation = af_exif_orientation(data, size);
    REQUIRE(orientation >= 1 && orientation <= 8);

    REQUIRE(artfusion_load_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.max_pixels = 1 << 14;
    const void *bytes = size ? data : (const uint8_t *)"";
    const artfusion_status status = artfusion_image_load_memory(bytes, size, &options, &upright);
    require_status(status, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    REQUIRE((status == ARTFUSION_OK) == (upright != NULL));

    options.ignore_orientation = 1;
    REQUIRE(artfusion_image_load_memory(bytes, size, &options, &plain) == status);
    if (status == ARTFUSION_OK) {
        const int32_t width = artfusion_image_width(plain), height = artfusion_image_height(plain);
        REQUIRE(artfusion_image_width(upright) + artfusion_image_height(upright) ==
                width + height);
        if (width * height <= 1 << 12)
            require_writable(plain, 1 + (int32_t)(size % 100));
    }
    artfusion_image_destroy(upright);
    artfusion_image_destroy(plain);
    return 0;
}
