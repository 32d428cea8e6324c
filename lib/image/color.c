/* SPDX-License-Identifier: MIT
 *
 * Profiles are hostile input: their size is bounded, so is what littlecms allocates for one, and
 * tags that hold programs of any length (D2Bx, which browsers do not read either) are taken away.
 */
#include "image/color.h"

#include <lcms2.h>
#include <lcms2_plugin.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define MAX_PROFILE_BYTES ((size_t)8 << 20) /* the largest of printers have some 3 MB */
#define MAX_TOTAL_BYTES ((size_t)256 << 20)
#define PLUGIN_VERSION 2060 /* of littlecms, whose interface this is */
#define SRGB_TOLERANCE 2    /* levels by which an sRGB profile's tables and rounding may differ */

/* Before each block that littlecms is given: what it has of them, so that all can be freed. */
typedef struct block {
    alignas(max_align_t) struct block *before;
    struct block *after;
    size_t size;
} block;

/* littlecms does not look at all that it is given, so that no allocation may fail: one that does is
 * left by `jump`. guard() is the only function that can be returned to; what was littlecms's is
 * then freed block by block. */
struct af_color {
    cmsContext context;
    cmsHTRANSFORM transform;
    af_layout layout;
    jmp_buf jump;
    int guarded;
    int same;                /* whether the numbers are sRGB as they are */
    block blocks;            /* a ring */
    size_t total;            /* bytes in it */
    size_t refused;          /* bytes of an allocation that failed, 0 for none */
    char words[120];         /* why a profile cannot be used */
    uint8_t of_grey[256][3]; /* of 8-bit grey, what each level becomes */
};

static void say(af_color *c, const char *words)
{
    if (!c->words[0])
        (void)snprintf(c->words, sizeof c->words, "%s", words);
}

static void *give_up(af_color *c)
{
    if (c && c->guarded)
        longjmp(c->jump, 1);
    return NULL;
}

static void link_block(af_color *c, block *b)
{
    b->before = &c->blocks;
    b->after = c->blocks.after;
    b->after->before = c->blocks.after = b;
    c->total += b->size;
}

static void unlink_block(af_color *c, block *b)
{
    b->before->after = b->after;
    b->after->before = b->before;
    c->total -= b->size;
}

/* The first block of a context is asked for when it does not yet know its user data: that one is
 * littlecms's to free. */
static void *reallocate(cmsContext context, void *memory, cmsUInt32Number bytes)
{
    af_color *c = cmsGetContextUserData(context);
    block *old = memory ? (block *)memory - 1 : NULL;
    if (c && c->total - (old ? old->size : 0) + bytes > MAX_TOTAL_BYTES) {
        say(c, "it takes too much memory");
        return give_up(c);
    }
    if (old && old->before)
        unlink_block(c, old);
    block *b = af_realloc(old, sizeof *b + bytes);
    if (!b) {
        if (old && old->before)
            link_block(c, old);
        if (c)
            c->refused = bytes;
        return give_up(c);
    }
    b->size = bytes;
    b->before = NULL;
    if (c)
        link_block(c, b);
    return b + 1;
}

static void *allocate(cmsContext context, cmsUInt32Number bytes)
{
    return reallocate(context, NULL, bytes);
}

static void release(cmsContext context, void *memory)
{
    block *b = memory ? (block *)memory - 1 : NULL;
    if (b && b->before)
        unlink_block(cmsGetContextUserData(context), b);
    af_free(b);
}

static void on_error(cmsContext context, cmsUInt32Number code, const char *text)
{
    af_color *c = cmsGetContextUserData(context);
    (void)code;
    if (c)
        say(c, text);
}

static artfusion_status start(const af_layout *layout, af_color **color)
{
    af_color *c = af_alloc_array(1, sizeof *c);
    *color = c;
    if (!c)
        return af_fail_memory(sizeof *c, "a colour conversion");
    cmsPluginMemHandler memory = {
        .base = {cmsPluginMagicNumber, PLUGIN_VERSION, cmsPluginMemHandlerSig, NULL},
        .MallocPtr = allocate,
        .FreePtr = release,
        .ReallocPtr = reallocate};
    c->layout = *layout;
    c->blocks.before = c->blocks.after = &c->blocks;
    c->context = cmsCreateContext(&memory, c);
    if (!c->context || c->refused)
        return af_fail_memory(c->refused, "littlecms");
    cmsSetLogErrorHandlerTHR(c->context, on_error);
    return ARTFUSION_OK;
}

