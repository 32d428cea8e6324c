/* SPDX-License-Identifier: MIT */
#include "sample/fields.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

typedef enum field_type { U8, I32, U32, F32, F64, SOLVER } field_type;

enum { ALLOCATED = 1, SAVED = 2, LENT = 4 };

typedef struct field {
    size_t offset; /* in a sampler, of its values, or of the pointer to them if ALLOCATED */
    field_type type;
    int traits;
    size_t (*count)(const af_plan *plan);
    double least, most;                               /* that a loaded value can be */
    size_t (*part)(const artfusion_sampler *sampler); /* how many are saved; NULL: all */
} field;

/* ---- how many ------------------------------------------------------------- */

static size_t one(const af_plan *plan)
{
    (void)plan;
    return 1;
}

static size_t pictures(const af_plan *plan)
{
    return (size_t)plan->options.batch;
}

static size_t latents(const af_plan *plan)
{
    return plan->count;
}

static size_t masks(const af_plan *plan)
{
    return pictures(plan) * plan->pixels;
}

static size_t styles(const af_plan *plan)
{
    return (pictures(plan) + 1) * (size_t)plan->model->manifest.style_width;
}

static size_t passes(const af_plan *plan)
{
    return AF_MAX_BRANCHES * pictures(plan);
}

static size_t passes_latents(const af_plan *plan)
{
    return AF_MAX_BRANCHES * plan->count;
}

static size_t steps_asked_for(const af_plan *plan)
{
    return (size_t)plan->options.steps;
}

static size_t steps_of_run(const artfusion_sampler *sampler)
{
    return (size_t)sampler->plan.steps;
}

/* x and x0 of each. More than there can be is the largest number, which nothing allocates. */
static size_t most_kept(const af_plan *plan)
{
    const size_t most = (size_t)plan->most_kept, each = 2 * plan->count;
    return most > SIZE_MAX / each ? SIZE_MAX : most * each;
}

static size_t kept_so_far(const artfusion_sampler *sampler)
{
    const int32_t kept = sampler->run.kept_count;
    return kept < 0 || kept > sampler->plan.most_kept ? 0 : (size_t)kept * 2 * sampler->plan.count;
}

static size_t generator_words(const af_plan *plan)
{
    (void)plan;
    return AF_RNG_TORCH_WORDS;
}

/* ---- the table -------------------------------------------------------------- */

#define MEMBER(member) (((artfusion_sampler *)0)->member)
#define TYPE(value) \
    _Generic((value), uint8_t: U8, int32_t: I32, uint32_t: U32, float: F32, double: F64)

/* A BUFFER is a pointer to values, VALUES stand in the struct itself from here on. The compiler
 * says of what type they are. */
#define FIELD(member, is, has, values, ...) \
    {.offset = offsetof(artfusion_sampler, member), \
     .type = (is), \
     .traits = (has), \
     .count = (values), \
     __VA_ARGS__}
#define BUFFER(member, ...) FIELD(member, TYPE(*MEMBER(member)), ALLOCATED | __VA_ARGS__)
#define VALUES(member, ...) FIELD(member, TYPE(MEMBER(member)), __VA_ARGS__)
#define RANGE(from, to) .least = (from), .most = (to)
#define ANY RANGE(-INFINITY, INFINITY)
#define FINITE RANGE(-FLT_MAX, FLT_MAX)
#define SECONDS RANGE(0, DBL_MAX)
#define NORMAL RANGE(-9, 9) /* the largest of 53 bits is sqrt(2 * 53 ln 2) */

/* The order is that of the saved format. A field that is not saved can stand anywhere; one that is
 * makes another version of the format. */
