/* SPDX-License-Identifier: MIT
 * Model files: what is read from them, and what is refused, with which words. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static void expect_refused(const uint8_t *data, size_t size, artfusion_status status,
                           const char *words)
{
    artfusion_context *context = test_context();
    artfusion_model *model = (artfusion_model *)(uintptr_t)1;
    assert_error(artfusion_model_open_memory(context, data, size, &model), status, words);
    assert_null(model);
    artfusion_context_destroy(context);
}

static void expect_manifest_refused(const char *from, const char *to, artfusion_status status,
                                    const char *words)
{
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, from, to, &size);
    expect_refused(bundle, size, status, words);
    free(bundle);
}

static void test_info(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_int_equal(info.struct_size, sizeof info);
    assert_int_equal(info.latent_channels, 3);
    assert_int_equal(info.downsample, 4);
    assert_int_equal(info.size_multiple, 8);
    assert_int_equal(info.native_width, 32);
    assert_int_equal(info.native_height, 24);
    assert_int_equal(info.style_width, 3);
    assert_int_equal(info.style_min_size, 16);
    assert_int_equal(info.timesteps, 1000);
    assert_int_equal(info.device, ARTFUSION_DEVICE_CPU);
    assert_string_equal(info.name, "small");
    assert_string_equal(info.licence, "MIT");
    assert_string_equal(info.origin, "made up");
    assert_string_equal(info.engine, "test 1");
    assert_string_equal(info.arithmetic, "float32");
    assert_int_equal(strlen(info.weights_sha256), 64);
    assert_near(info.latent_shift[2], -0.1f, 0);
    assert_near(info.latent_scale[0], 2.0f, 0);
    /* 1 - 0.0015 rounded to float32: the reference's first value. */
    assert_true(info.alphas_cumprod[0] == (double)0.9985f);

    /* A caller of an older header gets the fields it knows, and nothing behind them. */
    struct {
        uint32_t struct_size;
        int32_t latent_channels, canary;
    } old = {0, 0, 77};
    assert_ok(artfusion_model_get_info(model, (artfusion_model_info *)(void *)&old, 8));
    assert_int_equal(old.struct_size, 8);
    assert_int_equal(old.latent_channels, 3);
    assert_int_equal(old.canary, 77);
    artfusion_model_destroy(model);
}

static void test_fit_size(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    static const struct {
        int32_t width, height, longest, fit_width, fit_height;
    } cases[] = {
        {640, 480, 0, 32, 24}, {480, 640, 0, 24, 32},     {100, 100, 64, 64, 64},
        {1000, 1, 64, 64, 1},  {65535, 65535, 0, 32, 32}, {3, 2, 50, 50, 33},
        {4, 3, 50, 50, 38}, /* 37.5: up */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t width = 0, height = 0;
        assert_ok(artfusion_model_fit_size(model, cases[i].width, cases[i].height, cases[i].longest,
                                           &width, &height));
        assert_int_equal(width, cases[i].fit_width);
        assert_int_equal(height, cases[i].fit_height);
    }
    int32_t side;
    assert_error(artfusion_model_fit_size(model, 0, 5, 0, &side, &side), ARTFUSION_ERROR_ARGUMENT,
                 "0x5");
    artfusion_model_destroy(model);
}

static void test_not_a_model(void **state)
{
    (void)state;
    expect_refused((const uint8_t *)"", 0, ARTFUSION_ERROR_FORMAT, "no archive directory ends");
    expect_refused((const uint8_t *)"hello", 5, ARTFUSION_ERROR_FORMAT, "no model");

    size_t size;
    uint8_t *bundle = make_bundle("", NULL, NULL, &size);
    expect_refused(bundle, size, ARTFUSION_ERROR_FORMAT, "no extra/manifest.json");
    free(bundle);
}

