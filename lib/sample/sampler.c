/* SPDX-License-Identifier: MIT
 * Making a sampler, and its way out. */
#include "sample/sampler.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "math/schedule.h"

artfusion_status af_sampler_check_cancelled(artfusion_sampler *sampler)
{
    if (!atomic_exchange(&sampler->cancelled, 0))
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_CANCELLED, "cancelled");
}

artfusion_status af_sampler_failed(artfusion_sampler *sampler, artfusion_status status,
                                   const char *what, const af_engine_error *error)
{
    if (status == ARTFUSION_ERROR_CANCELLED && af_sampler_check_cancelled(sampler) != ARTFUSION_OK)
        return status;
    return af_model_failed(sampler->model, status, what, error);
}

/* The steps of the run: all asked for, less those that a denoising strength below 1 skips. */
static artfusion_status make_steps(artfusion_sampler *s)
{
    const artfusion_sampler_options *o = &s->options;
    const double *alphas_cumprod = s->model->alphas_cumprod;
    const int32_t train_timesteps = s->model->manifest.timesteps;
    int32_t *all = af_alloc_array((size_t)o->steps, sizeof *all);
    if (!all)
        return af_fail_memory((size_t)o->steps * sizeof *all, "timesteps");
    artfusion_status status = ARTFUSION_OK;
    if (o->timesteps)
        memcpy(all, o->timesteps, (size_t)o->steps * sizeof *all);
    else
        status = artfusion_timesteps(o->spacing, o->steps, train_timesteps, all);

    if (status == ARTFUSION_OK) {
        const int32_t first = o->steps - s->steps;
        for (int32_t i = 0; i < s->steps; i++) {
            s->timesteps[i] = all[first + i];
            s->alphas[i] = alphas_cumprod[s->timesteps[i]];
            if (i)
                s->alphas_next[i - 1] = s->alphas[i];
        }
        s->alphas_next[s->steps - 1] =
            o->timesteps ? 1.0 : af_final_alpha(o->spacing, alphas_cumprod);
    }
    af_free(all);
    s->options.timesteps = s->timesteps;
    return status;
}

static int32_t count_kept(const artfusion_sampler *s)
{
    const int32_t every = s->options.keep_every;
    if (!every)
        return 0;
    int32_t count = 1;
    for (int32_t step = 1; step <= s->steps; step++)
        count += step == 1 || (s->steps - step) % every == 0;
    return count;
}

/* A buffer of a sampler. */
typedef struct buffer {
    void *field; /* the pointer to it */
    size_t count, size;
} buffer;

#define BUFFERS 20

static void list_buffers(artfusion_sampler *s, buffer list[BUFFERS])
{
    const size_t batch = (size_t)s->options.batch, steps = (size_t)s->options.steps;
    const size_t passes = AF_MAX_BRANCHES * batch;
    const size_t style_width = (size_t)s->model->manifest.style_width;
    const buffer all[BUFFERS] = {
        {&s->timesteps, steps, sizeof *s->timesteps},
        {&s->alphas, steps, sizeof *s->alphas},
        {&s->alphas_next, steps, sizeof *s->alphas_next},
        {&s->content, s->count, sizeof *s->content},
        {&s->init, s->count, sizeof *s->init},
        {&s->mask, batch * s->pixels, sizeof *s->mask},
        {&s->styles, (batch + 1) * style_width, sizeof *s->styles},
        {&s->has_content, batch, 1},
        {&s->has_style, batch, 1},
        {&s->has_init, batch, 1},
        {&s->has_mask, batch, 1},
        {&s->style_rows, batch, sizeof *s->style_rows},
        {&s->x, s->count, sizeof *s->x},
        {&s->x0, s->count, sizeof *s->x0},
        {&s->input, passes * s->values, sizeof *s->input},
        {&s->input_content, passes * s->values, sizeof *s->input_content},
        {&s->prediction, passes * s->values, sizeof *s->prediction},
        {&s->input_rows, passes, sizeof *s->input_rows},
        {&s->noise, s->count, sizeof *s->noise},
        /* Zeroed as all are: x_T has no x0, and its place is saved with the rest. */
        {&s->kept, (size_t)s->kept_capacity, 2 * s->count * sizeof *s->kept},
    };
    memcpy(list, all, sizeof all);
}

uint64_t af_sampler_bytes(artfusion_sampler *s)
{
    buffer list[BUFFERS];
    list_buffers(s, list);
    uint64_t bytes = sizeof *s + af_solver_bytes(s->options.solver, s->count);
    for (size_t i = 0; i < BUFFERS; i++)
        bytes = af_add(bytes, af_product(list[i].count, list[i].size));
    return bytes;
}

