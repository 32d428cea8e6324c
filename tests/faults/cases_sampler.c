/* SPDX-License-Identifier: MIT
 * Samplers: a run that failed goes on where it was, to the bytes of one that did not. */
#include <string.h>

#include "cases.h"

static int32_t on_noise(void *user_data, artfusion_noise_use use, int32_t step, float *values,
                        size_t count)
{
    (void)user_data;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((i + (size_t)step + (size_t)use) % 5) - 2.0f;
    return faults_callback(CALLBACK_NOISE, values, count);
}

static int32_t on_step(void *user_data, artfusion_sampler *sampler)
{
    (void)user_data;
    (void)sampler;
    return faults_callback(CALLBACK_STEP, NULL, 0);
}

static int32_t on_eps(void *user_data, artfusion_sampler *sampler, float *eps, size_t count)
{
    (void)user_data;
    (void)sampler;
    return faults_callback(CALLBACK_EPS, eps, count);
}

static artfusion_sampler_options small_options(void)
{
    artfusion_sampler_options options;
    MUST(artfusion_sampler_options_init(&options, sizeof options, w.opened));
    options.width = options.height = SIDE;
    options.steps = 4;
    return options;
}

static artfusion_sampler *made(const artfusion_sampler_options *options)
{
    artfusion_sampler *sampler;
    MUST(artfusion_sampler_create(w.opened, options, &sampler));
    return sampler;
}

static artfusion_sampler *conditioned(const artfusion_sampler_options *options)
{
    artfusion_sampler *sampler = made(options);
    MUST(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, w.picture));
    MUST(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, w.style));
    return sampler;
}

static void take_latents(outcome *o, const artfusion_sampler *sampler)
{
    size_t count;
    const float *x = artfusion_sampler_x(sampler, &count);
    if (x)
        take(o, x, count * sizeof *x);
    const float *x0 = artfusion_sampler_x0(sampler, &count);
    if (x0)
        take(o, x0, count * sizeof *x0);
}

/* The rest of the run, its picture, and the end of the sampler. */
static void finish(outcome *o, artfusion_sampler *sampler)
{
    artfusion_image *image;
    MUST(artfusion_sampler_run(sampler));
    take_latents(o, sampler);
    MUST(artfusion_sampler_image(sampler, 0, &image));
    take_image(o, image);
    artfusion_image_destroy(image);
    artfusion_sampler_destroy(sampler);
}

static void options_init(outcome *o)
{
    artfusion_sampler_options options;
    ATTEMPT(o, artfusion_sampler_options_init(&options, sizeof options, w.opened));
    take(o, &options, sizeof options);
}

static void set_preset(outcome *o)
{
    artfusion_sampler_options options = small_options();
    ATTEMPT(o, artfusion_sampler_options_set_preset(&options, w.opened, "strong-2"));
    take(o, &options, sizeof options);
}

static void set_size(outcome *o)
{
    artfusion_sampler_options options = small_options();
    ATTEMPT(o, artfusion_sampler_options_set_size(&options, w.opened, w.picture, 64));
    take(o, &options, sizeof options);
}

static void create(outcome *o)
{
    artfusion_sampler_options options = small_options();
    options.keep_every = 1;
    options.batch = 2;
    options.solver = ARTFUSION_SOLVER_UNIPC;
    artfusion_sampler *sampler;
    ATTEMPT_MAKING(o, sampler, artfusion_sampler_create(w.opened, &options, &sampler));
    if (sampler)
        finish(o, sampler);
}

static void set_content(outcome *o)
{
    artfusion_sampler_options options = small_options();
    options.width = 2 * SIDE; /* so that the picture is resized */
    artfusion_sampler *sampler = made(&options);
    forget_pictures();
    ATTEMPT(o, artfusion_sampler_set_content(sampler, 0, w.picture));
    finish(o, sampler);
}

static void set_content_latent(outcome *o)
{
    const artfusion_sampler_options options = small_options();
    artfusion_sampler *sampler = made(&options);
    ATTEMPT(o, artfusion_sampler_set_content_latent(sampler, 0, w.latent, VALUES));
    finish(o, sampler);
}

static void set_style(outcome *o)
{
    const artfusion_sampler_options options = small_options();
    artfusion_sampler *sampler = made(&options);
    ATTEMPT(o, artfusion_sampler_set_style(sampler, 0, w.style));
    finish(o, sampler);
}

