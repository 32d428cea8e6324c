/* SPDX-License-Identifier: MIT
 * A WebP file as somebody else made it, as a person sees it, as the reference reads it, and salvaged.
 * What is read can be written without loss, and is then the same picture. */
#include "fuzz.h"

static void require_writable(artfusion_image *image, int32_t quality)
{
    artfusion_save_options options;
    artfusion_image *again;
    uint8_t *bytes;
    size_t size;
    REQUIRE(artfusion_save_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_WEBP;
    options.webp_quality = quality;
    for (options.webp_lossless = 0; options.webp_lossless < 2; options.webp_lossless++) {
        REQUIRE(artfusion_image_save_memory(image, &options, &bytes, &size) == ARTFUSION_OK);
        REQUIRE(artfusion_image_load_memory(bytes, size, NULL, &again) == ARTFUSION_OK);
        REQUIRE(artfusion_image_width(again) == artfusion_image_width(image));
        REQUIRE(!options.webp_lossless || same_pixels(again, image));
        artfusion_image_destroy(again);
        artfusion_free(bytes);
    }
}

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
        if (width * height <= 1 << 10)
            require_writable(plain, (int32_t)(size % 101));
    }
    artfusion_image_destroy(viewed);
    artfusion_image_destroy(plain);
    artfusion_image_destroy(salvaged);
    return 0;
}
