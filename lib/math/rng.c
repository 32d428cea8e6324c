/* SPDX-License-Identifier: MIT
 * The public generator handle. */
#include "math/rng.h"

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/names.h"

struct artfusion_rng {
    artfusion_rng_kind kind;
    af_rng_torch torch; /* TORCH_CPU */
    uint64_t seed;      /* COUNTER */
    uint64_t calls;     /* COUNTER: draws so far; the upper half is the stream, 0 in practice */
};

artfusion_status artfusion_rng_create(artfusion_rng_kind kind, uint64_t seed, artfusion_rng **rng)
{
    af_error_clear();
    if (rng == NULL)
        return af_fail_null(rng);
    *rng = NULL;
    const artfusion_status status = af_check_constant("kind", kind, ARTFUSION_ENUM_RNG);
    if (status != ARTFUSION_OK)
        return status;
    artfusion_rng *created = af_alloc_array(1, sizeof *created);
    if (created == NULL)
        return af_fail_memory(sizeof *created, "a random generator");
    created->kind = kind;
    created->seed = seed;
    af_rng_torch_seed(&created->torch, seed);
    *rng = created;
    return ARTFUSION_OK;
}

void artfusion_rng_destroy(artfusion_rng *rng)
{
    af_free(rng);
}

typedef void torch_fill(af_rng_torch *rng, float *values, size_t count);
typedef void counter_fill(uint64_t seed, uint32_t stream, uint32_t draw, float *values,
                          size_t count);

static artfusion_status draw(artfusion_rng *rng, torch_fill *torch, counter_fill *counter,
                             float *values, size_t count)
{
    af_error_clear();
    if (rng == NULL)
        return af_fail_null(rng);
    if (values == NULL && count > 0)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "values is NULL where %zu numbers are to go",
                       count);
    if (rng->kind == ARTFUSION_RNG_TORCH_CPU) {
        torch(&rng->torch, values, count);
    } else {
        counter(rng->seed, (uint32_t)(rng->calls >> 32), (uint32_t)rng->calls, values, count);
        rng->calls++;
    }
    return ARTFUSION_OK;
}

artfusion_status artfusion_rng_normal(artfusion_rng *rng, float *values, size_t count)
{
    AF_DEFAULT_FLOATS;
    return draw(rng, af_rng_torch_normal, af_rng_counter_normal, values, count);
}

artfusion_status artfusion_rng_uniform(artfusion_rng *rng, float *values, size_t count)
{
    AF_DEFAULT_FLOATS;
    return draw(rng, af_rng_torch_uniform, af_rng_counter_uniform, values, count);
}
