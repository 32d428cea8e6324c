/* SPDX-License-Identifier: MIT */
#include "image/format.h"

#include <string.h>

#include "base/error.h"

/* `count` bytes of `magic` at `offset`. */
typedef struct signature {
    size_t offset, count;
    const char *magic, *name;
} signature;

static int matches(const signature *s, const uint8_t *data, size_t size)
{
    return size >= s->offset + s->count && memcmp(data + s->offset, s->magic, s->count) == 0;
}

artfusion_file_format af_format_of_data(const uint8_t *data, size_t size)
{
    static const signature png = {0, 8, "\x89PNG\r\n\x1a\n", NULL},
                           jpeg = {0, 3, "\xff\xd8\xff", NULL}, riff = {0, 4, "RIFF", NULL},
                           webp = {8, 4, "WEBP", NULL};
    if (matches(&png, data, size))
        return ARTFUSION_FORMAT_PNG;
    if (matches(&jpeg, data, size))
        return ARTFUSION_FORMAT_JPEG;
    return matches(&riff, data, size) && matches(&webp, data, size) ? ARTFUSION_FORMAT_WEBP
                                                                    : ARTFUSION_FORMAT_AUTO;
}

/* Containers whose kinds differ in the brand come before the general ones. */
static const signature known[] = {
    {4, 8, "ftypavif", "an AVIF picture"},
    {4, 8, "ftypavis", "an AVIF sequence"},
    {4, 8, "ftypheic", "a HEIC picture"},
    {4, 8, "ftypheix", "a HEIC picture"},
    {4, 8, "ftypheim", "a HEIC picture"},
    {4, 8, "ftypheis", "a HEIC picture"},
    {4, 8, "ftyphevc", "a HEIC sequence"},
    {4, 8, "ftyphevx", "a HEIC sequence"},
    {4, 8, "ftypmif1", "a HEIF picture (HEIC or AVIF)"},
    {4, 8, "ftypmsf1", "a HEIF sequence (HEIC or AVIF)"},
    {4, 8, "ftypcrx ", "a Canon raw picture"},
    {4, 4, "ftyp", "a video or another file of the MP4 family"},
    {0, 4, "GIF8", "a GIF picture"},
    {0, 4, "II*\0", "a TIFF or raw camera picture"},
    {0, 4, "MM\0*", "a TIFF or raw camera picture"},
    {0, 4, "II+\0", "a BigTIFF picture"},
    {0, 4, "MM\0+", "a BigTIFF picture"},
    {0, 4, "8BPS", "a Photoshop (PSD) picture"},
    {0, 5, "%PDF-", "a PDF document"},
    {0, 4, "%!PS", "a PostScript document"},
    {0, 12, "\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"},
    {0, 4, "\xff\x4f\xff\x51", "a JPEG 2000 picture"},
    {0, 12, "\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"},
    {0, 2, "\xff\x0a", "a JPEG XL picture"},
    {0, 4, "\0\0\1\0", "an ICO icon"},
    {0, 4, "\0\0\2\0", "a CUR cursor"},
    {0, 4, "icns", "an ICNS icon"},
    {0, 4, "qoif", "a QOI picture"},
    {0, 4, "DDS ", "a DDS texture"},
    {0, 4, "\x76\x2f\x31\x01", "an OpenEXR picture"},
    {0, 10, "#?RADIANCE", "a Radiance HDR picture"},
    {0, 8, "gimp xcf", "a GIMP (XCF) picture"},
    {0, 8, "\x8aMNG\r\n\x1a\n", "an MNG animation"},
    {0, 4, "\0\5\x16\7", "an AppleDouble file, which macOS puts beside a picture"},
    {0, 4, "RIFF", "a RIFF file (audio or video)"},
    {0, 4, "PK\3\4", "a zip archive"},
    {0, 2, "\x1f\x8b", "gzip-compressed"},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "xz-compressed"},
    {0, 4, "\x28\xb5\x2f\xfd", "zstd-compressed"},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
    {0, 4, "Rar!", "a RAR archive"},
    {0, 6, "\x93NUMPY", "a NumPy array"},
};

/* "P1" to "P7" and a space, "BM" with a header of a size that there is. */
static const char *weakly_known(const uint8_t *data, size_t size)
{
    if (size > 18 && memcmp(data, "BM", 2) == 0 && data[14] >= 12 && data[14] <= 124)
        return "a BMP picture";
    if (size > 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' &&
        (data[2] == '\n' || data[2] == ' ' || data[2] == '\r'))
        return "a Netpbm picture (PBM, PGM, PPM, PAM)";
    return NULL;
}

/* Whether `word`, in small letters, begins within the first kilobyte or so. */
static int has_word(const uint8_t *data, size_t size, const char *word)
{
    const size_t length = strlen(word), end = size < 1024 ? size : 1024;
    for (size_t at = 0; at + length <= end; at++) {
        size_t i = 0;
        while (i < length && (data[at + i] >= 'A' && data[at + i] <= 'Z' ? data[at + i] + 32
                                                                         : data[at + i]) == word[i])
            i++;
        if (i == length)
            return 1;
    }
    return 0;
}

/* Text is what has no control characters but those of lines, and is ASCII for the most part. */
static int is_text(const uint8_t *data, size_t size)
{
    size_t others = 0, i = 0;
    for (; i < size && i < 1024; i++) {
        others += data[i] >= 0x80;
        if (data[i] < 0x20 && data[i] != '\n' && data[i] != '\r' && data[i] != '\t' &&
            data[i] != '\f')
            return 0;
    }
    return 2 * others < i;
}

artfusion_status af_format_refuse(const uint8_t *data, size_t size)
{
    if (size == 0)
        return af_fail(ARTFUSION_ERROR_FORMAT, "an empty file: it must be PNG, JPEG or WebP");
    const char *name = weakly_known(data, size);
    for (size_t i = 0; !name && i < sizeof known / sizeof *known; i++)
        if (matches(&known[i], data, size))
            name = known[i].name;
    if (!name && is_text(data, size)) {
        if (has_word(data, size, "version https://git-lfs"))
            return af_fail(ARTFUSION_ERROR_FORMAT,
                           "this is a Git LFS pointer, not the picture: run \"git lfs pull\"");
        name = has_word(data, size, "<svg") ? "an SVG drawing"
               : has_word(data, size, "<html") || has_word(data, size, "<!doctype html")
                   ? "an HTML page"
               : has_word(data, size, "<?xml") ? "an XML document"
                                               : "plain text";
    }
    if (name)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "this is %s, which this build does not read: it must be PNG, JPEG or WebP",
                       name);
    size_t zeros = 0;
    while (zeros < size && data[zeros] == 0)
        zeros++;
    if (zeros == size)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "all %zu bytes are zero: it must be PNG, JPEG or WebP", size);
    uint8_t start[4] = {0};
    memcpy(start, data, size < sizeof start ? size : sizeof start);
    return af_fail(ARTFUSION_ERROR_FORMAT,
                   "neither PNG, JPEG nor WebP: %zu bytes, the first %02x %02x %02x %02x", size,
                   start[0], start[1], start[2], start[3]);
}
