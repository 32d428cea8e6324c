/* SPDX-License-Identifier: MIT
 * An engine in a process of its own: the same bytes, and whatever ends it ends that process alone.
 */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isolated.h"
#include "jobs.h"
#include "runs.h"

enum { STEPS = 6, TIMEOUT = 2000 /* milliseconds, in which a process starts on a busy machine */ };

/* ---- a run, in which one call may fail ------------------------------------------ */

typedef struct result {
    float x[2 * VALUES];
    uint8_t pixels[SIDE * SIDE * 3];
} result;

/* Tries again after `words`, which have to come `failures` times. */
static int tried(artfusion_status status, const char *words, int *failures)
{
    if (status >= ARTFUSION_OK)
        return 1;
    assert_error(status, ARTFUSION_ERROR_ENGINE, words);
    assert_true(--*failures >= 0);
    return 0;
}

static void run_through(artfusion_model *model, const char *words, int failures, result *r)
{
    artfusion_image *picture = test_picture(SIDE, SIDE, 2), *painted;
    artfusion_style *style;
    while (!tried(artfusion_style_from_image(model, picture, &style), words, &failures))
        ;
    artfusion_sampler_options options = options_for(model);
    options.steps = STEPS;
    options.batch = 2;
    options.seed = 5;
    options.eta = 0.5; /* noise at each step: the generator is of the state */
    artfusion_sampler *sampler = sampler_for(model, &options);
    while (!tried(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, picture), words, &failures))
        ;
    assert_ok(artfusion_sampler_set_style(sampler, 0, style));
    for (artfusion_status status = ARTFUSION_OK; status != ARTFUSION_DONE;) {
        const int32_t step = progress_of(sampler).step;
        status = artfusion_sampler_next(sampler);
        if (!tried(status, words, &failures))
            assert_int_equal(progress_of(sampler).step, step);
    }
    size_t count;
    const float *x = artfusion_sampler_x(sampler, &count);
    assert_int_equal(count, sizeof r->x / sizeof *r->x);
    memcpy(r->x, x, sizeof r->x);
    while (!tried(artfusion_sampler_image(sampler, 0, &painted), words, &failures))
        ;
    assert_int_equal(artfusion_image_stride(painted), SIDE * 3);
    memcpy(r->pixels, artfusion_image_pixels(painted), sizeof r->pixels);
    assert_int_equal(failures, 0);
    artfusion_image_destroy(painted);
    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(style);
    artfusion_image_destroy(picture);
}

static result undisturbed;

/* ---- the tests ------------------------------------------------------------------ */

/* What all others are compared with. */
static void without_isolation(void **state)
{
    (void)state;
    artfusion_model *plain = test_model(NULL, NULL);
    run_through(plain, "", 0, &undisturbed);
    artfusion_model_destroy(plain);
    remember_what_is_open(); /* the test engine's own are there from now on */
    assert_nothing_left();
}

static void the_bytes_are_the_same(void **state)
{
    (void)state;
    result r;
    artfusion_model *model = isolated_model(0);
    assert_int_equal(children(getpid(), NULL), 1);
    run_through(model, "", 0, &r);
    assert_memory_equal(&r, &undisturbed, sizeof r);
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_string_equal(info.engine, "test 1");
    assert_string_equal(info.device_name, "test");
    artfusion_model_destroy(model);
    assert_nothing_left();
}

enum { WORKERS = 8, JOBS = 24 };

typedef struct workshop {
    job_world world;
    uint64_t alone[JOBS];
} workshop;

typedef struct worker {
    workshop *shared;
    uint32_t number;
    char complaint[1300];
} worker;

static void *do_jobs(void *data)
{
    worker *self = data;
    for (uint32_t i = 0; i < 2 * JOBS && !self->complaint[0]; i++) {
        const uint32_t job = (i * 5 + self->number) % JOBS;
        uint64_t digest = 0;
        const char *complaint =
            job_run(&self->shared->world, self->shared->world.model, job, NULL, 0, &digest);
        if (complaint || digest != self->shared->alone[job])
            (void)snprintf(self->complaint, sizeof self->complaint, "job %u: %s", (unsigned)job,
                           complaint ? complaint : "another result than alone");
    }
    return NULL;
}

/* One process, as many calls in it as there are threads. */
static void threads_share_a_process(void **state)
{
    (void)state;
    workshop *shared = calloc(1, sizeof *shared);
    assert_non_null(shared);
    artfusion_model *model = isolated_model(0), *plain = test_model(NULL, NULL);
    job_world_make(&shared->world, model, 5);
    for (uint32_t i = 0; i < JOBS; i++)
        assert_null(job_run(&shared->world, plain, i, NULL, 0, &shared->alone[i]));
    artfusion_model_destroy(plain);
    pthread_t threads[WORKERS];
    worker *workers = calloc(WORKERS, sizeof *workers);
    assert_non_null(workers);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.shared = shared, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, do_jobs, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(children(getpid(), NULL), 1);
    for (int i = 0; i < WORKERS; i++)
        assert_string_equal(workers[i].complaint, "");
    free(workers);
    job_world_clear(&shared->world);
    artfusion_model_destroy(model);
    free(shared);
    assert_nothing_left();
}

