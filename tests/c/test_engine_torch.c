/* SPDX-License-Identifier: MIT
 *
 * The libtorch engine through the seam's table, without the core but for its reader of archives: the
 * miniature models of make_engine_fixture.py, in a program that uses OpenMP itself.
 */
#define _POSIX_C_SOURCE 200809L /* fork, dup2, fileno */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/archive.h"
#include "model/engine.h"
#include "model/unpack.h"
#include "support.h"

enum { CHANNELS = 4, DOWN = 8, STYLE = 6, HOST_THREADS = 3 };

static const af_engine *engine;
static int (*omp_get_max_threads)(void);
static void (*omp_set_num_threads)(int);

/* ---- a model file, and networks from it ---- */

typedef struct model_file {
    af_model_records records; /* first: `read` gets its address */
    af_model_source source;
    af_archive archive;
    artfusion_status failure; /* what `read` answers instead of reading, unless 0 */
} model_file;

static artfusion_status read_record(const af_model_records *records, size_t index, void *buffer)
{
    const model_file *file = (const model_file *)(const void *)records;
    if (file->failure)
        return file->failure;
    af_unpacking u;
    artfusion_status status =
        af_unpacking_begin(&u, &file->source.base, &file->archive.entries[index]);
    if (status == ARTFUSION_OK)
        status = af_unpacking_next(&u, buffer, (size_t)file->archive.entries[index].size);
    if (status == ARTFUSION_OK)
        status = af_unpacking_finish(&u);
    af_unpacking_end(&u);
    return status;
}

static void open_source(af_model_source *source, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/engine/%s.artfusion",
                   required_environment("ARTFUSION_FIXTURES"), name);
    assert_ok(af_source_open_file(source, path));
}

/* Without the record `lacking`, unless that is NULL. */
static void open_file(model_file *file, const char *name, const char *lacking)
{
    *file = (model_file){.records.read = read_record};
    open_source(&file->source, name);
    assert_ok(af_archive_read(&file->source.base, &file->archive));
    af_model_record *list = calloc(file->archive.count, sizeof *list);
    assert_non_null(list);
    size_t kept = 0;
    for (size_t i = 0; i < file->archive.count; i++) {
        const af_entry entry = file->archive.entries[i];
        const char *inner = entry.name + file->archive.folder;
        if (lacking && strcmp(inner, lacking) == 0)
            continue;
        file->archive.entries[kept] = entry;
        list[kept++] = (af_model_record){inner, entry.size, entry.crc};
    }
    assert_true(kept == file->archive.count - !!lacking);
    file->records.list = list;
    file->records.count = kept;
}

static void close_file(model_file *file)
{
    void *list;
    memcpy(&list, &file->records.list, sizeof list); /* which is not const */
    free(list);
    af_archive_clear(&file->archive);
    af_source_close(&file->source);
}

static af_network_options cpu_options(int32_t threads)
{
    return (af_network_options){.device = ARTFUSION_DEVICE_CPU,
                                .threads = threads,
                                .latent_channels = CHANNELS,
                                .downsample = DOWN,
                                .style_width = STYLE};
}

static artfusion_status open_without(const char *name, const char *lacking,
                                     af_network_options options, artfusion_status read_failure,
                                     af_network **network, af_engine_error *error)
{
    model_file file;
    open_file(&file, name, lacking);
    file.failure = read_failure;
    error->text[0] = '\0';
    artfusion_status status = engine->open(&file.records, &options, network, error);
    close_file(&file);
    assert_int_equal(omp_get_max_threads(), HOST_THREADS);
    return status;
}

static artfusion_status open_with(const char *name, af_network_options options,
                                  artfusion_status read_failure, af_network **network,
                                  af_engine_error *error)
{
    return open_without(name, NULL, options, read_failure, network, error);
}

static void check(artfusion_status status, artfusion_status expected, const char *words,
                  const af_engine_error *error, int line)
{
    if (status != expected || (status && !strstr(error->text, words)))
        fail_msg("line %d: status %d (%s), expected %d (%s)", line, (int)status, error->text,
                 (int)expected, words);
    if (status && strchr(error->text, '\n'))
        fail_msg("line %d: no single sentence: %s", line, error->text);
    assert_int_equal(omp_get_max_threads(), HOST_THREADS);
}

