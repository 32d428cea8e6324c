/* SPDX-License-Identifier: MIT
 * The calls of an isolated engine where they do not end as they should: what it answers, memory
 * that it cannot have, another engine the second time, and cancelling in their midst. */
#define _GNU_SOURCE /* prlimit */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "isolated.h"
#include "runs.h"

enum { LATENT = 128 /* a side, whose pictures are more than a lane has from the beginning */ };

static artfusion_status decode(artfusion_model *model, int32_t side)
{
    const size_t values = 3 * (size_t)side * (size_t)side;
    float *latent = calloc(values, sizeof *latent), *rgb = calloc(16 * values, sizeof *rgb);
    assert_true(latent && rgb);
    const artfusion_status status =
        artfusion_model_decode(model, latent, 1, side, side, rgb, 16 * values);
    free(latent);
    free(rgb);
    return status;
}

static pid_t process(void)
{
    pid_t pid = 0;
    assert_int_equal(children(getpid(), &pid), 1);
    return pid;
}

/* ---- what it answers -------------------------------------------------------------------- */

static void only_statuses_of_engines_count(void **state)
{
    (void)state;
    static const char *const answers[] = {"1", "77", "-8", "-13", "-100000"};
    char words[64];
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        arrange(TEST_DECODE, 1, answers[i]);
        artfusion_model *model = isolated_model(0);
        (void)snprintf(words, sizeof words, "answered %s, which is no status", answers[i]);
        assert_error(decode(model, 4), ARTFUSION_ERROR_ENGINE, words);
        assert_ok(decode(model, 4));
        artfusion_model_destroy(model);
    }
    arrange(TEST_DECODE, 1, "-4");
    artfusion_model *model = isolated_model(0);
    assert_error(decode(model, 4), ARTFUSION_ERROR_FORMAT, "decoder (test): ");
    artfusion_model_destroy(model);
    arrange_nothing();
    assert_nothing_left();
}

static void another_engine_is_no_substitute(void **state)
{
    (void)state;
    artfusion_model *model = isolated_model(0);
    end_process();
    assert_int_equal(setenv(TEST_ENGINE_THREADS, "2", 1), 0);
    assert_error(decode(model, 4), ARTFUSION_ERROR_ENGINE, "SIGKILL");
    for (int i = 0; i < 2; i++) {
        assert_error(decode(model, 4), ARTFUSION_ERROR_ENGINE,
                     "the engine that was started again computes otherwise than the first");
        assert_int_equal(children(getpid(), NULL), 0);
    }
    assert_int_equal(unsetenv(TEST_ENGINE_THREADS), 0);
    assert_ok(decode(model, 4));
    artfusion_model_destroy(model);
    assert_nothing_left();
}

/* ---- memory ----------------------------------------------------------------------------- */

/* Pages of addresses that it has. */
static unsigned long addresses_of(pid_t pid)
{
    char path[64];
    unsigned long pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    assert_int_equal(fclose(file), 0);
    return pages;
}

/* The lane's memory is lost then, and the next call, which needs less, gets some. */
static void memory_may_not_come_over_there(void **state)
{
    (void)state;
    static const rlim_t some = 1 << 20;
    artfusion_model *model = isolated_model(0);
    const pid_t pid = process();
    struct rlimit before, less;
    assert_int_equal(prlimit(pid, RLIMIT_AS, NULL, &before), 0);
    less = before;
    for (int i = 0; i < 2; i++) {
        less.rlim_cur = (rlim_t)addresses_of(pid) * (rlim_t)sysconf(_SC_PAGESIZE) + some;
        assert_int_equal(prlimit(pid, RLIMIT_AS, &less, NULL), 0);
        assert_error(decode(model, LATENT), ARTFUSION_ERROR_MEMORY,
                     "bytes that are shared with the library");
        assert_ok(decode(model, 4));
        assert_int_equal(prlimit(pid, RLIMIT_AS, &before, NULL), 0);
    }
    assert_ok(decode(model, LATENT));
    assert_int_equal(process(), pid);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

static artfusion_status open_limited(uint64_t limit, artfusion_model **model)
{
    artfusion_context *context;
    artfusion_context_options options;
    size_t size;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    options.memory_limit = limit;
    assert_ok(artfusion_context_create(&options, &context));
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    const artfusion_status status = artfusion_model_open_memory(context, bundle, size, model);
    free(bundle);
    artfusion_context_destroy(context);
    return status;
}

static void attempt(int32_t function, const char *name)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%d %s 0 -", (int)function, name);
    assert_int_equal(setenv(TEST_ENGINE_ATTEMPT, text, 1), 0);
}

