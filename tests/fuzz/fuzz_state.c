/* SPDX-License-Identifier: MIT
 * Saved runs: a sampler is taken some steps and saved, bytes of that are changed, and another one
 * loads it. What is refused leaves that as it was; what loads is saved to the same bytes and runs to
 * an end; what was not changed runs to the same end. The state is made here, not in the input, so
 * that inputs are small and outlive the format. */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 12, MODEL = 64, INTEGERS = 9, REALS = 10 };

/* Where what was asked for ends and the run begins, in a saved state. */
enum { SETUP_END = HEAD + MODEL + 4 * INTEGERS + 8 * REALS + 8 + 4 };

enum { MAX_LATENT = 24 };

/* How a sampler is made and where it stands, in an input. */
typedef struct recipe {
    uint8_t solver, shape, steps, reals, conditions, moment;
} recipe;

static recipe take_recipe(cursor *c)
{
    recipe r;
    take(c, &r, sizeof r);
    return r;
}

static artfusion_sampler_options options_of(const recipe *r, const artfusion_model *model)
{
    static const int32_t timesteps[] = {977, 613, 613, 57};
    artfusion_sampler_options o;
    REQUIRE(artfusion_sampler_options_init(&o, sizeof o, model) == ARTFUSION_OK);
    o.solver = r->solver % 5;
    o.rng = r->solver >> 4 & 1;
    o.noise = r->solver >> 5 & 1;
    o.keep_every = r->solver >> 6;
    o.batch = 1 + (r->shape & 1);
    o.width = 8 << (r->shape >> 1 & 1);
    o.height = 8;
    o.spacing = r->shape >> 2 & 3;
    o.seed = r->shape >> 4;
    o.steps = 1 + r->steps % 4;
    if (r->steps & 128) {
        o.steps = 4;
        o.timesteps = timesteps;
    }
    if (r->reals & 1)
        o.denoising_strength = 0.5;
    o.eta = (r->reals >> 1 & 3) / 3.0;
    o.noise_dropout = (r->reals >> 3 & 3) / 4.0;
    o.style_end = r->reals & 32 ? 0.5 : 1.0;
    o.content_scale = (r->reals >> 6) / 2.0;
    return o;
}

static void give_conditions(artfusion_sampler *sampler, artfusion_model *model, uint8_t conditions,
                            const artfusion_sampler_options *o)
{
    const size_t pixels = (size_t)(o->width / 4) * (size_t)(o->height / 4);
    float latent[MAX_LATENT];
    for (size_t i = 0; i < 3 * pixels; i++)
        latent[i] = (float)(i % 5) / 2.0f - 1.0f;
    if (conditions & 1)
        REQUIRE(artfusion_sampler_set_content_latent(sampler, ARTFUSION_ALL, latent, 3 * pixels) ==
                ARTFUSION_OK);
    if (conditions & 2)
        REQUIRE(artfusion_sampler_set_init_latent(sampler, 0, latent, 3 * pixels) == ARTFUSION_OK);
    for (size_t i = 0; i < pixels; i++)
        latent[i] = (float)(i % 4) / 3.0f;
    if (conditions & 4)
        REQUIRE(artfusion_sampler_set_mask(sampler, 0, latent, pixels) == ARTFUSION_OK);
    for (int32_t i = 0; i < o->batch; i++) {
        const float code[3] = {0.5f, (float)(conditions >> 5), -1.0f};
        artfusion_style *style;
        if (!(conditions & 8 << i))
            continue;
        REQUIRE(artfusion_style_from_values(model, code, 3, &style) == ARTFUSION_OK);
        REQUIRE(artfusion_sampler_set_style(sampler, i, style) == ARTFUSION_OK);
        artfusion_style_destroy(style);
    }
}

/* Some steps on its way, or where it lacks an init latent before the first. */
static artfusion_sampler *make_sampler(const recipe *r, artfusion_model *model,
                                       artfusion_sampler_options *o)
{
    artfusion_sampler *sampler;
    *o = options_of(r, model);
    REQUIRE(artfusion_sampler_create(model, o, &sampler) == ARTFUSION_OK);
    give_conditions(sampler, model, r->conditions, o);
    for (int step = r->moment % 6; step; step--) {
        const artfusion_status status = artfusion_sampler_next(sampler);
        if (status == ARTFUSION_DONE)
            break;
        require_status(status, ERROR(ARGUMENT));
    }
    return sampler;
}

static uint8_t *save(artfusion_sampler *sampler, size_t *size)
{
    uint8_t *data;
    REQUIRE(artfusion_sampler_save_state_memory(sampler, &data, size) == ARTFUSION_OK);
    return data;
}

