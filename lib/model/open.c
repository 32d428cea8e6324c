/* SPDX-License-Identifier: MIT
 * Opening a model: its file is checked, its engine loaded, its network made. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "math/finite.h"
#include "math/schedule.h"
#include "model/bundle.h"
#include "model/engine_loader.h"
#include "model/model.h"
#include "model/source.h"
#include "model/trust.h"

/* The manifest before the rest, of which it says how it is digested. */
static artfusion_status read_bundle(const af_source *source, af_bundle *bundle,
                                    af_manifest *manifest)
{
    char sha256[AF_SHA256_HEX];
    artfusion_status status = af_bundle_open(bundle, source);
    if (status == ARTFUSION_OK)
        status = af_manifest_parse(bundle->text, bundle->text_size, manifest);
    if (status == ARTFUSION_OK)
        status =
            af_bundle_digest(bundle, source, manifest->version, manifest->weights_sha256, sha256);
    if (status == ARTFUSION_OK && strcmp(sha256, manifest->weights_sha256) != 0)
        status = af_fail(ARTFUSION_ERROR_CHECKSUM,
                         "the model was changed or damaged: its SHA-256 is %s, its manifest says "
                         "%.64s",
                         sha256, manifest->weights_sha256);
    return status;
}

/* An engine is code that is trusted, but not to be free of mistakes. */
static artfusion_status check_engine(artfusion_model *model, af_engine_error *error)
{
    af_network_info *info = &model->network_info;
    info->device_name[sizeof info->device_name - 1] = '\0';
    info->arithmetic[sizeof info->arithmetic - 1] = '\0';
    if ((info->device == ARTFUSION_DEVICE_CPU || info->device == ARTFUSION_DEVICE_CUDA) &&
        info->device_index >= 0 && info->threads >= 1 && info->condition_width >= 1 &&
        info->positions_a_call >= 0)
        return ARTFUSION_OK;
    (void)snprintf(error->text, sizeof error->text,
                   "it says of itself device %d:%d, %d threads, %d values a condition, %d "
                   "positions a call",
                   (int)info->device, (int)info->device_index, (int)info->threads,
                   (int)info->condition_width, (int)info->positions_a_call);
    return ARTFUSION_ERROR_ENGINE;
}

static artfusion_status open_network(artfusion_model *model, const af_source *source)
{
    const af_network_options options = {
        .device = model->context->device,
        .device_index = model->context->device_index,
        .threads = model->context->threads,
        .latent_channels = model->manifest.latent_channels,
        .downsample = model->manifest.downsample,
        .style_width = model->manifest.style_width,
        .precision = model->context->precision,
    };
    const af_bundle_records records = af_bundle_records_of(&model->bundle, source);
    af_engine_error error = {{0}};
    artfusion_status status = model->engine->open(&records.base, &options, &model->network, &error);
    if (status == ARTFUSION_OK && !model->network)
        status = ARTFUSION_ERROR_ENGINE;
    if (status == ARTFUSION_OK)
        status = model->engine->info(model->network, &model->network_info, &error);
    if (status == ARTFUSION_OK)
        status = check_engine(model, &error);
    if (status == ARTFUSION_OK)
        status = model->engine->null_style(model->network, model->null_style, &error);
    if (status != ARTFUSION_OK)
        return af_model_failed(model, status, "opening the model", &error);
    return af_check_finite(ARTFUSION_ERROR_NUMERIC, "the model's null style", model->null_style,
                           (size_t)model->manifest.style_width);
}

static artfusion_status make_tables(artfusion_model *model)
{
    const af_manifest *m = &model->manifest;
    const size_t bytes = (size_t)m->timesteps * sizeof(double);
    model->alphas_cumprod = af_alloc(bytes);
    model->null_style = af_alloc_array((size_t)m->style_width, sizeof(float));
    double *betas = af_alloc(bytes);
    if (!betas || !model->alphas_cumprod || !model->null_style) {
        af_free(betas);
        return af_fail_memory(bytes, "the noise schedule");
    }
    artfusion_status status =
        artfusion_schedule_betas(m->schedule, m->linear_start, m->linear_end, m->timesteps, betas);
    if (status == ARTFUSION_OK)
        af_alphas_cumprod(betas, m->timesteps, model->alphas_cumprod);
    else /* the file gave these arguments: they are no mistake of the caller's */
        status = af_fail_in(ARTFUSION_ERROR_FORMAT, "manifest: schedule");
    af_free(betas);
    /* Guidance and solvers work on eps, which says nothing where no signal is left. */
    for (int32_t i = 0; status == ARTFUSION_OK && i < m->timesteps; i++)
        if (!(model->alphas_cumprod[i] > 0.0 && model->alphas_cumprod[i] < 1.0))
            status = af_fail(ARTFUSION_ERROR_FORMAT,
                             "manifest: the schedule's alphas_cumprod[%d] is %g, not between 0 "
                             "and 1",
                             (int)i, model->alphas_cumprod[i]);
    return status;
}