static void a_memory_limit_is_the_processes(void **state)
{
    (void)state;
#define DONE "it has come to pass"
#define REFUSED NULL /* in the system's words */
    static const uint64_t some = 64 << 20;
    static const struct {
        int32_t function;
        const char *name;
        uint64_t limit;
        const char *words;
    } cases[] = {
        {TEST_DECODE, "take_some", some, DONE}, {TEST_DECODE, "take_much", some, REFUSED},
        {TEST_DECODE, "take_much", 0, DONE},    {TEST_DECODE, "take_much", 20 * some, DONE},
        {TEST_OPEN, "take_some", some, DONE},   {TEST_OPEN, "take_most", some, REFUSED},
        {TEST_OPEN, "take_most", 0, DONE},      {TEST_OPEN, "take_most", 60 * some, DONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        artfusion_model *model;
        const char *const words = cases[i].words ? cases[i].words : strerror(ENOMEM);
        attempt(cases[i].function, cases[i].name);
        const artfusion_status status = open_limited(cases[i].limit, &model);
        if (cases[i].function == TEST_OPEN) {
            assert_error(status, ARTFUSION_ERROR_ENGINE, words);
        } else {
            assert_ok(status);
            assert_error(decode(model, 4), ARTFUSION_ERROR_ENGINE, words);
            artfusion_model_destroy(model);
        }
    }
    assert_int_equal(unsetenv(TEST_ENGINE_ATTEMPT), 0);
    assert_nothing_left();
}

/* ---- cancelling ------------------------------------------------------------------------- */

enum { STEPS = 3 };

static artfusion_sampler *new_run(artfusion_model *model)
{
    artfusion_sampler_options options = options_for(model);
    options.steps = STEPS;
    options.eta = 0.5;
    options.seed = 3;
    return sampler_for(model, &options);
}

typedef struct result {
    float x[VALUES];
    uint8_t pixels[SIDE * SIDE * 3];
} result;

/* All steps that are left. */
static void finish(artfusion_sampler *sampler, result *r)
{
    size_t count;
    artfusion_image *image;
    assert_ok(artfusion_sampler_run(sampler));
    const float *x = artfusion_sampler_x(sampler, &count);
    assert_int_equal(count, VALUES);
    memcpy(r->x, x, sizeof r->x);
    assert_ok(artfusion_sampler_image(sampler, 0, &image));
    memcpy(r->pixels, artfusion_image_pixels(image), sizeof r->pixels);
    artfusion_image_destroy(image);
}

static void run_undisturbed(result *r)
{
    artfusion_model *model = isolated_model(0);
    artfusion_sampler *sampler = new_run(model);
    finish(sampler, r);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct canceller {
    artfusion_sampler *sampler;
    useconds_t after;
    pthread_t whom; /* is to do it, by a signal, if `by_signal` */
    int by_signal;
} canceller;

static artfusion_sampler *volatile signalled;

static void cancel_in_handler(int number)
{
    (void)number;
    artfusion_sampler_cancel(signalled);
}

static void *cancel_soon(void *data)
{
    const canceller *c = data;
    (void)usleep(c->after);
    if (c->by_signal)
        (void)pthread_kill(c->whom, SIGUSR1);
    else
        artfusion_sampler_cancel(c->sampler);
    return NULL;
}

/* A call that would last for ever ends, with its process; the run goes on in another. */
static void cancelling_ends_a_call(void **state)
{
    (void)state;
    static const struct {
        int32_t function, call, steps; /* that are done before */
        int by_signal;
    } cases[] = {{TEST_DENOISE, 2, 1, 0},
                 {TEST_DENOISE, 2, 1, 1},
                 {TEST_CONDITION, 1, 0, 0},
                 {TEST_DECODE, 1, STEPS, 0}};
    result undisturbed, r;
    run_undisturbed(&undisturbed);
    assert_true(signal(SIGUSR1, cancel_in_handler) != SIG_ERR);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arrange(cases[i].function, cases[i].call, "hang");
        artfusion_model *model = isolated_model(0);
        arrange_nothing();
        const pid_t first = process();
        artfusion_sampler *sampler = signalled = new_run(model);
        for (int32_t step = 0; step < cases[i].steps; step++)
            assert_ok(artfusion_sampler_next(sampler));
        canceller c = {sampler, 50000, pthread_self(), cases[i].by_signal};
        pthread_t thread;
        artfusion_image *image = NULL;
        const double began = seconds();
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
        if (cases[i].function == TEST_DECODE)
            assert_error(artfusion_sampler_image(sampler, 0, &image), ARTFUSION_ERROR_CANCELLED,
                         "cancelled");
        else
            assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED, "cancelled");
        assert_string_equal(artfusion_error_message(), "cancelled");
        assert_true(seconds() - began < 5.0);
        assert_null(image);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(children(getpid(), NULL), 0);
        assert_int_equal(progress_of(sampler).step, cases[i].steps);
        finish(sampler, &r); /* it was heard once */
        assert_memory_equal(&r, &undisturbed, sizeof r);
        assert_true(process() != first);
        artfusion_sampler_destroy(sampler);
        artfusion_model_destroy(model);
    }
    assert_nothing_left();
}