static void require_finite(const float *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++)
        REQUIRE(isfinite(values[i]));
}

/* What accessors show is what a run can have. */
static void require_sound(const artfusion_sampler *sampler)
{
    artfusion_progress p;
    size_t count;
    REQUIRE(artfusion_sampler_get_progress(sampler, &p, sizeof p) == ARTFUSION_OK);
    REQUIRE(p.step >= 0 && p.step <= p.steps && p.passes >= 0);
    const float *now = artfusion_sampler_x(sampler, &count);
    require_finite(now, count);
    require_finite(artfusion_sampler_x0(sampler, NULL), count);
    for (int32_t i = 0; i < artfusion_sampler_kept_count(sampler); i++) {
        const float *x, *x0;
        REQUIRE(artfusion_sampler_kept(sampler, i, &x, &x0) == ARTFUSION_OK);
        require_finite(x, count);
        require_finite(x0, count);
    }
}

/* Saved after it was loaded, a state is what it was, but for the sign of an option that is 0. */
static void require_same_state(artfusion_sampler *sampler, const record_file *file)
{
    static const uint8_t zero[8] = {0}, minus[8] = {0, 0, 0, 0, 0, 0, 0, 0x80};
    size_t size;
    uint8_t *saved = save(sampler, &size);
    REQUIRE(size == file->size);
    for (size_t i = HEAD + MODEL + 4 * INTEGERS, n = 0; n < REALS; n++, i += 8)
        if (memcmp(file->data + i, minus, 8) == 0 && memcmp(saved + i, zero, 8) == 0)
            saved[i + 7] = 0x80;
    REQUIRE(memcmp(saved, file->data, size - 32) == 0);
    artfusion_free(saved);
}

/* To its end, which is that of `whole` if there is one. */
static void run(artfusion_sampler *sampler, artfusion_sampler *whole)
{
    artfusion_image *image;
    size_t count;
    const artfusion_status status = artfusion_sampler_run(sampler);
    require_status(status, ERROR(ARGUMENT) | ERROR(NUMERIC));
    if (whole) {
        REQUIRE(artfusion_sampler_run(whole) == status);
        const float *a = artfusion_sampler_x(sampler, &count), *b = artfusion_sampler_x(whole, NULL);
        REQUIRE(!a == !b && (!a || memcmp(a, b, count * sizeof *a) == 0));
    }
    if (status == ARTFUSION_OK)
        require_sound(sampler);
    require_status(artfusion_sampler_image(sampler, 0, &image), ERROR(STATE) | ERROR(NUMERIC));
    artfusion_image_destroy(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cursor c = {data, size};
    artfusion_sampler_options asked, ours;
    const recipe first = take_recipe(&c);
    const uint8_t how = take8(&c);
    /* Mostly like the other, but for where it stands and what it was given. */
    recipe second = first;
    second.conditions = take8(&c);
    second.moment = take8(&c);
    if ((how & 7) == 7)
        second = take_recipe(&c);
    artfusion_model *model = (how & 24) == 24 ? fuzz_other_model() : fuzz_model();
    artfusion_sampler *whole = make_sampler(&first, fuzz_model(), &asked);
    artfusion_sampler *loaded = make_sampler(&second, model, &ours);
    const int alike = memcmp(&asked, &ours, sizeof asked) == 0 && model == fuzz_model();

    size_t saved_size, before_size, after_size;
    uint8_t *saved = save(whole, &saved_size), *before = save(loaded, &before_size), *after;
    const record_file file = take_record(&c, saved, saved_size);
    const artfusion_status status =
        artfusion_sampler_load_state_memory(loaded, file.data, file.size);
    require_status(status, ERROR(FORMAT) | ERROR(UNSUPPORTED) | ERROR(CHECKSUM) | ERROR(MISMATCH));
    if (file.same)
        REQUIRE(status == (alike ? ARTFUSION_OK : ARTFUSION_ERROR_MISMATCH));
    else
        REQUIRE(file.sealed || status != ARTFUSION_OK);

    char path[MEMORY_PATH];
    const int descriptor = memory_file(file.data, file.size, path);
    REQUIRE(artfusion_sampler_load_state_file(loaded, path) == status);
    (void)close(descriptor);
    if (status == ARTFUSION_OK) {
        require_sound(loaded);
        require_same_state(loaded, &file);
    } else {
        after = save(loaded, &after_size);
        REQUIRE(after_size == before_size && memcmp(after, before, before_size) == 0);
        artfusion_free(after);
    }
    run(loaded, file.same && alike ? whole : NULL);

    free(file.data);
    artfusion_free(saved);
    artfusion_free(before);
    artfusion_sampler_destroy(whole);
    artfusion_sampler_destroy(loaded);
    return 0;
}
