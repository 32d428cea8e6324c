/* SPDX-License-Identifier: MIT */
#include "sample/footprint.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "math/guidance.h"
#include "model/footprint.h"
#include "sample/fields.h"
#include "sample/sampler.h"

/* What is no tensor's: the allocator's rounding and the pieces it keeps, threads' own sums. Of
 * the networks' part, and at least; measured by tests/python/test_memory.py. */
#define LOOSE_SHARE 0.06
#define LOOSE_BYTES ((uint64_t)1 << 20)

/* The passes a picture takes while both scales hold: in no step there are more. */
static int32_t most_branches(const af_plan *plan)
{
    const artfusion_sampler_options *o = &plan->options;
    const uint32_t wanted = af_guidance_branches(o->content_scale, o->style_scale);
    return 1 + ((wanted & AF_BRANCH_NULL_CONTENT) != 0) + ((wanted & AF_BRANCH_NULL_STYLE) != 0);
}

static uint64_t largest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What each call takes at most by the model's measurements, with `passes` at once in the UNet. */
static artfusion_status stage_bytes(const af_plan *plan, int32_t passes, uint64_t bytes[AF_STAGES],
                                    uint64_t *conditions)
{
    artfusion_model *model = plan->model;
    const af_size row = {1, 1};
    const int32_t styles = plan->options.batch + 1;
    const int32_t rows = af_plan_window(plan, styles, 0) * styles;
    /* The engine's contents and its zeros; of an isolated one, also the library's, and those on
     * their way to it. */
    const uint64_t contents = (af_model_is_isolated(model) ? 3 : 1) * sizeof(float) *
                              (uint64_t)(plan->count + plan->values);
    *conditions =
        contents + (uint64_t)rows * (uint64_t)model->network_info.condition_width * sizeof(float);
    artfusion_status status =
        af_model_footprint(model, AF_STAGE_CONDITION, rows, row, &bytes[AF_STAGE_CONDITION]);
    bytes[AF_STAGE_CONDITION] = af_add(bytes[AF_STAGE_CONDITION], contents);
    if (status == ARTFUSION_OK)
        status =
            af_model_footprint(model, AF_STAGE_ENCODE, 1, plan->latent, &bytes[AF_STAGE_ENCODE]);
    if (status == ARTFUSION_OK)
        status =
            af_model_footprint(model, AF_STAGE_DECODE, 1, plan->latent, &bytes[AF_STAGE_DECODE]);
    if (status == ARTFUSION_OK)
        status = af_model_footprint(model, AF_STAGE_DENOISE, passes, plan->latent,
                                    &bytes[AF_STAGE_DENOISE]);
    return status;
}

/* The most that is held at a time. */
static artfusion_status needed(const af_plan *plan, int32_t passes, uint64_t *bytes)
{
    uint64_t stage[AF_STAGES], conditions;
    const artfusion_status status = stage_bytes(plan, passes, stage, &conditions);
    if (status != ARTFUSION_OK)
        return status;
    const uint64_t rgb8 = 3 * (uint64_t)plan->whole.width * (uint64_t)plan->whole.height;
    const int exact =
        plan->whole.width == plan->options.width && plan->whole.height == plan->options.height;
    const uint64_t planar = rgb8 * sizeof(float), latent = plan->values * sizeof(float);
    /* Resized picture and the reflected one, its floats, the mode and the latent made of it. */
    const uint64_t encoding =
        af_add((exact ? rgb8 : 2 * rgb8) + planar + 2 * latent, stage[AF_STAGE_ENCODE]);
    const uint64_t decoding =
        af_add(conditions + latent + planar, largest(rgb8, stage[AF_STAGE_DECODE]));
    const uint64_t stepping =
        largest(stage[AF_STAGE_CONDITION], af_add(conditions, stage[AF_STAGE_DENOISE]));
    const uint64_t networks = largest(encoding, largest(decoding, stepping));
    const uint64_t loose = af_add(af_whole(LOOSE_SHARE * (double)networks), LOOSE_BYTES);
    *bytes = af_add(af_fields_bytes(plan), af_add(networks, loose));
    return ARTFUSION_OK;
}

/* Fewer passes at once, until they fit: one by one if need be. */
static artfusion_status fit(af_plan *plan, uint64_t *bytes)
{
    const uint64_t limit = plan->model->context->memory_limit;
    int32_t passes = af_plan_passes_a_call(plan, most_branches(plan));
    artfusion_status status = needed(plan, passes, bytes);
    while (status == ARTFUSION_OK && limit && *bytes > limit && passes > 1) {
        plan->most_passes = --passes;
        status = needed(plan, passes, bytes);
    }
    return status;
}

artfusion_status af_plan_limit_passes(af_plan *plan)
{
    const artfusion_sampler_options *o = &plan->options;
    const uint64_t limit = plan->model->context->memory_limit;
    uint64_t bytes;
    if (!limit)
        return ARTFUSION_OK;
    const artfusion_status status = fit(plan, &bytes);
    if (status != ARTFUSION_OK || bytes <= limit)
        return status;
    return af_fail(ARTFUSION_ERROR_LIMIT,
                   "%d pictures of %dx%d pixels need %" PRIu64
                   " bytes beside the model, even one by one, and the context's memory_limit is "
                   "%" PRIu64,
                   (int)o->batch, (int)o->width, (int)o->height, bytes, limit);
}

artfusion_status artfusion_sampler_memory_needed(artfusion_model *model,
                                                 const artfusion_sampler_options *options,
                                                 uint64_t *bytes)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!bytes)
        return af_fail_null(bytes);
    *bytes = 0;
    if (!model)
        return af_fail_null(model);
    artfusion_sampler_options read;
    artfusion_status status = af_sampler_read_options(model, options, &read);
    if (status != ARTFUSION_OK)
        return status;
    af_plan plan = af_plan_of(model, &read);
    uint64_t needed_bytes;
    status = fit(&plan, &needed_bytes);
    if (status == ARTFUSION_OK)
        *bytes = needed_bytes;
    return status;
}