static const field fields[] = {
    BUFFER(plan.timesteps, SAVED, steps_asked_for, ANY, .part = steps_of_run),
    BUFFER(plan.alphas, SAVED, steps_asked_for, ANY, .part = steps_of_run),
    BUFFER(plan.alphas_next, SAVED, steps_asked_for, ANY, .part = steps_of_run),

    BUFFER(given.content, SAVED, latents, FINITE),
    BUFFER(given.init, SAVED, latents, FINITE),
    BUFFER(given.mask, SAVED, masks, RANGE(0, 1)),
    BUFFER(given.styles, SAVED, styles, FINITE),
    BUFFER(given.has_content, SAVED, pictures, RANGE(0, 1)),
    BUFFER(given.has_style, SAVED, pictures, RANGE(0, 1)),
    BUFFER(given.has_mask, SAVED, pictures, RANGE(0, 1)),
    BUFFER(given.has_init, SAVED, pictures, RANGE(0, AF_INIT_GIVEN)),

    BUFFER(run.style_rows, SAVED, pictures, ANY),
    VALUES(run.style_count, SAVED, one, ANY),
    VALUES(run.window_start, SAVED, one, ANY),
    VALUES(run.step, SAVED, one, ANY),
    VALUES(run.passes, SAVED, one, RANGE(0, INT32_MAX / 2)), /* it only grows: it has room to */
    BUFFER(run.x, SAVED | LENT, latents, FINITE),
    BUFFER(run.x0, SAVED | LENT, latents, FINITE),
    FIELD(run.solver, SOLVER, SAVED, one, ANY),
    VALUES(run.rng.state[0], SAVED, generator_words, ANY),
    VALUES(run.rng.position, SAVED, one, RANGE(0, AF_RNG_TORCH_WORDS)),
    VALUES(run.rng.has_cached_normal, SAVED, one, ANY),
    VALUES(run.rng.cached_normal, SAVED, one, NORMAL),
    VALUES(run.seconds_encode, SAVED, one, SECONDS),
    VALUES(run.seconds_denoise, SAVED, one, SECONDS),
    VALUES(run.seconds_decode, SAVED, one, SECONDS),
    VALUES(run.seconds_total, SAVED, one, SECONDS),
    VALUES(run.kept_count, SAVED, one, ANY),
    BUFFER(run.kept, SAVED | LENT, most_kept, FINITE, .part = kept_so_far),

    BUFFER(run.input, 0, passes_latents, ANY),
    BUFFER(run.prediction, 0, passes_latents, ANY),
    BUFFER(run.modulation_rows, 0, passes, ANY),
    BUFFER(run.content_rows, 0, passes, ANY),
    BUFFER(run.noise, 0, latents, ANY),
};
#define FIELDS (sizeof fields / sizeof *fields)

static size_t size_of(field_type type)
{
    return type == U8 ? 1 : type == F64 ? sizeof(double) : sizeof(float);
}

/* An allocated field is a pointer. */
static void *pointer_of(const artfusion_sampler *sampler, const field *f)
{
    void *pointer;
    memcpy(&pointer, (const char *)sampler + f->offset, sizeof pointer);
    return pointer;
}

static void set_pointer(artfusion_sampler *sampler, const field *f, void *pointer)
{
    memcpy((char *)sampler + f->offset, &pointer, sizeof pointer);
}

static void *values_of(artfusion_sampler *sampler, const field *f)
{
    return f->traits & ALLOCATED ? pointer_of(sampler, f) : (char *)sampler + f->offset;
}

static size_t saved_of(const artfusion_sampler *sampler, const field *f)
{
    return f->part ? f->part(sampler) : f->count(&sampler->plan);
}

/* ---- what is done with it ----------------------------------------------------- */

uint64_t af_fields_bytes(const af_plan *plan)
{
    uint64_t bytes = sizeof(artfusion_sampler);
    for (const field *f = fields; f < fields + FIELDS; f++) {
        if (f->traits & ALLOCATED)
            bytes = af_add(bytes, af_product(f->count(plan), size_of(f->type)));
        if (f->type == SOLVER)
            bytes = af_add(bytes, af_solver_bytes(plan->options.solver, plan->count));
    }
    return bytes;
}

