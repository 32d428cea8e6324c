/* SPDX-License-Identifier: MIT
 * Every random number of a run. */
#include "base/error.h"
#include "base/floats.h"
#include "math/finite.h"
#include "sample/sampler.h"

/* Draws of the counter-based generator: one for x_T, then four a step. The last is dropout's own. */
static uint32_t draw_index(const artfusion_sampler *sampler, int32_t use)
{
    const int32_t step = sampler->run.step;
    return step < 0 ? 0 : 1 + 4 * (uint32_t)step + (uint32_t)use;
}

#define USE_DROPOUT 3

/* Numbers for the whole batch. */
static void generate(artfusion_sampler *sampler, int32_t use, int32_t uniform, float *numbers)
{
    const af_plan *plan = &sampler->plan;
    const artfusion_sampler_options *o = &plan->options;
    if (o->rng == ARTFUSION_RNG_TORCH_CPU) {
        if (uniform)
            af_rng_torch_uniform(&sampler->run.rng, numbers, plan->count);
        else
            af_rng_torch_normal(&sampler->run.rng, numbers, plan->count);
        return;
    }
    const uint32_t draw = draw_index(sampler, use);
    for (int32_t i = 0; i < o->batch; i++) {
        float *values = numbers + (size_t)i * plan->values;
        if (uniform)
            af_rng_counter_uniform(o->seed, (uint32_t)i, draw, values, plan->values);
        else
            af_rng_counter_normal(o->seed, (uint32_t)i, draw, values, plan->values);
    }
}

artfusion_status af_sampler_draw(artfusion_sampler *sampler, artfusion_noise_use use)
{
    const artfusion_sampler_options *o = &sampler->plan.options;
    const int32_t step = sampler->run.step < 0 ? 0 : sampler->run.step;
    float *noise = sampler->run.noise;
    const size_t count = sampler->plan.count;
    if (o->noise_callback) {
        int32_t answer;
        {
            AF_HOST_FLOATS;
            answer = o->noise_callback(o->noise_user_data, use, step, noise, count);
        }
        af_error_clear();
        if (answer == 0) {
            const artfusion_status status = af_check_finite(
                ARTFUSION_ERROR_NUMERIC, "the noise callback's numbers", noise, count);
            return status == ARTFUSION_OK ? status : af_fail_in(status, "step %d", (int)step + 1);
        }
        if (answer != 1)
            return af_fail(ARTFUSION_ERROR_CANCELLED, "the noise callback returned %d",
                           (int)answer);
    }
    /* A uniform x_T is the published notebook's; noise that is added to a latent is normal. */
    generate(sampler, use,
             use == ARTFUSION_NOISE_X_T && o->noise == ARTFUSION_NOISE_UNIFORM &&
                 o->denoising_strength == 1.0,
             noise);
    return ARTFUSION_OK;
}

artfusion_status af_sampler_draw_step_noise(artfusion_sampler *sampler)
{
    const artfusion_status status = af_sampler_draw(sampler, ARTFUSION_NOISE_STEP);
    const double dropout = sampler->plan.options.noise_dropout;
    if (status != ARTFUSION_OK || dropout == 0.0)
        return status;

    /* The uniform numbers go behind the guided eps, where predictions were that it was mixed of. */
    float *noise = sampler->run.noise, *uniform = sampler->run.prediction + sampler->plan.count;
    generate(sampler, USE_DROPOUT, 1, uniform);
    const float keep = (float)(1.0 / (1.0 - dropout));
    for (size_t i = 0; i < sampler->plan.count; i++)
        noise[i] = (double)uniform[i] < dropout ? 0.0f : noise[i] * keep;
    return ARTFUSION_OK;
}
