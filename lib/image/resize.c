/* SPDX-License-Identifier: MIT
 *
 * Separable resampling that gives the same bytes as Pillow's Image.resize. For that the weights
 * are made by the same operations in the same order in float64, rounded to the same fixed point,
 * and each pass is rounded to 8 bits: nothing here may be rearranged for beauty. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "image/image.h"

/* 32 bits less 8 of the pixel and 2 of headroom: the absolute weights of no kernel below add up
 * to 2, even where a border cuts it (Lanczos: 1.6), so that int32 sums do not overflow. */
#define FRACTION_BITS 22
#define HALF (1 << (FRACTION_BITS - 1))

typedef struct kernel {
    double (*weight)(double x);
    double support; /* the weight is 0 beyond */
} kernel;

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 15. */
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= 3.14159265358979323846;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

static const kernel kernels[] = {
    [ARTFUSION_FILTER_BICUBIC] = {bicubic, 2.0},
    [ARTFUSION_FILTER_BOX] = {box, 0.5},
    [ARTFUSION_FILTER_BILINEAR] = {bilinear, 1.0},
    [ARTFUSION_FILTER_LANCZOS] = {lanczos, 3.0},
};
#define KERNEL_COUNT ((int32_t)(sizeof kernels / sizeof *kernels))

/* How one axis is resampled: output i is the sum over j < count[i] of
 * values[i * taps + j] * input[first[i] + j]. */
typedef struct weights {
    size_t taps;
    int32_t *first, *count;
    int32_t *values; /* fixed point */
} weights;

static void weights_free(weights *w)
{
    af_free(w->first);
    af_free(w->count);
    af_free(w->values);
}

static int32_t to_fixed(double weight)
{
    const double scaled = weight * (1 << FRACTION_BITS);
    return (int32_t)(weight < 0 ? -0.5 + scaled : 0.5 + scaled);
}

/* The weights of one output pixel, normalised over what the border leaves of the kernel: of each at
 * least the middle, so that the sum is not 0. */
static void fill_weights(const kernel *k, double center, double filter_scale, int32_t first,
                         int32_t count, double *exact, int32_t *fixed)
{
    const double inverse = 1.0 / filter_scale;
    double sum = 0.0;
    for (int32_t j = 0; j < count; j++) {
        exact[j] = k->weight((j + first - center + 0.5) * inverse);
        sum += exact[j];
    }
    for (int32_t j = 0; j < count; j++)
        fixed[j] = to_fixed(exact[j] / sum);
}