#define engine_ok(call) check(call, ARTFUSION_OK, "", &error, __LINE__)
#define engine_error(call, status, words) check(call, status, words, &error, __LINE__)

static af_network *open_network(const char *name, int32_t threads)
{
    af_network *network = NULL;
    af_engine_error error;
    engine_ok(open_with(name, cpu_options(threads), ARTFUSION_OK, &network, &error));
    assert_non_null(network);
    return network;
}

static void fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) / (float)(1u << 23) - 1.0f;
    }
}

/* ---- one UNet pass over pictures large enough for several threads ---- */

enum { BATCH = 2, H = 32, W = 24, PASS = BATCH * CHANNELS * H * W };

/* heavy: the style code's last value, which weighs the layers whose sums depend on threads. */
static void denoise(af_network *network, float heavy, uint32_t seed, float *prediction)
{
    static const float timesteps[] = {0.5f, 3.0f};
    const float styles[2 * STYLE] = {0, 0, 0, 0, 0, 0, 1, 0.25f, 0, 0, 0.5f, heavy};
    static const int32_t rows[BATCH] = {3, 1};
    float *x = malloc(2 * PASS * sizeof *x), *content = x + PASS;
    assert_non_null(x);
    fill(x, 2 * PASS, seed);

    af_engine_error error = {""};
    af_conditions *conditions = NULL;
    engine_ok(engine->condition(network, timesteps, 2, styles, 2, &conditions, &error));
    engine_ok(engine->denoise(network, conditions, rows, x, content, BATCH, H, W, prediction,
                              &error));
    engine->conditions_destroy(conditions);
    free(x);
}

/* ---- the tests ---- */

static void encode_one(void)
{
    af_network *network = open_network("good", 0);
    float rgb[3 * 64], mode[CHANNELS];
    fill(rgb, 3 * 64, 1);
    af_engine_error error;
    engine_ok(engine->encode(network, rgb, 1, 8, 8, mode, &error));
    engine->close(network);
}

/* 0 if `body` ends well in a child process; kills one that hangs. */
static int in_child(void (*body)(void *), void *argument)
{
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60);
        body(argument);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int task_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    int count = 0;
    while (readdir(tasks))
        count++;
    assert_int_equal(closedir(tasks), 0);
    return count - 2; /* . and .. */
}

static void run_on_one_thread(void *unused)
{
    (void)unused;
    static float prediction[PASS];
    af_network *network = open_network("good", 1);
    denoise(network, 1.0f, 1, prediction);
    const int one = task_count();
    af_network *two = open_network("good", 2);
    denoise(two, 1.0f, 1, prediction);
    const int more = task_count();
    if (one != 1 || more != 2) {
        (void)fprintf(stderr, "%d and %d threads\n", one, more);
        _exit(2);
    }
}

/* First of all, while this process has not used the engine: its children may. */
static void test_threads_in_use(void **state)
{
    (void)state;
    assert_int_equal(in_child(run_on_one_thread, NULL), 0);
}

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
    engine_ok(engine->encode(network, rgb, 2, HEIGHT, WIDTH, mode, &error));
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < CHANNELS; c++)
            for (int b = 0; b < LATENT; b++)
                assert_float_equal(mode[(n * CHANNELS + c) * LATENT + b],
                                   (float)((c + 1) * ((n * 3 + c % 3) * LATENT + b)) / 64, 1e-5);

    engine_ok(engine->decode(network, mode, 2, HEIGHT / 8, WIDTH / 8, back, &error));
    for (int i = 0; i < 2 * 3 * PLANE; i++)
        assert_float_equal(back[i], (float)(i / PLANE % 3 + 1) * rgb[i], 1e-5);

    float codes[2 * STYLE], null_style[STYLE];
    engine_ok(engine->style(network, rgb, 2, HEIGHT, WIDTH, codes, &error));
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

