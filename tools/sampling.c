/* SPDX-License-Identifier: MIT */
#include "sampling.h"

/* Style transfer as in the notebook published with arXiv 2306.09330, all of whose settings are
 * named here whatever the model's defaults are. */
static void apply_notebook(artfusion_sampler_options *sampling)
{
    sampling->steps = 250;
    sampling->solver = ARTFUSION_SOLVER_DDIM;
    sampling->spacing = ARTFUSION_SPACING_UNIFORM;
    sampling->eta = 1.0;
    sampling->content_scale = 0.5;
    sampling->style_scale = 2.0;
    sampling->content_start = sampling->style_start = 0.0;
    sampling->content_end = sampling->style_end = 1.0;
    sampling->temperature = 1.0;
    sampling->noise_dropout = 0.0;
    sampling->denoising_strength = 1.0;
    sampling->noise = ARTFUSION_NOISE_UNIFORM;
    sampling->rng = ARTFUSION_RNG_TORCH_CPU;
    sampling->width = sampling->height = 256;
}

void sampling_apply(const struct options *options, artfusion_sampler_options *sampling)
{
    const artfusion_sampler_options *given = &options->sampling;
    if (is_given(options, OPTION_NOTEBOOK))
        apply_notebook(sampling);
    if (is_given(options, OPTION_STEPS))
        sampling->steps = given->steps;
    if (is_given(options, OPTION_SOLVER))
        sampling->solver = given->solver;
    if (is_given(options, OPTION_SPACING))
        sampling->spacing = given->spacing;
    if (is_given(options, OPTION_CONTENT_SCALE))
        sampling->content_scale = given->content_scale;
    if (is_given(options, OPTION_STYLE_SCALE))
        sampling->style_scale = given->style_scale;
    if (is_given(options, OPTION_ETA))
        sampling->eta = given->eta;
    if (is_given(options, OPTION_CONTENT_START))
        sampling->content_start = given->content_start;
    if (is_given(options, OPTION_CONTENT_END))
        sampling->content_end = given->content_end;
    if (is_given(options, OPTION_STYLE_START))
        sampling->style_start = given->style_start;
    if (is_given(options, OPTION_STYLE_END))
        sampling->style_end = given->style_end;
    if (is_given(options, OPTION_DENOISING_STRENGTH))
        sampling->denoising_strength = given->denoising_strength;
    if (is_given(options, OPTION_SEED))
        sampling->seed = given->seed;
    if (is_given(options, OPTION_RNG))
        sampling->rng = given->rng;
    if (is_given(options, OPTION_NOISE))
        sampling->noise = given->noise;
}
