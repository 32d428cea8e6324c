/* SPDX-License-Identifier: MIT */
#include "sheet.h"

#include <string.h>

static int32_t columns_for(int32_t count)
{
    int32_t columns = 1;
    while (columns * columns < count)
        columns++;
    return columns;
}

static int32_t gap_for(int32_t count)
{
    return count > 1 ? 2 : 0;
}

artfusion_status sheet_create(int32_t count, int32_t width, int32_t height, artfusion_image **sheet)
{
    const int32_t gap = gap_for(count);
    const int32_t columns = columns_for(count);
    const int32_t rows = (count + columns - 1) / columns;
    return artfusion_image_create(columns * (width + gap) + gap, rows * (height + gap) + gap,
                                  sheet);
}

void sheet_place(artfusion_image *sheet, int32_t count, int32_t index, artfusion_image *picture)
{
    const int32_t columns = columns_for(count);
    const int32_t gap = gap_for(count);
    const int32_t width = artfusion_image_width(picture);
    const int32_t height = artfusion_image_height(picture);
    const size_t left = (size_t)(index % columns) * (size_t)(width + gap) + (size_t)gap;
    const size_t top = (size_t)(index / columns) * (size_t)(height + gap) + (size_t)gap;
    const size_t stride = artfusion_image_stride(sheet);
    uint8_t *corner = artfusion_image_pixels(sheet) + top * stride + left * 3;
    for (int32_t y = 0; y < height; y++)
        memcpy(corner + (size_t)y * stride,
               artfusion_image_pixels(picture) + (size_t)y * artfusion_image_stride(picture),
               (size_t)width * 3);
}
