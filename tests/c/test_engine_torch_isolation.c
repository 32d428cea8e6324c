/* SPDX-License-Identifier: MIT
 * The libtorch engine in a process of its own: the bytes of a run are those it has without, also if
 * that process is killed in the midst of it. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "children.h"
#include "support.h"

enum { SIDE = 256, STEPS = 4, ATTEMPTS = 10 };

static artfusion_model *open_model(artfusion_isolation isolation, artfusion_precision precision,
                                   int32_t threads)
{
    artfusion_context *context;
    artfusion_context_options options;
    artfusion_model *model;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.isolation = isolation;
    options.precision = precision;
    options.threads = threads;
    assert_ok(artfusion_context_create(&options, &context));
    assert_ok(artfusion_model_open_file(context, required_environment("ARTFUSION_MODEL"), &model));
    artfusion_context_destroy(context);
    return model;
}

typedef struct killer {
    pthread_t thread;
    pid_t victim;
    clockid_t clock; /* its processor time */
    int64_t begin;   /* what it had before the step */
} killer;

static int64_t worked(const killer *self)
{
    struct timespec time;
    return clock_gettime(self->clock, &time) == 0 ? (int64_t)time.tv_sec * 1000000000 + time.tv_nsec
                                                  : INT64_MAX; /* it has ended */
}

/* Between two calls it does nothing: when it has worked for 2 ms, it is in a step, which takes it
 * some tens, however long that is on a busy machine. */
static void *kill_in_a_step(void *data)
{
    const killer *self = data;
    while (worked(self) - self->begin < 2000000)
        (void)usleep(200);
    (void)kill(self->victim, SIGKILL);
    return NULL;
}

/* One step, in which the engine's process is killed, and which is then made again. 0 if the killer
 * got a processor too late: the step was through, and the next one tells. */
static int step_in_two_processes(artfusion_sampler *sampler)
{
    killer k;
    assert_int_equal(children(getpid(), &k.victim), 1);
    assert_int_equal(clock_getcpuclockid(k.victim, &k.clock), 0);
    k.begin = worked(&k);
    assert_true(k.begin < INT64_MAX);
    assert_int_equal(pthread_create(&k.thread, NULL, kill_in_a_step, &k), 0);
    const artfusion_status status = artfusion_sampler_next(sampler);
    if (status != ARTFUSION_OK)
        assert_error(status, ARTFUSION_ERROR_ENGINE, "the engine's process was ended by SIGKILL");
    assert_int_equal(pthread_join(k.thread, NULL), 0);
    if (status != ARTFUSION_OK)
        assert_ok(artfusion_sampler_next(sampler));
    return status != ARTFUSION_OK;
}

/* In each of the steps `first` to `last`, before the last one of all, the process of the engine is
 * killed. Returns in how many it was; after one that was missed there are no more. */
static int run(artfusion_model *model, int32_t first, int32_t last, uint8_t *pixels)
{
    int killed_in = 0;
    artfusion_image *content = test_picture(SIDE, SIDE, 1), *painting = test_picture(SIDE, SIDE, 2);
    artfusion_image *result;
    artfusion_style *style;
    artfusion_sampler *sampler;
    artfusion_sampler_options options;
    assert_ok(artfusion_style_from_image(model, painting, &style));
    assert_ok(artfusion_sampler_options_init(&options, sizeof options, model));
    options.width = options.height = SIDE;
    options.steps = STEPS;
    options.seed = 7;
    assert_ok(artfusion_sampler_create(model, &options, &sampler));
    assert_ok(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, content));
    assert_ok(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
    for (int32_t step = 0; step < STEPS; step++) {
        if (step < first || step > last) {
            assert_ok(artfusion_sampler_next(sampler));
            continue;
        }
        if (step_in_two_processes(sampler)) {
            killed_in++;
        } else {
            assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_ENGINE,
                         "the engine's process was ended by SIGKILL");
            last = -1;
        }
    }
    assert_int_equal(artfusion_sampler_next(sampler), ARTFUSION_DONE);
    assert_ok(artfusion_sampler_image(sampler, 0, &result));
    for (int32_t y = 0; y < SIDE; y++)
        memcpy(pixels + (size_t)y * SIDE * 3,
               artfusion_image_pixels(result) + (size_t)y * artfusion_image_stride(result),
               SIDE * 3);
    artfusion_image_destroy(result);
    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(style);
    artfusion_image_destroy(painting);
    artfusion_image_destroy(content);
    return killed_in;
}

static uint8_t plain[SIDE * SIDE * 3], isolated[SIDE * SIDE * 3], killed[SIDE * SIDE * 3];

static void the_bytes_are_the_same(void **state)
{
    (void)state;
    artfusion_model *model = open_model(ARTFUSION_ISOLATION_PROCESS, ARTFUSION_PRECISION_AUTO, 2);
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_non_null(strstr(info.engine, "torchscript "));
    artfusion_model *bare = open_model(ARTFUSION_ISOLATION_NONE, ARTFUSION_PRECISION_AUTO, 2);
    run(bare, STEPS, STEPS, plain);
    artfusion_model_destroy(bare);
    run(model, STEPS, STEPS, isolated);
    assert_memory_equal(isolated, plain, sizeof plain);
    int killed_in = 0; /* both steps, and the bytes are right even where it was not both */
    for (int attempt = 0; attempt < ATTEMPTS && killed_in < 2; attempt++) {
        killed_in = run(model, 1, 2, killed);
        assert_memory_equal(killed, plain, sizeof plain);
    }
    assert_int_equal(killed_in, 2);
    assert_int_equal(children(getpid(), NULL), 1);
    artfusion_model_destroy(model);
    assert_int_equal(children(getpid(), NULL), 0);
}

/* OpenMP would place its threads by a call that the sandbox refuses, and end its process. */
static void threads_are_not_placed(void **state)
{
    (void)state;
    assert_int_equal(setenv("OMP_PROC_BIND", "true", 1), 0);
    assert_int_equal(setenv("GOMP_CPU_AFFINITY", "0", 1), 0);
    artfusion_model *model = open_model(ARTFUSION_ISOLATION_PROCESS, ARTFUSION_PRECISION_AUTO, 2);
    run(model, STEPS, STEPS, isolated);
    artfusion_model_destroy(model);
    assert_int_equal(unsetenv("OMP_PROC_BIND") | unsetenv("GOMP_CPU_AFFINITY"), 0);
    assert_memory_equal(isolated, plain, sizeof plain);
}

/* Its sandbox takes nothing from libtorch that it computes by, whatever it computes in. */
static void so_they_are_in_each_precision(void **state)
{
    (void)state;
    static const artfusion_precision precisions[] = {ARTFUSION_PRECISION_FLOAT32,
                                                     ARTFUSION_PRECISION_BFLOAT16};
    static const int32_t threads[] = {1, 2, 3};
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++)
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            artfusion_model *model =
                open_model(ARTFUSION_ISOLATION_PROCESS, precisions[p], threads[t]);
            run(model, STEPS, STEPS, isolated);
            artfusion_model_destroy(model);
            model = open_model(ARTFUSION_ISOLATION_NONE, precisions[p], threads[t]);
            run(model, STEPS, STEPS, plain);
            artfusion_model_destroy(model);
            assert_memory_equal(isolated, plain, sizeof plain);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_the_same),
        cmocka_unit_test(threads_are_not_placed),
        cmocka_unit_test(so_they_are_in_each_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
