/* SPDX-License-Identifier: MIT
 * What a run is of: content, style, init latent, mask. */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "image/image.h"
#include "math/finite.h"
#include "model/stages.h"
#include "model/style.h"
#include "sample/sampler.h"

/* The pictures *first .. *last - 1 that an index stands for. */
static artfusion_status check_target(const artfusion_sampler *sampler, int32_t index,
                                     int32_t *first, int32_t *last)
{
    if (!sampler)
        return af_fail_null(sampler);
    if (index != ARTFUSION_ALL && (index < 0 || index >= sampler->plan.options.batch))
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "index is %d: it must be 0 to %d, or ARTFUSION_ALL for the whole batch",
                       (int)index, (int)sampler->plan.options.batch - 1);
    if (sampler->run.step >= 0)
        return af_fail(ARTFUSION_ERROR_STATE,
                       "the run has begun: what it is of is set before its first step");
    *first = index == ARTFUSION_ALL ? 0 : index;
    *last = index == ARTFUSION_ALL ? sampler->plan.options.batch : index + 1;
    return ARTFUSION_OK;
}

static artfusion_status check_values(const char *name, const float *values, size_t count,
                                     size_t needed)
{
    if (count != needed)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "count is %zu: this run's %s has %zu values",
                       count, name, needed);
    return af_check_finite(ARTFUSION_ERROR_ARGUMENT, name, values, count);
}

static void put_content(artfusion_sampler *s, int32_t first, int32_t last, const float *latent)
{
    const af_plan *plan = &s->plan;
    const af_given *given = &s->given;
    for (int32_t i = first; i < last; i++) {
        float *content = given->content + (size_t)i * plan->values;
        given->has_content[i] = latent != NULL;
        if (!latent) {
            memset(content, 0, plan->values * sizeof *content);
            if (given->has_init[i] == AF_INIT_CONTENT)
                given->has_init[i] = AF_INIT_NONE;
            continue;
        }
        af_model_content_condition(plan->model, latent, plan->pixels, content);
        /* An init latent that was given stays. */
        if (given->has_init[i] != AF_INIT_GIVEN) {
            float *init = given->init + (size_t)i * plan->values;
            memcpy(init, latent, plan->values * sizeof *init);
            given->has_init[i] = AF_INIT_CONTENT;
        }
    }
}

artfusion_status artfusion_sampler_set_content_latent(artfusion_sampler *sampler, int32_t index,
                                                      const float *latent, size_t count)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    int32_t first, last;
    artfusion_status status = check_target(sampler, index, &first, &last);
    if (status == ARTFUSION_OK && latent)
        status = check_values("latent", latent, count, sampler->plan.values);
    if (status == ARTFUSION_OK)
        put_content(sampler, first, last, latent);
    return status;
}

/* The scaled latent of a picture, brought to the run's size and continued to what the networks
 * compute. */
static artfusion_status encode(artfusion_sampler *s, const artfusion_image *image, float *latent)
{
    const artfusion_sampler_options *o = &s->plan.options;
    const af_size whole = s->plan.whole;
    artfusion_image *resized = NULL, *reflected = NULL;
    artfusion_status status = ARTFUSION_OK;
    if (image->width != o->width || image->height != o->height)
        status =
            artfusion_image_resize(image, o->width, o->height, ARTFUSION_FILTER_BICUBIC, &resized);
    const artfusion_image *sized = resized ? resized : image;
    if (status == ARTFUSION_OK && (whole.width != o->width || whole.height != o->height))
        status = af_image_reflected(sized, whole.width, whole.height, &reflected);
    const double began = af_seconds();
    if (status == ARTFUSION_OK)
        status = af_model_encode(s->plan.model, reflected ? reflected : sized,
                                 ARTFUSION_LATENT_SCALED, latent, s->plan.values);
    s->run.seconds_encode += af_seconds() - began;
    s->run.seconds_total += af_seconds() - began;
    artfusion_image_destroy(reflected);
    artfusion_image_destroy(resized);
    return status;
}

