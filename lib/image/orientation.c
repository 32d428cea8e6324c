/* SPDX-License-Identifier: MIT
 *
 * Exif 2.3, sections 4.5.2 (TIFF structure) and 4.6.4 (Orientation); XMP, part 2 (tiff namespace).
 */
#include "image/orientation.h"

#include <string.h>

#include "base/error.h"

#define TAG_ORIENTATION 0x0112u
#define TAG_EXIF 0x8769u
#define TAG_COLOR_SPACE 0xA001u
#define TAG_INTEROPERABILITY 0xA005u
#define TAG_INTEROPERABILITY_INDEX 0x0001u
#define TYPE_SHORT 3u
#define TYPE_LONG 4u
#define ENTRY_SIZE 12u

/* The TIFF structure of EXIF; offsets count from its start. */
typedef struct tiff {
    const uint8_t *data;
    size_t size;
    int big_endian;
} tiff;

/* `bytes` (2 or 4) at `offset`; 0 beyond the end, which no field that matters may be. */
static uint32_t read_uint(const tiff *t, size_t offset, size_t bytes)
{
    if (offset > t->size || bytes > t->size - offset)
        return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | t->data[offset + (t->big_endian ? i : bytes - 1 - i)];
    return value;
}

/* Nonzero if there is one in `data`. */
static int find_tiff(const uint8_t *data, size_t size, tiff *t)
{
    if (size >= 6 && memcmp(data, "Exif\0", 6) == 0) {
        data += 6;
        size -= 6;
    }
    if (size < 8)
        return 0;
    *t = (tiff){data, size, data[0] == 'M'};
    return memcmp(t->data, t->big_endian ? "MM\0*" : "II*", 4) == 0;
}

/* The offset of the entry in a directory; 0 if it is not there. */
static size_t find_entry(const tiff *t, size_t directory, uint32_t tag)
{
    const uint32_t entries = read_uint(t, directory, 2);
    for (uint32_t i = 0; i < entries; i++) {
        const size_t entry = directory + 2 + (size_t)i * ENTRY_SIZE;
        if (read_uint(t, entry, 2) == tag)
            return entry;
    }
    return 0;
}

/* The one whole number of an entry; 0 if it is none. */
static uint32_t number_of(const tiff *t, size_t entry)
{
    const uint32_t type = read_uint(t, entry + 2, 2), count = read_uint(t, entry + 4, 4);
    if (entry == 0 || (type != TYPE_SHORT && type != TYPE_LONG) || count != 1)
        return 0;
    return read_uint(t, entry + 8, type == TYPE_LONG ? 4 : 2);
}

int32_t af_exif_orientation(const uint8_t *data, size_t size)
{
    tiff t;
    if (!find_tiff(data, size, &t))
        return 0;
    const uint32_t value = number_of(&t, find_entry(&t, read_uint(&t, 4, 4), TAG_ORIENTATION));
    return value >= 1 && value <= 8 ? (int32_t)value : 0;
}

int af_exif_is_adobe_rgb(const uint8_t *data, size_t size)
{
    tiff t;
    if (!find_tiff(data, size, &t))
        return 0;
    const size_t exif = number_of(&t, find_entry(&t, read_uint(&t, 4, 4), TAG_EXIF));
    const uint32_t space = exif ? number_of(&t, find_entry(&t, exif, TAG_COLOR_SPACE)) : 0;
    const size_t interop = exif ? number_of(&t, find_entry(&t, exif, TAG_INTEROPERABILITY)) : 0;
    const size_t index = interop ? find_entry(&t, interop, TAG_INTEROPERABILITY_INDEX) : 0;
    return space == 2 || (space == 0xFFFF && index && index + ENTRY_SIZE <= t.size &&
                          memcmp(t.data + index + 8, "R03", 4) == 0);
}

static int is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int32_t af_xmp_orientation(const uint8_t *text, size_t size)
{
    static const char name[] = "tiff:Orientation";
    const size_t length = sizeof name - 1;
    for (size_t at = 0; at + length < size; at++) {
        if (memcmp(text + at, name, length) != 0)
            continue;
        /* ="6", ='6' or >6<, with spaces as XML has them. */
        size_t i = at + length;
        while (i < size && (is_space(text[i]) || text[i] == '='))
            i++;
        if (i < size && (text[i] == '"' || text[i] == '\'' || text[i] == '>'))
            i++;
        while (i < size && is_space(text[i]))
            i++;
        const int alone = i + 1 < size && (text[i + 1] < '0' || text[i + 1] > '9');
        return alone && text[i] >= '1' && text[i] <= '8' ? text[i] - '0' : 0;
    }
    return 0;
}

artfusion_status af_image_turn(artfusion_image **image, af_orientations told)
{
    const int32_t orientation = told.exif ? told.exif : told.xmp;
    if (orientation <= 1)
        return ARTFUSION_OK;

    /* Every orientation is a transposition or none, then mirrorings of the source's axes. */
    const int transposed = orientation >= 5;
    const int mirror_x = orientation == 2 || orientation == 3 || orientation >= 7;
    const int mirror_y =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;

    const artfusion_image *from = *image;
    artfusion_image *upright = NULL;
    const artfusion_status status = artfusion_image_create(
        transposed ? from->height : from->width, transposed ? from->width : from->height, &upright);
    if (status)
        return status;

    const ptrdiff_t stride = (ptrdiff_t)from->stride;
    const ptrdiff_t along_x = mirror_x ? -3 : 3, along_y = mirror_y ? -stride : stride;
    const uint8_t *corner = from->pixels + (mirror_x ? 3 * (ptrdiff_t)(from->width - 1) : 0) +
                            (mirror_y ? stride * (from->height - 1) : 0);
    const ptrdiff_t step_column = transposed ? along_y : along_x;
    const ptrdiff_t step_row = transposed ? along_x : along_y;

    for (int32_t y = 0; y < upright->height; y++) {
        uint8_t *to = upright->pixels + (size_t)y * upright->stride;
        for (int32_t x = 0; x < upright->width; x++, to += 3)
            memcpy(to, corner + y * step_row + x * step_column, 3);
    }
    memcpy(upright->warning, from->warning, sizeof upright->warning);
    artfusion_image_destroy(*image);
    *image = upright;
    return ARTFUSION_OK;
}
