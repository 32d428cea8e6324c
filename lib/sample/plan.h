/* SPDX-License-Identifier: MIT
 * What a run will be: a function of model and options, fixed once its sampler is made. */
#ifndef AF_SAMPLE_PLAN_H
#define AF_SAMPLE_PLAN_H

#include "model/model.h"

#define AF_MAX_BRANCHES 3

typedef struct af_plan {
    artfusion_model *model;
    artfusion_sampler_options options; /* timesteps points to `timesteps` below */

    af_size whole; /* pixels that the networks compute: the next multiples of the options' sides */
    af_size latent;
    size_t pixels; /* of one latent channel */
    size_t values; /* of one picture's latent */
    size_t count;  /* of the batch's */

    int32_t most_passes; /* of a call of the UNet, by the context's memory_limit; 0: any number */
    int32_t steps;       /* in this run: those that denoising_strength leaves */
    int32_t most_kept;   /* latents, by keep_every */

    /* [options.steps], of which the first `steps` are filled in. */
    int32_t *timesteps; /* descending */
    double *alphas, *alphas_next;
} af_plan;

/* A plan without its steps: sizes and counts. The model stays the caller's. */
af_plan af_plan_of(artfusion_model *model, const artfusion_sampler_options *options);

/* Fills in the steps, for which there is room: by the options, or as another plan of the same
 * options has them, whose timesteps may have been a caller's that are gone. Errors: MEMORY. */
artfusion_status af_plan_make_steps(af_plan *plan);
void af_plan_copy_steps(af_plan *plan, const af_plan *from);

/* How many passes go into one call if each picture takes `branches`. */
int32_t af_plan_passes_a_call(const af_plan *plan, int32_t branches);

/* How many steps' conditions are made at once, from step `first` on. */
int32_t af_plan_window(const af_plan *plan, int32_t style_count, int32_t first);

#endif
