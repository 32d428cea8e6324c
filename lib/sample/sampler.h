/* SPDX-License-Identifier: MIT
 * One run. Everything a step needs is allocated when the sampler is made. */
#ifndef AF_SAMPLE_SAMPLER_H
#define AF_SAMPLE_SAMPLER_H

#include <stdatomic.h>

#include "math/rng.h"
#include "math/solver.h"
#include "model/model.h"

#define AF_MAX_BRANCHES 3

/* Where a picture's init latent comes from. */
enum { AF_INIT_NONE = 0, AF_INIT_CONTENT = 1, AF_INIT_GIVEN = 2 };

struct artfusion_sampler {
    artfusion_model *model;
    artfusion_sampler_options options; /* timesteps points to `timesteps` below */

    int32_t latent_width, latent_height;
    size_t pixels; /* of one latent channel */
    size_t values; /* of one picture's latent */
    size_t count;  /* of the batch's */

    int32_t most_passes; /* of a call of the UNet, by the context's memory_limit; 0: any number */
    int32_t steps; /* in this run: those that denoising_strength leaves */
    int32_t *timesteps;         /* [steps], descending */
    double *alphas, *alphas_next; /* [steps] */

    /* Conditions. A style is a row of `styles`: 0 is the null style, 1 + i that of picture i. */
    float *content;       /* [batch, values], the content condition, zeros for null */
    float *init;          /* [batch, values], scaled latent */
    float *mask;          /* [batch, pixels] */
    float *styles;        /* [1 + batch, style_width] */
    uint8_t *has_content, *has_style, *has_mask; /* [batch]: 0 or 1 */
    uint8_t *has_init;                              /* [batch]: AF_INIT_* */
    int32_t *style_rows;  /* [batch]: which of the styles handed to the engine is picture i's */
    int32_t style_count;  /* of different ones, the null style included; 0: not yet settled */
    af_conditions *conditions; /* of steps window_start .. window_start + window_steps - 1; NULL: to
                                * be made, from window_start on if that has the step to come */
    int32_t window_start, window_steps;

    /* The run. */
    int32_t step; /* steps done; -1 before x_T is there */
    int32_t within; /* whether a step is being done, as when its eps or noise callback runs */
    int32_t passes;
    float *x, *x0;
    float *input, *input_content, *prediction; /* [AF_MAX_BRANCHES * batch, values] */
    int32_t *input_rows;                       /* [AF_MAX_BRANCHES * batch] */
    float *noise;                              /* [count] */
    af_solver *solver;
    af_rng_torch rng;
    float *kept; /* [kept_capacity, 2, count]: x, x0 */
    int32_t kept_count, kept_capacity;
    atomic_int cancelled;
    double seconds_encode, seconds_denoise, seconds_decode, seconds_total;
};

/* ---- options.c ---- */

/* Reads the caller's struct over the model's defaults and checks every field. */
artfusion_status af_sampler_read_options(const artfusion_model *model,
                                         const artfusion_sampler_options *given,
                                         artfusion_sampler_options *options);

/* ---- noise.c ---- */

/* Fills sampler->noise with the numbers of this use in the step to come: the caller's, or the
 * generator's. Errors: CANCELLED, NUMERIC. */
artfusion_status af_sampler_draw(artfusion_sampler *sampler, artfusion_noise_use use);

/* The step's noise with elements dropped, into sampler->noise. */
artfusion_status af_sampler_draw_step_noise(artfusion_sampler *sampler);

/* ---- branches.c ---- */

/* The guided eps at the latents in sampler->input[0 .. count), over sampler->prediction[0 .. count).
 * Errors: CANCELLED, ENGINE, NUMERIC, MEMORY. */
artfusion_status af_sampler_guided_eps(artfusion_sampler *sampler);

/* How many passes go into one call where each picture takes `branches`. */
int32_t af_sampler_passes_a_call(const artfusion_sampler *sampler, int32_t branches);

/* How many steps' conditions are made at once, from step `first` on. */
int32_t af_sampler_window(const artfusion_sampler *sampler, int32_t style_count, int32_t first);

/* ---- memory.c ---- */

/* Settles most_passes. Errors: LIMIT, ENGINE, MEMORY. */
artfusion_status af_sampler_limit_passes(artfusion_sampler *sampler);

/* ---- sampler.c ---- */

/* What follows from model and options: sizes and counts. */
void af_sampler_set_sizes(artfusion_sampler *sampler);

/* What a sampler of these sizes allocates when it is made. */
uint64_t af_sampler_bytes(artfusion_sampler *sampler);

/* A sampler of the same model, options and steps, at its beginning, for the run of a saved state.
 * Errors: MEMORY. */
artfusion_status af_sampler_create_alike(const artfusion_sampler *sampler,
                                         artfusion_sampler **alike);

/* CANCELLED, once, if somebody asked for it. */
artfusion_status af_sampler_check_cancelled(artfusion_sampler *sampler);

/* As af_model_failed, of a network that the sampler called; or CANCELLED, if that is why. */
artfusion_status af_sampler_failed(artfusion_sampler *sampler, artfusion_status status,
                                   const char *what, const af_engine_error *error);

#endif
