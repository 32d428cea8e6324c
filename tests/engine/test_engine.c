/* SPDX-License-Identifier: MIT */
#include "test_engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define TIMESTEPS 1000
/* A modulation row: alphas_cumprod, then the style code. */
#define ROW_EXTRA 1

struct af_network {
    int32_t channels, down, style_width;
    double alphas_cumprod[TIMESTEPS];
};

struct af_conditions {
    int32_t rows, width;
    float *values;
    int32_t content_count;
    af_size size;
    float *contents;
};

static test_engine_control control;

EXPORT test_engine_control *artfusion_test_engine_control(void);
test_engine_control *artfusion_test_engine_control(void)
{
    return &control;
}

/* Counts the call and makes it fail if it is its turn. */
static artfusion_status enter(int32_t function, int32_t *poison, af_engine_error *error)
{
    const artfusion_status arranged =
        test_engine_end(function, atomic_fetch_add(&control.calls[function], 1) + 1);
    *poison = 0;
    if (arranged != ARTFUSION_OK)
        return arranged;
    if (test_engine_attempt(function, error))
        return ARTFUSION_ERROR_ENGINE;
    if (control.on_call)
        control.on_call(function);
    if (!control.fail_in || control.fail_function != function || --control.fail_in)
        return ARTFUSION_OK;
    *poison = control.fail_status == ARTFUSION_OK;
    if (!*poison)
        (void)snprintf(error->text, sizeof error->text, "failed on purpose");
    return control.fail_status;
}

static void finish(int32_t poison, float *values, size_t count)
{
    const size_t place = control.poison_place == 1   ? 0
                         : control.poison_place == 2 ? count / 2
                                                     : count - 1;
    if (poison)
        values[place] = control.poison != 0.0f ? control.poison : NAN;
}

static artfusion_status read_first(const af_model_records *records)
{
    void *first = malloc((size_t)records->list[0].size + 1);
    if (!first)
        return ARTFUSION_ERROR_MEMORY;
    const artfusion_status status = records->read(records, 0, first);
    free(first);
    return status;
}