/* What is damaged is named, and nothing may stand behind the archive's end. */
static void test_damaged(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    size_t at = 0;
    while (at + 8 < size && memcmp(bundle + at, "weights ", 8) != 0)
        at++;
    bundle[at] ^= 1;
    expect_refused(bundle, size, ARTFUSION_ERROR_FORMAT, "small/data/0 has another CRC");
    bundle[at] ^= 1;

    uint8_t *longer = malloc(size + 1);
    assert_non_null(longer);
    memcpy(longer, bundle, size);
    longer[size] = 0;
    expect_refused(longer, size + 1, ARTFUSION_ERROR_FORMAT, "no archive directory ends its");
    longer[size - 2] = 1; /* and as a comment of one byte */
    expect_refused(longer, size + 1, ARTFUSION_ERROR_FORMAT, "no archive directory ends its");
    free(longer);
    bundle[size - 2] = 1; /* the comment is announced, and the file ends */
    expect_refused(bundle, size, ARTFUSION_ERROR_FORMAT, "no archive directory ends its");
    free(bundle);
}

/* Every length short of the whole is refused, and so is every flipped bit that matters: none of
 * them opens as if nothing were wrong. */
/* A record that is stored as it is has one size; readers that went by the other would read another. */
static void test_stored_size(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size), *entry = bundle;
    artfusion_context *context = test_context();
    artfusion_model *model;
    while (memcmp(entry, "PK\1\2", 4) != 0)
        entry++;
    bundle[18]--; /* the compressed size, in the record's header and in the directory */
    entry[20]--;
    assert_error(artfusion_model_open_memory(context, bundle, size, &model), ARTFUSION_ERROR_FORMAT,
                 "is stored in another size than it has");
    assert_null(model);
    free(bundle);
    artfusion_context_destroy(context);
}

static void test_cut_and_flipped(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    artfusion_context *context = test_context();
    artfusion_model *model;
    for (size_t length = 0; length < size; length++) {
        assert_true(artfusion_model_open_memory(context, bundle, length, &model) < 0);
        assert_null(model);
    }
    int refused = 0;
    for (size_t at = 0; at < size; at++) {
        bundle[at] ^= 0x10;
        const artfusion_status status = artfusion_model_open_memory(context, bundle, size, &model);
        refused += status < 0;
        assert_true((status < 0) == (model == NULL));
        artfusion_model_destroy(model);
        bundle[at] ^= 0x10;
    }
    /* Left are dates, attributes and version numbers in the archive's headers, which mean nothing. */
    assert_true(refused > (int)size * 3 / 4);
    free(bundle);
    artfusion_context_destroy(context);
}

static void test_checksum(void **state)
{
    (void)state;
    expect_manifest_refused("@SHA256@", "0123456789", ARTFUSION_ERROR_CHECKSUM,
                            "its manifest says 0123456789");
}

