/* SPDX-License-Identifier: MIT
 * The networks' stages, with what stands between them: scaling of latents and the content
 * condition. */
#include "model/stages.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/limits.h"
#include "base/memory.h"
#include "image/image.h"
#include "math/finite.h"
#include "model/model.h"

/* The latent of a picture whose sides fit, as the encoder gives it or has given it before. */
static artfusion_status encode_mode(artfusion_model *model, const artfusion_image *image,
                                    float *mode, size_t count)
{
    af_cache_key key;
    af_cache_key_of(image, 'e', &key);
    if (af_cache_find(&model->cache, &key, mode, count))
        return ARTFUSION_OK;

    const size_t planar = 3 * (size_t)image->width * (size_t)image->height;
    float *rgb = af_alloc_array(planar, sizeof *rgb);
    if (!rgb)
        return af_fail_memory(planar * sizeof *rgb, "encoding");
    af_image_to_planar(image, rgb);
    af_engine_error error = {{0}};
    artfusion_status status = model->engine->encode(
        model->network, rgb, 1, (af_size){image->width, image->height}, mode, &error);
    af_free(rgb);
    if (status != ARTFUSION_OK)
        return af_model_failed(model, status, "encoder", &error);
    status = af_check_finite(ARTFUSION_ERROR_NUMERIC, "the encoder's latent", mode, count);
    if (status == ARTFUSION_OK)
        af_cache_keep(&model->cache, &key, mode, count);
    return status;
}

static void scale_latent(const artfusion_model *model, const float *mode, size_t pixels,
                         float *scaled)
{
    for (int32_t c = 0; c < model->manifest.latent_channels; c++) {
        const float shift = model->manifest.latent_shift[c];
        const float scale = model->manifest.latent_scale[c];
        for (size_t i = (size_t)c * pixels; i < ((size_t)c + 1) * pixels; i++)
            scaled[i] = (mode[i] - shift) * scale;
    }
}

void af_model_content_condition(const artfusion_model *model, const float *scaled, size_t pixels,
                                float *content)
{
    for (int32_t c = 0; c < model->manifest.latent_channels; c++) {
        const float *from = scaled + (size_t)c * pixels;
        float *to = content + (size_t)c * pixels;
        if (!model->manifest.normalise_content) {
            memcpy(to, from, pixels * sizeof *to);
            continue;
        }
        double sum = 0.0, squares = 0.0;
        for (size_t i = 0; i < pixels; i++)
            sum += (double)from[i];
        const double mean = sum / (double)pixels;
        for (size_t i = 0; i < pixels; i++)
            squares += ((double)from[i] - mean) * ((double)from[i] - mean);
        /* A channel without any variation has no shapes to give: zeros, as the null content,
         * rather than the division by zero of a literal reading. */
        const double deviation = pixels > 1 ? sqrt(squares / (double)(pixels - 1)) : 0.0;
        const double factor = deviation > 1e-6 ? 1.0 / deviation : 0.0;
        for (size_t i = 0; i < pixels; i++)
            to[i] = (float)(((double)from[i] - mean) * factor);
    }
}

artfusion_status af_model_encode(artfusion_model *model, const artfusion_image *image,
                                 artfusion_latent_kind kind, float *latent, size_t count)
{
    artfusion_status status =
        af_check_integer("kind", kind, ARTFUSION_LATENT_MODE, ARTFUSION_LATENT_CONTENT);
    if (status == ARTFUSION_OK)
        status = af_model_check_size(model, image->width, image->height);
    if (status != ARTFUSION_OK)
        return status;
    const int32_t down = model->manifest.downsample;
    const size_t pixels = (size_t)(image->width / down) * (size_t)(image->height / down);
    const size_t needed = pixels * (size_t)model->manifest.latent_channels;
    if (count != needed)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "count is %zu: the latent of %dx%d has %zu values",
                       count, (int)image->width, (int)image->height, needed);

    float *mode = af_alloc_array(needed, sizeof *mode);
    if (!mode)
        return af_fail_memory(needed * sizeof *mode, "encoding");
    status = af_model_enter(model);
    if (status == ARTFUSION_OK) {
        status = encode_mode(model, image, mode, needed);
        af_model_leave(model);
    }
    if (status == ARTFUSION_OK && kind == ARTFUSION_LATENT_MODE)
        memcpy(latent, mode, needed * sizeof *latent);
    if (status == ARTFUSION_OK && kind != ARTFUSION_LATENT_MODE)
        scale_latent(model, mode, pixels, kind == ARTFUSION_LATENT_SCALED ? latent : mode);
    if (status == ARTFUSION_OK && kind == ARTFUSION_LATENT_CONTENT)
        af_model_content_condition(model, mode, pixels, latent);
    af_free(mode);
    return status;
}

artfusion_status artfusion_model_encode(artfusion_model *model, const artfusion_image *image,
                                        artfusion_latent_kind kind, float *latent, size_t count)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!model || !image || !latent)
        return af_fail_null(model, image, latent);
    return af_model_encode(model, image, kind, latent, count);
}

