/* SPDX-License-Identifier: MIT
 * A PNG file as somebody else made it: decoded plainly and over a background. What is read can be
 * written, and is then the same picture. */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    artfusion_load_options options;
    artfusion_image *plain, *composed;
    REQUIRE(artfusion_load_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.max_pixels = 1 << 14;
    const void *bytes = size ? data : (const uint8_t *)"";
    const artfusion_status status = artfusion_image_load_memory(bytes, size, &options, &plain);
    require_status(status, ERROR(FORMAT) | ERROR(LIMIT) | ERROR(MEMORY));
    REQUIRE((status == ARTFUSION_OK) == (plain != NULL));

    memcpy(options.background, "\x20\x80\xff\x01", 4);
    REQUIRE(artfusion_image_load_memory(bytes, size, &options, &composed) == status);
    REQUIRE((status == ARTFUSION_OK) == (composed != NULL));
    if (status == ARTFUSION_OK) {
        REQUIRE(artfusion_image_width(composed) == artfusion_image_width(plain));
        require_round_trip(plain, (int32_t)(size % 10), NULL, NULL);
    }
    artfusion_image_destroy(plain);
    artfusion_image_destroy(composed);
    return 0;
}
