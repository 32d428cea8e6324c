/* SPDX-License-Identifier: MIT
 * Colour as a person sees it: what a file's numbers mean, brought to sRGB by littlecms. */
#ifndef AF_IMAGE_COLOR_H
#define AF_IMAGE_COLOR_H

#include "image/image.h"

/* A conversion of rows of pixels to 8-bit sRGB. */
typedef struct af_color af_color;

/* How the decoder gives its pixels. */
typedef struct af_layout {
    int channels; /* of colour: 1 grey, 3 RGB, 4 CMYK */
    int alpha;    /* 1: another channel behind them, which is passed over */
    int bits;     /* 8, or 16 with the upper byte first */
    int inverted; /* CMYK: 255 is no ink, as Adobe stores them */
} af_layout;

/* The conversion from an embedded ICC profile: perceptual, as browsers have it. *color is NULL if the
 * numbers are sRGB as they are (a profile that differs from it by no more than rounding does), and
 * if the profile cannot be used, which `image`'s warning then says. The conversion of a grey file
 * may want RGB, when a file has an RGB profile: af_color_channels. Errors: MEMORY. */
artfusion_status af_color_from_profile(const uint8_t *profile, size_t size, const af_layout *layout,
                                       artfusion_image *image, af_color **color);

/* The chromaticities of an RGB space: x and y each. */
typedef struct af_primaries {
    double white[2], red[2], green[2], blue[2];
} af_primaries;

/* The same from primaries (NULL: sRGB's) and the exponent by which stored numbers become light (0:
 * sRGB's curve). */
artfusion_status af_color_from_primaries(const af_primaries *primaries, double exponent,
                                         const af_layout *layout, artfusion_image *image,
                                         af_color **color);

/* Adobe RGB (1998), which cameras name without a profile. */
artfusion_status af_color_from_adobe_rgb(const af_layout *layout, artfusion_image *image,
                                         af_color **color);

/* The colour channels that af_color_convert takes: the layout's, or 3 for 1. */
int af_color_channels(const af_color *color);

/* `width` pixels. `rgb` may be `from` where both have three channels of 8 bits. */
void af_color_convert(const af_color *color, const void *from, uint8_t *rgb, size_t width);

/* NULL does nothing. */
void af_color_destroy(af_color *color);

#endif
