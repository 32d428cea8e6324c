/* SPDX-License-Identifier: MIT */
#include "model/style.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "image/image.h"
#include "math/finite.h"
#include "model/model.h"

int af_style_is_of(const artfusion_style *style, const artfusion_model *model)
{
    const af_manifest *its = &style->model->manifest, *ours = &model->manifest;
    return strcmp(its->weights_sha256, ours->weights_sha256) == 0 &&
           its->style_width == ours->style_width;
}

static artfusion_status create(artfusion_model *model, artfusion_style **style)
{
    artfusion_style *made = af_alloc_array(1, sizeof *made);
    const size_t width = (size_t)model->manifest.style_width;
    if (made)
        made->values = af_alloc_array(width, sizeof *made->values);
    if (!made || !made->values) {
        af_free(made);
        return af_fail_memory(width * sizeof(float), "a style code");
    }
    made->model = af_model_retain(model);
    *style = made;
    return ARTFUSION_OK;
}

static artfusion_status check_handles(const artfusion_model *model, artfusion_style **style)
{
    if (!style)
        return af_fail_null(style);
    *style = NULL;
    if (!model)
        return af_fail_null(model);
    return ARTFUSION_OK;
}

/* Sides below what the style network can do are enlarged, in proportion. */
static artfusion_status enlarge(const artfusion_image *image, int32_t least,
                                artfusion_image **enlarged)
{
    const int32_t shorter = image->width < image->height ? image->width : image->height;
    if (shorter >= least)
        return ARTFUSION_OK;
    const double scale = (double)least / shorter;
    const double width = ceil(image->width * scale), height = ceil(image->height * scale);
    if (width > AF_IMAGE_MAX_SIDE || height > AF_IMAGE_MAX_SIDE)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "the style picture is %dx%d pixels: too narrow to be enlarged to %d",
                       (int)image->width, (int)image->height, (int)least);
    return artfusion_image_resize(image, (int32_t)width, (int32_t)height, ARTFUSION_FILTER_BICUBIC,
                                  enlarged);
}

static artfusion_status run_network(artfusion_model *model, const artfusion_image *image,
                                    float *values)
{
    const size_t planar = 3 * (size_t)image->width * (size_t)image->height;
    float *rgb = af_alloc_array(planar, sizeof *rgb);
    if (!rgb)
        return af_fail_memory(planar * sizeof *rgb, "a style picture");
    af_image_to_planar(image, rgb);
    af_engine_error error = {{0}};
    const artfusion_status status = model->engine->style(
        model->network, rgb, 1, (af_size){image->width, image->height}, values, &error);
    af_free(rgb);
    if (status != ARTFUSION_OK)
        return af_model_failed(model, status, "style network", &error);
    return af_check_finite(ARTFUSION_ERROR_NUMERIC, "the style code", values,
                           (size_t)model->manifest.style_width);
}

/* The code of a picture, as the network gives it or has given it before. What is remembered is
 * known by the pixels that the network sees. */
static artfusion_status read_style(artfusion_model *model, const artfusion_image *image,
                                   float *values)
{
    const size_t width = (size_t)model->manifest.style_width;
    af_cache_key key;
    af_cache_key_of(image, 's', &key);
    if (af_cache_find(&model->cache, &key, values, width))
        return ARTFUSION_OK;
    artfusion_image *enlarged = NULL;
    artfusion_status status = enlarge(image, model->manifest.style_min_size, &enlarged);
    if (status == ARTFUSION_OK)
        status = run_network(model, enlarged ? enlarged : image, values);
    artfusion_image_destroy(enlarged);
    if (status == ARTFUSION_OK)
        af_cache_keep(&model->cache, &key, values, width);
    return status;
}

static artfusion_status from_image(artfusion_model *model, const artfusion_image *image, int exact,
                                   artfusion_style **style)
{
    artfusion_status status = check_handles(model, style);
    if (status != ARTFUSION_OK)
        return status;
    if (!image)
        return af_fail_null(image);

    const af_manifest *m = &model->manifest;
    artfusion_style *made;
    artfusion_image *fitted = NULL;
    status = create(model, &made);
    if (status != ARTFUSION_OK)
        return status;
    if (!exact)
        status = artfusion_image_resize_fit(image, m->native_width, m->native_height,
                                            ARTFUSION_FILTER_BICUBIC, &fitted);
    if (status == ARTFUSION_OK)
        status = af_model_enter(model);
    if (status == ARTFUSION_OK) {
        status = read_style(model, exact ? image : fitted, made->values);
        af_model_leave(model);
    }
    artfusion_image_destroy(fitted);
    if (status != ARTFUSION_OK) {
        artfusion_style_destroy(made);
        return status;
    }
    *style = made;
    return ARTFUSION_OK;
}