/* All or nothing is the caller's business: what is there is freed with the sampler. */
static artfusion_status allocate(artfusion_sampler *s)
{
    buffer list[BUFFERS];
    list_buffers(s, list);
    for (size_t i = 0; i < BUFFERS; i++) {
        void *memory = af_alloc_array(list[i].count, list[i].size);
        if (!memory)
            return af_fail(ARTFUSION_ERROR_MEMORY,
                           "out of memory: %zu times %zu bytes for a sampler", list[i].count,
                           list[i].size);
        memcpy(list[i].field, &memory, sizeof memory);
    }
    const af_solver_options options = {
        .solver = s->options.solver,
        .eta = s->options.eta,
        .temperature = s->options.temperature,
    };
    return af_solver_create(&options, s->count, &s->solver);
}

void af_sampler_set_sizes(artfusion_sampler *s)
{
    const artfusion_sampler_options *o = &s->options;
    const int32_t down = s->model->manifest.downsample;
    s->latent_width = o->width / down;
    s->latent_height = o->height / down;
    s->pixels = (size_t)s->latent_width * (size_t)s->latent_height;
    s->values = s->pixels * (size_t)s->model->manifest.latent_channels;
    s->count = s->values * (size_t)o->batch;
    const int32_t wanted = (int32_t)lround(o->denoising_strength * o->steps);
    s->steps = wanted < 1 ? 1 : wanted;
    s->kept_capacity = count_kept(s);
}

static void copy_steps(artfusion_sampler *s, const artfusion_sampler *from)
{
    const size_t steps = (size_t)from->steps;
    memcpy(s->timesteps, from->timesteps, steps * sizeof *s->timesteps);
    memcpy(s->alphas, from->alphas, steps * sizeof *s->alphas);
    memcpy(s->alphas_next, from->alphas_next, steps * sizeof *s->alphas_next);
    s->options.timesteps = s->timesteps;
}

/* With the steps of `alike`, if there is one: the caller's timesteps are gone with its create. */
static artfusion_status build(artfusion_sampler *s, const artfusion_sampler *alike)
{
    af_sampler_set_sizes(s);
    s->step = -1;
    atomic_init(&s->cancelled, 0);
    af_rng_torch_seed(&s->rng, s->options.seed);

    artfusion_status status = af_sampler_limit_passes(s);
    if (status == ARTFUSION_OK)
        status = allocate(s);
    if (status == ARTFUSION_OK && alike)
        copy_steps(s, alike);
    else if (status == ARTFUSION_OK)
        status = make_steps(s);
    if (status != ARTFUSION_OK)
        return status;
    memcpy(s->styles, s->model->null_style,
           (size_t)s->model->manifest.style_width * sizeof *s->styles);
    return ARTFUSION_OK;
}

static artfusion_status create(artfusion_model *model, const artfusion_sampler_options *options,
                               const artfusion_sampler *alike, artfusion_sampler **sampler)
{
    *sampler = NULL;
    artfusion_sampler *made = af_alloc_array(1, sizeof *made);
    if (!made)
        return af_fail_memory(sizeof *made, "a sampler");
    made->options = *options;
    made->model = af_model_retain(model);
    const artfusion_status status = build(made, alike);
    if (status != ARTFUSION_OK) {
        artfusion_sampler_destroy(made);
        return status;
    }
    *sampler = made;
    return ARTFUSION_OK;
}

artfusion_status af_sampler_create_alike(const artfusion_sampler *sampler,
                                         artfusion_sampler **alike)
{
    return create(sampler->model, &sampler->options, sampler, alike);
}

artfusion_status artfusion_sampler_create(artfusion_model *model,
                                          const artfusion_sampler_options *options,
                                          artfusion_sampler **sampler)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "sampler is NULL");
    *sampler = NULL;
    if (!model)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "model is NULL");
    artfusion_sampler_options read;
    const artfusion_status status = af_sampler_read_options(model, options, &read);
    return status == ARTFUSION_OK ? create(model, &read, NULL, sampler) : status;
}

void artfusion_sampler_destroy(artfusion_sampler *s)
{
    if (!s)
        return;
    if (s->conditions && af_model_may_enter(s->model)) {
        s->model->engine->conditions_destroy(s->conditions);
        af_model_leave(s->model);
    }
    af_solver_destroy(s->solver);
    void *const owned[] = {s->timesteps, s->alphas,     s->alphas_next, s->content,
                           s->init,      s->mask,       s->styles,      s->has_content,
                           s->has_style, s->has_init,   s->has_mask,    s->style_rows,
                           s->x,         s->x0,         s->input,       s->input_content,
                           s->prediction, s->input_rows, s->noise,      s->kept};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        af_free(owned[i]);
    af_model_release(s->model);
    af_free(s);
}

/* From signal handlers too. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "cancelling takes no lock");

void artfusion_sampler_cancel(artfusion_sampler *sampler)
{
    if (sampler)
        atomic_store(&sampler->cancelled, 1);
}