static cmsUInt32Number format_of(const af_layout *layout, int alpha, int bits)
{
    const int space = layout->channels == 1 ? PT_GRAY : layout->channels == 3 ? PT_RGB : PT_CMYK;
    return (cmsUInt32Number)(COLORSPACE_SH(space) | CHANNELS_SH(layout->channels) |
                             EXTRA_SH(alpha) | BYTES_SH(bits / 8) | ENDIAN16_SH(bits == 16) |
                             FLAVOR_SH(layout->inverted));
}

/* Exact for grey and for 16 bits: the tables that littlecms makes for speed are too coarse for
 * numbers that are linear in light. */
static cmsHTRANSFORM transform_of(const af_color *c, cmsHPROFILE from, int alpha, int bits)
{
    cmsHPROFILE srgb = cmsCreate_sRGBProfileTHR(c->context);
    if (!srgb)
        return NULL;
    cmsHTRANSFORM transform = cmsCreateTransformTHR(
        c->context, from, format_of(&c->layout, alpha, bits), srgb, TYPE_RGB_8, INTENT_PERCEPTUAL,
        bits == 16 || c->layout.channels == 1 ? cmsFLAGS_NOOPTIMIZE : 0);
    (void)cmsCloseProfile(srgb);
    return transform;
}

static int is_near(const uint8_t *levels, const uint8_t *expected)
{
    for (int i = 0; i < 3; i++)
        if (abs(levels[i] - expected[i]) > SRGB_TOLERANCE)
            return 0;
    return 1;
}

/* Whether numbers stay what they are: all greys, and a lattice of colours. So that a photo with the
 * most common of profiles is the same bytes with and without it. */
static int is_srgb(const af_color *c, cmsHTRANSFORM transform)
{
    for (int level = 0; level < 256; level++) {
        const uint8_t grey[3] = {(uint8_t)level, (uint8_t)level, (uint8_t)level};
        uint8_t rgb[3];
        cmsDoTransform(transform, grey, rgb, 1);
        if (!is_near(rgb, grey))
            return 0;
    }
    for (int i = 0; c->layout.channels == 3 && i < 6 * 6 * 6; i++) {
        const uint8_t colour[3] = {(uint8_t)(i % 6 * 51), (uint8_t)(i / 6 % 6 * 51),
                                   (uint8_t)(i / 36 * 51)};
        uint8_t rgb[3];
        cmsDoTransform(transform, colour, rgb, 1);
        if (!is_near(rgb, colour))
            return 0;
    }
    return 1;
}

/* The transform stays NULL for sRGB and for what cannot be used. */
static void prepare(af_color *c, cmsHPROFILE profile)
{
    cmsHTRANSFORM plain = transform_of(c, profile, 0, 8);
    if (!plain)
        return;
    c->same = c->layout.channels != 4 && is_srgb(c, plain);
    if (c->same || c->layout.alpha || c->layout.bits == 16)
        cmsDeleteTransform(plain);
    else
        c->transform = plain;
    if (!c->same && !c->transform)
        c->transform = transform_of(c, profile, c->layout.alpha, c->layout.bits);
    if (c->transform && c->layout.channels == 1 && c->layout.bits == 8) {
        uint8_t levels[2 * 256] = {0}; /* with the alpha that there may be */
        const size_t step = c->layout.alpha ? 2 : 1;
        for (size_t i = 0; i < 256; i++)
            levels[i * step] = (uint8_t)i;
        cmsDoTransform(c->transform, levels, c->of_grey, 256);
    }
}

/* Why a profile cannot be for these pixels, or NULL. */
static const char *mismatch(af_color *c, cmsHPROFILE profile)
{
    const cmsColorSpaceSignature space = cmsGetColorSpace(profile);
    const cmsProfileClassSignature kind = cmsGetDeviceClass(profile);
    if (kind != cmsSigInputClass && kind != cmsSigDisplayClass && kind != cmsSigOutputClass &&
        kind != cmsSigColorSpaceClass)
        return "it is no profile of a device or a colour space";
    if (c->layout.channels == 1 && space == cmsSigRgbData)
        c->layout.channels = 3;
    const int channels = space == cmsSigGrayData   ? 1
                         : space == cmsSigRgbData  ? 3
                         : space == cmsSigCmykData ? 4
                                                   : 0;
    if (channels != c->layout.channels)
        return channels == 1   ? "it is for grey pictures"
               : channels == 3 ? "it is for RGB pictures"
               : channels == 4 ? "it is for CMYK pictures"
                               : "it is for another kind of pictures";
    return NULL;
}

static void drop_programs(cmsHPROFILE profile)
{
    static const cmsTagSignature programs[] = {cmsSigDToB0Tag, cmsSigDToB1Tag, cmsSigDToB2Tag,
                                               cmsSigDToB3Tag};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (cmsIsTag(profile, programs[i]))
            (void)cmsWriteTag(profile, programs[i], NULL);
}

