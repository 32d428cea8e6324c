/* SPDX-License-Identifier: MIT
 * One run. Everything a step needs is allocated when the sampler is made. */
#ifndef AF_SAMPLE_SAMPLER_H
#define AF_SAMPLE_SAMPLER_H

#include <stdatomic.h>

#include "math/rng.h"
#include "math/solver.h"
#include "sample/plan.h"

/* Where a picture's init latent comes from. */
enum { AF_INIT_NONE = 0, AF_INIT_CONTENT = 1, AF_INIT_GIVEN = 2 };

/* What the setters brought. A style is a row of `styles`: 0 is the null style, 1 + i that of
 * picture i. */
typedef struct af_given {
    float *content; /* [batch, values], the content condition, zeros for null */
    float *init;    /* [batch, values], scaled latent */
    float *mask;    /* [batch, pixels] */
    float *styles;  /* [1 + batch, style_width] */
    uint8_t *has_content, *has_style, *has_mask; /* [batch]: 0 or 1 */
    uint8_t *has_init;                           /* [batch]: AF_INIT_* */
} af_given;

/* What moves. */
typedef struct af_run {
    int32_t *style_rows; /* [batch]: which of the styles handed to the engine is picture i's */
    int32_t style_count; /* of different ones, the null style included; 0: not yet settled */
    af_conditions *conditions; /* of steps window_start .. window_start + window_steps - 1; NULL: to
                                * be made, from window_start on if that has the step to come */
    int32_t window_start, window_steps;

    int32_t step; /* steps done; -1 before x_T is there */
    int32_t passes;
    float *x, *x0;
    af_solver *solver;
    af_rng_torch rng;
    float *kept; /* [most_kept, 2, count]: x, x0 */
    int32_t kept_count;
    double seconds_encode, seconds_denoise, seconds_decode, seconds_total;

    /* Room for a step, empty between two. */
    float *input, *prediction;               /* [AF_MAX_BRANCHES * batch, values] */
    int32_t *modulation_rows, *content_rows; /* [AF_MAX_BRANCHES * batch], of the input */
    float *noise;                            /* [count] */
} af_run;

/* By lifetime: fixed when it is made, set before the first step, moving. fields.c describes what is
 * in them; what is behind them is the handle's own, and no saved run changes it. */
struct artfusion_sampler {
    af_plan plan;
    af_given given;
    af_run run;
    int32_t within; /* whether a step is being done, as when its eps or noise callback runs */
    atomic_int cancelled;
};

/* ---- options.c ---- */

/* Reads the caller's struct over the model's defaults and checks every field. */
artfusion_status af_sampler_read_options(const artfusion_model *model,
                                         const artfusion_sampler_options *given,
                                         artfusion_sampler_options *options);

/* ---- noise.c ---- */

/* Fills run.noise with the numbers of this use in the step to come: the caller's, or the
 * generator's. Errors: CANCELLED, NUMERIC. */
artfusion_status af_sampler_draw(artfusion_sampler *sampler, artfusion_noise_use use);

/* The step's noise with elements dropped, into run.noise. */
artfusion_status af_sampler_draw_step_noise(artfusion_sampler *sampler);

/* ---- branches.c ---- */

/* The guided eps at the latents in run.input[0 .. count), over run.prediction[0 .. count).
 * Errors: CANCELLED, ENGINE, NUMERIC, MEMORY. */
artfusion_status af_sampler_guided_eps(artfusion_sampler *sampler);

/* ---- sampler.c ---- */

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
