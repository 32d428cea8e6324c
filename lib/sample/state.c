/* SPDX-License-Identifier: MIT
 * A run between two steps, saved and loaded again: another process goes on to the same bytes. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/record.h"
#include "sample/fields.h"

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
    setup made = {.options = s->plan.options, .steps = s->plan.steps};
    memcpy(made.model, s->plan.model->manifest.weights_sha256, MODEL_DIGEST);
    return made;
}

/* clang-format off */
#define INTEGERS(X) \
    X(width) X(height) X(batch) X(steps) X(solver) X(spacing) X(rng) X(noise) X(keep_every)
#define REALS(X) \
    X(content_scale) X(style_scale) X(content_start) X(content_end) X(style_start) X(style_end) \
    X(eta) X(temperature) X(noise_dropout) X(denoising_strength)
/* clang-format on */

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

static void all_fields(af_record *record, void *object)
{
    setup u = setup_of(object);
    record_setup(record, &u);
    af_fields_record(record, object);
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
    if (data)
        *data = NULL;
    if (size)
        *size = 0;
    if (!sampler || !data || !size)
        return af_fail_null(sampler, data, size);
    const artfusion_status status = check_between_steps(sampler);
    return status == ARTFUSION_OK ? af_record_save(&kind, all_fields, sampler, data, size) : status;
}

artfusion_status artfusion_sampler_save_state_file(artfusion_sampler *sampler, const char *path)
{
    af_error_clear();
    if (!path)
        return af_fail_null(path);
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
#define X(name) \
    if (saved->options.name != ours.options.name) \
        return af_fail(ARTFUSION_ERROR_MISMATCH, "the saved run has " #name " %d, this one %d", \
                       (int)saved->options.name, (int)ours.options.name);
    INTEGERS(X)
#undef X
#define X(name) \
    if (saved->options.name != ours.options.name) \
        return af_fail(ARTFUSION_ERROR_MISMATCH, "the saved run has " #name " %g, this one %g", \
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

static int styles_are_valid(const artfusion_sampler *s)
{
    const af_run *run = &s->run;
    const int32_t most = s->plan.options.batch + 1;
    if (run->style_count < 0 || run->style_count > most)
        return 0;
    for (int32_t i = 0; i < s->plan.options.batch; i++)
        if (run->style_rows[i] < 0 || run->style_rows[i] >= most ||
            (run->style_count && run->style_rows[i] >= run->style_count))
            return 0;
    return 1;
}

/* A checksum is no signature: what indexes memory, or is lent to the caller, is checked whoever
 * wrote it. */
static int run_is_valid(artfusion_sampler *s)
{
    const af_run *run = &s->run;
    return run->step >= -1 && run->step <= s->plan.steps && run->window_start >= 0 &&
           run->window_start <= (run->step < 0 ? 0 : run->step) && run->kept_count >= 0 &&
           run->kept_count <= s->plan.most_kept && styles_are_valid(s) && af_fields_are_valid(s);
}

/* Whether two runs go by the same steps: that they were asked for alike does not say so where the
 * timesteps are the caller's, or the schedule another model's of the same weights. */
static int steps_are_equal(const af_plan *a, const af_plan *b)
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
    af_fields_record(record, s);
    const artfusion_status status = af_record_close(&kind, record);
    if (status != ARTFUSION_OK)
        return status;
    if (!steps_are_equal(&ours->plan, &s->plan))
        return af_fail(ARTFUSION_ERROR_MISMATCH,
                       "the saved run visits other timesteps than this one, or by another "
                       "schedule");
    if (!run_is_valid(s))
        return af_fail(ARTFUSION_ERROR_FORMAT, "%s holds what no run can be in", kind.what);
    return ARTFUSION_OK;
}

artfusion_status artfusion_sampler_load_state_memory(artfusion_sampler *sampler, const void *data,
                                                     size_t size)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler || !data)
        return af_fail_null(sampler, data);
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
        af_fields_take(sampler, loaded);
    artfusion_sampler_destroy(loaded);
    return status;
}

/* With all that it can keep. */
static size_t largest_size(artfusion_sampler *s)
{
    const size_t left = (size_t)(s->plan.most_kept - s->run.kept_count);
    return af_record_size(all_fields, s) + left * 2 * s->plan.count * sizeof *s->run.kept;
}

artfusion_status artfusion_sampler_load_state_file(artfusion_sampler *sampler, const char *path)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler || !path)
        return af_fail_null(sampler, path);
    uint8_t *data;
    size_t size;
    artfusion_status status = af_file_read(path, 16 * largest_size(sampler), &data, &size);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_load_state_memory(sampler, data, size);
    af_free(data);
    return status;
}
