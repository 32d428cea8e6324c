/* SPDX-License-Identifier: MIT
 * The run: x_T, then step by step. A step changes the sampler only after the last thing in it that
 * can fail, so that after an error the sampler stands before it. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/floats.h"
#include "math/finite.h"
#include "math/guidance.h"
#include "sample/sampler.h"

static artfusion_status check_init(const artfusion_sampler *s)
{
    for (int32_t i = 0; i < s->options.batch; i++) {
        if (s->has_init[i])
            continue;
        if (s->options.denoising_strength < 1.0)
            return af_fail(ARTFUSION_ERROR_ARGUMENT,
                           "denoising_strength is %g, and picture %d has neither a content nor an "
                           "init latent to start from",
                           s->options.denoising_strength, (int)i);
        if (s->has_mask[i])
            return af_fail(ARTFUSION_ERROR_ARGUMENT,
                           "picture %d has a mask, and neither a content nor an init latent to "
                           "keep",
                           (int)i);
    }
    return ARTFUSION_OK;
}

static void keep(artfusion_sampler *s, int32_t with_x0)
{
    if (s->kept_count >= s->kept_capacity)
        return;
    float *entry = s->kept + (size_t)s->kept_count * 2 * s->count;
    memcpy(entry, s->x, s->count * sizeof *entry);
    if (with_x0)
        memcpy(entry + s->count, s->x0, s->count * sizeof *entry);
    s->kept_count++;
}

static artfusion_status begin(artfusion_sampler *s)
{
    artfusion_status status = check_init(s);
    if (status != ARTFUSION_OK)
        return status;
    const af_rng_torch before = s->rng;
    status = af_sampler_draw(s, ARTFUSION_NOISE_X_T);
    if (status != ARTFUSION_OK) {
        s->rng = before;
        return status;
    }
    if (s->options.denoising_strength < 1.0)
        af_add_noise(s->alphas[0], s->init, s->noise, s->x, s->count);
    else
        memcpy(s->x, s->noise, s->count * sizeof *s->x);
    s->step = 0;
    keep(s, 0);
    return ARTFUSION_OK;
}

/* The network's input: x, where a mask keeps the init latent replaced by that at this noise. */
static artfusion_status fill_input(artfusion_sampler *s)
{
    memcpy(s->input, s->x, s->count * sizeof *s->x);
    if (!memchr(s->has_mask, 1, (size_t)s->options.batch))
        return ARTFUSION_OK;
    const artfusion_status status = af_sampler_draw(s, ARTFUSION_NOISE_MASK);
    if (status != ARTFUSION_OK)
        return status;
    af_add_noise(s->alphas[s->step], s->init, s->noise, s->noise, s->count);
    for (size_t i = 0; i < s->count; i++) {
        const float m = s->mask[i / s->values * s->pixels + i % s->pixels];
        s->input[i] = s->noise[i] * m + (1.0f - m) * s->x[i];
    }
    return ARTFUSION_OK;
}

/* The reference draws a step's noise whether or not its factor is 0: to follow its sequence of
 * numbers, so must the generator that is torch's. */
static int32_t draws_noise(const artfusion_sampler *s)
{
    const artfusion_solver solver = s->options.solver;
    return af_solver_needs_noise(s->solver, s->alphas[s->step], s->alphas_next[s->step]) ||
           (s->options.rng == ARTFUSION_RNG_TORCH_CPU &&
            (solver == ARTFUSION_SOLVER_DDIM || solver == ARTFUSION_SOLVER_DDPM));
}

static artfusion_status do_step(artfusion_sampler *s)
{
    const artfusion_sampler_options *o = &s->options;
    artfusion_status status = fill_input(s);
    if (status == ARTFUSION_OK)
        status = af_sampler_guided_eps(s);
    if (status != ARTFUSION_OK)
        return status;

    float *eps = s->prediction;
    if (o->eps_callback) {
        int32_t answer;
        {
            AF_HOST_FLOATS;
            answer = o->eps_callback(o->eps_user_data, s, eps, s->count);
        }
        af_error_clear();
        if (answer)
            return af_fail(ARTFUSION_ERROR_CANCELLED, "the eps callback returned %d", (int)answer);
        if (af_first_nonfinite(eps, s->count) != s->count)
            return af_fail(ARTFUSION_ERROR_NUMERIC,
                           "step %d of %d: the eps callback left a value that is not finite",
                           (int)s->step + 1, (int)s->steps);
    }

    /* Dropout writes over the input, which the update starts from: so it is kept aside, behind. */
    float *start = s->input + s->count;
    memcpy(start, s->input, s->count * sizeof *start);
    const int32_t noisy = draws_noise(s);
    if (noisy)
        status = af_sampler_draw_step_noise(s);
    if (status != ARTFUSION_OK)
        return status;

    memcpy(s->x, start, s->count * sizeof *s->x);
    af_solver_step(s->solver, s->alphas[s->step], s->alphas_next[s->step], eps,
                   noisy ? s->noise : NULL, s->step + 1 == s->steps, s->x, s->x0);
    s->step++;
    return ARTFUSION_OK;
}

static artfusion_status after_step(artfusion_sampler *s)
{
    const artfusion_sampler_options *o = &s->options;
    if (af_first_nonfinite(s->x, s->count) != s->count)
        return af_fail(ARTFUSION_ERROR_NUMERIC,
                       "step %d of %d (timestep %d): the latent overflowed", (int)s->step,
                       (int)s->steps, (int)s->timesteps[s->step - 1]);
    const int32_t left = s->steps - s->step;
    if (o->keep_every && (s->step == 1 || left % o->keep_every == 0))
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
    if (s->step >= s->steps)
        return ARTFUSION_DONE;
    const double began = af_seconds();
    artfusion_status status = af_sampler_check_cancelled(s);
    s->within = 1;
    if (status == ARTFUSION_OK && s->step < 0)
        status = begin(s);
    if (status == ARTFUSION_OK) {
        const af_rng_torch before = s->rng;
        status = do_step(s);
        if (status != ARTFUSION_OK)
            s->rng = before;
    }
    s->within = 0;
    if (status == ARTFUSION_OK)
        status = after_step(s);
    s->seconds_total += af_seconds() - began;
    return status;
}

artfusion_status artfusion_sampler_next(artfusion_sampler *sampler)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "sampler is NULL");
    return next(sampler);
}

artfusion_status artfusion_sampler_run(artfusion_sampler *sampler)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "sampler is NULL");
    artfusion_status status;
    do
        status = next(sampler);
    while (status == ARTFUSION_OK);
    return status == ARTFUSION_DONE ? ARTFUSION_OK : status;
}
