/* SPDX-License-Identifier: MIT
 * Making a sampler, and its way out. */
#include "sample/sampler.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "sample/fields.h"
#include "sample/footprint.h"

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
    return af_model_failed(sampler->plan.model, status, what, error);
}

/* With the steps of `alike`, if there is one: the caller's timesteps are gone with its create. */
static artfusion_status build(artfusion_sampler *s, const artfusion_sampler *alike)
{
    s->run.step = -1;
    atomic_init(&s->cancelled, 0);
    af_rng_torch_seed(&s->run.rng, s->plan.options.seed);

    artfusion_status status = af_plan_limit_passes(&s->plan);
    if (status == ARTFUSION_OK)
        status = af_fields_allocate(s);
    if (status == ARTFUSION_OK && alike)
        af_plan_copy_steps(&s->plan, &alike->plan);
    else if (status == ARTFUSION_OK)
        status = af_plan_make_steps(&s->plan);
    if (status != ARTFUSION_OK)
        return status;
    const artfusion_model *model = s->plan.model;
    memcpy(s->given.styles, model->null_style,
           (size_t)model->manifest.style_width * sizeof *s->given.styles);
    return ARTFUSION_OK;
}

static artfusion_status create(artfusion_model *model, const artfusion_sampler_options *options,
                               const artfusion_sampler *alike, artfusion_sampler **sampler)
{
    *sampler = NULL;
    artfusion_sampler *made = af_alloc_array(1, sizeof *made);
    if (!made)
        return af_fail_memory(sizeof *made, "a sampler");
    made->plan = af_plan_of(af_model_retain(model), options);
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
    return create(sampler->plan.model, &sampler->plan.options, sampler, alike);
}

artfusion_status artfusion_sampler_create(artfusion_model *model,
                                          const artfusion_sampler_options *options,
                                          artfusion_sampler **sampler)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!sampler)
        return af_fail_null(sampler);
    *sampler = NULL;
    if (!model)
        return af_fail_null(model);
    artfusion_sampler_options read;
    const artfusion_status status = af_sampler_read_options(model, options, &read);
    return status == ARTFUSION_OK ? create(model, &read, NULL, sampler) : status;
}

void artfusion_sampler_destroy(artfusion_sampler *s)
{
    if (!s)
        return;
    artfusion_model *const model = s->plan.model;
    if (s->run.conditions && af_model_may_enter(model)) {
        model->engine->conditions_destroy(s->run.conditions);
        af_model_leave(model);
    }
    af_fields_free(s);
    af_model_release(model);
    af_free(s);
}

/* From signal handlers too. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "cancelling takes no lock");

void artfusion_sampler_cancel(artfusion_sampler *sampler)
{
    if (sampler)
        atomic_store(&sampler->cancelled, 1);
}
