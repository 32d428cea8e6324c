/* SPDX-License-Identifier: MIT */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <lcms2.h>
#include <png.h>
#include <webp/encode.h>
#include <zlib.h>

static void must(int done, const char *what)
{
    if (!done) {
        (void)fprintf(stderr, "%s failed\n", what);
        abort();
    }
}

void bytes_add(file_bytes *b, const void *data, size_t size)
{
    b->data = realloc(b->data, b->size + size + 1);
    must(b->data != NULL, "realloc");
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void bytes_free(file_bytes *b)
{
    free(b->data);
    *b = (file_bytes){NULL, 0};
}

static file_bytes saved(cmsHPROFILE profile)
{
    cmsUInt32Number size = 0;
    file_bytes b = {NULL, 0};
    must(profile && cmsSaveProfileToMem(profile, NULL, &size), "cmsSaveProfileToMem");
    b.data = malloc(size);
    b.size = size;
    must(b.data && cmsSaveProfileToMem(profile, b.data, &size), "cmsSaveProfileToMem");
    (void)cmsCloseProfile(profile);
    return b;
}

static cmsToneCurve *curve_of(double exponent)
{
    static const cmsFloat64Number srgb[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    return exponent > 0 ? cmsBuildGamma(NULL, exponent)
                        : cmsBuildParametricToneCurve(NULL, 4, srgb);
}

file_bytes make_rgb_profile(gamut primaries, double exponent)
{
    static const cmsCIExyY white = {0.3127, 0.3290, 1};
    static const cmsCIExyYTRIPLE triples[] = {
        [GAMUT_SRGB] = {{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}},
        [GAMUT_NEARLY_SRGB] = {{0.6405, 0.3302, 1}, {0.2998, 0.6003, 1}, {0.1501, 0.0599, 1}},
        [GAMUT_ADOBE] = {{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}},
    };
    cmsToneCurve *curve = curve_of(exponent), *curves[] = {curve, curve, curve};
    const file_bytes b = saved(cmsCreateRGBProfile(&white, &triples[primaries], curves));
    cmsFreeToneCurve(curve);
    return b;
}

file_bytes make_grey_profile(double exponent)
{
    cmsToneCurve *curve = curve_of(exponent);
    const file_bytes b = saved(cmsCreateGrayProfile(cmsD50_xyY(), curve));
    cmsFreeToneCurve(curve);
    return b;
}

static cmsInt32Number ink_to_lab(const cmsUInt16Number in[], cmsUInt16Number out[], void *nothing)
{
    (void)nothing;
    const double light = 1 - in[3] / 65535.0, cyan = in[0] / 65535.0, yellow = in[2] / 65535.0;
    cmsCIELab lab = {100 * light * (1 - 0.5 * cyan), -40 * cyan, 80 * yellow * light};
    cmsFloat2LabEncoded(out, &lab);
    return 1;
}

file_bytes make_cmyk_profile(void)
{
    cmsHPROFILE profile = cmsCreateProfilePlaceholder(NULL);
    cmsSetProfileVersion(profile, 2.4);
    cmsSetDeviceClass(profile, cmsSigOutputClass);
    cmsSetColorSpace(profile, cmsSigCmykData);
    cmsSetPCS(profile, cmsSigLabData);
    cmsPipeline *pipeline = cmsPipelineAlloc(NULL, 4, 3);
    cmsStage *table = cmsStageAllocCLut16bit(NULL, 5, 4, 3, NULL);
    must(pipeline && table && cmsStageSampleCLut16bit(table, ink_to_lab, NULL, 0) &&
             cmsPipelineInsertStage(pipeline, cmsAT_BEGIN, table) &&
             cmsWriteTag(profile, cmsSigAToB0Tag, pipeline),
         "the CMYK profile");
    cmsPipelineFree(pipeline);
    return saved(profile);
}

size_t make_chunk(uint8_t *to, const char *name, const void *body, size_t size)
{
    png_save_uint_32(to, (png_uint_32)size);
    memcpy(to + 4, name, 4);
    if (size)
        memcpy(to + 8, body, size);
    png_save_uint_32(to + 8 + size, (png_uint_32)crc32(0, to + 4, (uInt)size + 4));
    return size + 12;
}

static void append(png_structp png, png_bytep data, size_t size)
{
    bytes_add(png_get_io_ptr(png), data, size);
}

file_bytes make_png(uint32_t width, uint32_t height, int channels, int depth, const uint8_t *rows,
                    const png_extras *extras)
{
    static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    static const png_extras none = {0};
    file_bytes b = {NULL, 0};
    if (!extras)
        extras = &none;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &b, append, NULL);
    png_set_IHDR(png, info, width, height, depth, types[channels], extras->interlaced, 0, 0);
    if (extras->profile.size)
        png_set_iCCP(png, info, "p", 0, extras->profile.data, (png_uint_32)extras->profile.size);
    if (extras->gamma)
        png_set_gAMA_fixed(png, info, (png_fixed_point)extras->gamma);
    if (extras->srgb)
        png_set_sRGB(png, info, 0);
    if (extras->primaries) {
        png_fixed_point p[8];
        for (int i = 0; i < 8; i++)
            p[i] = (png_fixed_point)extras->primaries[i];
        png_set_cHRM_fixed(png, info, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
    }
    png_write_info_before_PLTE(png, info);
    bytes_add(&b, extras->chunks, extras->chunks_size);
    png_write_info(png, info);
    const size_t stride = (size_t)width * (size_t)channels * (size_t)depth / 8;
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (uint32_t y = 0; y < height; y++)
            png_write_row(png, rows + y * stride);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    if (extras->last_size) {
        uint8_t end[12];
        b.size -= sizeof end;
        memcpy(end, b.data + b.size, sizeof end);
        bytes_add(&b, extras->last_chunks, extras->last_size);
        bytes_add(&b, end, sizeof end);
    }
    return b;
}

file_bytes make_jpeg(uint32_t width, uint32_t height, int channels, const uint8_t *rows,
                     int progressive, int marker, file_bytes app1, file_bytes profile)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    if (channels == 4)
        jpeg.write_Adobe_marker = marker;
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (app1.size)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, app1.data, (unsigned)app1.size);
    if (profile.size)
        jpeg_write_icc_profile(&jpeg, profile.data, (unsigned)profile.size);
    uint8_t *row = malloc((size_t)width * (size_t)channels);
    must(row != NULL, "malloc");
    while (jpeg.next_scanline < height) {
        memcpy(row, rows + (size_t)jpeg.next_scanline * width * (size_t)channels,
               (size_t)width * (size_t)channels);
        JSAMPROW pointer = row;
        (void)jpeg_write_scanlines(&jpeg, &pointer, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    return (file_bytes){data, size};
}

static void add_riff_chunk(file_bytes *b, const char *name, const uint8_t *body, size_t size)
{
    uint8_t header[8];
    memcpy(header, name, 4);
    for (int i = 0; i < 4; i++)
        header[4 + i] = (uint8_t)(size >> 8 * i);
    bytes_add(b, header, 8);
    bytes_add(b, body, size);
    if (size % 2)
        bytes_add(b, "", 1);
}

static int write_webp(const uint8_t *data, size_t size, const WebPPicture *picture)
{
    bytes_add(picture->custom_ptr, data, size);
    return 1;
}

file_bytes make_webp(int width, int height, int lossless, const uint8_t *rgba, file_bytes profile,
                     file_bytes exif, file_bytes xmp)
{
    WebPConfig config;
    WebPPicture picture;
    file_bytes plain = {NULL, 0}, b = {NULL, 0};
    must(WebPConfigInit(&config) && WebPPictureInit(&picture), "libwebp");
    config.lossless = picture.use_argb = config.exact = lossless;
    config.alpha_compression = 0;
    picture.width = width;
    picture.height = height;
    picture.writer = write_webp;
    picture.custom_ptr = &plain;
    must(WebPPictureImportRGBA(&picture, rgba, 4 * width) && WebPEncode(&config, &picture),
         "WebPEncode");
    WebPPictureFree(&picture);
    if (!profile.size && !exif.size && !xmp.size)
        return plain;

    uint8_t header[10] = {(uint8_t)((profile.size ? 0x20 : 0) | (exif.size ? 0x08 : 0) |
                                    (xmp.size ? 0x04 : 0) | 0x10)};
    for (int i = 0; i < 3; i++) {
        header[4 + i] = (uint8_t)((width - 1) >> 8 * i);
        header[7 + i] = (uint8_t)((height - 1) >> 8 * i);
    }
    const size_t begin = memcmp(plain.data + 12, "VP8X", 4) == 0 ? 30 : 12;
    bytes_add(&b, "RIFF\0\0\0\0WEBP", 12);
    add_riff_chunk(&b, "VP8X", header, sizeof header);
    if (profile.size)
        add_riff_chunk(&b, "ICCP", profile.data, profile.size);
    bytes_add(&b, plain.data + begin, plain.size - begin);
    if (exif.size)
        add_riff_chunk(&b, "EXIF", exif.data, exif.size);
    if (xmp.size)
        add_riff_chunk(&b, "XMP ", xmp.data, xmp.size);
    for (int i = 0; i < 4; i++)
        b.data[4 + i] = (uint8_t)((b.size - 8) >> 8 * i);
    bytes_free(&plain);
    return b;
}

file_bytes make_exif(int orientation)
{
    uint8_t tiff[] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0";
    tiff[18] = (uint8_t)orientation;
    file_bytes b = {NULL, 0};
    bytes_add(&b, tiff, sizeof tiff);
    return b;
}
