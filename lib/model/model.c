/* SPDX-License-Identifier: MIT
 * The handle: its users, the process it is used in, what it says of itself. */
#define _POSIX_C_SOURCE 200809L
#include "model/model.h"

#include <math.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/options.h"
#include "image/image.h"
#include "model/process.h"

artfusion_model *af_model_retain(artfusion_model *model)
{
    atomic_fetch_add(&model->references, 1);
    return model;
}

void af_model_release(artfusion_model *model)
{
    if (!model || atomic_fetch_sub(&model->references, 1) != 1)
        return;
    if (model->network && af_model_may_enter(model)) {
        model->engine->close(model->network);
        af_model_leave(model);
    }
    af_cache_clear(&model->cache);
    af_curves_clear(&model->curves);
    af_manifest_clear(&model->manifest);
    af_bundle_clear(&model->bundle);
    af_free(model->alphas_cumprod);
    af_free(model->null_style);
    af_context_release(model->context);
    af_free(model);
}

void artfusion_model_destroy(artfusion_model *model)
{
    af_model_release(model);
}

artfusion_status af_model_failed(const artfusion_model *model, artfusion_status status,
                                 const char *what, const af_engine_error *error)
{
    /* Whatever it answered that is no error of ours: it failed. */
    if (status >= ARTFUSION_OK || status < ARTFUSION_ERROR_CHECKSUM)
        status = ARTFUSION_ERROR_ENGINE;
    return af_fail(status, "%s (%s): %.*s", what, model->engine->name, (int)sizeof error->text - 1,
                   error->text[0] ? error->text : artfusion_status_name(status));
}

/* ---- the process that it is used in -------------------------------------- */

int af_model_may_enter(const artfusion_model *model)
{
    return af_model_is_isolated(model) ? model->opened_in == (long)getpid()
                                       : af_process_may_enter();
}

artfusion_status af_model_enter(const artfusion_model *model)
{
    if (!af_model_is_isolated(model))
        return af_process_enter();
    return af_model_may_enter(model)
               ? ARTFUSION_OK
               : af_fail(ARTFUSION_ERROR_ENGINE,
                         "process %ld was forked from process %ld, which had opened this isolated "
                         "model: open it again",
                         (long)getpid(), model->opened_in);
}

void af_model_leave(const artfusion_model *model)
{
    if (!af_model_is_isolated(model))
        af_process_leave();
}

/* ---- what it is ----------------------------------------------------------- */

artfusion_status artfusion_model_get_info(const artfusion_model *model, artfusion_model_info *info,
                                          size_t struct_size)
{
    af_error_clear();
    if (!model)
        return af_fail_null(model);
    const af_manifest *m = &model->manifest;
    const artfusion_model_info known = {
        .struct_size = sizeof known,
        .latent_channels = m->latent_channels,
        .downsample = m->downsample,
        .size_multiple = m->size_multiple,
        .native_width = m->native_width,
        .native_height = m->native_height,
        .style_width = m->style_width,
        .style_min_size = m->style_min_size,
        .timesteps = m->timesteps,
        .schedule = m->schedule,
        .prediction = m->prediction,
        .device = model->network_info.device,
        .name = m->name,
        .description = m->description,
        .licence = m->licence,
        .origin = m->origin,
        .weights_sha256 = m->weights_sha256,
        .engine = model->engine_label,
        .device_name = model->network_info.device_name,
        .arithmetic = model->network_info.arithmetic,
        .latent_shift = m->latent_shift,
        .latent_scale = m->latent_scale,
        .alphas_cumprod = model->alphas_cumprod,
        .device_index = model->network_info.device_index,
        .threads = model->network_info.threads,
        .isolation = model->isolation,
    };
    return af_options_write("artfusion_model_info", info, struct_size, &known, sizeof known);
}

static int32_t nearest_side(double pixels)
{
    return pixels < 1.0 ? 1 : (int32_t)floor(pixels + 0.5);
}

artfusion_status artfusion_model_fit_size(const artfusion_model *model, int32_t width,
                                          int32_t height, int32_t longest, int32_t *fit_width,
                                          int32_t *fit_height)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!model || !fit_width || !fit_height)
        return af_fail_null(model, fit_width, fit_height);
    if (width < 1 || height < 1 || longest < 0)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "%dx%d within %d pixels is no size", (int)width,
                       (int)height, (int)longest);
    const af_manifest *m = &model->manifest;
    if (!longest)
        longest = m->native_width > m->native_height ? m->native_width : m->native_height;
    const double scale = (double)longest / (width > height ? width : height);
    *fit_width = nearest_side(width * scale);
    *fit_height = nearest_side(height * scale);
    return ARTFUSION_OK;
}

int32_t artfusion_model_preset_count(const artfusion_model *model)
{
    return model ? model->manifest.preset_count : 0;
}

const char *artfusion_model_preset_name(const artfusion_model *model, int32_t index)
{
    if (index < 0 || index >= artfusion_model_preset_count(model))
        return NULL;
    return model->manifest.presets[index].name;
}

static artfusion_status check_side(const artfusion_model *model, const char *which, int32_t side)
{
    const int32_t multiple = model->manifest.size_multiple;
    if (side < multiple)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "%s is %d pixels: model %s needs a positive multiple of %d", which,
                       (int)side, model->manifest.name, (int)multiple);
    const int32_t below = side - side % multiple;
    return below == side ? ARTFUSION_OK
                         : af_fail(ARTFUSION_ERROR_ARGUMENT,
                                   "%s is %d pixels: model %s needs a multiple of %d, such as %d "
                                   "or %d",
                                   which, (int)side, model->manifest.name, (int)multiple,
                                   (int)below, (int)(below + multiple));
}

artfusion_status af_model_check_size(const artfusion_model *model, int32_t width, int32_t height)
{
    const artfusion_status status = check_side(model, "width", width);
    return status != ARTFUSION_OK ? status : check_side(model, "height", height);
}

static artfusion_status check_run_side(const char *which, int32_t side, int32_t most)
{
    if (side >= 1 && side <= most)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is %d pixels: it must be 1 to %d", which,
                   (int)side, (int)most);
}

artfusion_status af_model_check_run_size(const artfusion_model *model, int32_t width,
                                         int32_t height)
{
    const int32_t most = AF_IMAGE_MAX_SIDE - AF_IMAGE_MAX_SIDE % model->manifest.size_multiple;
    const artfusion_status status = check_run_side("width", width, most);
    return status != ARTFUSION_OK ? status : check_run_side("height", height, most);
}

static int32_t whole_side(int32_t side, int32_t multiple)
{
    return (side + multiple - 1) / multiple * multiple;
}

af_size af_model_whole_size(const artfusion_model *model, int32_t width, int32_t height)
{
    const int32_t multiple = model->manifest.size_multiple;
    return (af_size){whole_side(width, multiple), whole_side(height, multiple)};
}
