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
    af_condition_inputs inputs; /* to make them again */
    float *values;              /* of the inputs: timesteps, styles, contents */
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

static size_t floats(int32_t batch, int32_t channels, af_size size)
{
    return sizeof(float) * (size_t)batch * (size_t)channels * (size_t)size.height *
           (size_t)size.width;
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
                                        af_size size, float *mode, af_engine_error *error)
{
    const af_network_options *o = &n->options;
    const af_size latent = {size.width / o->downsample, size.height / o->downsample};
    const af_shared buffers[] = {
        {.in = rgb, .bytes = floats(batch, 3, size)},
        {.out = mode, .bytes = floats(batch, o->latent_channels, latent)},
    };
    return once(n, (af_request){.call = AF_CALL_ENCODE, .batch = batch, .size = size}, buffers, 2,
                NULL, error);
}

static artfusion_status isolated_decode(af_network *n, const float *z, int32_t batch, af_size size,
                                        float *rgb, af_engine_error *error)
{
    const af_network_options *o = &n->options;
    const af_size picture = {size.width * o->downsample, size.height * o->downsample};
    const af_shared buffers[] = {
        {.in = z, .bytes = floats(batch, o->latent_channels, size)},
        {.out = rgb, .bytes = floats(batch, 3, picture)},
    };
    return once(n, (af_request){.call = AF_CALL_DECODE, .batch = batch, .size = size}, buffers, 2,
                NULL, error);
}

static size_t code_bytes(const af_network *n, int32_t count)
{
    return sizeof(float) * (size_t)n->options.style_width * (size_t)count;
}

static artfusion_status isolated_style(af_network *n, const float *rgb, int32_t batch, af_size size,
                                       float *codes, af_engine_error *error)
{
    const af_shared buffers[] = {
        {.in = rgb, .bytes = floats(batch, 3, size)},
        {.out = codes, .bytes = code_bytes(n, batch)},
    };
    return once(n, (af_request){.call = AF_CALL_STYLE, .batch = batch, .size = size}, buffers, 2,
                NULL, error);
}

static artfusion_status isolated_null_style(af_network *n, float *code, af_engine_error *error)
{
    const af_shared buffers[] = {{.out = code, .bytes = code_bytes(n, 1)}};
    return once(n, (af_request){.call = AF_CALL_NULL_STYLE}, buffers, 1, NULL, error);
}

/* All of them at once, as the first time: a matrix product of other rows may have other bits. */
static artfusion_status make_conditions(af_isolated_call *c, const af_conditions *conditions,
                                        af_engine_error *error)
{
    const af_network *n = c->network;
    const af_condition_inputs *inputs = &conditions->inputs;
    const af_shared buffers[] = {
        {.in = inputs->timesteps, .bytes = sizeof(float) * (size_t)inputs->timestep_count},
        {.in = inputs->styles, .bytes = code_bytes(n, inputs->style_count)},
        {.in = inputs->contents,
         .bytes = floats(inputs->content_count, n->options.latent_channels, inputs->size)},
    };
    af_request request = {.call = AF_CALL_CONDITION,
                          .timestep_count = inputs->timestep_count,
                          .style_count = inputs->style_count,
                          .content_count = inputs->content_count,
                          .size = inputs->size};
    const artfusion_status status = af_isolated_run(c, &request, buffers, 3, error);
    if (status == ARTFUSION_OK)
        *conditions->made = (remote){c->process->generation, c->answer.value};
    return status;
}

static void free_conditions(af_conditions *conditions)
{
    af_free(conditions->made);
    af_free(conditions->values);
    af_free(conditions);
}

static af_conditions *new_conditions(af_network *n, const af_condition_inputs *inputs)
{
    const size_t timesteps = (size_t)inputs->timestep_count;
    const size_t styles = code_bytes(n, inputs->style_count) / sizeof(float);
    const size_t contents =
        floats(inputs->content_count, n->options.latent_channels, inputs->size) / sizeof(float);
    af_conditions *made = af_alloc_array(1, sizeof *made);
    if (!made)
        return NULL;
    made->network = n;
    made->inputs = *inputs;
    made->made = af_alloc_array(1, sizeof *made->made);
    made->values = af_alloc_array(timesteps + styles + contents, sizeof *made->values);
    if (!made->made || !made->values) {
        free_conditions(made);
        return NULL;
    }
    made->inputs.timesteps = made->values;
    made->inputs.styles = made->values + timesteps;
    made->inputs.contents = made->values + timesteps + styles;
    memcpy(made->values, inputs->timesteps, timesteps * sizeof(float));
    memcpy(made->values + timesteps, inputs->styles, styles * sizeof(float));
    if (contents)
        memcpy(made->values + timesteps + styles, inputs->contents, contents * sizeof(float));
    return made;
}

static artfusion_status isolated_condition(af_network *n, const af_condition_inputs *inputs,
                                           af_conditions **conditions, af_engine_error *error)
{
    *conditions = NULL;
    af_conditions *made = new_conditions(n, inputs);
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
                                         const af_passes *passes, af_engine_error *error)
{
    const size_t rows = sizeof(int32_t) * (size_t)passes->batch;
    const size_t bytes = floats(passes->batch, n->options.latent_channels, passes->size);
    const af_shared buffers[] = {
        {.in = passes->modulation_rows, .bytes = rows},
        {.in = passes->content_rows, .bytes = rows},
        {.in = passes->x, .bytes = bytes},
        {.out = passes->prediction, .bytes = bytes},
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
                                  .batch = passes->batch,
                                  .size = passes->size,
                                  .conditions = conditions->made->value};
            status = af_isolated_run(&c, &request, buffers, 4, error);
        }
    } while (af_isolated_finish(&c, error));
    return status;
}

/* What the engine takes, and the buffers that are shared with it. */
static artfusion_status isolated_memory(af_network *n, af_stage stage, int32_t batch, af_size size,
                                        uint64_t *bytes, af_engine_error *error)
{
    const af_network_options *o = &n->options;
    const uint64_t positions =
        af_product(af_product((uint64_t)batch, (uint64_t)size.height), (uint64_t)size.width);
    const uint64_t down = (uint64_t)o->downsample, channels = (uint64_t)o->latent_channels;
    const uint64_t values = stage == AF_STAGE_CONDITION ? 1 + (uint64_t)o->style_width
                            : stage == AF_STAGE_DENOISE ? 2 * channels
                                                        : 3 * down * down + channels;
    *bytes = 0;
    const artfusion_status status =
        once(n, (af_request){.call = AF_CALL_MEMORY, .batch = batch, .size = size, .stage = stage},
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
