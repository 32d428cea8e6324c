/* SPDX-License-Identifier: MIT */
#include "model/isolated.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/isolated_call.h"

/* What the process has of conditions, and which process. */
typedef struct remote {
    uint64_t generation, value;
} remote;

struct af_conditions {
    af_network *network;
    remote *made;
    int32_t timestep_count, style_count;
    float *timesteps, *styles; /* to make them again */
};

static artfusion_status once(af_network *n, af_request request, const af_shared *buffers,
                             int32_t count, uint64_t *value, af_engine_error *error)
{
    af_isolated_call c;
    artfusion_status status;
    do {
        status = af_isolated_begin(&c, n, error);
        if (status != ARTFUSION_OK)
            return status;
        status = af_isolated_run(&c, &request, buffers, count, error);
        if (value)
            *value = c.answer.value;
    } while (af_isolated_finish(&c, error));
    return status;
}

static size_t floats(int32_t batch, int32_t channels, int32_t height, int32_t width)
{
    return sizeof(float) * (size_t)batch * (size_t)channels * (size_t)height * (size_t)width;
}

static artfusion_status isolated_open(const af_model_records *base,
                                      const af_network_options *options, af_network **network,
                                      af_engine_error *error)
{
    af_network *n = *network;
    const af_bundle_records *records = (const af_bundle_records *)base;
    n->options = *options;
    n->bundle = records->bundle;
    af_engine_process_tell(n->context, n->process);
    const artfusion_status status = af_source_keep(records->source, &n->source);
    if (status != ARTFUSION_OK)
        return status;
    return af_isolated_open_in(n, n->process, &n->info, error);
}

static void isolated_close(af_network *n)
{
    if (n->process) {
        af_engine_process_end(n->process, AF_END_UNNEEDED);
        af_engine_process_destroy(n->process);
    }
    af_source_close(&n->source);
    (void)pthread_mutex_destroy(&n->lock);
    af_context_release(n->context);
    af_free(n);
}

static artfusion_status isolated_info(const af_network *n, af_network_info *info,
                                      af_engine_error *error)
{
    (void)error;
    *info = n->info;
    return ARTFUSION_OK;
}

static artfusion_status isolated_encode(af_network *n, const float *rgb, int32_t batch,
                                        int32_t height, int32_t width, float *mode,
                                        af_engine_error *error)
{
    const af_network_options *o = &n->options;
    const af_shared buffers[] = {
        {.in = rgb, .bytes = floats(batch, 3, height, width)},
        {.out = mode,
         .bytes = floats(batch, o->latent_channels, height / o->downsample, width / o->downsample)},
    };
    return once(
        n, (af_request){.call = AF_CALL_ENCODE, .first = batch, .second = height, .third = width},
        buffers, 2, NULL, error);
}

static artfusion_status isolated_decode(af_network *n, const float *z, int32_t batch, int32_t h,
                                        int32_t w, float *rgb, af_engine_error *error)
{
    const af_network_options *o = &n->options;
    const af_shared buffers[] = {
        {.in = z, .bytes = floats(batch, o->latent_channels, h, w)},
        {.out = rgb, .bytes = floats(batch, 3, h * o->downsample, w * o->downsample)},
    };
    return once(n, (af_request){.call = AF_CALL_DECODE, .first = batch, .second = h, .third = w},
                buffers, 2, NULL, error);
}

static artfusion_status isolated_style(af_network *n, const float *rgb, int32_t batch,
                                       int32_t height, int32_t width, float *codes,
                                       af_engine_error *error)
{
    const af_shared buffers[] = {
        {.in = rgb, .bytes = floats(batch, 3, height, width)},
        {.out = codes, .bytes = floats(batch, n->options.style_width, 1, 1)},
    };
    return once(
        n, (af_request){.call = AF_CALL_STYLE, .first = batch, .second = height, .third = width},
        buffers, 2, NULL, error);
}

static artfusion_status isolated_null_style(af_network *n, float *code, af_engine_error *error)
{
    const af_shared buffers[] = {{.out = code, .bytes = floats(1, n->options.style_width, 1, 1)}};
    return once(n, (af_request){.call = AF_CALL_NULL_STYLE}, buffers, 1, NULL, error);
}

/* All of them at once, as the first time: a matrix product of other rows may have other bits. */
static artfusion_status make_conditions(af_isolated_call *c, const af_conditions *conditions,
                                        af_engine_error *error)
{
    const size_t width = (size_t)c->network->options.style_width;
    const af_shared buffers[] = {
        {.in = conditions->timesteps, .bytes = sizeof(float) * (size_t)conditions->timestep_count},
        {.in = conditions->styles,
         .bytes = sizeof(float) * width * (size_t)conditions->style_count},
    };
    af_request request = {.call = AF_CALL_CONDITION,
                          .first = conditions->timestep_count,
                          .second = conditions->style_count};
    const artfusion_status status = af_isolated_run(c, &request, buffers, 2, error);
    if (status == ARTFUSION_OK)
        *conditions->made = (remote){c->process->generation, c->answer.value};
    return status;
}

static void free_conditions(af_conditions *conditions)
{
    af_free(conditions->made);
    af_free(conditions->timesteps);
    af_free(conditions->styles);
    af_free(conditions);
}