static artfusion_status allocate(artfusion_sampler *sampler, const field *f)
{
    const size_t count = f->count(&sampler->plan), size = size_of(f->type);
    void *const memory = af_alloc_array(count, size);
    set_pointer(sampler, f, memory);
    return memory ? ARTFUSION_OK
                  : af_fail(ARTFUSION_ERROR_MEMORY,
                            "out of memory: %zu times %zu bytes for a sampler", count, size);
}

static artfusion_status make_solver(artfusion_sampler *sampler)
{
    const artfusion_sampler_options *o = &sampler->plan.options;
    const af_solver_options options = {
        .solver = o->solver,
        .eta = o->eta,
        .temperature = o->temperature,
    };
    return af_solver_create(&options, sampler->plan.count, &sampler->run.solver);
}

artfusion_status af_fields_allocate(artfusion_sampler *sampler)
{
    artfusion_status status = ARTFUSION_OK;
    for (const field *f = fields; status == ARTFUSION_OK && f < fields + FIELDS; f++) {
        if (f->traits & ALLOCATED)
            status = allocate(sampler, f);
        if (f->type == SOLVER)
            status = make_solver(sampler);
    }
    return status;
}

void af_fields_free(artfusion_sampler *sampler)
{
    for (const field *f = fields; f < fields + FIELDS; f++) {
        if (f->traits & ALLOCATED)
            af_free(pointer_of(sampler, f));
        if (f->type == SOLVER)
            af_solver_destroy(sampler->run.solver);
    }
}

void af_fields_record(af_record *record, artfusion_sampler *sampler)
{
    for (const field *f = fields; f < fields + FIELDS; f++) {
        if (!(f->traits & SAVED))
            continue;
        const size_t count = saved_of(sampler, f);
        void *const values = values_of(sampler, f);
        switch (f->type) {
        case U8: af_record_u8(record, values, count); break;
        case I32: af_record_i32(record, values, count); break;
        case U32: af_record_u32(record, values, count); break;
        case F32: af_record_f32(record, values, count); break;
        case F64: af_record_f64(record, values, count); break;
        case SOLVER: af_solver_record(sampler->run.solver, record); break;
        }
    }
}

static double value_at(const void *values, field_type type, size_t i)
{
    switch (type) {
    case U8: return ((const uint8_t *)values)[i];
    case I32: return ((const int32_t *)values)[i];
    case U32: return ((const uint32_t *)values)[i];
    case F32: return (double)((const float *)values)[i];
    default: return ((const double *)values)[i];
    }
}

/* Comparisons are written so that NaN fails them. */
static int is_valid(artfusion_sampler *sampler, const field *f)
{
    if (f->type == SOLVER)
        return af_solver_is_valid(sampler->run.solver);
    const void *const values = values_of(sampler, f);
    const size_t count = saved_of(sampler, f);
    for (size_t i = 0; i < count; i++) {
        const double value = value_at(values, f->type, i);
        if (!(value >= f->least && value <= f->most))
            return 0;
    }
    return 1;
}

int af_fields_are_valid(artfusion_sampler *sampler)
{
    for (const field *f = fields; f < fields + FIELDS; f++)
        if (f->traits & SAVED && !is_valid(sampler, f))
            return 0;
    return 1;
}

void af_fields_take(artfusion_sampler *sampler, artfusion_sampler *from)
{
    const af_given given = sampler->given;
    const af_run run = sampler->run;
    sampler->given = from->given;
    sampler->run = from->run;
    from->given = given;
    from->run = run;
    for (const field *f = fields; f < fields + FIELDS; f++) {
        if (!(f->traits & LENT))
            continue;
        void *const taken = pointer_of(sampler, f), *const lent = pointer_of(from, f);
        memcpy(lent, taken, saved_of(sampler, f) * size_of(f->type));
        set_pointer(sampler, f, lent);
        set_pointer(from, f, taken);
    }
}