/* What a conversion is made of. */
typedef struct source {
    const uint8_t *profile; /* NULL: the others */
    size_t size;
    const af_primaries *primaries;
    double exponent;
} source;

static void from_profile(af_color *c, const source *from)
{
    cmsHPROFILE profile =
        cmsOpenProfileFromMemTHR(c->context, from->profile, (cmsUInt32Number)from->size);
    if (!profile)
        return;
    const char *words = mismatch(c, profile);
    if (words) {
        say(c, words);
    } else {
        drop_programs(profile);
        prepare(c, profile);
    }
    (void)cmsCloseProfile(profile);
}

static void from_primaries(af_color *c, const source *from)
{
    static const cmsFloat64Number srgb[] = {2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045};
    const af_primaries *p = from->primaries;
    const cmsCIExyY white = {p->white[0], p->white[1], 1};
    const cmsCIExyYTRIPLE rgb = {
        {p->red[0], p->red[1], 1}, {p->green[0], p->green[1], 1}, {p->blue[0], p->blue[1], 1}};
    cmsToneCurve *curve = from->exponent > 0 ? cmsBuildGamma(c->context, from->exponent)
                                             : cmsBuildParametricToneCurve(c->context, 4, srgb);
    cmsToneCurve *curves[3] = {curve, curve, curve};
    cmsHPROFILE profile = curve ? cmsCreateRGBProfileTHR(c->context, &white, &rgb, curves) : NULL;
    if (profile) {
        prepare(c, profile);
        (void)cmsCloseProfile(profile);
    } else {
        say(c, "its primaries make no colour space");
    }
    cmsFreeToneCurve(curve);
}

static artfusion_status guard(af_color *c, const source *from)
{
    c->guarded = 1;
    if (setjmp(c->jump)) {
        c->transform = NULL; /* freed as blocks */
    } else if (from->primaries) {
        from_primaries(c, from);
    } else {
        from_profile(c, from);
    }
    c->guarded = 0;
    return c->refused ? af_fail_memory(c->refused, "littlecms") : ARTFUSION_OK;
}

static void warn(artfusion_image *image, const char *words)
{
    af_image_warn(image, "the colour profile cannot be used (%s): colours are taken for sRGB",
                  words);
}

static artfusion_status make(const source *from, const af_layout *layout, artfusion_image *image,
                             af_color **color)
{
    af_color *c = NULL;
    artfusion_status status = start(layout, &c);
    if (!status)
        status = guard(c, from);
    *color = c;
    if (status || !c->transform) {
        if (!status && !c->same)
            warn(image, c->words[0] ? c->words : "it is damaged");
        af_color_destroy(c);
        *color = NULL;
    }
    return status;
}

artfusion_status af_color_from_profile(const uint8_t *profile, size_t size, const af_layout *layout,
                                       artfusion_image *image, af_color **color)
{
    *color = NULL;
    if (size > MAX_PROFILE_BYTES) {
        warn(image, "it is larger than 8 MiB");
        return ARTFUSION_OK;
    }
    return make(&(source){.profile = profile, .size = size}, layout, image, color);
}

artfusion_status af_color_from_primaries(const af_primaries *primaries, double exponent,
                                         const af_layout *layout, artfusion_image *image,
                                         af_color **color)
{
    static const af_primaries srgb = {{0.3127, 0.3290}, {0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}};
    return make(&(source){.primaries = primaries ? primaries : &srgb, .exponent = exponent}, layout,
                image, color);
}

artfusion_status af_color_from_adobe_rgb(const af_layout *layout, artfusion_image *image,
                                         af_color **color)
{
    static const af_primaries adobe = {{0.3127, 0.3290}, {0.64, 0.33}, {0.21, 0.71}, {0.15, 0.06}};
    return af_color_from_primaries(&adobe, 563.0 / 256, layout, image, color);
}

int af_color_channels(const af_color *color)
{
    return color->layout.channels;
}

void af_color_convert(const af_color *color, const void *from, uint8_t *rgb, size_t width)
{
    if (color->layout.channels == 1 && color->layout.bits == 8) {
        const uint8_t *level = from;
        for (size_t x = 0; x < width; x++, level += 1 + color->layout.alpha)
            memcpy(rgb + 3 * x, color->of_grey[*level], 3);
        return;
    }
    cmsDoTransform(color->transform, from, rgb, (cmsUInt32Number)width);
}

void af_color_destroy(af_color *color)
{
    if (!color)
        return;
    if (color->transform)
        cmsDeleteTransform(color->transform);
    if (color->context)
        cmsDeleteContext(color->context);
    while (color->blocks.after && color->blocks.after != &color->blocks) {
        block *left = color->blocks.after;
        unlink_block(color, left);
        af_free(left);
    }
    af_free(color);
}
