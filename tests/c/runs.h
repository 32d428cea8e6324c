/* SPDX-License-Identifier: MIT
 * What the sampler's tests share: small runs of the test network. */
#ifndef RUNS_H
#define RUNS_H

#include "support.h"

#define SIDE 16 /* pixels: a latent of 3 x 4 x 4 */
#define VALUES 48

/* The model's defaults at SIDE x SIDE. */
artfusion_sampler_options options_for(const artfusion_model *model);
artfusion_sampler *sampler_for(artfusion_model *model, const artfusion_sampler_options *options);

/* Gives every picture the same content and style. */
void condition(artfusion_sampler *sampler, artfusion_model *model);
artfusion_progress progress_of(const artfusion_sampler *sampler);

/* A noise callback that fills in -1, 0, 1, -1, ... and logs what it was asked for. */
typedef struct noise_log {
    int32_t uses[64], steps[64], calls, answer;
} noise_log;
int32_t give_noise(void *log, artfusion_noise_use use, int32_t step, float *values, size_t count);

#endif