/* Row t * styles + s, and each picture its own row; 16-bit weights are widened, and the float32
 * factor 1 + 2^-20 beside them is kept. */
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
            /* Picture 0 has row 3: timestep 3, style 1; picture 1 row 1: timestep 0.5, style 1. */
            const float t = i < PASS / 2 ? 3.0f : 0.5f;
            const float expected =
                values[i] * (1 + t) + values[PASS + i] * (1.75f * (1 + 0x1p-20f));
            assert_float_equal(prediction[i], expected, 1e-6);
        }
        engine->close(network);
    }
    /* The factor alone: it would be 1 in 16 bits. */
    af_network *network = open_network("half", 1);
    af_engine_error error = {""};
    const float zeros[CHANNELS] = {0}, ones[CHANNELS] = {1, 1, 1, 1}, code[STYLE] = {1};
    const float timestep = 0;
    const int32_t row = 0;
    af_conditions *conditions;
    engine_ok(engine->condition(network, &timestep, 1, code, 1, &conditions, &error));
    engine_ok(
        engine->denoise(network, conditions, &row, zeros, ones, 1, 1, 1, prediction, &error));
    assert_float_equal(prediction[0], 1 + 0x1p-20f, 0);
    engine->conditions_destroy(conditions);
    engine->close(network);
}

static void test_rows_out_of_range(void **state)
{
    (void)state;
    af_network *network = open_network("good", 0), *other = open_network("good", 0);
    af_engine_error error = {""};
    const float timesteps[] = {1, 2}, code[STYLE] = {0}, x[CHANNELS] = {0};
    float prediction[CHANNELS];
    af_conditions *conditions;
    engine_ok(engine->condition(network, timesteps, 2, code, 1, &conditions, &error));
    for (int32_t row = -1; row <= 2; row += 3) {
        char words[32];
        (void)snprintf(words, sizeof words, "row %d ", (int)row);
        engine_error(engine->denoise(network, conditions, &row, x, x, 1, 1, 1, prediction, &error),
                     ARTFUSION_ERROR_ARGUMENT, words);
    }
    const int32_t row = 1;
    engine_ok(engine->denoise(network, conditions, &row, x, x, 1, 1, 1, prediction, &error));
    engine_error(engine->denoise(other, conditions, &row, x, x, 1, 1, 1, prediction, &error),
                 ARTFUSION_ERROR_ARGUMENT, "another network");
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
    engine_error(engine->encode(network, rgb, 1, 8, 8, mode, &error), ARTFUSION_ERROR_FORMAT,
                 "[1, 4, 1, 1]; float [1, 5, 1, 1]");
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
            engine_error(engine->encode(network, rgb, 2, 8, 8, mode, &error), cases[i].status,
                         cases[i].words);
        engine_ok(engine->style(network, rgb, 2, 8, 8, codes, &error));
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
    engine_ok(engine->decode(network, z, 1, 1, 1, rgb, &error));
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
    engine_ok(engine->encode(network, rgb, 1, 8, 8, mode, &error));
    assert_float_equal(mode[0], 7, 0);
    for (int i = 0; i < 3 * 64; i++)
        assert_float_equal(rgb[i], 0, 0);
    engine->close(network);
}

static void test_networks_of_different_threads(void **state)
{
    (void)state;
    static float first[2][PASS], again[PASS];
    af_network *networks[2] = {open_network("good", 1), open_network("good", 2)};
    for (int round = 0; round < 6; round++) {
        float *prediction = round < 2 ? first[round] : again;
        denoise(networks[round % 2], 1.0f, 4, prediction);
        if (round >= 2)
            assert_memory_equal(prediction, first[round % 2], sizeof again);
    }
    for (int i = 0; i < PASS; i++)
        assert_float_equal(first[0][i], first[1][i], 1e-4);
    engine->close(networks[0]);
    engine->close(networks[1]);
}

typedef struct worker {
    af_network *network;
    uint32_t seed;
    float prediction[PASS];
    int host_threads; /* OpenMP's, of this thread, at the end */
} worker;

static void *work(void *argument)
{
    worker *self = argument;
    omp_set_num_threads(HOST_THREADS);
    for (int round = 0; round < 8; round++)
        denoise(self->network, 1.0f, self->seed, self->prediction);
    self->host_threads = omp_get_max_threads();
    return NULL;
}

static void test_many_threads_on_one_network(void **state)
{
    (void)state;
    enum { WORKERS = 4 };
    static worker workers[WORKERS];
    static float serial[PASS];
    pthread_t threads[WORKERS];
    af_network *network = open_network("good", 2);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.network = network, .seed = 100u + (uint32_t)i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < WORKERS; i++) {
        denoise(network, 1.0f, workers[i].seed, serial);
        assert_memory_equal(workers[i].prediction, serial, sizeof serial);
        assert_int_equal(workers[i].host_threads, HOST_THREADS);
    }
    engine->close(network);
}