static void test_manifest(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        artfusion_status status;
        const char *words;
    } cases[] = {
        {"\"format_version\": 1", "\"format_version\": 3", ARTFUSION_ERROR_UNSUPPORTED,
         "format 3, and artfusion"},
        {"\"format_version\": 1", "\"format_version\": \"1\"", ARTFUSION_ERROR_FORMAT,
         "format_version is no integer"},
        {"artfusion-model", "other-model", ARTFUSION_ERROR_FORMAT, "\"other-model\""},
        {"{\"format\"", "[{\"format\"", ARTFUSION_ERROR_FORMAT, "line"},
        {"\"channels\": 3, ", "", ARTFUSION_ERROR_FORMAT, "latent.channels is missing"},
        {"\"channels\": 3", "\"channels\": 0", ARTFUSION_ERROR_FORMAT, "latent.channels is 0"},
        {"\"channels\": 3", "\"channels\": 2", ARTFUSION_ERROR_FORMAT,
         "latent.shift must list 2 numbers"},
        {"\"channels\": 3", "\"channels\": 3.5", ARTFUSION_ERROR_FORMAT, "latent.channels"},
        {"[0.1, 0, -0.1]", "[0.1, 0, \"x\"]", ARTFUSION_ERROR_FORMAT, "latent.shift[2]"},
        {"[2, 1, 0.5]", "[2, 0, 0.5]", ARTFUSION_ERROR_FORMAT, "latent.scale[1]"},
        {"\"downsample\": 4", "\"downsample\": 3", ARTFUSION_ERROR_FORMAT, "size.multiple 8"},
        {"\"multiple\": 8", "\"multiple\": 260", ARTFUSION_ERROR_FORMAT,
         "size.multiple is 260: it must be 1 to 256"},
        {"\"native_width\": 32", "\"native_width\": 33", ARTFUSION_ERROR_FORMAT, "33x24"},
        {"\"min_size\": 16", "\"min_size\": -1", ARTFUSION_ERROR_FORMAT, "style.min_size is -1"},
        {"\"normalise\": true", "\"normalise\": 1", ARTFUSION_ERROR_FORMAT, "content.normalise"},
        {"\"kind\": \"linear\"", "\"kind\": \"wavy\"", ARTFUSION_ERROR_FORMAT, "wavy"},
        {"\"linear_end\": 0.0195", "\"linear_end\": 0.999", ARTFUSION_ERROR_FORMAT,
         "the schedule's alphas_cumprod["},
        {"\"linear_end\": 0.0195", "\"linear_end\": 0.001", ARTFUSION_ERROR_FORMAT,
         "schedule.linear_end"},
        {"\"prediction\": \"eps\"", "\"prediction\": \"w\"", ARTFUSION_ERROR_FORMAT, "eps"},
        {"\"steps\": 10", "\"steps\": 1001", ARTFUSION_ERROR_FORMAT, "defaults.steps is 1001"},
        {"\"eta\": 0", "\"eta\": -1", ARTFUSION_ERROR_FORMAT, "defaults.eta"},
        {"\"eta\": 0", "\"eta\": 0, \"eta\": 0", ARTFUSION_ERROR_FORMAT, "duplicate"},
        {"\"name\": \"small\"", "\"name\": 5", ARTFUSION_ERROR_FORMAT, "name is no string"},
        {"\"latent\"", "\"lateral\"", ARTFUSION_ERROR_FORMAT, "latent.channels is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_manifest_refused(cases[i].from, cases[i].to, cases[i].status, cases[i].words);
}

static int32_t read_bundle(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    memcpy(buffer, (const uint8_t *)user_data + offset, size);
    return 0;
}

static int32_t read_nothing(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    (void)user_data;
    (void)offset;
    (void)buffer;
    (void)size;
    return 42;
}

static void test_reader(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    artfusion_context *context = test_context();
    artfusion_model *model;
    assert_ok(artfusion_model_open_reader(context, read_bundle, bundle, size, &model));
    artfusion_model_destroy(model);
    assert_error(artfusion_model_open_reader(context, read_nothing, NULL, size, &model),
                 ARTFUSION_ERROR_IO, "callback returned 42");
    assert_null(model);
    artfusion_context_destroy(context);
    free(bundle);
}

static void test_file(void **state)
{
    (void)state;
    artfusion_context *context = test_context();
    artfusion_model *model;
    assert_error(artfusion_model_open_file(context, "/no/such/model", &model), ARTFUSION_ERROR_IO,
                 "/no/such/model: No such file");
    assert_error(artfusion_model_open_file(context, "/", &model), ARTFUSION_ERROR_IO,
                 "/ is not a regular file");

    char path[] = "/tmp/artfusion-test-XXXXXX";
    const int file = mkstemp(path);
    char pipe_path[sizeof path + sizeof ".pipe"];
    assert_true(snprintf(pipe_path, sizeof pipe_path, "%s.pipe", path) > 0);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    (void)alarm(60); /* a pipe without a writer would be waited for */
    assert_error(artfusion_model_open_file(context, pipe_path, &model), ARTFUSION_ERROR_IO,
                 "is not a regular file");
    (void)alarm(0);
    unlink(pipe_path);
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    assert_int_equal(write(file, bundle, size), size);
    close(file);
    assert_ok(artfusion_model_open_file(context, path, &model));
    artfusion_model_destroy(model);
    unlink(path);
    free(bundle);
    artfusion_context_destroy(context);
}

static void open_with_engine(const char *engine, const char *words)
{
    artfusion_context *context;
    artfusion_context_options options;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = engine;
    assert_ok(artfusion_context_create(&options, &context));
    assert_error(artfusion_model_open_memory(context, bundle, size, &model), ARTFUSION_ERROR_ENGINE,
                 words);
    assert_null(model);
    artfusion_context_destroy(context);
    free(bundle);
}

static void test_engine_missing(void **state)
{
    (void)state;
    open_with_engine("/no/such/engine.so", "/no/such/engine.so: ");
    open_with_engine("libm.so.6", "libm.so.6 is no artfusion engine");

    /* The environment's is taken where the context names none, and not passed over. */
    char *before = getenv("ARTFUSION_ENGINE") ? strdup(getenv("ARTFUSION_ENGINE")) : NULL;
    setenv("ARTFUSION_ENGINE", "/no/such/engine-of-the-environment.so", 1);
    open_with_engine(NULL, "engine-of-the-environment");
    if (before)
        setenv("ARTFUSION_ENGINE", before, 1);
    else
        unsetenv("ARTFUSION_ENGINE");
    free(before);
}

static void test_engine_fails(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    for (int32_t function = 0; function < TEST_FUNCTIONS; function++) {
        if (function != TEST_OPEN && function != TEST_NULL_STYLE)
            continue;
        engine->fail_in = 1;
        engine->fail_function = function;
        engine->fail_status = ARTFUSION_ERROR_ENGINE;
        expect_refused(bundle, size, ARTFUSION_ERROR_ENGINE, "failed on purpose");
    }
    engine->fail_in = 1;
    engine->fail_function = TEST_NULL_STYLE;
    engine->fail_status = ARTFUSION_OK; /* a NaN */
    expect_refused(bundle, size, ARTFUSION_ERROR_NUMERIC, "null style");
    free(bundle);
    assert_int_equal(atomic_load(&engine->networks), 0);
}

static void test_device(void **state)
{
    (void)state;
    artfusion_context *context;
    artfusion_context_options options;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.device = ARTFUSION_DEVICE_CUDA;
    assert_ok(artfusion_context_create(&options, &context));
    assert_error(artfusion_model_open_memory(context, bundle, size, &model),
                 ARTFUSION_ERROR_UNSUPPORTED, "has no GPU");
    artfusion_context_destroy(context);
    free(bundle);
}

static void test_stages(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(16, 8, 1);
    float mode[3 * 4 * 2], scaled[24], content[24], rgb[3 * 16 * 8];
    assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_MODE, mode, 24));
    assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_SCALED, scaled, 24));
    assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_CONTENT, content, 24));
    static const float shift[] = {0.1f, 0.0f, -0.1f}, scale[] = {2.0f, 1.0f, 0.5f};
    for (int i = 0; i < 24; i++)
        assert_near(scaled[i], (mode[i] - shift[i / 8]) * scale[i / 8], 1e-6);
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        for (int i = 8 * c; i < 8 * c + 8; i++)
            sum += (double)content[i];
        for (int i = 8 * c; i < 8 * c + 8; i++)
            squares += (double)content[i] * (double)content[i];
        assert_near(sum, 0, 1e-5);
        assert_near(squares / 7, 1, 1e-5); /* Bessel */
        /* and it is the latent, not some other normal thing */
        const float slope =
            (content[8 * c + 1] - content[8 * c]) / (scaled[8 * c + 1] - scaled[8 * c]);
        const float again =
            (content[8 * c + 5] - content[8 * c]) / (scaled[8 * c + 5] - scaled[8 * c]);
        assert_near(slope, again, 1e-3 * fabsf(slope));
    }

    /* The decoder gets back what the encoder gave: scaling is undone. */
    assert_ok(artfusion_model_decode(model, scaled, 1, 4, 2, rgb, 3 * 16 * 8));
    assert_near(rgb[0], mode[0], 1e-6);
    assert_near(rgb[3 * 16 * 8 - 1], mode[23], 1e-6);

    assert_error(artfusion_model_encode(model, picture, 9, mode, 24), ARTFUSION_ERROR_ARGUMENT,
                 "kind is 9");
    assert_error(artfusion_model_encode(model, picture, 0, mode, 23), ARTFUSION_ERROR_ARGUMENT,
                 "count is 23: the latent of 16x8 has 24");
    assert_error(artfusion_model_decode(model, scaled, 1, 4, 2, rgb, 1), ARTFUSION_ERROR_ARGUMENT,
                 "count is 1");
    assert_error(artfusion_model_decode(model, scaled, 1, 4, 1, rgb, 192), ARTFUSION_ERROR_ARGUMENT,
                 "height is 4 pixels");
    assert_error(artfusion_model_decode(model, scaled, 0, 4, 2, rgb, 0), ARTFUSION_ERROR_ARGUMENT,
                 "batch is 0");
    artfusion_image *odd = test_picture(20, 8, 1);
    assert_error(artfusion_model_encode(model, odd, 0, mode, 24), ARTFUSION_ERROR_ARGUMENT,
                 "width is 20 pixels: model small needs a multiple of 8, such as 16 or 24");

    static const struct {
        int32_t function;
        const char *words;
    } nans[] = {{TEST_ENCODE, "encoder's latent: value 23 of 24 is NaN"},
                {TEST_DECODE, "decoder's picture: value 383 of 384 is NaN"}};
    artfusion_image *unseen = test_picture(16, 8, 2);
    for (size_t i = 0; i < 2; i++) {
        engine->fail_in = 1;
        engine->fail_function = nans[i].function;
        engine->fail_status = ARTFUSION_OK;
        const artfusion_status status =
            i ? artfusion_model_decode(model, scaled, 1, 4, 2, rgb, 384)
              : artfusion_model_encode(model, unseen, ARTFUSION_LATENT_MODE, mode, 24);
        assert_error(status, ARTFUSION_ERROR_NUMERIC, nans[i].words);
    }

    const int32_t timesteps[] = {3, 811};
    const int32_t wrong[] = {3, 1000};
    float x[48], prediction[48], null_content[48] = {0}, again[48];
    for (int i = 0; i < 48; i++)
        x[i] = (float)(i % 7) - 3;
    assert_ok(artfusion_model_denoise(model, x, timesteps, NULL, NULL, 2, 4, 2, prediction));
    assert_ok(artfusion_model_denoise(model, x, timesteps, null_content, NULL, 2, 4, 2, again));
    assert_memory_equal(prediction, again, sizeof again);
    /* Each picture of the batch has its own timestep and style. */
    const float styles[] = {0.3f, -0.2f, 0.9f, 1.0f, 2.0f, 3.0f};
    assert_ok(artfusion_model_denoise(model, x, timesteps, NULL, styles, 2, 4, 2, prediction));
    assert_ok(
        artfusion_model_denoise(model, x + 24, timesteps + 1, NULL, styles + 3, 1, 4, 2, again));
    assert_memory_equal(prediction + 24, again, 24 * sizeof *again);
    assert_error(artfusion_model_denoise(model, x, wrong, NULL, NULL, 2, 4, 2, prediction),
                 ARTFUSION_ERROR_ARGUMENT, "timesteps[1] is 1000");
    artfusion_image_destroy(odd);
    artfusion_image_destroy(unseen);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
    assert_int_equal(atomic_load(&engine->conditions), 0);
}