static int make_locks(artfusion_model *model)
{
    if (!af_cache_init(&model->cache))
        return 0;
    if (af_curves_init(&model->curves))
        return 1;
    af_cache_clear(&model->cache);
    return 0;
}

/* The engine is loaded while the file is checked. */
static artfusion_status load(artfusion_model *made, const af_source *source)
{
    artfusion_status status = af_model_enter(made);
    if (status != ARTFUSION_OK)
        return status;
    af_engine_loader loader;
    af_engine_loader_start(&loader, made->context, made->isolation);
    status = read_bundle(source, &made->bundle, &made->manifest);
    if (status == ARTFUSION_OK)
        status = make_tables(made);
    /* Always, and what the file has wrong is said first. */
    const artfusion_status loaded = af_engine_loader_finish(&loader, &made->engine, &made->network);
    if (status == ARTFUSION_OK)
        status = loaded;
    if (status == ARTFUSION_OK)
        status = open_network(made, source);
    if (!af_model_is_isolated(made))
        af_bundle_clear(&made->bundle);
    af_model_leave(made);
    return status;
}

static artfusion_status open_model(artfusion_context *context, const af_source *source,
                                   artfusion_model **model)
{
    artfusion_model *made = af_alloc_array(1, sizeof *made);
    if (!made || !make_locks(made)) {
        af_free(made);
        return af_fail_memory(sizeof *made, "a model");
    }
    atomic_init(&made->references, 1);
    made->context = af_context_retain(context);
    made->opened_in = (long)getpid();
    af_model_source copy;
    artfusion_status status = af_trust_choose(context, source, &made->isolation, &copy);
    if (status == ARTFUSION_OK)
        status = load(made, copy.owned ? &copy.base : source);
    af_source_close(&copy);
    if (status != ARTFUSION_OK) {
        af_model_release(made);
        return status;
    }

    (void)snprintf(made->engine_label, sizeof made->engine_label, "%s %s", made->engine->name,
                   made->engine->release);
    af_log(context, ARTFUSION_LOG_INFO, "model %s by %s on %s, %d threads, %s%s",
           made->manifest.name, made->engine_label, made->network_info.device_name,
           (int)made->network_info.threads, made->network_info.arithmetic,
           af_model_is_isolated(made) ? ", in a process of its own" : "");
    *model = made;
    return ARTFUSION_OK;
}

static artfusion_status check_handles(artfusion_context *context, artfusion_model **model)
{
    if (!model)
        return af_fail_null(model);
    *model = NULL;
    if (!context)
        return af_fail_null(context);
    return ARTFUSION_OK;
}

artfusion_status artfusion_model_open_file(artfusion_context *context, const char *path,
                                           artfusion_model **model)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    artfusion_status status = check_handles(context, model);
    if (status != ARTFUSION_OK)
        return status;
    if (!path)
        return af_fail_null(path);
    af_model_source source;
    status = af_source_open_file(&source, path);
    if (status != ARTFUSION_OK)
        return status;
    status = open_model(context, &source.base, model);
    af_source_close(&source);
    return status;
}

artfusion_status artfusion_model_open_memory(artfusion_context *context, const void *data,
                                             size_t size, artfusion_model **model)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    const artfusion_status status = check_handles(context, model);
    if (status != ARTFUSION_OK)
        return status;
    if (!data)
        return af_fail_null(data);
    af_model_source source;
    af_source_open_memory(&source, data, size);
    return open_model(context, &source.base, model);
}

artfusion_status artfusion_model_open_reader(artfusion_context *context,
                                             artfusion_read_callback read, void *user_data,
                                             uint64_t size, artfusion_model **model)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    const artfusion_status status = check_handles(context, model);
    if (status != ARTFUSION_OK)
        return status;
    if (!read)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "read is NULL");
    af_model_source source;
    af_source_open_callback(&source, read, user_data, size);
    return open_model(context, &source.base, model);
}
