/* SPDX-License-Identifier: MIT
 * The libtorch engine in a process of its own: the bytes of a run are those it has without, also if
 * that process is killed in the midst of it. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "support.h"

enum { SIDE = 256, STEPS = 4 }; /* a step takes far longer than the killer waits */

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
} killer;

static void *kill_soon(void *data)
{
    const killer *self = data;
    (void)usleep(2000); /* into a step of some tens */
    (void)kill(self->victim, SIGKILL);
    return NULL;
}

/* Before each of the steps `first` to `last` the process of the engine is sent to its end. */
static void run(artfusion_model *model, int32_t first, int32_t last, uint8_t *pixels)
{
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
        const int dies = step >= first && step <= last;
        killer k;
        if (dies) {
            assert_int_equal(children(getpid(), &k.victim), 1);
            assert_int_equal(pthread_create(&k.thread, NULL, kill_soon, &k), 0);
            assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_ENGINE,
                         "the engine's process was ended by SIGKILL");
            assert_int_equal(pthread_join(k.thread, NULL), 0);
        }
        assert_ok(artfusion_sampler_next(sampler));
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
}

static uint8_t plain[SIDE * SIDE * 3], isolated[SIDE * SIDE * 3], killed[SIDE * SIDE * 3];

static void the_bytes_are_the_same(void **state)
{
    (void)state;
    artfusion_model *model =
        open_model(ARTFUSION_ISOLATION_PROCESS, ARTFUSION_PRECISION_AUTO, 2);
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_non_null(strstr(info.engine, "torchscript "));
    run(model, STEPS, STEPS, isolated);
    run(model, 1, 2, killed);
    assert_int_equal(children(getpid(), NULL), 1);
    artfusion_model_destroy(model);
    assert_int_equal(children(getpid(), NULL), 0);
    model = open_model(ARTFUSION_ISOLATION_NONE, ARTFUSION_PRECISION_AUTO, 2);
    run(model, STEPS, STEPS, plain);
    artfusion_model_destroy(model);
    assert_memory_equal(isolated, plain, sizeof plain);
    assert_memory_equal(killed, plain, sizeof plain);
}

/* OpenMP would place its threads by a call that the sandbox refuses, and end its process. */
static void threads_are_not_placed(void **state)
{
    (void)state;
    assert_int_equal(setenv("OMP_PROC_BIND", "true", 1), 0);
    assert_int_equal(setenv("GOMP_CPU_AFFINITY", "0", 1), 0);
    artfusion_model *model =
        open_model(ARTFUSION_ISOLATION_PROCESS, ARTFUSION_PRECISION_AUTO, 2);
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
