/* SPDX-License-Identifier: MIT
 * A run between two steps, saved and loaded again: another process goes on to the same bytes. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/record.h"
#include "math/finite.h"
#include "sample/sampler.h"

#define MODEL_DIGEST 64 /* hexadecimal digits */

static const af_record_kind kind = {"AFSTATE", 1, "a saved sampler state"};

/* What a run is a function of, beside what its setters were given. */
typedef struct setup {
    uint8_t model[MODEL_DIGEST];
    artfusion_sampler_options options; /* callbacks and timesteps are not used */
    int32_t steps;                     /* of the run */
} setup;

static setup setup_of(const artfusion_sampler *s)
{
    setup made = {.options = s->options, .steps = s->steps};
    memcpy(made.model, s->model->manifest.weights_sha256, MODEL_DIGEST);
    return made;
}

#define INTEGERS(X)                                                                                \
    X(width) X(height) X(batch) X(steps) X(solver) X(spacing) X(rng) X(noise) X(keep_every)
#define REALS(X)                                                                                   \
    X(content_scale) X(style_scale) X(content_start) X(content_end) X(style_start) X(style_end)    \
    X(eta) X(temperature) X(noise_dropout) X(denoising_strength)

static void record_setup(af_record *record, setup *u)
{
    af_record_u8(record, u->model, MODEL_DIGEST);
#define X(name) af_record_i32(record, &u->options.name, 1);
    INTEGERS(X)
#undef X
#define X(name) af_record_f64(record, &u->options.name, 1);
    REALS(X)
#undef X
    af_record_u64(record, &u->options.seed, 1);
    af_record_i32(record, &u->steps, 1);
}

/* Where a run is, and all that its next steps will read. What the engine keeps for the steps, its
 * conditions, is made anew. */
static void record_run(af_record *record, artfusion_sampler *s)
{
    const size_t batch = (size_t)s->options.batch, steps = (size_t)s->steps;
    af_record_i32(record, s->timesteps, steps);
    af_record_f64(record, s->alphas, steps);
    af_record_f64(record, s->alphas_next, steps);

    af_record_f32(record, s->content, s->count);
    af_record_f32(record, s->init, s->count);
    af_record_f32(record, s->mask, batch * s->pixels);
    af_record_f32(record, s->styles, (batch + 1) * (size_t)s->model->manifest.style_width);
    af_record_u8(record, s->has_content, batch);
    af_record_u8(record, s->has_style, batch);
    af_record_u8(record, s->has_mask, batch);
    af_record_u8(record, s->has_init, batch);
    af_record_i32(record, s->style_rows, batch);
    af_record_i32(record, &s->style_count, 1);
    af_record_i32(record, &s->window_start, 1);

    af_record_i32(record, &s->step, 1);
    af_record_i32(record, &s->passes, 1);
    af_record_f32(record, s->x, s->count);
    af_record_f32(record, s->x0, s->count);
    af_solver_record(s->solver, record);
    af_record_u32(record, s->rng.state, AF_RNG_TORCH_WORDS);
    af_record_i32(record, &s->rng.position, 1);
    af_record_i32(record, &s->rng.has_cached_normal, 1);
    af_record_f64(record, &s->rng.cached_normal, 1);
    af_record_f64(record, &s->seconds_encode, 1);
    af_record_f64(record, &s->seconds_denoise, 1);
    af_record_f64(record, &s->seconds_decode, 1);
    af_record_f64(record, &s->seconds_total, 1);

    af_record_i32(record, &s->kept_count, 1);
    if (s->kept_count >= 0 && s->kept_count <= s->kept_capacity)
        af_record_f32(record, s->kept, (size_t)s->kept_count * 2 * s->count);
}

static void all_fields(af_record *record, void *object)
{
    setup u = setup_of(object);
    record_setup(record, &u);
    record_run(record, object);
}

static artfusion_status check_between_steps(const artfusion_sampler *s)
{
    return s->within ? af_fail(ARTFUSION_ERROR_STATE,
                               "a run is saved and loaded between two steps, not from a callback "
                               "within one")
                     : ARTFUSION_OK;
}

/* ---- saving --------------------------------------------------------------- */

artfusion_status artfusion_sampler_save_state_memory(artfusion_sampler *sampler, uint8_t **data,
                                                     size_t *size)
{
    af_error_clear();
    if (!data || !size)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is NULL", !data ? "data" : "size");
    *data = NULL;
    *size = 0;
    if (!sampler)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "sampler is NULL");
    const artfusion_status status = check_between_steps(sampler);
    return status == ARTFUSION_OK ? af_record_save(&kind, all_fields, sampler, data, size)
                                  : status;
}

