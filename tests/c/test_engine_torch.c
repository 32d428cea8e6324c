/* SPDX-License-Identifier: MIT
 * What the libtorch engine's networks compute, and which ones it refuses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/archive.h"
#include "torch_engine.h"

static void test_table(void **state)
{
    (void)state;
    assert_int_equal(engine->version, AF_ENGINE_VERSION);
    assert_int_equal(engine->struct_size, sizeof *engine);
    assert_string_equal(engine->name, "torchscript");
    assert_int_equal(strncmp(engine->release, "2.", 2), 0);
    engine->close(NULL);
    engine->conditions_destroy(NULL);
}

static void test_info(void **state)
{
    (void)state;
    static const int32_t threads[][2] = {{0, HOST_THREADS}, {1, 1}, {7, 7}};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        af_network *network = open_network("good", threads[i][0]);
        af_engine_error error = {""};
        af_network_info info;
        engine_ok(engine->info(network, &info, &error));
        assert_int_equal(info.device, ARTFUSION_DEVICE_CPU);
        assert_int_equal(info.device_index, 0);
        assert_int_equal(info.threads, threads[i][1]);
        assert_int_equal(info.condition_width, 3);
        assert_string_equal(info.device_name, "cpu");
        engine->close(network);
    }
}

static void test_precision(void **state)
{
    (void)state;
    static const struct {
        artfusion_precision precision;
        const char *arithmetic;
    } cases[] = {{ARTFUSION_PRECISION_FLOAT32, "float32"},
                 {ARTFUSION_PRECISION_BFLOAT16, "bfloat16"},
                 {ARTFUSION_PRECISION_FLOAT16, "float16"}};
    af_engine_error error;
    af_network_info info;
    af_network *network;
    af_network_options options = cpu_options(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.precision = cases[i].precision;
        engine_ok(open_with("good", options, ARTFUSION_OK, &network, &error));
        engine_ok(engine->info(network, &info, &error));
        assert_string_equal(info.arithmetic, cases[i].arithmetic);
        engine->close(network);
    }
    options.precision = ARTFUSION_PRECISION_AUTO;
    engine_ok(open_with("good", options, ARTFUSION_OK, &network, &error));
    engine_ok(engine->info(network, &info, &error));
    assert_true(strcmp(info.arithmetic, "float32") == 0 ||
                strcmp(info.arithmetic, "bfloat16") == 0);
    engine->close(network);
    options.precision = 4;
    engine_error(open_with("good", options, ARTFUSION_OK, &network, &error),
                 ARTFUSION_ERROR_ARGUMENT, "precision 4");
}

static void test_encode_decode_style(void **state)
{
    (void)state;
    enum { HEIGHT = 16, WIDTH = 24, PLANE = HEIGHT * WIDTH, LATENT = PLANE / 64 };
    af_network *network = open_network("good", 0);
    af_engine_error error = {""};

    /* Each 8x8 block has one value, b, of picture n and channel k. */
    static float rgb[2 * 3 * PLANE], back[2 * 3 * PLANE];
    for (int i = 0; i < 2 * 3 * PLANE; i++) {
        const int y = i % PLANE / WIDTH, x = i % WIDTH;
        rgb[i] = (float)(i / PLANE * LATENT + y / 8 * (WIDTH / 8) + x / 8) / 64;
    }
    float mode[2 * CHANNELS * LATENT];
    engine_ok(engine->encode(network, rgb, 2, (af_size){WIDTH, HEIGHT}, mode, &error));
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < CHANNELS; c++)
            for (int b = 0; b < LATENT; b++)
                assert_float_equal(mode[(n * CHANNELS + c) * LATENT + b],
                                   (float)((c + 1) * ((n * 3 + c % 3) * LATENT + b)) / 64, 1e-5);

    engine_ok(engine->decode(network, mode, 2, (af_size){WIDTH / 8, HEIGHT / 8}, back, &error));
    for (int i = 0; i < 2 * 3 * PLANE; i++)
        assert_float_equal(back[i], (float)(i / PLANE % 3 + 1) * rgb[i], 1e-5);

    float codes[2 * STYLE], null_style[STYLE];
    engine_ok(engine->style(network, rgb, 2, (af_size){WIDTH, HEIGHT}, codes, &error));
    for (int n = 0; n < 2; n++)
        for (int k = 0; k < 3; k++) {
            const float first = (float)((n * 3 + k) * LATENT) / 64;
            assert_float_equal(codes[n * STYLE + k], first + 2.5f / 64, 1e-5);
            assert_float_equal(codes[n * STYLE + 3 + k], first + 5.0f / 64, 1e-5);
        }
    engine_ok(engine->null_style(network, null_style, &error));
    for (int i = 0; i < STYLE; i++)
        assert_float_equal(null_style[i], (float)i / 8, 0);
    engine->close(network);
}