static void set_init_latent(outcome *o)
{
    artfusion_sampler_options options = small_options();
    options.denoising_strength = 0.5;
    artfusion_sampler *sampler = made(&options);
    ATTEMPT(o, artfusion_sampler_set_init_latent(sampler, 0, w.latent, VALUES));
    finish(o, sampler);
}

static const float mask[SIDE] = {1, 1, 1, 1, 0.5f};

static void set_mask(outcome *o)
{
    const artfusion_sampler_options options = small_options();
    artfusion_sampler *sampler = conditioned(&options);
    ATTEMPT(o, artfusion_sampler_set_mask(sampler, 0, mask, SIDE));
    finish(o, sampler);
}

static void first_step(outcome *o)
{
    const artfusion_sampler_options options = small_options();
    artfusion_sampler *sampler = conditioned(&options);
    ATTEMPT(o, artfusion_sampler_next(sampler));
    finish(o, sampler);
}

static void later_step(outcome *o)
{
    artfusion_sampler_options options = small_options();
    options.solver = ARTFUSION_SOLVER_UNIPC;
    artfusion_sampler *sampler = conditioned(&options);
    MUST(artfusion_sampler_next(sampler));
    MUST(artfusion_sampler_next(sampler));
    ATTEMPT(o, artfusion_sampler_next(sampler));
    finish(o, sampler);
}

/* With everything that can fail in it. */
static void run_with(outcome *o, artfusion_solver solver, artfusion_rng_kind rng, int callbacks)
{
    artfusion_sampler_options options = small_options();
    options.solver = solver;
    options.rng = rng;
    options.eta = solver == ARTFUSION_SOLVER_DDIM || solver == ARTFUSION_SOLVER_DPMPP_2M_SDE;
    options.noise_dropout = 0.25;
    options.keep_every = 1;
    if (callbacks) {
        options.noise_callback = on_noise;
        options.step_callback = on_step;
        options.eps_callback = on_eps;
    }
    artfusion_sampler *sampler = conditioned(&options);
    MUST(artfusion_sampler_set_mask(sampler, 0, mask, SIDE));
    ATTEMPT(o, artfusion_sampler_run(sampler));
    for (int32_t i = 0; i < artfusion_sampler_kept_count(sampler); i++) {
        const float *x, *x0;
        MUST(artfusion_sampler_kept(sampler, i, &x, &x0));
        take(o, x, VALUES * sizeof *x);
    }
    finish(o, sampler);
}

static void run_ddim(outcome *o)
{
    run_with(o, ARTFUSION_SOLVER_DDIM, ARTFUSION_RNG_TORCH_CPU, 0);
}

static void run_ddpm(outcome *o)
{
    run_with(o, ARTFUSION_SOLVER_DDPM, ARTFUSION_RNG_COUNTER, 0);
}

static void run_2m(outcome *o)
{
    run_with(o, ARTFUSION_SOLVER_DPMPP_2M, ARTFUSION_RNG_COUNTER, 1);
}

static void run_2m_sde(outcome *o)
{
    run_with(o, ARTFUSION_SOLVER_DPMPP_2M_SDE, ARTFUSION_RNG_TORCH_CPU, 1);
}

static void run_unipc(outcome *o)
{
    run_with(o, ARTFUSION_SOLVER_UNIPC, ARTFUSION_RNG_COUNTER, 0);
}

static void cancel(outcome *o)
{
    const artfusion_sampler_options options = small_options();
    artfusion_sampler *sampler = conditioned(&options);
    QUIETLY(artfusion_sampler_cancel(sampler));
    if (artfusion_sampler_next(sampler) != ARTFUSION_ERROR_CANCELLED)
        wrong(o, "nothing was cancelled");
    finish(o, sampler);
}

/* A run of one step, for what is asked of it. */
static artfusion_sampler *one_step(void)
{
    artfusion_sampler_options options = small_options();
    options.keep_every = 1;
    artfusion_sampler *sampler = conditioned(&options);
    MUST(artfusion_sampler_next(sampler));
    return sampler;
}

static void get_progress(outcome *o)
{
    artfusion_sampler *sampler = one_step();
    artfusion_progress progress;
    ATTEMPT(o, artfusion_sampler_get_progress(sampler, &progress, sizeof progress));
    take(o, &progress.step, sizeof progress.step);
    artfusion_sampler_destroy(sampler);
}