static artfusion_status engine_open(const af_model_records *records,
                                    const af_network_options *options, af_network **network,
                                    af_engine_error *error)
{
    int32_t poison;
    const artfusion_status status = enter(TEST_OPEN, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    if (options->device == ARTFUSION_DEVICE_CUDA) {
        (void)snprintf(error->text, sizeof error->text, "the test engine has no GPU");
        return ARTFUSION_ERROR_UNSUPPORTED;
    }
    const artfusion_status read = read_first(records);
    if (read != ARTFUSION_OK)
        return read;
    if (control.lie == TEST_LIE_NETWORK)
        return ARTFUSION_OK;
    af_network *made = calloc(1, sizeof *made);
    if (!made)
        return ARTFUSION_ERROR_MEMORY;
    made->channels = options->latent_channels;
    made->down = options->downsample;
    made->style_width = options->style_width;
    double product = 1.0;
    for (int i = 0; i < TIMESTEPS; i++) {
        const double root = sqrt(0.0015) + (sqrt(0.0195) - sqrt(0.0015)) * i / (TIMESTEPS - 1);
        product *= 1.0 - root * root;
        made->alphas_cumprod[i] = product;
    }
    atomic_fetch_add(&control.networks, 1);
    *network = made;
    return ARTFUSION_OK;
}

static void engine_close(af_network *network)
{
    if (network)
        atomic_fetch_sub(&control.networks, 1);
    free(network);
}

static artfusion_status engine_info(const af_network *network, af_network_info *info,
                                    af_engine_error *error)
{
    (void)error;
    memset(info, 0, sizeof *info);
    info->device = ARTFUSION_DEVICE_CPU;
    const char *const threads = getenv(TEST_ENGINE_THREADS);
    info->threads = threads ? (int32_t)strtol(threads, NULL, 10) : 1;
    info->condition_width = ROW_EXTRA + network->style_width;
    info->positions_a_call = control.positions_a_call;
    (void)snprintf(info->device_name, sizeof info->device_name, "test");
    (void)snprintf(info->arithmetic, sizeof info->arithmetic, "float32");
    if (control.lie >= TEST_LIE_WIDTH_ZERO && control.lie <= TEST_LIE_WIDTH_LARGEST)
        info->condition_width = control.lie == TEST_LIE_WIDTH_ZERO       ? 0
                                : control.lie == TEST_LIE_WIDTH_NEGATIVE ? -1
                                                                         : INT32_MAX;
    if (control.lie == TEST_LIE_POSITIONS)
        info->positions_a_call = INT32_MIN;
    if (control.lie == TEST_LIE_DEVICE)
        info->device = 77;
    if (control.lie == TEST_LIE_THREADS)
        info->threads = -1;
    if (control.lie == TEST_LIE_NAMES) {
        memset(info->device_name, 'x', sizeof info->device_name);
        memset(info->arithmetic, 'x', sizeof info->arithmetic);
    }
    return ARTFUSION_OK;
}

/* Channel c of the latent is the mean of colour c mod 3 over the block. */
static artfusion_status engine_encode(af_network *network, const float *rgb, int32_t batch,
                                      af_size size, float *mode, af_engine_error *error)
{
    int32_t poison;
    const artfusion_status status = enter(TEST_ENCODE, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    const int32_t height = size.height, width = size.width;
    const int32_t h = height / network->down, w = width / network->down;
    size_t out = 0;
    for (int32_t n = 0; n < batch; n++)
        for (int32_t c = 0; c < network->channels; c++)
            for (int32_t y = 0; y < h; y++)
                for (int32_t x = 0; x < w; x++) {
                    double sum = 0.0;
                    for (int32_t v = 0; v < network->down; v++)
                        for (int32_t u = 0; u < network->down; u++)
                            sum += (double)rgb[(((size_t)n * 3 + (size_t)(c % 3)) * (size_t)height +
                                                (size_t)(y * network->down + v)) *
                                                   (size_t)width +
                                               (size_t)(x * network->down + u)];
                    mode[out++] = (float)(sum / network->down / network->down);
                }
    finish(poison, mode, out);
    return ARTFUSION_OK;
}

/* Colour c is channel c mod channels, each value a block. */
static artfusion_status engine_decode(af_network *network, const float *z, int32_t batch,
                                      af_size size, float *rgb, af_engine_error *error)
{
    const int32_t h = size.height, w = size.width;
    int32_t poison;
    const artfusion_status status = enter(TEST_DECODE, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    size_t out = 0;
    for (int32_t n = 0; n < batch; n++)
        for (int32_t c = 0; c < 3; c++)
            for (int32_t y = 0; y < h * network->down; y++)
                for (int32_t x = 0; x < w * network->down; x++)
                    rgb[out++] = z[(((size_t)n * (size_t)network->channels +
                                     (size_t)(c % network->channels)) *
                                        (size_t)h +
                                    (size_t)(y / network->down)) *
                                       (size_t)w +
                                   (size_t)(x / network->down)];
    finish(poison, rgb, out);
    return ARTFUSION_OK;
}

/* Value i of the code is the mean of colour i mod 3. */
static artfusion_status engine_style(af_network *network, const float *rgb, int32_t batch,
                                     af_size size, float *codes, af_engine_error *error)
{
    int32_t poison;
    const artfusion_status status = enter(TEST_STYLE, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    const size_t pixels = (size_t)size.height * (size_t)size.width;
    for (int32_t n = 0; n < batch; n++)
        for (int32_t i = 0; i < network->style_width; i++) {
            const float *plane = rgb + ((size_t)n * 3 + (size_t)(i % 3)) * pixels;
            double sum = 0.0;
            for (size_t p = 0; p < pixels; p++)
                sum += (double)plane[p];
            codes[n * network->style_width + i] = (float)(sum / (double)pixels);
        }
    finish(poison, codes, (size_t)batch * (size_t)network->style_width);
    return ARTFUSION_OK;
}

static artfusion_status engine_null_style(af_network *network, float *code, af_engine_error *error)
{
    int32_t poison;
    const artfusion_status status = enter(TEST_NULL_STYLE, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    for (int32_t i = 0; i < network->style_width; i++)
        code[i] = -0.25f;
    finish(poison, code, (size_t)network->style_width);
    return ARTFUSION_OK;
}

static void engine_conditions_destroy(af_conditions *conditions);

static artfusion_status engine_condition(af_network *network, const af_condition_inputs *inputs,
                                         af_conditions **conditions, af_engine_error *error)
{
    int32_t poison;
    const artfusion_status status = enter(TEST_CONDITION, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    if (control.lie == TEST_LIE_CONDITIONS)
        return ARTFUSION_OK;
    af_conditions *made = calloc(1, sizeof *made);
    if (!made)
        return ARTFUSION_ERROR_MEMORY;
    const int32_t styles = inputs->style_count;
    const size_t contents = (size_t)inputs->content_count * (size_t)network->channels *
                            (size_t)inputs->size.height * (size_t)inputs->size.width;
    atomic_fetch_add(&control.conditions, 1);
    made->rows = inputs->timestep_count * styles;
    made->width = ROW_EXTRA + network->style_width;
    made->content_count = inputs->content_count;
    made->size = inputs->size;
    made->values = malloc((size_t)made->rows * (size_t)made->width * sizeof *made->values);
    made->contents = malloc((contents + 1) * sizeof *made->contents);
    if (!made->values || !made->contents) {
        engine_conditions_destroy(made);
        return ARTFUSION_ERROR_MEMORY;
    }
    for (int32_t t = 0; t < inputs->timestep_count; t++)
        for (int32_t s = 0; s < styles; s++) {
            float *row = made->values + (size_t)(t * styles + s) * (size_t)made->width;
            row[0] = (float)network->alphas_cumprod[(int)inputs->timesteps[t]];
            memcpy(row + ROW_EXTRA, inputs->styles + (size_t)s * (size_t)network->style_width,
                   (size_t)network->style_width * sizeof *row);
        }
    if (contents)
        memcpy(made->contents, inputs->contents, contents * sizeof *made->contents);
    finish(poison, made->values, (size_t)made->rows * (size_t)made->width);
    *conditions = made;
    return ARTFUSION_OK;
}

static void engine_conditions_destroy(af_conditions *conditions)
{
    if (!conditions)
        return;
    atomic_fetch_sub(&control.conditions, 1);
    free(conditions->values);
    free(conditions->contents);
    free(conditions);
}

static double predict(double x, double alpha, double mu)
{
    const double s2 = TEST_DEVIATION * TEST_DEVIATION;
    const double gain = sqrt(alpha) * s2 / (alpha * s2 + 1.0 - alpha);
    const double x0 = mu + gain * (x - sqrt(alpha) * mu);
    const double eps = (x - sqrt(alpha) * x0) / sqrt(1.0 - alpha);
    return control.prediction == ARTFUSION_PREDICTION_X0 ? x0
           : control.prediction == ARTFUSION_PREDICTION_V
               ? sqrt(alpha) * eps - sqrt(1.0 - alpha) * x0
               : eps;
}

static artfusion_status check_passes(const af_conditions *conditions, const af_passes *passes,
                                     af_engine_error *error)
{
    int32_t fits = passes->size.width == conditions->size.width &&
                   passes->size.height == conditions->size.height;
    for (int32_t n = 0; n < passes->batch; n++) {
        const int32_t modulation = passes->modulation_rows[n], content = passes->content_rows[n];
        fits = fits && modulation >= 0 && modulation < conditions->rows &&
               content >= AF_NULL_CONTENT && content < conditions->content_count;
    }
    if (fits)
        return ARTFUSION_OK;
    (void)snprintf(error->text, sizeof error->text, "passes that the conditions do not have");
    return ARTFUSION_ERROR_ENGINE;
}

static artfusion_status engine_denoise(af_network *network, const af_conditions *conditions,
                                       const af_passes *passes, af_engine_error *error)
{
    const int32_t batch = passes->batch;
    int32_t poison;
    const artfusion_status status = enter(TEST_DENOISE, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    atomic_store(&control.last_batch, batch);
    int largest = atomic_load(&control.largest_batch);
    while (batch > largest &&
           !atomic_compare_exchange_weak(&control.largest_batch, &largest, batch))
        ;
    const artfusion_status fits = check_passes(conditions, passes, error);
    if (fits != ARTFUSION_OK)
        return fits;
    const size_t pixels = (size_t)passes->size.height * (size_t)passes->size.width;
    const size_t values = (size_t)network->channels * pixels;
    for (int32_t n = 0; n < batch; n++) {
        const int32_t given = passes->content_rows[n];
        const float *row =
            conditions->values + (size_t)passes->modulation_rows[n] * (size_t)conditions->width;
        for (size_t v = 0; v < values; v++) {
            const int32_t c = (int32_t)(v / pixels);
            const double content = given == AF_NULL_CONTENT
                                       ? 0.0
                                       : (double)conditions->contents[(size_t)given * values + v];
            const double mu =
                (double)row[ROW_EXTRA + c % network->style_width] + 0.5 * (1 + c) * content;
            passes->prediction[(size_t)n * values + v] =
                (float)predict((double)passes->x[(size_t)n * values + v], (double)row[0], mu);
        }
    }
    finish(poison, passes->prediction, (size_t)batch * values);
    return ARTFUSION_OK;
}

/* As if its layers had 1 MiB, and for each position 1 KiB, and for each pair of them what the
 * control says; conditions are what they are. */
static artfusion_status engine_memory(af_network *network, af_stage stage, int32_t batch,
                                      af_size size, uint64_t *bytes, af_engine_error *error)
{
    int32_t poison;
    const artfusion_status status = enter(TEST_MEMORY, &poison, error);
    if (status != ARTFUSION_OK)
        return status;
    const uint64_t positions = (uint64_t)size.height * (uint64_t)size.width;
    const uint64_t unit = stage == AF_STAGE_CONDITION
                              ? sizeof(float) * (uint64_t)(ROW_EXTRA + network->style_width)
                              : positions * (1024 + control.bytes_a_pair * positions);
    *bytes = (stage == AF_STAGE_CONDITION ? 0 : 1u << 20) + (uint64_t)batch * unit;
    if (*bytes > atomic_load(&control.most_measured))
        atomic_store(&control.most_measured, *bytes);
    return ARTFUSION_OK;
}

EXPORT const af_engine *artfusion_engine_v1(void);
const af_engine *artfusion_engine_v1(void)
{
    static const af_engine engine = {
        .struct_size = sizeof engine,
        .version = AF_ENGINE_VERSION,
        .name = "test",
        .release = "1",
        .open = engine_open,
        .close = engine_close,
        .info = engine_info,
        .encode = engine_encode,
        .decode = engine_decode,
        .style = engine_style,
        .null_style = engine_null_style,
        .condition = engine_condition,
        .conditions_destroy = engine_conditions_destroy,
        .denoise = engine_denoise,
        .memory = engine_memory,
    };
    if (!control.table_version && !control.table_short)
        return &engine;
    static af_engine other;
    other = engine;
    if (control.table_version)
        other.version = control.table_version;
    if (control.table_short)
        other.struct_size -= (uint32_t)sizeof engine.denoise;
    return &other;
}
