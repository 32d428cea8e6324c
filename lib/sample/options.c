/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/limits.h"
#include "base/names.h"
#include "base/options.h"
#include "sample/sampler.h"

#define MAX_SCALE 1000.0

static void put_sampling(const af_sampling *from, artfusion_sampler_options *options)
{
    options->solver = from->solver;
    options->spacing = from->spacing;
    options->steps = from->steps;
    options->eta = from->eta;
    options->content_scale = from->content_scale;
    options->style_scale = from->style_scale;
    options->content_start = from->content_start;
    options->content_end = from->content_end;
    options->style_start = from->style_start;
    options->style_end = from->style_end;
}

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
        .denoising_strength = 1.0,
    };
    if (model) {
        options.width = model->manifest.native_width;
        options.height = model->manifest.native_height;
        put_sampling(&model->manifest.defaults, &options);
    }
    return options;
}

artfusion_status artfusion_sampler_options_init(artfusion_sampler_options *options,
                                                size_t struct_size, const artfusion_model *model)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    const artfusion_sampler_options defaults = default_options(model);
    return af_options_write("artfusion_sampler_options", options, struct_size, &defaults,
                            sizeof defaults);
}

static artfusion_status find_preset(const af_manifest *m, const char *name,
                                    const af_preset **preset)
{
    char names[AF_MAX_PRESETS * (AF_PRESET_NAME + 1)] = "";
    size_t used = 0;
    for (int32_t i = 0; i < m->preset_count; i++) {
        *preset = &m->presets[i];
        if (strcmp((*preset)->name, name) == 0)
            return ARTFUSION_OK;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                 (*preset)->name);
    }
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "preset \"%.64s\" is unknown, model %.64s has %s",
                   name, m->name, m->preset_count ? names : "no presets");
}

artfusion_status artfusion_sampler_options_set_preset(artfusion_sampler_options *options,
                                                      const artfusion_model *model,
                                                      const char *name)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!options || !model || !name)
        return af_fail_null(options, model, name);
    const af_preset *preset = NULL;
    artfusion_sampler_options changed = default_options(model);
    artfusion_status status =
        af_options_read("artfusion_sampler_options", options, &changed, sizeof changed);
    if (status == ARTFUSION_OK)
        status = find_preset(&model->manifest, name, &preset);
    if (status != ARTFUSION_OK)
        return status;
    put_sampling(&preset->sampling, &changed);
    changed.timesteps = NULL; /* there were as many of them as there were steps */
    return af_options_write("artfusion_sampler_options", options, options->struct_size, &changed,
                            sizeof changed);
}

artfusion_status artfusion_sampler_options_set_size(artfusion_sampler_options *options,
                                                    const artfusion_model *model,
                                                    const artfusion_image *image, int32_t longest)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!options || !model || !image)
        return af_fail_null(options, model, image);
    artfusion_sampler_options changed = default_options(model);
    artfusion_status status =
        af_options_read("artfusion_sampler_options", options, &changed, sizeof changed);
    if (status == ARTFUSION_OK)
        status = artfusion_model_fit_size(model, artfusion_image_width(image),
                                          artfusion_image_height(image), longest, &changed.width,
                                          &changed.height);
    if (status != ARTFUSION_OK)
        return status;
    return af_options_write("artfusion_sampler_options", options, options->struct_size, &changed,
                            sizeof changed);
}

static artfusion_status check_interval(const char *name, double start, double end)
{
    if (start <= end)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s_start is %g, beyond %s_end %g", name, start, name,
                   end);
}

static artfusion_status check_timesteps(const artfusion_sampler_options *o, int32_t train_timesteps)
{
    for (int32_t i = 0; o->timesteps && i < o->steps; i++) {
        const artfusion_status status =
            af_check_element("timesteps", i, o->timesteps[i], 0, train_timesteps - 1);
        if (status != ARTFUSION_OK)
            return status;
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
#define CHECK(call) \
    if ((status = (call)) != ARTFUSION_OK) \
    return status
    CHECK(af_model_check_run_size(model, o->width, o->height));
    CHECK(af_check_integer("batch", o->batch, 1, AF_MAX_BATCH));
    CHECK(af_check_integer("steps", o->steps, 1, timesteps));
    CHECK(af_check_constant("solver", o->solver, ARTFUSION_ENUM_SOLVER));
    CHECK(af_check_constant("spacing", o->spacing, ARTFUSION_ENUM_SPACING));
    CHECK(af_check_constant("rng", o->rng, ARTFUSION_ENUM_RNG));
    CHECK(af_check_constant("noise", o->noise, ARTFUSION_ENUM_NOISE));
    CHECK(af_check_integer("keep_every", o->keep_every, 0, INT32_MAX));
    CHECK(af_check_real("content_scale", o->content_scale, -MAX_SCALE, MAX_SCALE));
    CHECK(af_check_real("style_scale", o->style_scale, -MAX_SCALE, MAX_SCALE));
    CHECK(af_check_real("content_start", o->content_start, 0.0, 1.0));
    CHECK(af_check_real("content_end", o->content_end, 0.0, 1.0));
    CHECK(af_check_real("style_start", o->style_start, 0.0, 1.0));
    CHECK(af_check_real("style_end", o->style_end, 0.0, 1.0));
    CHECK(check_interval("content", o->content_start, o->content_end));
    CHECK(check_interval("style", o->style_start, o->style_end));
    CHECK(af_check_real("eta", o->eta, 0.0, MAX_SCALE));
    CHECK(af_check_real("temperature", o->temperature, 0.0, MAX_SCALE));
    CHECK(af_check_real("noise_dropout", o->noise_dropout, 0.0, nextafter(1.0, 0.0)));
    CHECK(af_check_real("denoising_strength", o->denoising_strength, 0.0, 1.0));
    CHECK(check_timesteps(o, timesteps));
#undef CHECK
    return ARTFUSION_OK;
}
