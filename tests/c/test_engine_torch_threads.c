/* SPDX-License-Identifier: MIT
 * The libtorch engine's threads and the host's: how many there are, who may call, what a forked child may do,
 * and what is left as it was. */
#define _POSIX_C_SOURCE 200809L /* fork, dup2, fileno */
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torch_engine.h"

static void encode_one(void)
{
    af_network *network = open_network("good", 0);
    float rgb[3 * 64], mode[CHANNELS];
    fill(rgb, 3 * 64, 1);
    af_engine_error error;
    engine_ok(engine->encode(network, rgb, 1, (af_size){8, 8}, mode, &error));
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
    host_set_threads(HOST_THREADS);
    for (int round = 0; round < 8; round++)
        denoise(self->network, 1.0f, self->seed, self->prediction);
    self->host_threads = host_max_threads();
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
    const artfusion_status opened = open_with("encoder_warns", cpu_options(0), 0, &network, &error);
    const artfusion_status encoded =
        opened ? opened : engine->encode(network, rgb, 2, (af_size){8, 8}, mode, &error);
    engine->close(network);

    (void)fflush(NULL);
    assert_int_equal(dup2(saved[0], 1), 1);
    assert_int_equal(dup2(saved[1], 2), 2);
    assert_int_equal(close(saved[0]) | close(saved[1]), 0);
    char text[256] = "";
    rewind(caught);
    const size_t length = fread(text, 1, sizeof text - 1, caught);
    assert_int_equal(fclose(caught), 0);
    check_engine(encoded, ARTFUSION_OK, "", &error, __LINE__);
    if (length)
        fail_msg("printed: %s", text);
}

static void denoise_after_fork(void *argument)
{
    af_engine_error error = {""};
    af_network *network = argument, *another = NULL;
    const float rgb[3 * 64] = {0};
    float mode[CHANNELS];
    engine_error(engine->encode(network, rgb, 1, (af_size){8, 8}, mode, &error),
                 ARTFUSION_ERROR_ENGINE, "forked");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_in_use), /* first */
        cmocka_unit_test(test_networks_of_different_threads),
        cmocka_unit_test(test_many_threads_on_one_network),
        cmocka_unit_test(test_nothing_is_printed),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_loading_again),
    };
    return cmocka_run_group_tests(tests, torch_engine_load, NULL);
}
