/* SPDX-License-Identifier: MIT
 * What a run shows: progress, latents, pictures. */
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/options.h"
#include "image/image.h"
#include "model/isolated.h"
#include "sample/sampler.h"

artfusion_status artfusion_sampler_get_progress(const artfusion_sampler *sampler,
                                                artfusion_progress *progress, size_t struct_size)
{
    af_error_clear();
    if (!sampler)
        return af_fail_null(sampler);
    const int32_t step = sampler->run.step < 0 ? 0 : sampler->run.step;
    const artfusion_progress known = {
        .struct_size = sizeof known,
        .step = step,
        .steps = sampler->plan.steps,
        .timestep = step ? sampler->plan.timesteps[step - 1] : -1,
        .passes = sampler->run.passes,
        .batch = sampler->plan.options.batch,
        .seconds_encode = sampler->run.seconds_encode,
        .seconds_denoise = sampler->run.seconds_denoise,
        .seconds_decode = sampler->run.seconds_decode,
        .seconds_total = sampler->run.seconds_total,
    };
    return af_options_write("artfusion_progress", progress, struct_size, &known, sizeof known);
}

artfusion_status artfusion_sampler_latent_size(const artfusion_sampler *sampler, int32_t *width,
                                               int32_t *height)
{
    af_error_clear();
    if (!sampler || !width || !height)
        return af_fail_null(sampler, width, height);
    *width = sampler->plan.latent.width;
    *height = sampler->plan.latent.height;
    return ARTFUSION_OK;
}

static const float *tensor(const artfusion_sampler *sampler, const float *values, int32_t first,
                           size_t *count)
{
    const int there = sampler && sampler->run.step >= first;
    if (count)
        *count = there ? sampler->plan.count : 0;
    return there ? values : NULL;
}

const float *artfusion_sampler_x(const artfusion_sampler *sampler, size_t *count)
{
    return tensor(sampler, sampler ? sampler->run.x : NULL, 0, count);
}

const float *artfusion_sampler_x0(const artfusion_sampler *sampler, size_t *count)
{
    return tensor(sampler, sampler ? sampler->run.x0 : NULL, 1, count);
}

int32_t artfusion_sampler_kept_count(const artfusion_sampler *sampler)
{
    return sampler ? sampler->run.kept_count : 0;
}

artfusion_status artfusion_sampler_kept(const artfusion_sampler *sampler, int32_t entry,
                                        const float **x, const float **x0)
{
    af_error_clear();
    if (x)
        *x = NULL;
    if (x0)
        *x0 = NULL;
    if (!sampler)
        return af_fail_null(sampler);
    if (entry < 0 || entry >= sampler->run.kept_count)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "entry is %d, and %d were kept", (int)entry,
                       (int)sampler->run.kept_count);
    const float *kept = sampler->run.kept + (size_t)entry * 2 * sampler->plan.count;
    if (x)
        *x = kept;
    if (x0)
        *x0 = entry ? kept + sampler->plan.count : NULL;
    return ARTFUSION_OK;
}

/* The decoder's sentence does not know which picture of what step it was given. */
static artfusion_status name_step(const artfusion_sampler *sampler, int32_t index,
                                  artfusion_status status)
{
    return af_fail_in(status, "step %d of %d, picture %d", (int)sampler->run.step,
                      (int)sampler->plan.steps, (int)index);
}

artfusion_status artfusion_sampler_image(artfusion_sampler *sampler, int32_t index,
                                         artfusion_image **image)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!image)
        return af_fail_null(image);
    *image = NULL;
    if (!sampler)
        return af_fail_null(sampler);
    artfusion_status status = af_check_integer("index", index, 0, sampler->plan.options.batch - 1);
    if (status == ARTFUSION_OK && sampler->run.step < 1)
        status = af_fail(ARTFUSION_ERROR_STATE, "no step has been done: there is no picture yet");
    if (status == ARTFUSION_OK)
        status = af_sampler_check_cancelled(sampler);
    if (status != ARTFUSION_OK)
        return status;

    const af_plan *plan = &sampler->plan;
    af_run *run = &sampler->run;
    const af_size whole = plan->whole;
    const size_t count = 3 * (size_t)whole.width * (size_t)whole.height;
    float *rgb = af_alloc_array(count, sizeof *rgb);
    if (!rgb)
        return af_fail_memory(count * sizeof *rgb, "a picture");
    const float *latents = run->step == plan->steps ? run->x : run->x0;
    const double began = af_seconds();
    af_isolated_heed(&sampler->cancelled);
    status = artfusion_model_decode(plan->model, latents + (size_t)index * plan->values, 1,
                                    plan->latent.width, plan->latent.height, rgb, count);
    af_isolated_heed(NULL);
    run->seconds_decode += af_seconds() - began;
    run->seconds_total += af_seconds() - began;
    const int ended = status == ARTFUSION_ERROR_CANCELLED && atomic_load(&sampler->cancelled);
    if (ended)
        af_error_clear();
    if (status != ARTFUSION_OK && !ended)
        status = name_step(sampler, index, status);
    else
        status = af_sampler_check_cancelled(sampler);
    if (status == ARTFUSION_OK)
        status = af_image_from_planar(rgb, whole.width, whole.height, plan->options.width,
                                      plan->options.height, image);
    af_free(rgb);
    return status;
}