static const struct {
    const char *way, *words;
} ways[] = {
    {"segv", "the engine's process was ended by SIGSEGV"},
    {"fpe", "the engine's process was ended by SIGFPE"},
    {"kill", "the engine's process was ended by SIGKILL"},
    {"abort", "the engine's process was ended by SIGABRT"},
    {"exit", "the engine's process exited with status 3"},
    {"hang", "the engine's process did not answer within 2 s"},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* Each way in the midst of a run, and one way in the midst of each of a run's calls. */
static void a_run_outlives_its_engine(void **state)
{
    (void)state;
    static const struct {
        int32_t function, call;
    } places[] = {{TEST_DENOISE, 3}, {TEST_STYLE, 1},       {TEST_ENCODE, 1}, {TEST_CONDITION, 1},
                  {TEST_DENOISE, 1}, {TEST_DENOISE, STEPS}, {TEST_DECODE, 1}};
    enum { PLACES = sizeof places / sizeof *places };
    pid_t other, same;
    artfusion_model *lives_on = isolated_model(0);
    assert_int_equal(children(getpid(), &other), 1);
    result r;
    for (size_t i = 0; i < WAYS + PLACES - 1; i++) {
        const size_t way = i < WAYS ? i : 0, place = i < WAYS ? 0 : i - WAYS + 1;
        arrange(places[place].function, places[place].call, ways[way].way);
        artfusion_model *model = isolated_model(strcmp(ways[way].way, "hang") ? 0 : TIMEOUT);
        arrange_nothing();
        run_through(model, ways[way].words, 1, &r);
        assert_memory_equal(&r, &undisturbed, sizeof r);
        artfusion_model_destroy(model);
    }
    assert_int_equal(children(getpid(), &same), 1);
    assert_int_equal(same, other);
    run_through(lives_on, "", 0, &r);
    assert_memory_equal(&r, &undisturbed, sizeof r);
    artfusion_model_destroy(lives_on);
    assert_nothing_left();
}

/* Every process of a run ends, which needs so many more. */
static void every_process_may_end(void **state)
{
    (void)state;
    result r;
    arrange(TEST_DENOISE, 3, "segv");
    artfusion_model *model = isolated_model(0);
    run_through(model, "SIGSEGV", 2, &r); /* steps 1 2 -, 3 4 -, 5 6 */
    arrange_nothing();
    assert_memory_equal(&r, &undisturbed, sizeof r);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

static void opening_it_may_end_it(void **state)
{
    (void)state;
    artfusion_model *model;
    for (size_t i = 0; i <= WAYS; i++) {
        const size_t way = i % WAYS;
        arrange(i < WAYS ? TEST_OPEN : TEST_NULL_STYLE, 1, ways[way].way);
        assert_error(open_isolated(strcmp(ways[way].way, "hang") ? 0 : TIMEOUT, &model),
                     ARTFUSION_ERROR_ENGINE, ways[way].words);
        assert_null(model);
        assert_nothing_left();
    }
    arrange_nothing();
}

/* Ended while no call is under way, the next one tells. */
static void it_may_end_between_calls(void **state)
{
    (void)state;
    artfusion_model *model = isolated_model(0);
    pid_t pid;
    assert_int_equal(children(getpid(), &pid), 1);
    assert_int_equal(kill(pid, SIGTERM), 0);
    result r;
    run_through(model, "the engine's process was ended by SIGTERM", 1, &r);
    assert_memory_equal(&r, &undisturbed, sizeof r);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

/* It lets go of the channel and stays: it is ended. */
static void it_may_leave(void **state)
{
    (void)state;
    arrange(TEST_DENOISE, 2, "leave");
    artfusion_model *model = isolated_model(0);
    arrange_nothing();
    result r;
    run_through(model, "left a call without an answer", 1, &r);
    assert_memory_equal(&r, &undisturbed, sizeof r);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

/* All threads that are in its calls are told, by the same words. */
static void *denoise_once(void *data)
{
    worker *self = data;
    const int32_t timestep = 500;
    const float x[VALUES] = {0};
    float prediction[VALUES];
    const artfusion_status status = artfusion_model_denoise(self->shared->world.model, x, &timestep,
                                                            NULL, NULL, 1, 4, 4, prediction);
    (void)snprintf(self->complaint, sizeof self->complaint, "%d %s", (int)status,
                   artfusion_error_message());
    return NULL;
}

static void all_threads_are_told(void **state)
{
    (void)state;
    workshop *shared = calloc(1, sizeof *shared);
    assert_non_null(shared);
    arrange(TEST_DENOISE, WORKERS, "gather");
    artfusion_model *model = shared->world.model = isolated_model(0);
    arrange_nothing();
    pthread_t threads[WORKERS];
    worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.shared = shared};
        assert_int_equal(pthread_create(&threads[i], NULL, denoise_once, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < WORKERS; i++) {
        assert_memory_equal(workers[i].complaint, "-9 ", 3); /* ENGINE */
        assert_non_null(strstr(workers[i].complaint, "the engine's process was ended by SIGKILL"));
    }
    worker again = {.shared = shared};
    (void)denoise_once(&again);
    assert_memory_equal(again.complaint, "0 ", 2);
    artfusion_model_destroy(model);
    free(shared);
    assert_nothing_left();
}

int main(void)
{
    let_signals_end_it();
    remember_what_is_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_isolation),        cmocka_unit_test(the_bytes_are_the_same),
        cmocka_unit_test(threads_share_a_process),  cmocka_unit_test(a_run_outlives_its_engine),
        cmocka_unit_test(every_process_may_end),    cmocka_unit_test(opening_it_may_end_it),
        cmocka_unit_test(it_may_end_between_calls), cmocka_unit_test(it_may_leave),
        cmocka_unit_test(all_threads_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
