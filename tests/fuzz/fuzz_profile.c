/* SPDX-License-Identifier: MIT
 * A colour profile as somebody else made it, for pixels of each layout: it is used or refused with a
 * warning, whatever is in it. The first byte chooses the layout. */
#include "fuzz.h"

#include <string.h>

#include "image/color.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const af_layout layouts[] = {{1, 0, 8, 0}, {3, 0, 8, 0},  {4, 0, 8, 0}, {4, 0, 8, 1},
                                        {3, 1, 8, 0}, {3, 0, 16, 0}, {1, 1, 16, 0}};
    uint8_t from[8 * 10], rgb[3 * 8];
    artfusion_image *image;
    af_color *color = NULL;
    if (size == 0)
        return 0;
    REQUIRE(artfusion_image_create(8, 1, &image) == ARTFUSION_OK);
    const af_layout *layout = &layouts[data[0] % (sizeof layouts / sizeof *layouts)];
    const artfusion_status status =
        af_color_from_profile(data + 1, size - 1, layout, image, &color);
    require_status(status, ERROR(MEMORY));
    if (color) {
        REQUIRE(status == ARTFUSION_OK && !artfusion_image_warning(image)[0]);
        const int channels = af_color_channels(color);
        REQUIRE(channels == layout->channels || (layout->channels == 1 && channels == 3));
        for (size_t i = 0; i < sizeof from; i++)
            from[i] = (uint8_t)(i * 37);
        af_color_convert(color, from, rgb, 8);
    }
    af_color_destroy(color);
    artfusion_image_destroy(image);
    return 0;
}
