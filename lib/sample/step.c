/* SPDX-License-Identifier: MIT
 * The run: x_T, then step by step. A step changes the sampler only after the last thing in it that
 * can fail, so that after an error the sampler stands before it. */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/floats.h"
#include "math/finite.h"
#include "math/guidance.h"
#include "sample/sampler.h"

static artfusion_status check_init(const artfusion_sampler *s)
{
    const artfusion_sampler_options *o = &s->plan.options;
    for (int32_t i = 0; i < o->batch; i++) {
        if (s->given.has_init[i])
            continue;
        if (o->denoising_strength < 1.0)
            return af_fail(ARTFUSION_ERROR_ARGUMENT,
                           "denoising_strength is %g, and picture %d has neither a content nor an "
                           "init latent to start from",
                           o->denoising_strength, (int)i);
        if (s->given.has_mask[i])
            return af_fail(ARTFUSION_ERROR_ARGUMENT,
                           "picture %d has a mask, and neither a content nor an init latent to "
                           "keep",
                           (int)i);
    }
    return ARTFUSION_OK;
}

static void keep(artfusion_sampler *s, int32_t with_x0)
{
    af_run *run = &s->run;
    const size_t count = s->plan.count;
    if (run->kept_count >= s->plan.most_kept)
        return;
    float *entry = run->kept + (size_t)run->kept_count * 2 * count;
    memcpy(entry, run->x, count * sizeof *entry);
    if (with_x0)
        memcpy(entry + count, run->x0, count * sizeof *entry);
    run->kept_count++;
}

static artfusion_status begin(artfusion_sampler *s)
{
    const af_plan *plan = &s->plan;
    af_run *run = &s->run;
    artfusion_status status = check_init(s);
    if (status != ARTFUSION_OK)
        return status;
    const af_rng_torch before = run->rng;
    status = af_sampler_draw(s, ARTFUSION_NOISE_X_T);
    if (status != ARTFUSION_OK) {
        run->rng = before;
        return status;
    }
    if (plan->options.denoising_strength < 1.0)
        af_add_noise(plan->alphas[0], s->given.init, run->noise, run->x, plan->count);
    else
        memcpy(run->x, run->noise, plan->count * sizeof *run->x);
    run->step = 0;
    keep(s, 0);
    return ARTFUSION_OK;
}

/* The network's input: x, where a mask keeps the init latent replaced by that at this noise. */
static artfusion_status fill_input(artfusion_sampler *s)
{
    const af_plan *plan = &s->plan;
    const af_given *given = &s->given;
    const af_run *run = &s->run;
    memcpy(run->input, run->x, plan->count * sizeof *run->x);
    if (!memchr(given->has_mask, 1, (size_t)plan->options.batch))
        return ARTFUSION_OK;
    const artfusion_status status = af_sampler_draw(s, ARTFUSION_NOISE_MASK);
    if (status != ARTFUSION_OK)
        return status;
    af_add_noise(plan->alphas[run->step], given->init, run->noise, run->noise, plan->count);
    for (size_t i = 0; i < plan->count; i++) {
        const float m = given->mask[i / plan->values * plan->pixels + i % plan->pixels];
        run->input[i] = run->noise[i] * m + (1.0f - m) * run->x[i];
    }
    return ARTFUSION_OK;
}

/* The reference draws a step's noise whether or not its factor is 0: to follow its sequence of
 * numbers, so must the generator that is torch's. */
static int32_t draws_noise(const artfusion_sampler *s)
{
    const af_plan *plan = &s->plan;
    const int32_t step = s->run.step;
    const artfusion_solver solver = plan->options.solver;
    return af_solver_needs_noise(s->run.solver, plan->alphas[step], plan->alphas_next[step]) ||
           (plan->options.rng == ARTFUSION_RNG_TORCH_CPU &&
            (solver == ARTFUSION_SOLVER_DDIM || solver == ARTFUSION_SOLVER_DDPM));
}

static artfusion_status do_step(artfusion_sampler *s)
{
    const af_plan *plan = &s->plan;
    const artfusion_sampler_options *o = &plan->options;
    af_run *run = &s->run;
    const size_t count = plan->count;
    artfusion_status status = fill_input(s);
    if (status == ARTFUSION_OK)
        status = af_sampler_guided_eps(s);
    if (status != ARTFUSION_OK)
        return status;

    float *eps = run->prediction;
    if (o->eps_callback) {
        int32_t answer;
        {
            AF_HOST_FLOATS;
            answer = o->eps_callback(o->eps_user_data, s, eps, count);
        }
        af_error_clear();
        if (answer)
            return af_fail(ARTFUSION_ERROR_CANCELLED, "the eps callback returned %d", (int)answer);
        status = af_check_finite(ARTFUSION_ERROR_NUMERIC, "what the eps callback left", eps, count);
        if (status != ARTFUSION_OK)
            return af_fail_in(status, "step %d of %d", (int)run->step + 1, (int)plan->steps);
    }

    const int32_t noisy = draws_noise(s);
    if (noisy)
        status = af_sampler_draw_step_noise(s);
    if (status != ARTFUSION_OK)
        return status;

    memcpy(run->x, run->input, count * sizeof *run->x);
    af_solver_step(run->solver, plan->alphas[run->step], plan->alphas_next[run->step], eps,
                   noisy ? run->noise : NULL, run->step + 1 == plan->steps, run->x, run->x0);
    run->step++;
    return ARTFUSION_OK;
}

static artfusion_status after_step(artfusion_sampler *s)
{
    const af_plan *plan = &s->plan;
    const artfusion_sampler_options *o = &plan->options;
    const int32_t step = s->run.step, left = plan->steps - step;
    if (af_first_nonfinite(s->run.x, plan->count) != plan->count)
        return af_fail(ARTFUSION_ERROR_NUMERIC,
                       "step %d of %d (timestep %d): the latent overflowed", (int)step,
                       (int)plan->steps, (int)plan->timesteps[step - 1]);
    if (o->keep_every && (step == 1 || left % o->keep_every == 0))
        keep(s, 1);
    if (o->step_callback) {
        int32_t answer;
        {
            AF_HOST_FLOATS;
            answer = o->step_callback(o->step_user_data, s);
        }
        af_error_clear();
        if (answer)
            return af_fail(ARTFUSION_ERROR_CANCELLED, "the step callback returned %d", (int)answer);
    }
    return ARTFUSION_OK;
}

static artfusion_status next(artfusion_sampler *s)
{
    if (s->run.step >= s->plan.steps)
        return ARTFUSION_DONE;
    const double began = af_seconds();
    artfusion_status status = af_sampler_check_cancelled(s);
    s->within = 1;
    if (status == ARTFUSION_OK && s->run.step < 0)
        status = begin(s);
    if (status == ARTFUSION_OK) {
        const af_rng_torch before = s->run.rng;
        status = do_step(s);
        if (status != ARTFUSION_OK)
            s->run.rng = before;
    }
    s->within = 0;
    if (status == ARTFUSION_OK)
        status = after_step(s);
    s->run.seconds_total += af_seconds() - began;
    return status;
}

artfusion_status artfusion_sampler_next(artfusion_sampler *sampler)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler)
        return af_fail_null(sampler);
    return next(sampler);
}

artfusion_status artfusion_sampler_run(artfusion_sampler *sampler)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler)
        return af_fail_null(sampler);
    artfusion_status status;
    do
        status = next(sampler);
    while (status == ARTFUSION_OK);
    return status == ARTFUSION_DONE ? ARTFUSION_OK : status;
}