artfusion_status artfusion_sampler_set_content(artfusion_sampler *sampler, int32_t index,
                                               const artfusion_image *image)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    int32_t first, last;
    artfusion_status status = check_target(sampler, index, &first, &last);
    if (status != ARTFUSION_OK)
        return status;
    if (!image) {
        put_content(sampler, first, last, NULL);
        return ARTFUSION_OK;
    }
    const size_t values = sampler->plan.values;
    float *latent = af_alloc_array(values, sizeof *latent);
    if (!latent)
        return af_fail_memory(values * sizeof *latent, "a content latent");
    status = encode(sampler, image, latent);
    if (status == ARTFUSION_OK)
        put_content(sampler, first, last, latent);
    af_free(latent);
    return status;
}

artfusion_status artfusion_sampler_set_style(artfusion_sampler *sampler, int32_t index,
                                             const artfusion_style *style)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    int32_t first, last;
    const artfusion_status status = check_target(sampler, index, &first, &last);
    if (status != ARTFUSION_OK)
        return status;
    const af_manifest *ours = &sampler->plan.model->manifest;
    const af_manifest *its = style ? &style->model->manifest : ours;
    if (style && !af_style_is_of(style, sampler->plan.model))
        return af_fail(ARTFUSION_ERROR_MISMATCH,
                       "the style code is of model %s (%.8s, %d values), the sampler's is %s "
                       "(%.8s, %d values)",
                       its->name, its->weights_sha256, (int)its->style_width, ours->name,
                       ours->weights_sha256, (int)ours->style_width);
    const size_t width = (size_t)ours->style_width;
    for (int32_t i = first; i < last; i++) {
        sampler->given.has_style[i] = style != NULL;
        if (style)
            memcpy(sampler->given.styles + (size_t)(i + 1) * width, style->values,
                   width * sizeof *style->values);
    }
    return ARTFUSION_OK;
}

artfusion_status artfusion_sampler_set_init_latent(artfusion_sampler *sampler, int32_t index,
                                                   const float *latent, size_t count)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    int32_t first, last;
    artfusion_status status = check_target(sampler, index, &first, &last);
    if (status == ARTFUSION_OK && !latent)
        status = af_fail_null(latent);
    if (status == ARTFUSION_OK)
        status = check_values("latent", latent, count, sampler->plan.values);
    if (status != ARTFUSION_OK)
        return status;
    for (int32_t i = first; i < last; i++) {
        memcpy(sampler->given.init + (size_t)i * count, latent, count * sizeof *latent);
        sampler->given.has_init[i] = AF_INIT_GIVEN;
    }
    return ARTFUSION_OK;
}

artfusion_status artfusion_sampler_set_mask(artfusion_sampler *sampler, int32_t index,
                                            const float *mask, size_t count)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    int32_t first, last;
    artfusion_status status = check_target(sampler, index, &first, &last);
    if (status == ARTFUSION_OK && mask)
        status = check_values("mask", mask, count, sampler->plan.pixels);
    for (size_t i = 0; status == ARTFUSION_OK && mask && i < count; i++)
        if (mask[i] < 0.0f || mask[i] > 1.0f)
            status = af_fail(ARTFUSION_ERROR_ARGUMENT, "mask[%zu] is %g: it must be 0 to 1", i,
                             (double)mask[i]);
    if (status != ARTFUSION_OK)
        return status;
    for (int32_t i = first; i < last; i++) {
        float *to = sampler->given.mask + (size_t)i * sampler->plan.pixels;
        sampler->given.has_mask[i] = mask != NULL;
        if (mask)
            memcpy(to, mask, count * sizeof *mask);
        else
            memset(to, 0, sampler->plan.pixels * sizeof *to);
    }
    return ARTFUSION_OK;
}