artfusion_status artfusion_sampler_save_state_file(artfusion_sampler *sampler, const char *path)
{
    af_error_clear();
    if (!path)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "path is NULL");
    uint8_t *data;
    size_t size;
    artfusion_status status = artfusion_sampler_save_state_memory(sampler, &data, &size);
    if (status == ARTFUSION_OK)
        status = af_file_write(path, data, size);
    af_free(data);
    return status;
}

/* ---- loading -------------------------------------------------------------- */

static artfusion_status check_setup(const setup *saved, const artfusion_sampler *s)
{
    const setup ours = setup_of(s);
    if (memcmp(saved->model, ours.model, MODEL_DIGEST) != 0)
        return af_fail(ARTFUSION_ERROR_MISMATCH,
                       "the saved run is of another model, whose weights are %.8s: this "
                       "sampler's are %.8s",
                       (const char *)saved->model, (const char *)ours.model);
#define X(name)                                                                                    \
    if (saved->options.name != ours.options.name)                                                  \
        return af_fail(ARTFUSION_ERROR_MISMATCH, "the saved run has " #name " %d, this one %d",    \
                       (int)saved->options.name, (int)ours.options.name);
    INTEGERS(X)
#undef X
#define X(name)                                                                                    \
    if (saved->options.name != ours.options.name)                                                  \
        return af_fail(ARTFUSION_ERROR_MISMATCH, "the saved run has " #name " %g, this one %g",    \
                       saved->options.name, ours.options.name);
    REALS(X)
#undef X
    if (saved->options.seed != ours.options.seed)
        return af_fail(ARTFUSION_ERROR_MISMATCH, "the saved run has seed %llu, this one %llu",
                       (unsigned long long)saved->options.seed,
                       (unsigned long long)ours.options.seed);
    if (saved->steps != ours.steps)
        return af_fail(ARTFUSION_ERROR_MISMATCH, "the saved run is of %d steps, this one of %d",
                       (int)saved->steps, (int)ours.steps);
    return ARTFUSION_OK;
}

static int flags_are_valid(const uint8_t *flags, int32_t count, uint8_t most)
{
    for (int32_t i = 0; i < count; i++)
        if (flags[i] > most)
            return 0;
    return 1;
}

static int styles_are_valid(const artfusion_sampler *s)
{
    if (s->style_count < 0 || s->style_count > s->options.batch + 1)
        return 0;
    for (int32_t i = 0; i < s->options.batch; i++)
        if (s->style_rows[i] < 0 || s->style_rows[i] >= s->options.batch + 1 ||
            (s->style_count && s->style_rows[i] >= s->style_count))
            return 0;
    return 1;
}

