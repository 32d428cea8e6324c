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

/* Modulation rows kept at once: all steps of a usual run, without letting 1000 steps of a large
 * UNet take gigabytes. */
#define CONDITION_BYTES ((size_t)64 << 20)

/* Pictures that share a style share its rows. */
static void settle_styles(artfusion_sampler *s)
{
    const size_t width = (size_t)s->model->manifest.style_width;
    s->style_count = 1;
    for (int32_t i = 0; i < s->options.batch; i++) {
        s->style_rows[i] = 0;
        if (!s->has_style[i])
            continue;
        const float *code = s->styles + (size_t)(i + 1) * width;
        int32_t row = 1;
        while (row < s->style_count &&
               memcmp(s->styles + (size_t)row * width, code, width * sizeof *code) != 0)
            row++;
        if (row == s->style_count) {
            /* Rows move down only: those still to come are not overwritten. */
            memmove(s->styles + (size_t)row * width, code, width * sizeof *code);
            s->style_count++;
        }
        s->style_rows[i] = row;
    }
}

static void drop_conditions(artfusion_sampler *s)
{
    s->model->engine->conditions_destroy(s->conditions);
    s->conditions = NULL;
}

int32_t af_sampler_window(const artfusion_sampler *s, int32_t style_count, int32_t first)
{
    const size_t row = (size_t)s->model->network_info.condition_width * sizeof(float);
    const size_t fit = CONDITION_BYTES / (row * (size_t)style_count + 1) + 1;
    const int32_t left = s->steps - first;
    return fit < (size_t)left ? (int32_t)fit : left;
}

/* Sees that the conditions of the step to come are there. Within the process's ends. */
static artfusion_status settle_conditions(artfusion_sampler *s)
{
    if (s->conditions && s->step >= s->window_start && s->step < s->window_start + s->window_steps)
        return ARTFUSION_OK;
    if (!s->style_count)
        settle_styles(s);
    /* A loaded run has none, and makes those it had: the same steps at once, the same bytes. */
    int32_t first = s->conditions ? s->step : s->window_start;
    if (s->step >= first + af_sampler_window(s, s->style_count, first))
        first = s->step;
    const int32_t steps = af_sampler_window(s, s->style_count, first);
    drop_conditions(s);
    float *times = af_alloc_array((size_t)steps, sizeof *times);
    if (!times)
        return af_fail_memory((size_t)steps * sizeof *times, "conditions");
    for (int32_t i = 0; i < steps; i++)
        times[i] = (float)s->timesteps[first + i];
    af_engine_error error = {{0}};
    const double began = af_seconds();
    af_isolated_heed(&s->cancelled);
    const artfusion_status status = s->model->engine->condition(
        s->model->network, times, steps, s->styles, s->style_count, &s->conditions, &error);
    af_isolated_heed(NULL);
    s->seconds_denoise += af_seconds() - began;
    af_free(times);
    if (status != ARTFUSION_OK || !s->conditions)
        return af_sampler_failed(s, status, "UNet conditions", &error);
    s->window_start = first;
    s->window_steps = steps;
    return ARTFUSION_OK;
}

/* A guidance scale outside its part of the run, or of a condition that no picture has, is 1. */
static double scale_now(const artfusion_sampler *s, double scale, double start, double end,
                        const uint8_t *has)
{
    const double fraction = (double)s->step / s->steps;
    if (!(fraction >= start && fraction < end))
        return 1.0;
    return memchr(has, 1, (size_t)s->options.batch) ? scale : 1.0;
}

/* Fills in the inputs of one branch, behind those of the branches before it. */
static void fill_branch(artfusion_sampler *s, int32_t place, uint32_t branch)
{
    const size_t batch = (size_t)s->options.batch;
    const size_t first = (size_t)place * batch;
    if (place)
        memcpy(s->input + first * s->values, s->input, s->count * sizeof *s->input);
    if (branch == AF_BRANCH_NULL_CONTENT)
        memset(s->input_content + first * s->values, 0, s->count * sizeof *s->content);
    else
        memcpy(s->input_content + first * s->values, s->content, s->count * sizeof *s->content);
    const int32_t base = (s->step - s->window_start) * s->style_count;
    for (size_t i = 0; i < batch; i++)
        s->input_rows[first + i] = base + (branch == AF_BRANCH_NULL_STYLE ? 0 : s->style_rows[i]);
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
    af_prediction_to_eps(s->model->manifest.prediction, s->alphas[s->step], s->input, prediction,
                         prediction, s->count);
    const size_t bad = af_first_nonfinite(prediction, s->count);
    if (bad == s->count)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_NUMERIC,
                   "step %d of %d (timestep %d), branch %s, picture %zu: the prediction is not "
                   "finite",
                   (int)s->step + 1, (int)s->steps, (int)s->timesteps[s->step],
                   branch_name(branch), bad / s->values);
}

