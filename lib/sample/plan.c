/* SPDX-License-Identifier: MIT */
#include "sample/plan.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "math/schedule.h"

/* Modulation rows kept at once: all steps of a usual run, without letting 1000 steps of a large
 * UNet take gigabytes. */
#define CONDITION_BYTES ((size_t)64 << 20)

static int32_t count_kept(const af_plan *plan)
{
    const int32_t every = plan->options.keep_every;
    if (!every)
        return 0;
    int32_t count = 1;
    for (int32_t step = 1; step <= plan->steps; step++)
        count += step == 1 || (plan->steps - step) % every == 0;
    return count;
}

af_plan af_plan_of(artfusion_model *model, const artfusion_sampler_options *options)
{
    const int32_t down = model->manifest.downsample;
    const int32_t wanted = (int32_t)lround(options->denoising_strength * options->steps);
    const af_size whole = af_model_whole_size(model, options->width, options->height);
    af_plan plan = {
        .model = model,
        .options = *options,
        .whole = whole,
        .latent = {whole.width / down, whole.height / down},
        .steps = wanted < 1 ? 1 : wanted,
    };
    plan.pixels = (size_t)plan.latent.width * (size_t)plan.latent.height;
    plan.values = plan.pixels * (size_t)model->manifest.latent_channels;
    plan.count = plan.values * (size_t)options->batch;
    plan.most_kept = count_kept(&plan);
    return plan;
}

/* The steps of the run: all asked for, less those that a denoising strength below 1 skips. */
artfusion_status af_plan_make_steps(af_plan *plan)
{
    const artfusion_sampler_options *o = &plan->options;
    const double *alphas_cumprod = plan->model->alphas_cumprod;
    const int32_t train_timesteps = plan->model->manifest.timesteps;
    int32_t *all = af_alloc_array((size_t)o->steps, sizeof *all);
    if (!all)
        return af_fail_memory((size_t)o->steps * sizeof *all, "timesteps");
    artfusion_status status = ARTFUSION_OK;
    if (o->timesteps)
        memcpy(all, o->timesteps, (size_t)o->steps * sizeof *all);
    else
        status = artfusion_timesteps(o->spacing, o->steps, train_timesteps, all);

    if (status == ARTFUSION_OK) {
        const int32_t first = o->steps - plan->steps;
        for (int32_t i = 0; i < plan->steps; i++) {
            plan->timesteps[i] = all[first + i];
            plan->alphas[i] = alphas_cumprod[plan->timesteps[i]];
            if (i)
                plan->alphas_next[i - 1] = plan->alphas[i];
        }
        plan->alphas_next[plan->steps - 1] =
            o->timesteps ? 1.0 : af_final_alpha(o->spacing, alphas_cumprod);
    }
    af_free(all);
    plan->options.timesteps = plan->timesteps;
    return status;
}

void af_plan_copy_steps(af_plan *plan, const af_plan *from)
{
    const size_t steps = (size_t)from->steps;
    memcpy(plan->timesteps, from->timesteps, steps * sizeof *plan->timesteps);
    memcpy(plan->alphas, from->alphas, steps * sizeof *plan->alphas);
    memcpy(plan->alphas_next, from->alphas_next, steps * sizeof *plan->alphas_next);
    plan->options.timesteps = plan->timesteps;
}

/* As many as the engine gains by, but all of a picture's, in calls of about one size. */
int32_t af_plan_passes_a_call(const af_plan *plan, int32_t branches)
{
    const int32_t passes = branches * plan->options.batch;
    const int32_t positions = plan->model->network_info.positions_a_call;
    int32_t most = passes;
    if (positions) {
        const size_t fit = (size_t)positions / plan->pixels;
        most = fit > (size_t)passes ? passes : fit > (size_t)branches ? (int32_t)fit : branches;
    }
    if (plan->most_passes && most > plan->most_passes)
        most = plan->most_passes;
    const int32_t calls = (passes + most - 1) / most;
    return (passes + calls - 1) / calls;
}

int32_t af_plan_window(const af_plan *plan, int32_t style_count, int32_t first)
{
    const size_t row = (size_t)plan->model->network_info.condition_width * sizeof(float);
    const size_t fit = CONDITION_BYTES / (row * (size_t)style_count + 1) + 1;
    const int32_t left = plan->steps - first;
    return fit < (size_t)left ? (int32_t)fit : left;
}