static int numbers_are_valid(const artfusion_sampler *s)
{
    const struct {
        const float *values;
        size_t count;
    } all[] = {
        {s->content, s->count},
        {s->init, s->count},
        {s->styles, (size_t)(s->options.batch + 1) * (size_t)s->model->manifest.style_width},
        {s->x, s->count},
        {s->x0, s->count},
        {s->kept, (size_t)s->kept_count * 2 * s->count},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (af_first_nonfinite(all[i].values, all[i].count) != all[i].count)
            return 0;
    for (size_t i = 0; i < (size_t)s->options.batch * s->pixels; i++)
        if (!(s->mask[i] >= 0.0f && s->mask[i] <= 1.0f))
            return 0;
    const double seconds[] = {s->seconds_encode, s->seconds_denoise, s->seconds_decode,
                              s->seconds_total};
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        if (!(seconds[i] >= 0.0 && seconds[i] <= DBL_MAX))
            return 0;
    /* The largest normal of 53 bits is sqrt(2 * 53 ln 2). */
    return fabs(s->rng.cached_normal) < 9.0 && af_solver_is_valid(s->solver);
}

/* A checksum is no signature: what indexes memory, or is lent to the caller, is checked whoever
 * wrote it. A count that only grows has room to. */
static int run_is_valid(const artfusion_sampler *s)
{
    const int32_t batch = s->options.batch;
    return s->step >= -1 && s->step <= s->steps && s->passes >= 0 &&
           s->passes <= INT32_MAX / 2 && s->window_start >= 0 &&
           s->window_start <= (s->step < 0 ? 0 : s->step) && s->rng.position >= 0 &&
           s->rng.position <= AF_RNG_TORCH_WORDS && s->kept_count >= 0 &&
           s->kept_count <= s->kept_capacity && flags_are_valid(s->has_content, batch, 1) &&
           flags_are_valid(s->has_style, batch, 1) && flags_are_valid(s->has_mask, batch, 1) &&
           flags_are_valid(s->has_init, batch, AF_INIT_GIVEN) && styles_are_valid(s) &&
           numbers_are_valid(s);
}

/* Whether two runs go by the same steps: that they were asked for alike does not say so where the
 * timesteps are the caller's, or the schedule another model's of the same weights. */
static int steps_are_equal(const artfusion_sampler *a, const artfusion_sampler *b)
{
    const size_t steps = (size_t)a->steps;
    return memcmp(a->timesteps, b->timesteps, steps * sizeof *a->timesteps) == 0 &&
           memcmp(a->alphas, b->alphas, steps * sizeof *a->alphas) == 0 &&
           memcmp(a->alphas_next, b->alphas_next, steps * sizeof *a->alphas_next) == 0;
}

/* Into `s`, a sampler of its own: what fails leaves the caller's as it was. */
static artfusion_status read_run(af_record *record, const artfusion_sampler *ours,
                                 artfusion_sampler *s)
{
    record_run(record, s);
    const artfusion_status status = af_record_close(&kind, record);
    if (status != ARTFUSION_OK)
        return status;
    if (!steps_are_equal(ours, s))
        return af_fail(ARTFUSION_ERROR_MISMATCH,
                       "the saved run visits other timesteps than this one, or by another "
                       "schedule");
    if (!run_is_valid(s))
        return af_fail(ARTFUSION_ERROR_FORMAT, "%s holds what no run can be in", kind.what);
    return ARTFUSION_OK;
}

/* The run of `b`, which is to be destroyed. What is the handle's and not the run's stays. */
static void take_run(artfusion_sampler *a, artfusion_sampler *b)
{
#define EXCHANGE(type, field)                                                                      \
    do {                                                                                           \
        type kept = a->field;                                                                      \
        a->field = b->field;                                                                       \
        b->field = kept;                                                                           \
    } while (0)
    EXCHANGE(float *, content);
    EXCHANGE(float *, init);
    EXCHANGE(float *, mask);
    EXCHANGE(float *, styles);
    EXCHANGE(uint8_t *, has_content);
    EXCHANGE(uint8_t *, has_style);
    EXCHANGE(uint8_t *, has_mask);
    EXCHANGE(uint8_t *, has_init);
    EXCHANGE(int32_t *, style_rows);
    EXCHANGE(int32_t, style_count);
    EXCHANGE(af_conditions *, conditions);
    EXCHANGE(int32_t, window_start);
    EXCHANGE(int32_t, window_steps);
    EXCHANGE(int32_t, step);
    EXCHANGE(int32_t, passes);
    EXCHANGE(af_solver *, solver);
    EXCHANGE(af_rng_torch, rng);
    EXCHANGE(int32_t, kept_count);
    EXCHANGE(double, seconds_encode);
    EXCHANGE(double, seconds_denoise);
    EXCHANGE(double, seconds_decode);
    EXCHANGE(double, seconds_total);
#undef EXCHANGE
    /* What accessors have lent stays where it is: only its values change, as in a step. */
    const size_t bytes = a->count * sizeof *a->x;
    memcpy(a->x, b->x, bytes);
    memcpy(a->x0, b->x0, bytes);
    if (a->kept_count)
        memcpy(a->kept, b->kept, (size_t)a->kept_count * 2 * bytes);
}

artfusion_status artfusion_sampler_load_state_memory(artfusion_sampler *sampler, const void *data,
                                                     size_t size)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler || !data)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is NULL", !sampler ? "sampler" : "data");
    af_record record;
    artfusion_status status = check_between_steps(sampler);
    if (status == ARTFUSION_OK)
        status = af_record_open(&kind, data, size, &record);
    if (status != ARTFUSION_OK)
        return status;
    setup saved = setup_of(sampler);
    record_setup(&record, &saved);
    status = check_setup(&saved, sampler);
    if (status != ARTFUSION_OK)
        return status;

    artfusion_sampler *loaded;
    status = af_sampler_create_alike(sampler, &loaded);
    if (status != ARTFUSION_OK)
        return status;
    status = read_run(&record, sampler, loaded);
    if (status == ARTFUSION_OK)
        take_run(sampler, loaded);
    artfusion_sampler_destroy(loaded);
    return status;
}

/* With all that it can keep. */
static size_t largest_size(artfusion_sampler *s)
{
    const size_t left = (size_t)(s->kept_capacity - s->kept_count);
    return af_record_size(all_fields, s) + left * 2 * s->count * sizeof *s->kept;
}

artfusion_status artfusion_sampler_load_state_file(artfusion_sampler *sampler, const char *path)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler || !path)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is NULL", !sampler ? "sampler" : "path");
    uint8_t *data;
    size_t size;
    artfusion_status status = af_file_read(path, 16 * largest_size(sampler), &data, &size);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_load_state_memory(sampler, data, size);
    af_free(data);
    return status;
}