/* Of one style, and of one content of one position. */
static af_conditions *condition_one(af_network *network, const float *timesteps, int32_t count,
                                    const float *code, const float *content)
{
    af_engine_error error = {""};
    af_conditions *conditions;
    const af_condition_inputs inputs = {timesteps, code, content, count, 1, 1, {1, 1}};
    engine_ok(engine->condition(network, &inputs, &conditions, &error));
    return conditions;
}

/* Row t * styles + s, and each picture its own row, and its own content; 16-bit weights are
 * widened, and the float32 factor 1 + 2^-20 beside them is kept. */
static void test_denoise(void **state)
{
    (void)state;
    static const char *const names[] = {"good", "half", "bfloat16"};
    static float values[2 * PASS], prediction[PASS];
    fill(values, 2 * PASS, 9);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        af_network *network = open_network(names[k], 2);
        denoise(network, 0.0f, 9, prediction);
        for (int i = 0; i < PASS; i++) {
            /* Picture 0 has row 3: timestep 3, style 1; picture 1 row 1: timestep 0.5, style 1.
             * Each has the other's content. */
            const float t = i < PASS / 2 ? 3.0f : 0.5f;
            const float content = values[PASS + (i + PASS / 2) % PASS];
            const float expected = values[i] * (1 + t) + content * (1.75f * (1 + 0x1p-20f));
            assert_float_equal(prediction[i], expected, 1e-6);
        }
        engine->close(network);
    }
    /* The factor alone: it would be 1 in 16 bits. */
    af_network *network = open_network("half", 1);
    af_engine_error error = {""};
    const float zeros[CHANNELS] = {0}, ones[CHANNELS] = {1, 1, 1, 1}, code[STYLE] = {1};
    const float timestep = 0;
    const int32_t modulation = 0, contents[] = {0, AF_NULL_CONTENT};
    af_conditions *conditions = condition_one(network, &timestep, 1, code, ones);
    for (int i = 0; i < 2; i++) {
        const af_passes pass = {&modulation, contents + i, zeros, prediction, 1, {1, 1}};
        engine_ok(engine->denoise(network, conditions, &pass, &error));
        const float expected = i ? 0 : 1 + 0x1p-20f;
        assert_float_equal(prediction[0], expected, 0);
    }
    engine->conditions_destroy(conditions);
    engine->close(network);
}

/* Passes that the conditions do not have, and conditions of another network. */
static void test_passes_out_of_range(void **state)
{
    (void)state;
    af_network *network = open_network("good", 0), *other = open_network("good", 0);
    af_engine_error error = {""};
    const float timesteps[] = {1, 2}, code[STYLE] = {0}, x[CHANNELS] = {0};
    float prediction[CHANNELS];
    af_conditions *conditions = condition_one(network, timesteps, 2, code, x);
    static const struct {
        int32_t modulation, content;
        af_size size;
        const char *words;
    } cases[] = {
        {-1, 0, {1, 1}, "row -1 "},
        {2, 0, {1, 1}, "row 2 "},
        {1, -2, {1, 1}, "content -2 "},
        {1, 1, {1, 1}, "content 1 "},
        {1, 0, {2, 1}, "of 1x1, the passes of 2x1"},
        {1, 0, {1, 2}, "of 1x1, the passes of 1x2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const af_passes pass = {&cases[i].modulation, &cases[i].content, x, prediction, 1,
                                cases[i].size};
        engine_error(engine->denoise(network, conditions, &pass, &error), ARTFUSION_ERROR_ARGUMENT,
                     cases[i].words);
    }
    const int32_t modulation = 1, content = 0;
    const af_passes pass = {&modulation, &content, x, prediction, 1, {1, 1}};
    engine_ok(engine->denoise(network, conditions, &pass, &error));
    engine_error(engine->denoise(other, conditions, &pass, &error), ARTFUSION_ERROR_ARGUMENT,
                 "another network");
    engine->conditions_destroy(conditions);
    engine->close(network);
    engine->close(other);
}

