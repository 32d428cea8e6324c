/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/error.h"
#include "base/options.h"
#include "sample/sampler.h"

#define MAX_BATCH 256
#define MAX_SCALE 1000.0

static artfusion_sampler_options default_options(const artfusion_model *model)
{
    artfusion_sampler_options options = {
        .struct_size = sizeof options,
        .width = 256,
        .height = 256,
        .batch = 1,
        .steps = 250,
        .solver = ARTFUSION_SOLVER_DDIM,
        .spacing = ARTFUSION_SPACING_UNIFORM,
        .content_scale = 1.0,
        .style_scale = 1.0,
        .content_end = 1.0,
        .style_end = 1.0,
        .temperature = 1.0,
        .strength = 1.0,
    };
    if (model) {
        const af_manifest *m = &model->manifest;
        options.width = m->native_width;
        options.height = m->native_height;
        options.steps = m->steps;
        options.solver = m->solver;
        options.spacing = m->spacing;
        options.content_scale = m->content_scale;
        options.style_scale = m->style_scale;
        options.eta = m->eta;
    }
    return options;
}

artfusion_status artfusion_sampler_options_init(artfusion_sampler_options *options,
                                                size_t struct_size, const artfusion_model *model)
{
    af_error_clear();
    const artfusion_sampler_options defaults = default_options(model);
    return af_options_write("artfusion_sampler_options", options, struct_size, &defaults,
                            sizeof defaults);
}

static artfusion_status check_integer(const char *name, int32_t value, int32_t least, int32_t most)
{
    if (value >= least && value <= most)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is %d: it must be %d to %d", name, (int)value,
                   (int)least, (int)most);
}

/* Comparisons are written so that NaN fails them. */
static artfusion_status check_real(const char *name, double value, double least, double most)
{
    if (value >= least && value <= most)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is %g: it must be %g to %g", name, value, least,
                   most);
}

static artfusion_status check_constant(const char *name, int32_t value,
                                       artfusion_enumeration enumeration)
{
    if (artfusion_name_of(enumeration, value))
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is %d, which is none of its constants", name,
                   (int)value);
}

static artfusion_status check_timesteps(const artfusion_sampler_options *o, int32_t train_timesteps)
{
    for (int32_t i = 0; o->timesteps && i < o->steps; i++) {
        if (o->timesteps[i] < 0 || o->timesteps[i] >= train_timesteps)
            return af_fail(ARTFUSION_ERROR_ARGUMENT, "timesteps[%d] is %d, not within 0..%d",
                           (int)i, (int)o->timesteps[i], (int)train_timesteps - 1);
        if (i && o->timesteps[i] > o->timesteps[i - 1])
            return af_fail(ARTFUSION_ERROR_ARGUMENT,
                           "timesteps[%d] is %d after %d: they go from noise to picture and may "
                           "not increase",
                           (int)i, (int)o->timesteps[i], (int)o->timesteps[i - 1]);
    }
    return ARTFUSION_OK;
}

artfusion_status af_sampler_read_options(const artfusion_model *model,
                                         const artfusion_sampler_options *given,
                                         artfusion_sampler_options *o)
{
    *o = default_options(model);
    artfusion_status status = af_options_read("artfusion_sampler_options", given, o, sizeof *o);
    if (status != ARTFUSION_OK)
        return status;

    const int32_t timesteps = model->manifest.timesteps;
#define CHECK(call)                                                                                \
    if ((status = (call)) != ARTFUSION_OK)                                                         \
    return status
    CHECK(af_model_check_size(model, o->width, o->height));
    CHECK(check_integer("batch", o->batch, 1, MAX_BATCH));
    CHECK(check_integer("steps", o->steps, 1, timesteps));
    CHECK(check_constant("solver", o->solver, ARTFUSION_ENUM_SOLVER));
    CHECK(check_constant("spacing", o->spacing, ARTFUSION_ENUM_SPACING));
    CHECK(check_constant("rng", o->rng, ARTFUSION_ENUM_RNG));
    CHECK(check_constant("noise", o->noise, ARTFUSION_ENUM_NOISE));
    CHECK(check_integer("keep_every", o->keep_every, 0, INT32_MAX));
    CHECK(check_real("content_scale", o->content_scale, -MAX_SCALE, MAX_SCALE));
    CHECK(check_real("style_scale", o->style_scale, -MAX_SCALE, MAX_SCALE));
    CHECK(check_real("content_start", o->content_start, 0.0, 1.0));
    CHECK(check_real("content_end", o->content_end, 0.0, 1.0));
    CHECK(check_real("style_start", o->style_start, 0.0, 1.0));
    CHECK(check_real("style_end", o->style_end, 0.0, 1.0));
    CHECK(check_real("eta", o->eta, 0.0, MAX_SCALE));
    CHECK(check_real("temperature", o->temperature, 0.0, MAX_SCALE));
    CHECK(check_real("noise_dropout", o->noise_dropout, 0.0, nextafter(1.0, 0.0)));
    CHECK(check_real("strength", o->strength, 0.0, 1.0));
    CHECK(check_timesteps(o, timesteps));
#undef CHECK
    return ARTFUSION_OK;
}