/* As many as the engine gains by, but all of a picture's, in calls of about one size. */
int32_t af_sampler_passes_a_call(const artfusion_sampler *s, int32_t branches)
{
    const int32_t passes = branches * s->options.batch;
    const int32_t positions = s->model->network_info.positions_a_call;
    int32_t most = passes;
    if (positions) {
        const size_t fit = (size_t)positions / s->pixels;
        most = fit > (size_t)passes     ? passes
               : fit > (size_t)branches ? (int32_t)fit
                                        : branches;
    }
    if (s->most_passes && most > s->most_passes)
        most = s->most_passes;
    const int32_t calls = (passes + most - 1) / most;
    return (passes + calls - 1) / calls;
}

static artfusion_status denoise(artfusion_sampler *s, int32_t branches)
{
    const int32_t passes = branches * s->options.batch, most = af_sampler_passes_a_call(s, branches);
    artfusion_status status = af_sampler_check_cancelled(s);
    for (int32_t first = 0; status == ARTFUSION_OK && first < passes; first += most) {
        const int32_t count = most < passes - first ? most : passes - first;
        const size_t offset = (size_t)first * s->values;
        af_engine_error error = {{0}};
        status = af_model_enter(s->model);
        if (status != ARTFUSION_OK)
            return status;
        const double began = af_seconds();
        af_isolated_heed(&s->cancelled);
        status = s->model->engine->denoise(
            s->model->network, s->conditions, s->input_rows + first, s->input + offset,
            s->input_content + offset, count, s->latent_height, s->latent_width,
            s->prediction + offset, &error);
        af_isolated_heed(NULL);
        s->seconds_denoise += af_seconds() - began;
        af_model_leave(s->model);
        if (status != ARTFUSION_OK)
            return af_sampler_failed(s, status, "UNet", &error);
        status = af_sampler_check_cancelled(s);
    }
    return status;
}

artfusion_status af_sampler_guided_eps(artfusion_sampler *s)
{
    const artfusion_sampler_options *o = &s->options;
    artfusion_status status = af_model_enter(s->model);
    if (status == ARTFUSION_OK) {
        status = settle_conditions(s);
        af_model_leave(s->model);
    }
    if (status != ARTFUSION_OK)
        return status;

    const double content_scale =
        scale_now(s, o->content_scale, o->content_start, o->content_end, s->has_content);
    const double style_scale =
        scale_now(s, o->style_scale, o->style_start, o->style_end, s->has_style);
    const uint32_t wanted = af_guidance_branches(content_scale, style_scale);
    static const uint32_t order[AF_MAX_BRANCHES] = {AF_BRANCH_BOTH, AF_BRANCH_NULL_CONTENT,
                                                    AF_BRANCH_NULL_STYLE};
    float *eps[AF_MAX_BRANCHES] = {NULL, NULL, NULL};
    int32_t places = 0;
    for (int32_t b = 0; b < AF_MAX_BRANCHES; b++) {
        if (!(wanted & order[b]))
            continue;
        fill_branch(s, places, order[b]);
        eps[b] = s->prediction + (size_t)places * s->count;
        places++;
    }

    status = denoise(s, places);
    if (status == ARTFUSION_OK)
        s->passes += places;
    for (int32_t b = 0; b < AF_MAX_BRANCHES && status == ARTFUSION_OK; b++)
        if (eps[b])
            status = finish_branch(s, eps[b], order[b]);
    if (status == ARTFUSION_ERROR_NUMERIC) /* their rows may be what is not finite */
        drop_conditions(s);
    if (status == ARTFUSION_OK)
        af_guidance_mix(eps[0], eps[1], eps[2], content_scale, style_scale, eps[0], s->count);
    return status;
}
