/* SPDX-License-Identifier: MIT
 * The UNet's passes of a step: which there are, one call for them all, and their mix. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "math/finite.h"
#include "math/guidance.h"
#include "model/isolated.h"
#include "sample/sampler.h"

/* Pictures that share a style share its rows. */
static void settle_styles(artfusion_sampler *s)
{
    af_run *run = &s->run;
    float *styles = s->given.styles;
    const size_t width = (size_t)s->plan.model->manifest.style_width;
    run->style_count = 1;
    for (int32_t i = 0; i < s->plan.options.batch; i++) {
        run->style_rows[i] = 0;
        if (!s->given.has_style[i])
            continue;
        const float *code = styles + (size_t)(i + 1) * width;
        int32_t row = 1;
        while (row < run->style_count &&
               memcmp(styles + (size_t)row * width, code, width * sizeof *code) != 0)
            row++;
        if (row == run->style_count) {
            /* Rows move down only: those still to come are not overwritten. */
            memmove(styles + (size_t)row * width, code, width * sizeof *code);
            run->style_count++;
        }
        run->style_rows[i] = row;
    }
}

static void drop_conditions(artfusion_sampler *s)
{
    s->plan.model->engine->conditions_destroy(s->run.conditions);
    s->run.conditions = NULL;
}

/* Sees that the conditions of the step to come are there. Within the process's ends. */
static artfusion_status settle_conditions(artfusion_sampler *s)
{
    const artfusion_model *model = s->plan.model;
    af_run *run = &s->run;
    if (run->conditions && run->step >= run->window_start &&
        run->step < run->window_start + run->window_steps)
        return ARTFUSION_OK;
    if (!run->style_count)
        settle_styles(s);
    /* A loaded run has none, and makes those it had: the same steps at once, the same bytes. */
    int32_t first = run->conditions ? run->step : run->window_start;
    if (run->step >= first + af_plan_window(&s->plan, run->style_count, first))
        first = run->step;
    const int32_t steps = af_plan_window(&s->plan, run->style_count, first);
    drop_conditions(s);
    float *times = af_alloc_array((size_t)steps, sizeof *times);
    if (!times)
        return af_fail_memory((size_t)steps * sizeof *times, "conditions");
    for (int32_t i = 0; i < steps; i++)
        times[i] = (float)s->plan.timesteps[first + i];
    const af_condition_inputs inputs = {
        .timesteps = times,
        .styles = s->given.styles,
        .contents = s->given.content,
        .timestep_count = steps,
        .style_count = run->style_count,
        .content_count = s->plan.options.batch,
        .size = s->plan.latent,
    };
    af_engine_error error = {{0}};
    const double began = af_seconds();
    af_isolated_heed(&s->cancelled);
    const artfusion_status status =
        model->engine->condition(model->network, &inputs, &run->conditions, &error);
    af_isolated_heed(NULL);
    run->seconds_denoise += af_seconds() - began;
    af_free(times);
    if (status != ARTFUSION_OK || !run->conditions)
        return af_sampler_failed(s, status, "UNet conditions", &error);
    run->window_start = first;
    run->window_steps = steps;
    return ARTFUSION_OK;
}

/* A guidance scale outside its part of the run, or of a condition that no picture has, is 1. */
static double scale_now(const artfusion_sampler *s, double scale, double start, double end,
                        const uint8_t *has)
{
    const double fraction = (double)s->run.step / s->plan.steps;
    if (!(fraction >= start && fraction < end))
        return 1.0;
    return memchr(has, 1, (size_t)s->plan.options.batch) ? scale : 1.0;
}

/* Fills in the inputs of one branch, behind those of the branches before it. */
static void fill_branch(artfusion_sampler *s, int32_t place, uint32_t branch)
{
    const af_run *run = &s->run;
    const int32_t batch = s->plan.options.batch;
    const size_t count = s->plan.count, first = (size_t)place * (size_t)batch;
    if (place)
        memcpy(run->input + (size_t)place * count, run->input, count * sizeof *run->input);
    const int32_t base = (run->step - run->window_start) * run->style_count;
    for (int32_t i = 0; i < batch; i++) {
        run->modulation_rows[first + (size_t)i] =
            base + (branch == AF_BRANCH_NULL_STYLE ? 0 : run->style_rows[i]);
        run->content_rows[first + (size_t)i] =
            branch != AF_BRANCH_NULL_CONTENT && s->given.has_content[i] ? i : AF_NULL_CONTENT;
    }
}