artfusion_status artfusion_style_from_image(artfusion_model *model, const artfusion_image *image,
                                            artfusion_style **style)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    return from_image(model, image, 0, style);
}

artfusion_status artfusion_style_from_image_exact(artfusion_model *model,
                                                  const artfusion_image *image,
                                                  artfusion_style **style)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    return from_image(model, image, 1, style);
}

artfusion_status artfusion_style_blend(const artfusion_style *const *styles, const double *weights,
                                       size_t count, artfusion_style **style)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!style)
        return af_fail_null(style);
    *style = NULL;
    if (!styles || !weights)
        return af_fail_null(styles, weights);
    if (!count)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "count is 0: a blend needs a style");
    for (size_t i = 0; i < count; i++) {
        if (!styles[i])
            return af_fail(ARTFUSION_ERROR_ARGUMENT, "styles[%zu] is NULL", i);
        if (!isfinite(weights[i]))
            return af_fail(ARTFUSION_ERROR_ARGUMENT, "weights[%zu] is %g", i, weights[i]);
        const af_manifest *m = &styles[i]->model->manifest, *first = &styles[0]->model->manifest;
        if (!af_style_is_of(styles[i], styles[0]->model))
            return af_fail(ARTFUSION_ERROR_MISMATCH,
                           "styles[%zu] is of model %s, styles[0] of %s: weights %.8s and %.8s, "
                           "codes of %d and %d values",
                           i, m->name, first->name, m->weights_sha256, first->weights_sha256,
                           (int)m->style_width, (int)first->style_width);
    }

    artfusion_style *made;
    artfusion_status status = create(styles[0]->model, &made);
    if (status != ARTFUSION_OK)
        return status;
    for (size_t v = 0; v < (size_t)made->model->manifest.style_width; v++) {
        double sum = 0.0;
        for (size_t i = 0; i < count; i++)
            sum += weights[i] * (double)styles[i]->values[v];
        made->values[v] = (float)sum;
    }
    status = af_check_finite(ARTFUSION_ERROR_NUMERIC, "the blend", made->values,
                             (size_t)made->model->manifest.style_width);
    if (status != ARTFUSION_OK) {
        artfusion_style_destroy(made);
        return status;
    }
    *style = made;
    return ARTFUSION_OK;
}

artfusion_status artfusion_style_from_values(artfusion_model *model, const float *values,
                                             size_t count, artfusion_style **style)
{
    af_error_clear();
    artfusion_status status = check_handles(model, style);
    if (status != ARTFUSION_OK)
        return status;
    if (!values)
        return af_fail_null(values);
    const size_t width = (size_t)model->manifest.style_width;
    if (count != width)
        return af_fail(ARTFUSION_ERROR_MISMATCH,
                       "count is %zu: a style code of model %s has %zu values", count,
                       model->manifest.name, width);
    status = af_check_finite(ARTFUSION_ERROR_ARGUMENT, "values", values, count);
    if (status != ARTFUSION_OK)
        return status;

    artfusion_style *made;
    status = create(model, &made);
    if (status != ARTFUSION_OK)
        return status;
    memcpy(made->values, values, count * sizeof *values);
    *style = made;
    return ARTFUSION_OK;
}

artfusion_status artfusion_style_null(artfusion_model *model, artfusion_style **style)
{
    af_error_clear();
    const artfusion_status status = check_handles(model, style);
    return status == ARTFUSION_OK
               ? artfusion_style_from_values(model, model->null_style,
                                             (size_t)model->manifest.style_width, style)
               : status;
}

const float *artfusion_style_values(const artfusion_style *style, size_t *count)
{
    if (count)
        *count = style ? (size_t)style->model->manifest.style_width : 0;
    return style ? style->values : NULL;
}

void artfusion_style_destroy(artfusion_style *style)
{
    if (!style)
        return;
    af_model_release(style->model);
    af_free(style->values);
    af_free(style);
}
