/* SPDX-License-Identifier: MIT
 * A PNG file as somebody else made it: decoded as the reference does, as a person sees it over a
 * background, and salvaged. What is read can be written, and is then the same picture. */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    artfusion_load_options options;
    artfusion_image *plain, *composed, *salvaged;
    REQUIRE(artfusion_load_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.max_pixels = 1 << 14;
    options.reading = ARTFUSION_READING_REFERENCE;
    const void *bytes = size ? data : (const uint8_t *)"";
    const artfusion_status status = artfusion_image_load_memory(bytes, size, &options, &plain);
    require_status(status, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    REQUIRE((status == ARTFUSION_OK) == (plain != NULL));

    options.reading = ARTFUSION_READING_VIEWED;
    memcpy(options.background, "\x20\x80\xff\x01", 4);
    const artfusion_status viewed = artfusion_image_load_memory(bytes, size, &options, &composed);
    /* libpng refuses a profile before the header, which the reference's reading passes over. */
    REQUIRE(viewed == status || size < 16 || memcmp(data + 12, "IHDR", 4) != 0);
    REQUIRE((viewed == ARTFUSION_OK) == (composed != NULL));

    options.salvage = 1;
    const artfusion_status lenient = artfusion_image_load_memory(bytes, size, &options, &salvaged);
    require_status(lenient, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    if (status == ARTFUSION_OK && viewed == ARTFUSION_OK) {
        REQUIRE(lenient == ARTFUSION_OK && same_pixels(composed, salvaged));
        REQUIRE(artfusion_image_width(composed) + artfusion_image_height(composed) ==
                artfusion_image_width(plain) + artfusion_image_height(plain));
        artfusion_save_options saving = save_as(ARTFUSION_FORMAT_PNG);
        saving.png_compression = (int32_t)(size % 10);
        require_round_trip(plain, &saving, NULL, NULL);
    }
    artfusion_image_destroy(plain);
    artfusion_image_destroy(composed);
    artfusion_image_destroy(salvaged);
    return 0;
}