/* Latent sizes of the public calls; `*pixels` is that of one latent channel. */
static artfusion_status check_latent(const artfusion_model *model, int32_t batch, int32_t width,
                                     int32_t height, size_t *pixels)
{
    const int32_t down = model->manifest.downsample;
    const int32_t longest = AF_IMAGE_MAX_SIDE / down;
    const artfusion_status status = af_check_integer("batch", batch, 1, AF_MAX_BATCH);
    if (status != ARTFUSION_OK)
        return status;
    if (width < 1 || height < 1 || width > longest || height > longest)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "a latent of %d x %d: each side must be 1 to %d",
                       (int)width, (int)height, (int)longest);
    *pixels = (size_t)width * (size_t)height;
    return af_model_check_size(model, width * down, height * down);
}

artfusion_status artfusion_model_decode(artfusion_model *model, const float *latent, int32_t batch,
                                        int32_t latent_width, int32_t latent_height, float *rgb,
                                        size_t count)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!model || !latent || !rgb)
        return af_fail_null(model, latent, rgb);
    size_t pixels;
    artfusion_status status = check_latent(model, batch, latent_width, latent_height, &pixels);
    if (status != ARTFUSION_OK)
        return status;
    const size_t down = (size_t)model->manifest.downsample;
    const size_t channels = (size_t)model->manifest.latent_channels;
    if (count != (size_t)batch * 3 * pixels * down * down)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "count is %zu: %d pictures of a %dx%d latent have %zu values", count,
                       (int)batch, (int)latent_width, (int)latent_height,
                       (size_t)batch * 3 * pixels * down * down);

    const size_t values = (size_t)batch * channels * pixels;
    float *z = af_alloc_array(values, sizeof *z);
    if (!z)
        return af_fail_memory(values * sizeof *z, "decoding");
    for (size_t plane = 0; plane < (size_t)batch * channels; plane++) {
        const float shift = model->manifest.latent_shift[plane % channels];
        const float scale = model->manifest.latent_scale[plane % channels];
        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++)
            z[i] = latent[i] / scale + shift;
    }
    af_engine_error error = {{0}};
    status = af_model_enter(model);
    if (status == ARTFUSION_OK) {
        status = model->engine->decode(model->network, z, batch,
                                       (af_size){latent_width, latent_height}, rgb, &error);
        if (status != ARTFUSION_OK)
            status = af_model_failed(model, status, "decoder", &error);
        af_model_leave(model);
    }
    af_free(z);
    if (status != ARTFUSION_OK)
        return status;
    return af_check_finite(ARTFUSION_ERROR_NUMERIC, "the decoder's picture", rgb, count);
}

static artfusion_status denoise(artfusion_model *model, const af_condition_inputs *inputs,
                                const af_passes *passes)
{
    af_conditions *conditions = NULL;
    af_engine_error error = {{0}};
    artfusion_status status = model->engine->condition(model->network, inputs, &conditions, &error);
    if (status != ARTFUSION_OK || !conditions)
        return af_model_failed(model, status, "UNet conditions", &error);
    status = model->engine->denoise(model->network, conditions, passes, &error);
    if (status != ARTFUSION_OK)
        status = af_model_failed(model, status, "UNet", &error);
    model->engine->conditions_destroy(conditions);
    return status;
}

artfusion_status artfusion_model_denoise(artfusion_model *model, const float *x,
                                         const int32_t *timesteps, const float *content,
                                         const float *styles, int32_t batch, int32_t latent_width,
                                         int32_t latent_height, float *prediction)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (!model || !x || !timesteps || !prediction)
        return af_fail_null(model, x, timesteps, prediction);
    size_t pixels;
    artfusion_status status = check_latent(model, batch, latent_width, latent_height, &pixels);
    if (status != ARTFUSION_OK)
        return status;
    const int32_t last = model->manifest.timesteps - 1;
    for (int32_t i = 0; status == ARTFUSION_OK && i < batch; i++)
        status = af_check_element("timesteps", i, timesteps[i], 0, last);
    if (status != ARTFUSION_OK)
        return status;

    /* A timestep for each picture, and a style unless all have the null style: each its own row. */
    const size_t pictures = (size_t)batch;
    const size_t count = pictures * (size_t)model->manifest.latent_channels * pixels;
    float *times = af_alloc_array(pictures, sizeof *times);
    int32_t *rows = af_alloc_array(2 * pictures, sizeof *rows);
    if (!times || !rows) {
        status = af_fail_memory(pictures * (sizeof *times + 2 * sizeof *rows), "a UNet pass");
    } else {
        for (int32_t i = 0; i < batch; i++) {
            times[i] = (float)timesteps[i];
            rows[i] = styles ? i * batch + i : i;
            rows[batch + i] = content ? i : AF_NULL_CONTENT;
        }
        status = af_model_enter(model);
    }
    if (status == ARTFUSION_OK) {
        const af_size size = {latent_width, latent_height};
        const af_condition_inputs inputs = {
            .timesteps = times,
            .styles = styles ? styles : model->null_style,
            .contents = content,
            .timestep_count = batch,
            .style_count = styles ? batch : 1,
            .content_count = content ? batch : 0,
            .size = size,
        };
        const af_passes passes = {
            .modulation_rows = rows,
            .content_rows = rows + batch,
            .x = x,
            .prediction = prediction,
            .batch = batch,
            .size = size,
        };
        status = denoise(model, &inputs, &passes);
        af_model_leave(model);
    }
    af_free(times);
    af_free(rows);
    return status == ARTFUSION_OK ? af_check_finite(ARTFUSION_ERROR_NUMERIC,
                                                    "the UNet's prediction", prediction, count)
                                  : status;
}