static const char *branch_name(uint32_t branch)
{
    return branch == AF_BRANCH_BOTH           ? "content and style"
           : branch == AF_BRANCH_NULL_CONTENT ? "null content"
                                              : "null style";
}

/* A branch's prediction becomes its eps, in place. */
static artfusion_status finish_branch(artfusion_sampler *s, float *prediction, uint32_t branch)
{
    const af_plan *plan = &s->plan;
    const int32_t step = s->run.step;
    af_prediction_to_eps(plan->model->manifest.prediction, plan->alphas[step], s->run.input,
                         prediction, prediction, plan->count);
    for (int32_t i = 0; i < plan->options.batch; i++) {
        const artfusion_status status =
            af_check_finite(ARTFUSION_ERROR_NUMERIC, "the prediction",
                            prediction + (size_t)i * plan->values, plan->values);
        if (status != ARTFUSION_OK)
            return af_fail_in(status, "step %d of %d (timestep %d), branch %s, picture %d",
                              (int)step + 1, (int)plan->steps, (int)plan->timesteps[step],
                              branch_name(branch), (int)i);
    }
    return ARTFUSION_OK;
}

static artfusion_status denoise(artfusion_sampler *s, int32_t branches)
{
    const af_plan *plan = &s->plan;
    const artfusion_model *model = plan->model;
    af_run *run = &s->run;
    const int32_t passes = branches * plan->options.batch;
    const int32_t most = af_plan_passes_a_call(plan, branches);
    artfusion_status status = af_sampler_check_cancelled(s);
    for (int32_t first = 0; status == ARTFUSION_OK && first < passes; first += most) {
        const int32_t count = most < passes - first ? most : passes - first;
        const size_t offset = (size_t)first * plan->values;
        const af_passes some = {
            .modulation_rows = run->modulation_rows + first,
            .content_rows = run->content_rows + first,
            .x = run->input + offset,
            .prediction = run->prediction + offset,
            .batch = count,
            .size = plan->latent,
        };
        af_engine_error error = {{0}};
        status = af_model_enter(model);
        if (status != ARTFUSION_OK)
            return status;
        const double began = af_seconds();
        af_isolated_heed(&s->cancelled);
        status = model->engine->denoise(model->network, run->conditions, &some, &error);
        af_isolated_heed(NULL);
        run->seconds_denoise += af_seconds() - began;
        af_model_leave(model);
        if (status != ARTFUSION_OK)
            return af_sampler_failed(s, status, "UNet", &error);
        status = af_sampler_check_cancelled(s);
    }
    return status;
}

artfusion_status af_sampler_guided_eps(artfusion_sampler *s)
{
    const artfusion_sampler_options *o = &s->plan.options;
    artfusion_status status = af_model_enter(s->plan.model);
    if (status == ARTFUSION_OK) {
        status = settle_conditions(s);
        af_model_leave(s->plan.model);
    }
    if (status != ARTFUSION_OK)
        return status;

    const double content_scale =
        scale_now(s, o->content_scale, o->content_start, o->content_end, s->given.has_content);
    const double style_scale =
        scale_now(s, o->style_scale, o->style_start, o->style_end, s->given.has_style);
    const uint32_t wanted = af_guidance_branches(content_scale, style_scale);
    static const uint32_t order[AF_MAX_BRANCHES] = {AF_BRANCH_BOTH, AF_BRANCH_NULL_CONTENT,
                                                    AF_BRANCH_NULL_STYLE};
    float *eps[AF_MAX_BRANCHES] = {NULL, NULL, NULL};
    int32_t places = 0;
    for (int32_t b = 0; b < AF_MAX_BRANCHES; b++) {
        if (!(wanted & order[b]))
            continue;
        fill_branch(s, places, order[b]);
        eps[b] = s->run.prediction + (size_t)places * s->plan.count;
        places++;
    }

    status = denoise(s, places);
    if (status == ARTFUSION_OK)
        s->run.passes += places;
    for (int32_t b = 0; b < AF_MAX_BRANCHES && status == ARTFUSION_OK; b++)
        if (eps[b])
            status = finish_branch(s, eps[b], order[b]);
    if (status == ARTFUSION_ERROR_NUMERIC) /* their rows may be what is not finite */
        drop_conditions(s);
    if (status == ARTFUSION_OK)
        af_guidance_mix(eps[0], eps[1], eps[2], content_scale, style_scale, eps[0], s->plan.count);
    return status;
}
