/* SPDX-License-Identifier: MIT
 * How much memory a run takes, and what a limit makes of it. */
#include <inttypes.h>

#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "math/guidance.h"
#include "model/footprint.h"
#include "sample/sampler.h"

/* What is no tensor's: the allocator's rounding and the pieces it keeps, threads' own sums. Of
 * the networks' part, and at least; measured by tests/python/test_memory.py. */
#define LOOSE_SHARE 0.06
#define LOOSE_BYTES ((uint64_t)1 << 20)

/* The passes a picture takes while both scales hold: in no step there are more. */
static int32_t most_branches(const artfusion_sampler *s)
{
    const uint32_t wanted = af_guidance_branches(s->options.content_scale, s->options.style_scale);
    return 1 + ((wanted & AF_BRANCH_NULL_CONTENT) != 0) + ((wanted & AF_BRANCH_NULL_STYLE) != 0);
}

static uint64_t largest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What each call takes at most by the model's measurements, with `passes` at once in the UNet. */
static artfusion_status stage_bytes(const artfusion_sampler *s, int32_t passes,
                                    uint64_t bytes[AF_STAGES], uint64_t *conditions)
{
    const int32_t styles = s->options.batch + 1, h = s->latent_height, w = s->latent_width;
    const int32_t rows = af_sampler_window(s, styles, 0) * styles;
    *conditions = (uint64_t)rows * (uint64_t)s->model->network_info.condition_width * sizeof(float);
    artfusion_status status =
        af_model_footprint(s->model, AF_STAGE_CONDITION, rows, 1, 1, &bytes[AF_STAGE_CONDITION]);
    if (status == ARTFUSION_OK)
        status = af_model_footprint(s->model, AF_STAGE_ENCODE, 1, h, w, &bytes[AF_STAGE_ENCODE]);
    if (status == ARTFUSION_OK)
        status = af_model_footprint(s->model, AF_STAGE_DECODE, 1, h, w, &bytes[AF_STAGE_DECODE]);
    if (status == ARTFUSION_OK)
        status = af_model_footprint(s->model, AF_STAGE_DENOISE, passes, h, w,
                                 &bytes[AF_STAGE_DENOISE]);
    return status;
}

/* The most that is held at a time. */
static artfusion_status needed(artfusion_sampler *s, int32_t passes, uint64_t *bytes)
{
    uint64_t stage[AF_STAGES], conditions;
    const artfusion_status status = stage_bytes(s, passes, stage, &conditions);
    if (status != ARTFUSION_OK)
        return status;
    const uint64_t rgb8 = 3 * (uint64_t)s->options.width * (uint64_t)s->options.height;
    const uint64_t planar = rgb8 * sizeof(float), latent = s->values * sizeof(float);
    /* Resized picture, its floats, the mode and the latent made of it. */
    const uint64_t encoding = af_add(rgb8 + planar + 2 * latent, stage[AF_STAGE_ENCODE]);
    const uint64_t decoding =
        af_add(conditions + latent + planar, largest(rgb8, stage[AF_STAGE_DECODE]));
    const uint64_t stepping =
        largest(stage[AF_STAGE_CONDITION], af_add(conditions, stage[AF_STAGE_DENOISE]));
    const uint64_t networks = largest(encoding, largest(decoding, stepping));
    const uint64_t loose = af_add(af_whole(LOOSE_SHARE * (double)networks), LOOSE_BYTES);
    *bytes = af_add(af_sampler_bytes(s), af_add(networks, loose));
    return ARTFUSION_OK;
}

/* Fewer passes at once, until they fit: one by one if need be. */
static artfusion_status fit(artfusion_sampler *s, uint64_t *bytes)
{
    const uint64_t limit = s->model->context->memory_limit;
    int32_t passes = af_sampler_passes_a_call(s, most_branches(s));
    artfusion_status status = needed(s, passes, bytes);
    while (status == ARTFUSION_OK && limit && *bytes > limit && passes > 1) {
        s->most_passes = --passes;
        status = needed(s, passes, bytes);
    }
    return status;
}

artfusion_status af_sampler_limit_passes(artfusion_sampler *s)
{
    const uint64_t limit = s->model->context->memory_limit;
    uint64_t bytes;
    if (!limit)
        return ARTFUSION_OK;
    const artfusion_status status = fit(s, &bytes);
    if (status != ARTFUSION_OK || bytes <= limit)
        return status;
    return af_fail(ARTFUSION_ERROR_LIMIT,
                   "%d pictures of %dx%d pixels need %" PRIu64
                   " bytes beside the model, even one by one, and the context's memory_limit is "
                   "%" PRIu64,
                   (int)s->options.batch, (int)s->options.width, (int)s->options.height, bytes,
                   limit);
}

artfusion_status artfusion_sampler_memory_needed(artfusion_model *model,
                                                 const artfusion_sampler_options *options,
                                                 uint64_t *bytes)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!bytes)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "bytes is NULL");
    *bytes = 0;
    if (!model)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "model is NULL");
    artfusion_sampler s = {.model = model};
    artfusion_status status = af_sampler_read_options(model, options, &s.options);
    if (status != ARTFUSION_OK)
        return status;
    af_sampler_set_sizes(&s);
    uint64_t needed_bytes;
    status = fit(&s, &needed_bytes);
    if (status == ARTFUSION_OK)
        *bytes = needed_bytes;
    return status;
}
