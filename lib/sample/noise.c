/* SPDX-License-Identifier: MIT
 * Every random number of a run. */
#include "base/error.h"
#include "base/floats.h"
#include "math/finite.h"
#include "sample/sampler.h"

/* Draws of the counter-based generator: one for x_T, then four a step. The last is dropout's own. */
static uint32_t draw_index(const artfusion_sampler *sampler, int32_t use)
{
    return sampler->step < 0 ? 0 : 1 + 4 * (uint32_t)sampler->step + (uint32_t)use;
}

#define USE_DROPOUT 3

static void generate(artfusion_sampler *sampler, int32_t use, int32_t uniform)
{
    if (sampler->options.rng == ARTFUSION_RNG_TORCH_CPU) {
        if (uniform)
            af_rng_torch_uniform(&sampler->rng, sampler->noise, sampler->count);
        else
            af_rng_torch_normal(&sampler->rng, sampler->noise, sampler->count);
        return;
    }
    for (int32_t i = 0; i < sampler->options.batch; i++) {
        float *values = sampler->noise + (size_t)i * sampler->values;
        if (uniform)
            af_rng_counter_uniform(sampler->options.seed, (uint32_t)i, draw_index(sampler, use),
                                   values, sampler->values);
        else
            af_rng_counter_normal(sampler->options.seed, (uint32_t)i, draw_index(sampler, use),
                                  values, sampler->values);
    }
}

artfusion_status af_sampler_draw(artfusion_sampler *sampler, artfusion_noise_use use)
{
    const artfusion_sampler_options *o = &sampler->options;
    const int32_t step = sampler->step < 0 ? 0 : sampler->step;
    if (o->noise_callback) {
        int32_t answer;
        {
            AF_HOST_FLOATS;
            answer =
                o->noise_callback(o->noise_user_data, use, step, sampler->noise, sampler->count);
        }
        af_error_clear();
        if (answer == 0) {
            const size_t bad = af_first_nonfinite(sampler->noise, sampler->count);
            if (bad != sampler->count)
                return af_fail(ARTFUSION_ERROR_NUMERIC,
                               "the noise callback's value %zu of step %d is not finite", bad,
                               (int)step + 1);
            return ARTFUSION_OK;
        }
        if (answer != 1)
            return af_fail(ARTFUSION_ERROR_CANCELLED, "the noise callback returned %d",
                           (int)answer);
    }
    /* A uniform x_T is the published notebook's; noise that is added to a latent is normal. */
    generate(sampler, use,
             use == ARTFUSION_NOISE_X_T && o->noise == ARTFUSION_NOISE_UNIFORM &&
                 o->denoising_strength == 1.0);
    return ARTFUSION_OK;
}

artfusion_status af_sampler_draw_step_noise(artfusion_sampler *sampler)
{
    const artfusion_status status = af_sampler_draw(sampler, ARTFUSION_NOISE_STEP);
    const double dropout = sampler->options.noise_dropout;
    if (status != ARTFUSION_OK || dropout == 0.0)
        return status;

    /* The uniform numbers go where the network's input was, which is not needed any more. */
    float *noise = sampler->noise;
    sampler->noise = sampler->input;
    generate(sampler, USE_DROPOUT, 1);
    sampler->noise = noise;
    const float keep = (float)(1.0 / (1.0 - dropout));
    for (size_t i = 0; i < sampler->count; i++)
        noise[i] = (double)sampler->input[i] < dropout ? 0.0f : noise[i] * keep;
    return ARTFUSION_OK;
}