/* One that ends by itself costs no process. */
static void a_short_call_is_waited_for(void **state)
{
    (void)state;
    result undisturbed, r;
    run_undisturbed(&undisturbed);
    arrange(TEST_DENOISE, 2, "nap");
    artfusion_model *model = isolated_model(0);
    arrange_nothing();
    const pid_t first = process();
    artfusion_sampler *sampler = new_run(model);
    assert_ok(artfusion_sampler_next(sampler));
    canceller c = {.sampler = sampler, .after = 20000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_CANCELLED, "cancelled");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(process(), first);
    finish(sampler, &r);
    assert_memory_equal(&r, &undisturbed, sizeof r);
    assert_int_equal(process(), first);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

typedef struct bystander {
    artfusion_sampler *sampler;
    result r;
} bystander;

static void *finish_elsewhere(void *data)
{
    bystander *b = data;
    finish(b->sampler, &b->r);
    return NULL;
}

/* Others whose calls were in that process are not told: they are made again. */
static void cancelling_is_nobody_elses_matter(void **state)
{
    (void)state;
    result undisturbed, r;
    run_undisturbed(&undisturbed);
    arrange(TEST_DENOISE, 3, "gather"); /* the first two hang */
    artfusion_model *model = isolated_model(0);
    arrange_nothing();
    artfusion_sampler *sampler = new_run(model);
    bystander other = {.sampler = new_run(model)};
    canceller c = {.sampler = sampler, .after = 300000}; /* both are in the process by then */
    pthread_t thread, watch;
    assert_int_equal(pthread_create(&thread, NULL, finish_elsewhere, &other), 0);
    assert_int_equal(pthread_create(&watch, NULL, cancel_soon, &c), 0);
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_CANCELLED, "cancelled");
    assert_int_equal(pthread_join(watch, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_memory_equal(&other.r, &undisturbed, sizeof undisturbed);
    finish(sampler, &r);
    assert_memory_equal(&r, &undisturbed, sizeof r);
    artfusion_sampler_destroy(sampler);
    artfusion_sampler_destroy(other.sampler);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

int main(void)
{
    let_signals_end_it();
    remember_what_is_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_statuses_of_engines_count),
        cmocka_unit_test(another_engine_is_no_substitute),
        cmocka_unit_test(memory_may_not_come_over_there),
        cmocka_unit_test(a_memory_limit_is_the_processes),
        cmocka_unit_test(cancelling_ends_a_call),
        cmocka_unit_test(a_short_call_is_waited_for),
        cmocka_unit_test(cancelling_is_nobody_elses_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