static void latent_size(outcome *o)
{
    artfusion_sampler *sampler = one_step();
    int32_t sides[2];
    ATTEMPT(o, artfusion_sampler_latent_size(sampler, sides, sides + 1));
    take(o, sides, sizeof sides);
    artfusion_sampler_destroy(sampler);
}

static void x(outcome *o)
{
    artfusion_sampler *sampler = one_step();
    const float *values;
    QUIETLY(values = artfusion_sampler_x(sampler, NULL));
    take(o, values, VALUES * sizeof *values);
    artfusion_sampler_destroy(sampler);
}

static void x0(outcome *o)
{
    artfusion_sampler *sampler = one_step();
    const float *values;
    QUIETLY(values = artfusion_sampler_x0(sampler, NULL));
    take(o, values, VALUES * sizeof *values);
    artfusion_sampler_destroy(sampler);
}

static void kept_count(outcome *o)
{
    artfusion_sampler *sampler = one_step();
    int32_t count;
    QUIETLY(count = artfusion_sampler_kept_count(sampler));
    take(o, &count, sizeof count);
    artfusion_sampler_destroy(sampler);
}

static void kept(outcome *o)
{
    artfusion_sampler *sampler = one_step();
    const float *latent, *prediction;
    ATTEMPT(o, artfusion_sampler_kept(sampler, 1, &latent, &prediction));
    take(o, prediction, VALUES * sizeof *prediction);
    artfusion_sampler_destroy(sampler);
}

static void image(outcome *o)
{
    artfusion_sampler *sampler = one_step();
    artfusion_image *preview;
    ATTEMPT_MAKING(o, preview, artfusion_sampler_image(sampler, 0, &preview));
    take_image(o, preview);
    artfusion_image_destroy(preview);
    finish(o, sampler);
}

static void destroy(outcome *o)
{
    (void)o;
    artfusion_sampler *sampler = one_step();
    QUIETLY(artfusion_sampler_destroy(sampler));
}

const fault_case sampler_cases[] = {
    {"artfusion_sampler_options_init", NULL, options_init, 0, {NULL}},
    {"artfusion_sampler_options_set_preset", NULL, set_preset, 0, {NULL}},
    {"artfusion_sampler_options_set_size", NULL, set_size, 0, {NULL}},
    {"artfusion_sampler_create", NULL, create, 0, {NULL}},
    {"artfusion_sampler_set_content", NULL, set_content, ABSORBS, {NULL}},
    {"artfusion_sampler_set_content_latent", NULL, set_content_latent, 0, {NULL}},
    {"artfusion_sampler_set_style", NULL, set_style, 0, {NULL}},
    {"artfusion_sampler_set_init_latent", NULL, set_init_latent, 0, {NULL}},
    {"artfusion_sampler_set_mask", NULL, set_mask, 0, {NULL}},
    {"artfusion_sampler_next", "the first step", first_step, 0, {NULL}},
    {"artfusion_sampler_next", "a later step", later_step, 0, {NULL}},
    {"artfusion_sampler_run", "DDIM", run_ddim, LIES, {NULL}},
    {"artfusion_sampler_run", "DDPM", run_ddpm, 0, {NULL}},
    {"artfusion_sampler_run", "DPM-Solver++(2M)", run_2m, 0, {NULL}},
    {"artfusion_sampler_run", "its SDE", run_2m_sde, 0, {NULL}},
    {"artfusion_sampler_run", "UniPC", run_unipc, 0, {NULL}},
    {"artfusion_sampler_cancel", NULL, cancel, 0, {NULL}},
    {"artfusion_sampler_get_progress", NULL, get_progress, 0, {NULL}},
    {"artfusion_sampler_latent_size", NULL, latent_size, 0, {NULL}},
    {"artfusion_sampler_x", NULL, x, 0, {NULL}},
    {"artfusion_sampler_x0", NULL, x0, 0, {NULL}},
    {"artfusion_sampler_kept_count", NULL, kept_count, 0, {NULL}},
    {"artfusion_sampler_kept", NULL, kept, 0, {NULL}},
    {"artfusion_sampler_image", NULL, image, 0, {NULL}},
    {"artfusion_sampler_destroy", NULL, destroy, 0, {NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