/* A picture of one colour has no shapes: null content, not a division by zero. */
static void test_flat_content(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *flat;
    float content[24];
    assert_ok(artfusion_image_create(16, 8, &flat));
    assert_ok(artfusion_model_encode(model, flat, ARTFUSION_LATENT_CONTENT, content, 24));
    for (int i = 0; i < 24; i++)
        assert_true(content[i] == 0.0f);
    artfusion_image_destroy(flat);
    artfusion_model_destroy(model);
}

static void test_null(void **state)
{
    (void)state;
    artfusion_context *context = test_context();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_model *out;
    artfusion_model_info info;
    float f[4];
    int32_t t = 0;
    const artfusion_status refused = ARTFUSION_ERROR_ARGUMENT;
    assert_error(artfusion_model_open_file(NULL, "x", &out), refused, "context is NULL");
    assert_error(artfusion_model_open_file(context, NULL, &out), refused, "path is NULL");
    assert_error(artfusion_model_open_file(context, "x", NULL), refused, "model is NULL");
    assert_error(artfusion_model_open_memory(context, NULL, 1, &out), refused, "data is NULL");
    assert_error(artfusion_model_open_reader(context, NULL, NULL, 1, &out), refused,
                 "read is NULL");
    assert_error(artfusion_model_get_info(NULL, &info, sizeof info), refused, "model is NULL");
    assert_error(artfusion_model_get_info(model, NULL, sizeof info), refused, "is NULL");
    assert_error(artfusion_model_get_info(model, &info, 0), refused, "struct_size is 0");
    assert_error(artfusion_model_encode(model, NULL, 0, f, 1), refused, "image is NULL");
    assert_error(artfusion_model_decode(model, NULL, 1, 2, 2, f, 1), refused, "latent is NULL");
    assert_error(artfusion_model_decode(NULL, f, 1, 2, 2, f, 1), refused, "model is NULL");
    assert_error(artfusion_model_denoise(model, f, NULL, NULL, NULL, 1, 2, 2, f), refused,
                 "timesteps is NULL");
    assert_error(artfusion_model_denoise(model, f, &t, NULL, NULL, 1, 2, 2, NULL), refused,
                 "prediction is NULL");
    assert_error(artfusion_stylize_file("m", "c", NULL, "o"), refused, "style_path is NULL");
    assert_error(artfusion_context_create(NULL, NULL), refused, "context is NULL");
    artfusion_model_destroy(NULL);
    artfusion_context_destroy(NULL);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
}