static void test_nothing_is_printed(void **state)
{
    (void)state;
    FILE *caught = tmpfile();
    assert_non_null(caught);
    (void)fflush(NULL);
    const int saved[] = {dup(1), dup(2)};
    assert_int_equal(dup2(fileno(caught), 1), 1);
    assert_int_equal(dup2(fileno(caught), 2), 2);

    af_network *network = NULL;
    af_engine_error error;
    const float rgb[2 * 3 * 64] = {0};
    float mode[2 * CHANNELS];
    const artfusion_status opened =
        open_with("encoder_warns", cpu_options(0), 0, &network, &error);
    const artfusion_status encoded =
        opened ? opened : engine->encode(network, rgb, 2, 8, 8, mode, &error);
    engine->close(network);

    (void)fflush(NULL);
    assert_int_equal(dup2(saved[0], 1), 1);
    assert_int_equal(dup2(saved[1], 2), 2);
    assert_int_equal(close(saved[0]) | close(saved[1]), 0);
    char text[256] = "";
    rewind(caught);
    const size_t length = fread(text, 1, sizeof text - 1, caught);
    assert_int_equal(fclose(caught), 0);
    check(encoded, ARTFUSION_OK, "", &error, __LINE__);
    if (length)
        fail_msg("printed: %s", text);
}

static void denoise_after_fork(void *argument)
{
    af_engine_error error = {""};
    af_network *network = argument, *another = NULL;
    const float rgb[3 * 64] = {0};
    float mode[CHANNELS];
    engine_error(engine->encode(network, rgb, 1, 8, 8, mode, &error), ARTFUSION_ERROR_ENGINE,
                 "forked");
    engine_error(open_with("good", cpu_options(0), 0, &another, &error), ARTFUSION_ERROR_ENGINE,
                 "forked");
    engine->close(network);
}

static void test_fork(void **state)
{
    (void)state;
    static float prediction[PASS];
    af_network *network = open_network("good", 2);
    denoise(network, 1.0f, 1, prediction); /* starts OpenMP's threads */
    assert_int_equal(in_child(denoise_after_fork, network), 0);
    denoise(network, 1.0f, 1, prediction);
    engine->close(network);
}

static void test_loading_again(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        void *library = dlopen(required_environment("ARTFUSION_ENGINE"), RTLD_NOW | RTLD_LOCAL);
        assert_non_null(library);
        assert_int_equal(dlclose(library), 0);
        encode_one();
    }
}

/* ---- the program ---- */

/* ISO C has no conversion from object to function pointers; POSIX has this one. */
static void find(void *library, const char *name, void *function)
{
    *(void **)function = dlsym(library, name);
    if (!*(void **)function)
        fail_msg("%s", dlerror());
}

/* The OpenMP of a host, there before the engine, with a setting that is not the default. */
static int load(void **state)
{
    (void)state;
    void *openmp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!openmp)
        fail_msg("%s", dlerror());
    find(openmp, "omp_get_max_threads", &omp_get_max_threads);
    find(openmp, "omp_set_num_threads", &omp_set_num_threads);
    omp_set_num_threads(HOST_THREADS);

    void *library = dlopen(required_environment("ARTFUSION_ENGINE"), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    af_engine_entry entry;
    find(library, AF_ENGINE_SYMBOL, &entry);
    engine = entry();
    assert_int_equal(dlclose(library), 0); /* it stays: test_loading_again */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_in_use), /* first */
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_encode_decode_style),
        cmocka_unit_test(test_denoise),
        cmocka_unit_test(test_rows_out_of_range),
        cmocka_unit_test(test_files_that_do_not_open),
        cmocka_unit_test(test_files_that_are_no_archives),
        cmocka_unit_test(test_options_that_do_not_fit),
        cmocka_unit_test(test_modules_that_fail),
        cmocka_unit_test(test_nan_passes),
        cmocka_unit_test(test_inputs_stay_as_they_are),
        cmocka_unit_test(test_networks_of_different_threads),
        cmocka_unit_test(test_many_threads_on_one_network),
        cmocka_unit_test(test_nothing_is_printed),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_loading_again),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
