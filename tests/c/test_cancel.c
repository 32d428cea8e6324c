/* SPDX-License-Identifier: MIT
 * Cancelling, from wherever and whenever: no network call begins after it, it is heard once, and the
 * run that goes on is the one that was. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* setitimer */
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "jobs.h"
#include "runs.h"

enum { BATCH = 3, STEPS = 3, FLOATS = BATCH * VALUES };

/* The engine's calls have no user data. */
static test_engine_control *engine;
static artfusion_sampler *volatile running;
static int calls, cancel_in; /* the call in whose midst it is cancelled: 1 the first, 0 none */
static void (*cancel)(void);

static void on_call(int32_t function)
{
    (void)function;
    if (++calls == cancel_in)
        cancel();
}

static void cancel_directly(void)
{
    artfusion_sampler_cancel(running);
}

static void cancel_by_signal(void)
{
    (void)raise(SIGUSR1);
}

static void handle(int number)
{
    (void)number;
    artfusion_sampler_cancel(running);
}

static sem_t inside, cancelled;

static void *cancel_elsewhere(void *unused)
{
    (void)unused;
    while (sem_wait(&inside) != 0)
        ;
    artfusion_sampler_cancel(running);
    (void)sem_post(&cancelled);
    return NULL;
}

static void cancel_by_thread(void)
{
    (void)sem_post(&inside);
    while (sem_wait(&cancelled) != 0)
        ;
}

static artfusion_sampler *new_run(artfusion_model *model)
{
    artfusion_sampler_options options = options_for(model);
    options.batch = BATCH;
    options.steps = STEPS;
    options.solver = ARTFUSION_SOLVER_DPMPP_2M_SDE;
    artfusion_sampler *sampler = sampler_for(model, &options);
    running = sampler;
    return sampler;
}

static void take_result(artfusion_sampler *sampler, float x[FLOATS])
{
    size_t count;
    const float *values = artfusion_sampler_x(sampler, &count);
    assert_int_equal(count, FLOATS);
    memcpy(x, values, FLOATS * sizeof *x);
}

/* In each call of a run in turn: of the conditions, and of a batch that is computed in parts. */
static void test_in_each_call(void **state)
{
    static const struct {
        void (*cancel)(void);
        int thread;
    } ways[] = {{cancel_directly, 0}, {cancel_by_signal, 0}, {cancel_by_thread, 1}};
    (void)state;
    engine = test_engine();
    engine->positions_a_call = 48; /* 9 passes of 16 a step */
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler *sampler = new_run(model);
    float alone[FLOATS], x[FLOATS];
    condition(sampler,
              model); /* what it needs is remembered: later runs only condition and denoise */
    engine->on_call = on_call;
    calls = cancel_in = 0;
    assert_ok(artfusion_sampler_run(sampler));
    take_result(sampler, alone);
    artfusion_sampler_destroy(sampler);
    const int all = calls;
    assert_int_equal(all, 1 + STEPS * 3);

    assert_int_equal(sem_init(&inside, 0, 0) | sem_init(&cancelled, 0, 0), 0);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        cancel = ways[w].cancel;
        for (int call = 1; call <= all; call++) {
            pthread_t thread;
            sampler = new_run(model);
            condition(sampler, model);
            calls = 0;
            cancel_in = call;
            if (ways[w].thread)
                assert_int_equal(pthread_create(&thread, NULL, cancel_elsewhere, NULL), 0);
            assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED, "cancelled");
            assert_int_equal(calls, call); /* the one under way was the last */
            if (ways[w].thread)
                assert_int_equal(pthread_join(thread, NULL), 0);
            cancel_in = 0;
            assert_ok(artfusion_sampler_run(sampler));
            take_result(sampler, x);
            assert_memory_equal(x, alone, sizeof x);
            artfusion_sampler_destroy(sampler);
        }
    }
    (void)sem_destroy(&inside);
    (void)sem_destroy(&cancelled);
    artfusion_model_destroy(model);
}

static void test_decoding(void **state)
{
    (void)state;
    engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler *sampler = new_run(model);
    artfusion_image *image;
    assert_ok(artfusion_sampler_run(sampler));
    engine->on_call = on_call;
    cancel = cancel_by_signal;
    for (int call = 0; call < 2; call++) { /* before it, and within */
        calls = 0;
        cancel_in = call;
        if (!call)
            artfusion_sampler_cancel(sampler);
        assert_error(artfusion_sampler_image(sampler, 1, &image), ARTFUSION_ERROR_CANCELLED,
                     "cancelled");
        assert_null(image);
        assert_int_equal(calls, call);
        cancel_in = 0;
        assert_ok(artfusion_sampler_image(sampler, 1, &image));
        artfusion_image_destroy(image);
    }
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

/* Encoding is not the run: it ends as it would, and the run ends before it begins. */
static void test_encoding(void **state)
{
    (void)state;
    engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler *sampler = new_run(model);
    artfusion_image *picture = test_picture(SIDE, SIDE, 8);
    engine->on_call = on_call;
    cancel = cancel_by_signal;
    calls = 0;
    cancel_in = 1;
    assert_ok(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, picture));
    assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED, "cancelled");
    assert_int_equal(calls, 1);
    assert_int_equal(progress_of(sampler).step, 0);
    artfusion_image_destroy(picture);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

/* At any moment, by a timer: between calls, in the solver, in the allocator. */
static void test_by_timer(void **state)
{
    (void)state;
    engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    float alone[FLOATS], x[FLOATS];
    artfusion_sampler *sampler = new_run(model);
    condition(sampler, model);
    assert_ok(artfusion_sampler_run(sampler));
    take_result(sampler, alone);
    artfusion_sampler_destroy(sampler);

    int heard = 0;
    for (int round = 0; round < 2000 && heard < 100; round++) {
        sampler = new_run(model);
        condition(sampler, model);
        const struct itimerval at = {{0, 0}, {0, 1 + round * 7 % 200}}, never = {{0, 0}, {0, 0}};
        assert_int_equal(setitimer(ITIMER_REAL, &at, NULL), 0);
        artfusion_status status;
        while ((status = artfusion_sampler_run(sampler)) == ARTFUSION_ERROR_CANCELLED)
            heard++;
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_ok(status);
        take_result(sampler, x);
        assert_memory_equal(x, alone, sizeof x);
        running = NULL;
        artfusion_sampler_destroy(sampler);
    }
    assert_true(heard > 0);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    if (sigaction(SIGUSR1, &action, NULL) || sigaction(SIGALRM, &action, NULL))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_each_call),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_by_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