static af_conditions *new_conditions(af_network *n, const float *timesteps, int32_t timestep_count,
                                     const float *styles, int32_t style_count)
{
    const size_t values = (size_t)style_count * (size_t)n->options.style_width;
    af_conditions *made = af_alloc_array(1, sizeof *made);
    if (!made)
        return NULL;
    made->network = n;
    made->timestep_count = timestep_count;
    made->style_count = style_count;
    made->made = af_alloc_array(1, sizeof *made->made);
    made->timesteps = af_alloc_array((size_t)timestep_count, sizeof *timesteps);
    made->styles = af_alloc_array(values, sizeof *styles);
    if (!made->made || !made->timesteps || !made->styles) {
        free_conditions(made);
        return NULL;
    }
    memcpy(made->timesteps, timesteps, (size_t)timestep_count * sizeof *timesteps);
    memcpy(made->styles, styles, values * sizeof *styles);
    return made;
}

static artfusion_status isolated_condition(af_network *n, const float *timesteps,
                                           int32_t timestep_count, const float *styles,
                                           int32_t style_count, af_conditions **conditions,
                                           af_engine_error *error)
{
    *conditions = NULL;
    af_conditions *made = new_conditions(n, timesteps, timestep_count, styles, style_count);
    if (!made)
        return ARTFUSION_ERROR_MEMORY;
    af_isolated_count(n, 1);
    af_isolated_call c;
    artfusion_status status;
    int again = 1;
    while (again && (status = af_isolated_begin(&c, n, error)) == ARTFUSION_OK) {
        status = make_conditions(&c, made, error);
        again = af_isolated_finish(&c, error);
    }
    if (status == ARTFUSION_OK) {
        *conditions = made;
        return ARTFUSION_OK;
    }
    af_isolated_count(n, -1);
    free_conditions(made);
    return status;
}

static void isolated_conditions_destroy(af_conditions *conditions)
{
    if (!conditions)
        return;
    af_network *n = conditions->network;
    af_engine_error error;
    af_isolated_call c;
    /* Those of a process that ended went with it. */
    if (af_isolated_begin_in(&c, n, conditions->made->generation)) {
        af_request request = {.call = AF_CALL_CONDITIONS_DESTROY,
                              .conditions = conditions->made->value};
        (void)af_isolated_run(&c, &request, NULL, 0, &error);
        (void)af_isolated_finish(&c, &error);
    }
    af_isolated_count(n, -1);
    free_conditions(conditions);
}

static artfusion_status isolated_denoise(af_network *n, const af_conditions *conditions,
                                         const int32_t *rows, const float *x, const float *content,
                                         int32_t batch, int32_t h, int32_t w, float *prediction,
                                         af_engine_error *error)
{
    const size_t bytes = floats(batch, n->options.latent_channels, h, w);
    const af_shared buffers[] = {
        {.in = rows, .bytes = sizeof *rows * (size_t)batch},
        {.in = x, .bytes = bytes},
        {.in = content, .bytes = bytes},
        {.out = prediction, .bytes = bytes},
    };
    af_isolated_call c;
    artfusion_status status;
    do {
        status = af_isolated_begin(&c, n, error);
        if (status != ARTFUSION_OK)
            return status;
        if (conditions->made->generation != c.process->generation)
            status = make_conditions(&c, conditions, error);
        if (status == ARTFUSION_OK) {
            af_request request = {.call = AF_CALL_DENOISE,
                                  .first = batch,
                                  .second = h,
                                  .third = w,
                                  .conditions = conditions->made->value};
            status = af_isolated_run(&c, &request, buffers, 4, error);
        }
    } while (af_isolated_finish(&c, error));
    return status;
}

/* What the engine takes, and the buffers that are shared with it. */
static artfusion_status isolated_memory(af_network *n, af_stage stage, int32_t batch, int32_t h,
                                        int32_t w, uint64_t *bytes, af_engine_error *error)
{
    const af_network_options *o = &n->options;
    const uint64_t positions = af_product(af_product((uint64_t)batch, (uint64_t)h), (uint64_t)w);
    const uint64_t down = (uint64_t)o->downsample, channels = (uint64_t)o->latent_channels;
    const uint64_t values = stage == AF_STAGE_CONDITION ? 1 + (uint64_t)o->style_width
                            : stage == AF_STAGE_DENOISE ? 3 * channels
                                                        : 3 * down * down + channels;
    *bytes = 0;
    const artfusion_status status =
        once(n,
             (af_request){
                 .call = AF_CALL_MEMORY, .first = batch, .second = h, .third = w, .stage = stage},
             NULL, 0, bytes, error);
    *bytes = af_add(*bytes, af_product(positions, values * sizeof(float)));
    return status;
}

/* ---- its start -------------------------------------------------------------- */

static const af_engine functions = {
    .struct_size = sizeof functions,
    .version = AF_ENGINE_VERSION,
    .open = isolated_open,
    .close = isolated_close,
    .info = isolated_info,
    .encode = isolated_encode,
    .decode = isolated_decode,
    .style = isolated_style,
    .null_style = isolated_null_style,
    .condition = isolated_condition,
    .conditions_destroy = isolated_conditions_destroy,
    .denoise = isolated_denoise,
    .memory = isolated_memory,
};

artfusion_status af_isolated_start(artfusion_context *context, const af_engine **engine,
                                   af_network **network)
{
    af_network *made = af_alloc_array(1, sizeof *made);
    if (!made || pthread_mutex_init(&made->lock, NULL) != 0) {
        af_free(made);
        return af_fail_memory(sizeof *made, "an isolated model");
    }
    made->source.file = -1;
    made->context = af_context_retain(context);
    const artfusion_status status =
        af_engine_process_start(context, &made->process, &made->greeting);
    if (status != ARTFUSION_OK) {
        isolated_close(made);
        return status;
    }
    made->process->generation = ++made->generation;
    made->table = functions;
    made->table.name = made->greeting.name;
    made->table.release = made->greeting.release;
    *engine = &made->table;
    *network = made;
    return ARTFUSION_OK;
}
