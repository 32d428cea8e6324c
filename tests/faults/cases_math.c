/* SPDX-License-Identifier: MIT
 * Schedules and random numbers. */
#include "cases.h"

static void schedule_betas(outcome *o)
{
    double betas[50];
    ATTEMPT(o, artfusion_schedule_betas(ARTFUSION_SCHEDULE_COSINE, 0.0, 0.0, 50, betas));
    take(o, betas, sizeof betas);
}

static void timesteps(outcome *o)
{
    int32_t visited[20];
    ATTEMPT(o, artfusion_timesteps(ARTFUSION_SPACING_QUAD, 20, 1000, visited));
    take(o, visited, sizeof visited);
}

static void ddim_coefficients(outcome *o)
{
    static const double alphas_cumprod[] = {0.9, 0.5, 0.1};
    static const int32_t visited[] = {2, 1};
    double alphas[2], before[2], sigmas[2];
    ATTEMPT(o, artfusion_ddim_coefficients(alphas_cumprod, 3, ARTFUSION_SPACING_TRAILING, visited,
                                           2, 0.5, alphas, before, sigmas));
    take(o, sigmas, sizeof sigmas);
}

static void rng_create(outcome *o)
{
    artfusion_rng *rng;
    float values[20];
    ATTEMPT_MAKING(o, rng, artfusion_rng_create(ARTFUSION_RNG_TORCH_CPU, 1, &rng));
    MUST(artfusion_rng_normal(rng, values, 20));
    take(o, values, sizeof values);
    artfusion_rng_destroy(rng);
}

static void rng_normal(outcome *o)
{
    artfusion_rng *rng;
    float values[20];
    MUST(artfusion_rng_create(ARTFUSION_RNG_COUNTER, 1, &rng));
    ATTEMPT(o, artfusion_rng_normal(rng, values, 20));
    take(o, values, sizeof values);
    artfusion_rng_destroy(rng);
}

static void rng_uniform(outcome *o)
{
    artfusion_rng *rng;
    float values[20];
    MUST(artfusion_rng_create(ARTFUSION_RNG_TORCH_CPU, 1, &rng));
    ATTEMPT(o, artfusion_rng_uniform(rng, values, 20));
    take(o, values, sizeof values);
    artfusion_rng_destroy(rng);
}

static void rng_destroy(outcome *o)
{
    (void)o;
    artfusion_rng *rng;
    MUST(artfusion_rng_create(ARTFUSION_RNG_COUNTER, 1, &rng));
    QUIETLY(artfusion_rng_destroy(rng));
}

const fault_case math_cases[] = {
    {"artfusion_schedule_betas", NULL, schedule_betas, 0, {NULL}},
    {"artfusion_timesteps", NULL, timesteps, 0, {NULL}},
    {"artfusion_ddim_coefficients", NULL, ddim_coefficients, 0, {NULL}},
    {"artfusion_rng_create", NULL, rng_create, 0, {NULL}},
    {"artfusion_rng_normal", NULL, rng_normal, 0, {NULL}},
    {"artfusion_rng_uniform", NULL, rng_uniform, 0, {NULL}},
    {"artfusion_rng_destroy", NULL, rng_destroy, 0, {NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
