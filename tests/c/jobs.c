/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t job_mix(uint32_t number)
{
    number = (number ^ (number >> 16)) * 0x7feb352du;
    number = (number ^ (number >> 15)) * 0x846ca68bu;
    return number ^ (number >> 16);
}

uint32_t job_random(uint32_t *state)
{
    return job_mix(*state += 0x9e3779b9u);
}

void job_world_make(job_world *world, artfusion_model *model, int32_t most_steps)
{
    world->model = model;
    world->most_steps = most_steps;
    for (int32_t i = 0; i < JOB_PICTURES; i++)
        world->pictures[i] = test_picture(40 + 8 * (i % 5), 36 + 4 * (i % 7), (uint32_t)i);
    assert_ok(artfusion_style_null(model, &world->null_style));
    assert_ok(artfusion_style_from_image(model, world->pictures[0], &world->painted));
    const artfusion_style *const parts[] = {world->null_style, world->painted};
    static const double weights[] = {0.25, 0.75};
    assert_ok(artfusion_style_blend(parts, weights, 2, &world->blended));
}

void job_world_clear(job_world *world)
{
    for (int32_t i = 0; i < JOB_PICTURES; i++)
        artfusion_image_destroy(world->pictures[i]);
    artfusion_style_destroy(world->null_style);
    artfusion_style_destroy(world->painted);
    artfusion_style_destroy(world->blended);
}

void job_cancel(job_slot *slot)
{
    (void)pthread_mutex_lock(&slot->lock);
    if (slot->sampler) {
        artfusion_sampler_cancel(slot->sampler);
        atomic_fetch_add(&slot->asked, 1);
    }
    (void)pthread_mutex_unlock(&slot->lock);
}

static void publish(job_slot *slot, artfusion_sampler *sampler)
{
    if (!slot)
        return;
    (void)pthread_mutex_lock(&slot->lock);
    slot->sampler = sampler;
    (void)pthread_mutex_unlock(&slot->lock);
}

/* FNV-1a. */
static void add(uint64_t *digest, const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < size; i++)
        *digest = (*digest ^ byte[i]) * 0x100000001b3u;
}

static artfusion_status options_of(const job_world *world, artfusion_model *model, uint32_t seed,
                                   artfusion_sampler_options *o)
{
    static const double scales[] = {0.0, 0.5, 1.0, 1.0, 2.0, 3.5};
    artfusion_model_info info;
    artfusion_status status = artfusion_model_get_info(model, &info, sizeof info);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_options_init(o, sizeof *o, model);
    if (status != ARTFUSION_OK)
        return status;
    uint32_t s = seed;
    o->width = info.size_multiple * (int32_t)(2 + job_random(&s) % 3);
    o->height = info.size_multiple * (int32_t)(2 + job_random(&s) % 3);
    o->batch = (int32_t)(1 + job_random(&s) % 3);
    o->steps = (int32_t)(1 + job_random(&s) % (uint32_t)world->most_steps);
    o->solver = (artfusion_solver)(job_random(&s) % 5);
    o->spacing = (artfusion_spacing)(job_random(&s) % 4);
    o->rng = (artfusion_rng_kind)(job_random(&s) % 2);
    o->noise = (artfusion_noise_kind)(job_random(&s) % 2);
    o->keep_every = (int32_t)(job_random(&s) % 3);
    o->seed = job_random(&s);
    o->content_scale = scales[job_random(&s) % 6];
    o->style_scale = scales[job_random(&s) % 6];
    o->style_end = job_random(&s) % 4 ? 1.0 : 0.5;
    o->eta = job_random(&s) % 3 ? 0.0 : 0.5;
    o->noise_dropout = job_random(&s) % 4 ? 0.0 : 0.25;
    o->denoising_strength = job_random(&s) % 3 ? 1.0 : 0.6;
    return ARTFUSION_OK;
}

