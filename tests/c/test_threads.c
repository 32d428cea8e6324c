/* SPDX-License-Identifier: MIT
 * Many threads, one model. What each of them gets is what it gets alone. Meant to be run under
 * ThreadSanitizer too, which sees what did not happen to go wrong. */
#define _POSIX_C_SOURCE 200809L
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jobs.h"

enum { WORKERS = 8 };

typedef struct worker {
    int number;
    void *shared;
    job_slot slot;
    char complaint[1300]; /* empty: none */
} worker;

#define complain(w, ...) (void)snprintf((w)->complaint, sizeof(w)->complaint, __VA_ARGS__)

static worker *make_workers(void *shared)
{
    worker *workers = calloc(WORKERS, sizeof *workers);
    assert_non_null(workers);
    for (int i = 0; i < WORKERS; i++) {
        workers[i].number = i;
        workers[i].shared = shared;
        assert_int_equal(pthread_mutex_init(&workers[i].slot.lock, NULL), 0);
    }
    return workers;
}

static void start(pthread_t threads[WORKERS], worker *workers, void *(*work)(void *))
{
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
}

static void join(pthread_t threads[WORKERS])
{
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void finish(worker *workers)
{
    for (int i = 0; i < WORKERS; i++) {
        (void)pthread_mutex_destroy(&workers[i].slot.lock);
        if (workers[i].complaint[0])
            fail_msg("thread %d: %s", i, workers[i].complaint);
    }
    free(workers);
}

static void work_together(void *shared, void *(*work)(void *))
{
    pthread_t threads[WORKERS];
    worker *workers = make_workers(shared);
    start(threads, workers, work);
    join(threads);
    finish(workers);
}

/* ---- runs, cancelled at random ---------------------------------------------- */

enum { JOBS = 40, ROUNDS = 100 };

typedef struct workshop {
    job_world world;
    uint64_t alone[JOBS];
    atomic_int working;
} workshop;

static void *do_jobs(void *data)
{
    worker *self = data;
    workshop *shared = self->shared;
    uint32_t random = (uint32_t)self->number;
    for (int round = 0; round < ROUNDS && !self->complaint[0]; round++) {
        const uint32_t job = job_random(&random) % JOBS;
        const int give_up = job_random(&random) % 4 == 0;
        uint64_t digest = shared->alone[job];
        const char *complaint =
            job_run(&shared->world, shared->world.model, job, &self->slot, give_up, &digest);
        if (complaint)
            complain(self, "%s", complaint);
        else if (digest != shared->alone[job])
            complain(self, "job %u has another result than alone", (unsigned)job);
    }
    atomic_fetch_sub(&shared->working, 1);
    return NULL;
}

static void test_jobs(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    engine->positions_a_call = 100; /* batches are computed in parts */
    workshop *shared = calloc(1, sizeof *shared);
    assert_non_null(shared);
    artfusion_model *model = test_model(NULL, NULL), *another = test_model(NULL, NULL);
    job_world_make(&shared->world, model, 5);
    for (uint32_t i = 0; i < JOBS; i++) {
        const char *complaint = job_run(&shared->world, another, i, NULL, 0, &shared->alone[i]);
        if (complaint)
            fail_msg("%s", complaint);
        for (uint32_t k = 0; k < i; k++)
            assert_true(shared->alone[i] != shared->alone[k]);
    }
    artfusion_model_destroy(another);

    pthread_t threads[WORKERS];
    worker *workers = make_workers(shared);
    atomic_store(&shared->working, WORKERS);
    start(threads, workers, do_jobs);
    uint32_t random = 77;
    while (atomic_load(&shared->working)) {
        const struct timespec pause = {.tv_nsec = (long)(job_random(&random) % 100000)};
        job_cancel(&workers[job_random(&random) % WORKERS].slot);
        (void)nanosleep(&pause, NULL);
    }
    join(threads);
    int heard = 0;
    for (int i = 0; i < WORKERS; i++)
        heard += atomic_load(&workers[i].slot.heard);
    finish(workers);
    assert_true(heard > 0);

    job_world_clear(&shared->world);
    artfusion_model_destroy(model);
    assert_int_equal(atomic_load(&engine->networks), 0);
    assert_int_equal(atomic_load(&engine->conditions), 0);
    free(shared);
}

/* ---- the last one turns off the light ----------------------------------------- */

typedef struct estate {
    artfusion_sampler *samplers[WORKERS];
    artfusion_style *styles[WORKERS];
} estate;

static void *inherit(void *data)
{
    worker *self = data;
    estate *left = self->shared;
    artfusion_sampler *sampler = left->samplers[self->number];
    if (self->number % 2)
        artfusion_style_destroy(left->styles[self->number]);
    if (artfusion_sampler_run(sampler) != ARTFUSION_OK)
        complain(self, "%s", artfusion_error_message());
    artfusion_sampler_destroy(sampler);
    if (self->number % 2 == 0)
        artfusion_style_destroy(left->styles[self->number]);
    return NULL;
}

static void test_last_handle(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_image *picture = test_picture(32, 24, 3);
    for (int round = 0; round < 20; round++) {
        estate left;
        artfusion_model *model = test_model(NULL, NULL);
        for (int i = 0; i < WORKERS; i++) {
            assert_ok(artfusion_style_from_image(model, picture, &left.styles[i]));
            assert_ok(artfusion_sampler_create(model, NULL, &left.samplers[i]));
            assert_ok(artfusion_sampler_set_style(left.samplers[i], ARTFUSION_ALL, left.styles[i]));
        }
        artfusion_model_destroy(model);
        assert_int_equal(atomic_load(&engine->networks), 1);
        work_together(&left, inherit);
        assert_int_equal(atomic_load(&engine->networks), 0);
        assert_int_equal(atomic_load(&engine->conditions), 0);
    }
    artfusion_image_destroy(picture);
}

/* ---- each its own error --------------------------------------------------------- */

static void *err(void *data)
{
    worker *self = data;
    artfusion_image *image;
    char words[64];
    for (int round = 0; round < 400 && !self->complaint[0]; round++) {
        const int32_t width = -(100000 * (self->number + 1) + round);
        (void)snprintf(words, sizeof words, "%d", (int)width);
        if (artfusion_image_create(width, 1, &image) != ARTFUSION_ERROR_ARGUMENT || image)
            complain(self, "a width of %s pixels was no error", words);
        (void)sched_yield();
        /* What succeeds leaves it. */
        if (artfusion_image_create(1, 1, &image) != ARTFUSION_OK)
            complain(self, "no image");
        artfusion_image_destroy(image);
        if (!strstr(artfusion_error_message(), words))
            complain(self, "not its own error: %s", artfusion_error_message());
    }
    return NULL;
}

static void test_errors(void **state)
{
    (void)state;
    work_together(NULL, err);
}

/* ---- opening, and what is logged of it -------------------------------------------- */

enum { OPENED = 10 };

typedef struct office {
    artfusion_context *context, *lost;
    const uint8_t *bundle;
    size_t size;
    atomic_int lines, strange;
} office;

static void count_lines(void *user_data, artfusion_log_level level, const char *message)
{
    office *shared = user_data;
    atomic_fetch_add(&shared->lines, 1);
    if (level != ARTFUSION_LOG_INFO || strncmp(message, "model small", 11) != 0)
        atomic_fetch_add(&shared->strange, 1);
}

static void *open_models(void *data)
{
    worker *self = data;
    office *shared = self->shared;
    for (int round = 0; round < OPENED && !self->complaint[0]; round++) {
        artfusion_model *model, *none;
        if (artfusion_model_open_memory(shared->context, shared->bundle, shared->size, &model) !=
            ARTFUSION_OK)
            complain(self, "%s", artfusion_error_message());
        /* Its sentence comes from the thread that loads the engine. */
        if (artfusion_model_open_memory(shared->lost, shared->bundle, shared->size, &none) !=
                ARTFUSION_ERROR_ENGINE ||
            !strstr(artfusion_error_message(), "/nowhere/engine.so"))
            complain(self, "opened by no engine: %s", artfusion_error_message());
        artfusion_model_destroy(model);
    }
    return NULL;
}

static void test_opening(void **state)
{
    (void)state;
    (void)test_engine();
    office shared = {0};
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &shared.size);
    shared.bundle = bundle;
    artfusion_context_options options;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = "/nowhere/engine.so";
    assert_ok(artfusion_context_create(&options, &shared.lost));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.log = count_lines;
    options.log_level = ARTFUSION_LOG_DEBUG;
    options.log_user_data = &shared;
    assert_ok(artfusion_context_create(&options, &shared.context));
    work_together(&shared, open_models);
    assert_int_equal(atomic_load(&shared.lines), WORKERS * OPENED);
    assert_int_equal(atomic_load(&shared.strange), 0);
    artfusion_context_destroy(shared.context);
    artfusion_context_destroy(shared.lost);
    free(bundle);
}