static void test_context_options(void **state)
{
    (void)state;
    artfusion_context *context;
    artfusion_context_options o;
    assert_ok(artfusion_context_options_init(&o, sizeof o));
    assert_int_equal(o.struct_size, sizeof o);
#define REFUSED(field, value, words) \
    do { \
        artfusion_context_options changed = o; \
        changed.field = value; \
        assert_error(artfusion_context_create(&changed, &context), ARTFUSION_ERROR_ARGUMENT, \
                     words); \
        assert_null(context); \
    } while (0)
    REFUSED(device, 3, "device is 3");
    REFUSED(device_index, -1, "device_index is -1");
    o.device = ARTFUSION_DEVICE_CPU;
    REFUSED(device_index, 9, "device_index is 9: of CPUs there is only 0");
    o.device = ARTFUSION_DEVICE_AUTO;
    REFUSED(threads, -1, "threads is -1");
    REFUSED(threads, 1025, "threads is 1025");
    REFUSED(log_level, 4, "log_level is 4");
    REFUSED(precision, 4, "precision is 4");
    REFUSED(struct_size, 0, "artfusion_context_options_init");
#undef REFUSED

    /* A newer caller's struct: accepted where what we do not know is zero. */
    struct {
        artfusion_context_options known;
        uint64_t unknown;
    } newer = {o, 0};
    newer.known.struct_size = sizeof newer;
    assert_ok(artfusion_context_create(&newer.known, &context));
    artfusion_context_destroy(context);
    newer.unknown = 1;
    assert_error(artfusion_context_create(&newer.known, &context), ARTFUSION_ERROR_UNSUPPORTED,
                 "older than the program's header");

    /* An older caller's: the rest is default, whatever stands behind it. */
    artfusion_context_options older = o;
    older.struct_size = 8;
    older.threads = -5;
    assert_ok(artfusion_context_create(&older, &context));
    artfusion_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_fit_size),
        cmocka_unit_test(test_not_a_model),
        cmocka_unit_test(test_stored_size),
        cmocka_unit_test(test_cut_and_flipped),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_engine_missing),
        cmocka_unit_test(test_engine_fails),
        cmocka_unit_test(test_device),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_flat_content),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_context_options),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