/* Conditions: shared handles, and what goes through the model's memory of pictures. */
static artfusion_status set(const job_world *world, artfusion_model *model,
                            artfusion_sampler *sampler, const artfusion_sampler_options *o,
                            uint32_t seed)
{
    uint32_t s = ~seed;
    artfusion_status status = ARTFUSION_OK;
    for (int32_t i = 0; status == ARTFUSION_OK && i < o->batch; i++) {
        const uint32_t content = job_random(&s) % (JOB_PICTURES + 4);
        if (content < JOB_PICTURES || o->denoising_strength < 1.0)
            status =
                artfusion_sampler_set_content(sampler, i, world->pictures[content % JOB_PICTURES]);
        artfusion_style *made = NULL;
        const artfusion_style *shared[] = {world->null_style, world->painted, world->blended, NULL};
        const uint32_t style = job_random(&s) % (JOB_PICTURES + 8);
        if (status == ARTFUSION_OK && style < JOB_PICTURES)
            status = artfusion_style_from_image(model, world->pictures[style], &made);
        if (status == ARTFUSION_OK)
            status = artfusion_sampler_set_style(sampler, i, made ? made : shared[style % 4]);
        artfusion_style_destroy(made);
    }
    if (status != ARTFUSION_OK || job_random(&s) % 4)
        return status;

    artfusion_model_info info;
    status = artfusion_model_get_info(model, &info, sizeof info);
    if (status != ARTFUSION_OK)
        return status;
    const size_t pixels =
                     (size_t)(o->width / info.downsample) * (size_t)(o->height / info.downsample),
                 values = pixels * (size_t)info.latent_channels;
    float *latent = calloc(values, sizeof *latent);
    if (!latent)
        return ARTFUSION_ERROR_MEMORY;
    for (size_t i = 0; i < values; i++)
        latent[i] = (float)(i % 7) / 4.0f - 0.75f;
    status = artfusion_sampler_set_init_latent(sampler, ARTFUSION_ALL, latent, values);
    for (size_t i = 0; i < pixels; i++)
        latent[i] = (float)(i % 3) / 2.0f;
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_set_mask(sampler, 0, latent, pixels);
    free(latent);
    return status;
}

/* Until the call isn't cancelled any more, or was and gives up. */
static artfusion_status again(artfusion_status status, job_slot *slot, int give_up, int *more)
{
    *more = status == ARTFUSION_ERROR_CANCELLED && slot;
    if (*more) {
        atomic_fetch_add(&slot->heard, 1);
        *more = !give_up;
    }
    return status;
}

static artfusion_status run(artfusion_sampler *sampler, uint32_t seed, job_slot *slot, int give_up)
{
    artfusion_status status;
    int more;
    do {
        if (seed % 2) {
            status = again(artfusion_sampler_run(sampler), slot, give_up, &more);
        } else {
            status = again(artfusion_sampler_next(sampler), slot, give_up, &more);
            more = more || status == ARTFUSION_OK;
        }
    } while (more);
    return status == ARTFUSION_DONE ? ARTFUSION_OK : status;
}

static artfusion_status take(artfusion_sampler *sampler, const artfusion_sampler_options *o,
                             job_slot *slot, int give_up, uint64_t *digest)
{
    size_t count;
    const float *values = artfusion_sampler_x(sampler, &count);
    add(digest, values, count * sizeof *values);
    for (int32_t i = 0; i < artfusion_sampler_kept_count(sampler); i++) {
        const float *x, *x0;
        const artfusion_status status = artfusion_sampler_kept(sampler, i, &x, &x0);
        if (status != ARTFUSION_OK)
            return status;
        add(digest, x, count * sizeof *x);
        if (x0)
            add(digest, x0, count * sizeof *x0);
    }
    for (int32_t i = 0; i < o->batch; i++) {
        artfusion_image *image;
        artfusion_status status;
        int more;
        do
            status = again(artfusion_sampler_image(sampler, i, &image), slot, give_up, &more);
        while (more);
        if (status != ARTFUSION_OK)
            return status;
        for (int32_t y = 0; y < o->height; y++)
            add(digest, artfusion_image_pixels(image) + (size_t)y * artfusion_image_stride(image),
                3 * (size_t)o->width);
        artfusion_image_destroy(image);
    }
    return ARTFUSION_OK;
}

const char *job_run(const job_world *world, artfusion_model *model, uint32_t number, job_slot *slot,
                    int give_up, uint64_t *digest)
{
    static _Thread_local char complaint[1200];
    const uint32_t seed = job_mix(number + 1);
    uint64_t made = 0xcbf29ce484222325u;
    artfusion_sampler_options options;
    artfusion_sampler *sampler = NULL;
    artfusion_status status = options_of(world, model, seed, &options);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_create(model, &options, &sampler);
    if (status == ARTFUSION_OK)
        publish(slot, sampler);
    if (status == ARTFUSION_OK)
        status = set(world, model, sampler, &options, seed);
    if (status == ARTFUSION_OK)
        status = run(sampler, seed, slot, give_up);
    if (status == ARTFUSION_OK)
        status = take(sampler, &options, slot, give_up, &made);
    publish(slot, NULL);
    if (status < 0)
        (void)snprintf(complaint, sizeof complaint, "job %u: %s: %s", (unsigned)number,
                       artfusion_status_name(status), artfusion_error_message());
    artfusion_sampler_destroy(sampler);
    if (status == ARTFUSION_ERROR_CANCELLED && slot && give_up)
        return NULL;
    if (status < 0)
        return complaint;
    *digest = made;
    return NULL;
}