/* ---- readers ------------------------------------------------------------------------ */

typedef struct library {
    artfusion_model *model;
    artfusion_image *picture;
    artfusion_style *style;
    uint8_t *png;
    size_t png_size;
    float latent[48], code[3];
} library;

static artfusion_status write_png(const artfusion_image *picture, uint8_t **png, size_t *size)
{
    artfusion_save_options options;
    artfusion_image *resized;
    artfusion_status status = artfusion_save_options_init(&options, sizeof options);
    options.format = ARTFUSION_FORMAT_PNG;
    *png = NULL;
    if (status == ARTFUSION_OK)
        status = artfusion_image_resize(picture, 23, 31, ARTFUSION_FILTER_LANCZOS, &resized);
    if (status != ARTFUSION_OK)
        return status;
    status = artfusion_image_save_memory(resized, &options, png, size);
    artfusion_image_destroy(resized);
    return status;
}

static void *read_all(void *data)
{
    worker *self = data;
    const library *shared = self->shared;
    for (int round = 0; round < 40 && !self->complaint[0]; round++) {
        uint8_t *png;
        size_t size = 0;
        float latent[48];
        artfusion_style *twice;
        const artfusion_style *const styles[] = {shared->style, shared->style};
        if (write_png(shared->picture, &png, &size) != ARTFUSION_OK || size != shared->png_size ||
            memcmp(png, shared->png, size) != 0)
            complain(self, "another PNG");
        artfusion_free(png);
        if (artfusion_model_encode(shared->model, shared->picture, ARTFUSION_LATENT_CONTENT, latent,
                                   48) != ARTFUSION_OK ||
            memcmp(latent, shared->latent, sizeof latent) != 0)
            complain(self, "another latent");
        static const double halves[] = {0.5, 0.5};
        if (artfusion_style_blend(styles, halves, 2, &twice) != ARTFUSION_OK ||
            memcmp(artfusion_style_values(twice, NULL), shared->code, sizeof shared->code) != 0)
            complain(self, "another code");
        artfusion_style_destroy(twice);
    }
    return NULL;
}

static void test_readers(void **state)
{
    (void)state;
    (void)test_engine();
    library shared = {.model = test_model(NULL, NULL), .picture = test_picture(16, 16, 11)};
    assert_ok(artfusion_style_from_image(shared.model, shared.picture, &shared.style));
    memcpy(shared.code, artfusion_style_values(shared.style, NULL), sizeof shared.code);
    assert_ok(artfusion_model_encode(shared.model, shared.picture, ARTFUSION_LATENT_CONTENT,
                                     shared.latent, 48));
    assert_ok(write_png(shared.picture, &shared.png, &shared.png_size));
    work_together(&shared, read_all);
    artfusion_free(shared.png);
    artfusion_style_destroy(shared.style);
    artfusion_image_destroy(shared.picture);
    artfusion_model_destroy(shared.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs),    cmocka_unit_test(test_last_handle),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_opening),
        cmocka_unit_test(test_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