static void test_files_that_do_not_open(void **state)
{
    (void)state;
    static const struct {
        const char *name, *lacking;
        artfusion_status read_failure, status;
        const char *words;
    } cases[] = {
        {"no_decoder", NULL, 0, ARTFUSION_ERROR_FORMAT, "submodule decoder"},
        {"no_denoise", NULL, 0, ARTFUSION_ERROR_FORMAT, "unet.denoise"},
        {"no_null_style", NULL, 0, ARTFUSION_ERROR_FORMAT, "unet.null_style"},
        {"good", "version", 0, ARTFUSION_ERROR_FORMAT, "cannot load"},
        {"good", "data.pkl", 0, ARTFUSION_ERROR_FORMAT, "has no record data.pkl"},
        {"good", "constants.pkl", 0, ARTFUSION_ERROR_FORMAT, "has no record constants.pkl"},
        {"good", "data/0", 0, ARTFUSION_ERROR_FORMAT, "names the record 0, which is not there"},
        {"good", NULL, ARTFUSION_ERROR_IO, ARTFUSION_ERROR_IO, "reading the model file's record"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        af_network *network = (af_network *)&engine;
        af_engine_error error;
        engine_error(open_without(cases[i].name, cases[i].lacking, cpu_options(0),
                                  cases[i].read_failure, &network, &error),
                     cases[i].status, cases[i].words);
        assert_null(network);
    }
}

static void test_files_that_are_no_archives(void **state)
{
    (void)state;
    static const char *const names[] = {"cut", "text"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        af_model_source source;
        af_archive archive;
        open_source(&source, names[i]);
        assert_error(af_archive_read(&source.base, &archive), ARTFUSION_ERROR_FORMAT,
                     "no archive directory ends its");
        assert_true(!archive.count && !archive.entries && !archive.directory);
        af_source_close(&source);
    }
}

static void test_options_that_do_not_fit(void **state)
{
    (void)state;
    af_network *network;
    af_engine_error error;
    af_network_options options = cpu_options(0);
    options.style_width = 7;
    engine_error(open_with("good", options, 0, &network, &error), ARTFUSION_ERROR_FORMAT, "[7]");

    options = cpu_options(0);
    options.device = 3;
    engine_error(open_with("good", options, 0, &network, &error), ARTFUSION_ERROR_ARGUMENT,
                 "device 3");

    options.device = ARTFUSION_DEVICE_CUDA;
    for (options.device_index = -1; options.device_index < 100; options.device_index += 100) {
        char words[32];
        (void)snprintf(words, sizeof words, "CUDA device %d ", (int)options.device_index);
        engine_error(open_with("good", options, 0, &network, &error), ARTFUSION_ERROR_UNSUPPORTED,
                     words);
    }

    options = cpu_options(0);
    options.latent_channels = 5;
    engine_ok(open_with("good", options, 0, &network, &error));
    const float rgb[3 * 64] = {0};
    float mode[5];
    engine_error(engine->encode(network, rgb, 1, (af_size){8, 8}, mode, &error),
                 ARTFUSION_ERROR_FORMAT, "[1, 4, 1, 1]; float [1, 5, 1, 1]");
    engine->close(network);
}

static void test_modules_that_fail(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        artfusion_status status;
        const char *words;
    } cases[] = {
        {"encoder_shape", ARTFUSION_ERROR_FORMAT, "[2, 3, 1, 1]; float [2, 4, 1, 1]"},
        {"encoder_type", ARTFUSION_ERROR_FORMAT, "encoder.forward gave double"},
        {"encoder_no_tensor", ARTFUSION_ERROR_FORMAT, "a tensor was expected"},
        {"encoder_raises", ARTFUSION_ERROR_ENGINE, "no such picture"},
        {"encoder_mismatch", ARTFUSION_ERROR_ENGINE, "8x8 and 3x8"},
        {"encoder_memory", ARTFUSION_ERROR_MEMORY, "1152921504606846976"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        af_network *network = open_network(cases[i].name, 0);
        af_engine_error error = {""};
        const float rgb[2 * 3 * 64] = {0};
        float mode[2 * CHANNELS], codes[2 * STYLE];
        for (int again = 0; again < 2; again++)
            engine_error(engine->encode(network, rgb, 2, (af_size){8, 8}, mode, &error),
                         cases[i].status, cases[i].words);
        engine_ok(engine->style(network, rgb, 2, (af_size){8, 8}, codes, &error));
        engine->close(network);
    }
}

/* Whether numbers are numbers is the core's to judge, which knows the step. */
static void test_nan_passes(void **state)
{
    (void)state;
    af_network *network = open_network("decoder_nan", 0);
    af_engine_error error = {""};
    const float z[CHANNELS] = {0};
    float rgb[3 * 64] = {0};
    engine_ok(engine->decode(network, z, 1, (af_size){1, 1}, rgb, &error));
    for (int i = 0; i < 3 * 64; i++)
        assert_true(isnan(rgb[i]));
    engine->close(network);
}

static void test_inputs_stay_as_they_are(void **state)
{
    (void)state;
    af_network *network = open_network("encoder_writes", 0);
    af_engine_error error = {""};
    float rgb[3 * 64] = {0}, mode[CHANNELS];
    engine_ok(engine->encode(network, rgb, 1, (af_size){8, 8}, mode, &error));
    assert_float_equal(mode[0], 7, 0);
    for (int i = 0; i < 3 * 64; i++)
        assert_float_equal(rgb[i], 0, 0);
    engine->close(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_encode_decode_style),
        cmocka_unit_test(test_denoise),
        cmocka_unit_test(test_passes_out_of_range),
        cmocka_unit_test(test_files_that_do_not_open),
        cmocka_unit_test(test_files_that_are_no_archives),
        cmocka_unit_test(test_options_that_do_not_fit),
        cmocka_unit_test(test_modules_that_fail),
        cmocka_unit_test(test_nan_passes),
        cmocka_unit_test(test_inputs_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, torch_engine_load, NULL);
}