static artfusion_status weights_make(const kernel *k, int32_t input, int32_t output, weights *w)
{
    const double scale = (double)input / output;
    const double filter_scale = scale < 1.0 ? 1.0 : scale; /* antialiasing when shrinking only */
    const double support = k->support * filter_scale;
    w->taps = (size_t)ceil(support) * 2 + 1;

    const size_t count = (size_t)output;
    double *exact = af_alloc_array(w->taps, sizeof *exact);
    w->first = af_alloc_array(count, sizeof *w->first);
    w->count = af_alloc_array(count, sizeof *w->count);
    w->values = af_alloc_array(count * w->taps, sizeof *w->values);
    if (!exact || !w->first || !w->count || !w->values) {
        af_free(exact);
        return af_fail_memory(count * w->taps * sizeof *w->values, "resampling weights");
    }

    for (size_t i = 0; i < count; i++) {
        const double center = ((double)i + 0.5) * scale;
        int32_t first = (int32_t)(center - support + 0.5);
        int32_t end = (int32_t)(center + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > input ? input : end;
        w->first[i] = first;
        w->count[i] = end - first;
        fill_weights(k, center, filter_scale, first, end - first, exact, w->values + i * w->taps);
    }
    af_free(exact);
    return ARTFUSION_OK;
}

static uint8_t to_pixel(int32_t sum)
{
    const int32_t level = sum >> FRACTION_BITS;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void resample_row(const uint8_t *input, const weights *w, int32_t width, uint8_t *output)
{
    for (size_t x = 0; x < (size_t)width; x++) {
        const uint8_t *pixel = input + 3 * (size_t)w->first[x];
        const int32_t *values = w->values + x * w->taps;
        int32_t red = HALF, green = HALF, blue = HALF;
        for (int32_t j = 0; j < w->count[x]; j++, pixel += 3) {
            red += pixel[0] * values[j];
            green += pixel[1] * values[j];
            blue += pixel[2] * values[j];
        }
        output[3 * x] = to_pixel(red);
        output[3 * x + 1] = to_pixel(green);
        output[3 * x + 2] = to_pixel(blue);
    }
}

static artfusion_status resample_horizontally(const artfusion_image *input, const kernel *k,
                                              artfusion_image *output)
{
    weights w = {0};
    const artfusion_status status = weights_make(k, input->width, output->width, &w);
    for (size_t y = 0; !status && y < (size_t)output->height; y++)
        resample_row(input->pixels + y * input->stride, &w, output->width,
                     output->pixels + y * output->stride);
    weights_free(&w);
    return status;
}

/* Whole rows are added up, one weight at a time, so that the inner loop runs along memory. `sums`
 * is for a row of them. */
static void resample_rows(const artfusion_image *input, const weights *w, int32_t *sums,
                          artfusion_image *output)
{
    const size_t values = 3 * (size_t)output->width;
    for (size_t y = 0; y < (size_t)output->height; y++) {
        for (size_t x = 0; x < values; x++)
            sums[x] = HALF;
        const uint8_t *row = input->pixels + (size_t)w->first[y] * input->stride;
        for (int32_t j = 0; j < w->count[y]; j++, row += input->stride) {
            const int32_t weight = w->values[y * w->taps + (size_t)j];
            for (size_t x = 0; x < values; x++)
                sums[x] += row[x] * weight;
        }
        uint8_t *out = output->pixels + y * output->stride;
        for (size_t x = 0; x < values; x++)
            out[x] = to_pixel(sums[x]);
    }
}

static artfusion_status resample_vertically(const artfusion_image *input, const kernel *k,
                                            artfusion_image *output)
{
    weights w = {0};
    const size_t values = 3 * (size_t)output->width;
    int32_t *sums = af_alloc_array(values, sizeof *sums);
    const artfusion_status status = sums ? weights_make(k, input->height, output->height, &w)
                                         : af_fail_memory(values * sizeof *sums, "a row of sums");
    if (!status)
        resample_rows(input, &w, sums, output);
    af_free(sums);
    weights_free(&w);
    return status;
}

static artfusion_status resample_both(const artfusion_image *input, const kernel *k,
                                      artfusion_image *output)
{
    artfusion_image *between = NULL;
    artfusion_status status = artfusion_image_create(output->width, input->height, &between);
    if (!status)
        status = resample_horizontally(input, k, between);
    if (!status)
        status = resample_vertically(between, k, output);
    artfusion_image_destroy(between);
    return status;
}

static void copy_pixels(const artfusion_image *input, artfusion_image *output)
{
    for (size_t y = 0; y < (size_t)output->height; y++)
        memcpy(output->pixels + y * output->stride, input->pixels + y * input->stride,
               3 * (size_t)output->width);
}

/* A pass that would not change the size is left out, as Pillow does; both: a copy. */
static artfusion_status resize(const artfusion_image *image, int32_t width, int32_t height,
                               artfusion_filter filter, artfusion_image **resized)
{
    artfusion_image *made = NULL;
    artfusion_status status = artfusion_image_create(width, height, &made);
    if (status)
        return status;

    const kernel *k = &kernels[filter];
    const int horizontal = width != image->width, vertical = height != image->height;
    if (horizontal && vertical)
        status = resample_both(image, k, made);
    else if (horizontal)
        status = resample_horizontally(image, k, made);
    else if (vertical)
        status = resample_vertically(image, k, made);
    else
        copy_pixels(image, made);

    if (status)
        artfusion_image_destroy(made);
    else
        *resized = made;
    return status;
}

static artfusion_status check(const artfusion_image *image, int32_t width, int32_t height,
                              artfusion_filter filter, artfusion_image **resized)
{
    af_error_clear();
    if (!resized)
        return af_fail_null(resized);
    *resized = NULL;
    if (!image)
        return af_fail_null(image);
    if (width < 1 || width > AF_IMAGE_MAX_SIDE || height < 1 || height > AF_IMAGE_MAX_SIDE)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "resizing to %ld x %ld pixels: each side must be 1 to %d", (long)width,
                       (long)height, AF_IMAGE_MAX_SIDE);
    return af_check_integer("filter", filter, 0, KERNEL_COUNT - 1);
}

/* round(side * numerator / denominator), halves up, at least 1; all are sides of images. */
static int32_t scale_side(int32_t side, int32_t numerator, int32_t denominator)
{
    const int64_t doubled = 2 * (int64_t)side * numerator;
    const int64_t scaled = (doubled + denominator) / (2 * (int64_t)denominator);
    return scaled < 1 ? 1 : (int32_t)scaled;
}

/* Whether the image is wider in its proportions than width x height. */
static int is_wider(const artfusion_image *image, int32_t width, int32_t height)
{
    return (int64_t)image->width * height > (int64_t)image->height * width;
}

artfusion_status artfusion_image_resize(const artfusion_image *image, int32_t width, int32_t height,
                                        artfusion_filter filter, artfusion_image **resized)
{
    AF_DEFAULT_FLOATS;
    const artfusion_status status = check(image, width, height, filter, resized);
    return status ? status : resize(image, width, height, filter, resized);
}

artfusion_status artfusion_image_resize_fit(const artfusion_image *image, int32_t width,
                                            int32_t height, artfusion_filter filter,
                                            artfusion_image **resized)
{
    AF_DEFAULT_FLOATS;
    const artfusion_status status = check(image, width, height, filter, resized);
    if (status)
        return status;
    if (is_wider(image, width, height))
        height = scale_side(image->height, width, image->width);
    else
        width = scale_side(image->width, height, image->height);
    return resize(image, width, height, filter, resized);
}

/* The crop is of whole pixels, the one more of an odd margin right or below, so that what comes
 * out is the resize of a picture that exists. */
artfusion_status artfusion_image_resize_cover(const artfusion_image *image, int32_t width,
                                              int32_t height, artfusion_filter filter,
                                              artfusion_image **resized)
{
    AF_DEFAULT_FLOATS;
    const artfusion_status status = check(image, width, height, filter, resized);
    if (status)
        return status;
    artfusion_image crop = *image;
    if (is_wider(image, width, height))
        crop.width = scale_side(image->height, width, height);
    else
        crop.height = scale_side(image->width, height, width);
    crop.pixels += (size_t)((image->height - crop.height) / 2) * image->stride +
                   3 * (size_t)((image->width - crop.width) / 2);
    return resize(&crop, width, height, filter, resized);
}
