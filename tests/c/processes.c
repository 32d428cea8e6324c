/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "processes.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "processes_load.h"

extern char **environ;

enum {
    PATIENCE = 120 /* seconds, until a process counts as hung */,
    JOBS = 6,
    STATUS = PROCESS_STATUS
};

int process_complain(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "%s:%d: not so in process %ld: %s (%s)\n", file, line, (long)getpid(),
                  condition, artfusion_error_message());
    return 1;
}

/* A forked child ends as programs do, by exit, but for what the leak checker would say of it: what
 * is the engine's is left. */
static void leave_child(int status)
{
#ifdef __SANITIZE_ADDRESS__
    _exit(status);
#else
    exit(status);
#endif
}

static pid_t begin_child(void)
{
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        (void)alarm(PATIENCE);
    return child;
}

/* 0 if it ended well. */
static int end_child(pid_t child)
{
    int status = -1;
    if (child < 0)
        return -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int in_child(int (*body)(void *), void *data)
{
    const pid_t child = begin_child();
    if (child == 0)
        leave_child(body(data));
    return end_child(child);
}

static artfusion_status open_model(const process_setup *setup, artfusion_model **model)
{
    artfusion_context_options options;
    artfusion_context *context = NULL;
    *model = NULL;
    artfusion_status status = artfusion_context_options_init(&options, sizeof options);
    options.engine_path = setup->engine;
    options.threads = 2; /* of OpenMP's, one does not survive a fork */
    if (status == ARTFUSION_OK)
        status = artfusion_context_create(&options, &context);
    if (status == ARTFUSION_OK)
        status = artfusion_model_open_memory(context, setup->model, setup->size, model);
    artfusion_context_destroy(context);
    return status;
}

static int do_jobs(const process_setup *setup, uint64_t digests[JOBS])
{
    artfusion_model *model;
    job_world world;
    need(open_model(setup, &model) == ARTFUSION_OK);
    job_world_make(&world, model, 3);
    for (uint32_t i = 0; i < JOBS; i++) {
        const char *complaint = job_run(&world, model, i, NULL, 0, &digests[i]);
        if (complaint)
            return process_complain(__FILE__, __LINE__, complaint);
    }
    job_world_clear(&world);
    artfusion_model_destroy(model);
    return 0;
}

static int is_refused(artfusion_status status)
{
    return status == ARTFUSION_ERROR_ENGINE && strstr(artfusion_error_message(), "forked");
}

/* ---- before the engine is used --------------------------------------------------- */

typedef struct report {
    const process_setup *setup;
    int ends[2];
} report;

static int open_in_grandchild(void *data)
{
    artfusion_model *model;
    need(is_refused(open_model(((const report *)data)->setup, &model)));
    need(!model);
    return 0;
}

static int use_in_child(void *data)
{
    const report *to = data;
    uint64_t digests[JOBS];
    need(do_jobs(to->setup, digests) == 0);
    need(in_child(open_in_grandchild, data) == 0);
    need(write(to->ends[1], digests, sizeof digests) == (ssize_t)sizeof digests);
    return 0;
}

void test_fork_before(void **state)
{
    report from = {.setup = *state};
    uint64_t there[JOBS], here[JOBS];
    assert_int_equal(pipe(from.ends), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(in_child(use_in_child, &from), 0);
        assert_int_equal(read(from.ends[0], there, sizeof there), (int)sizeof there);
        if (!round) /* and its own children may, as long as it has not */
            continue;
        assert_int_equal(do_jobs(from.setup, here), 0);
        assert_memory_equal(there, here, sizeof here);
    }
    assert_int_equal(close(from.ends[0]) | close(from.ends[1]), 0);
}

/* ---- after it ----------------------------------------------------------------------- */

typedef struct belongings {
    const process_setup *setup;
    artfusion_context *context;
    artfusion_model *model;
    artfusion_model_info info;
    artfusion_sampler *begun, *done;
    artfusion_style *style;
    artfusion_image *known, *unknown;
} belongings;

static void acquire(belongings *own, const process_setup *setup)
{
    artfusion_context_options options;
    artfusion_sampler_options run;
    own->setup = setup;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = setup->engine;
    options.threads = 2;
    assert_ok(artfusion_context_create(&options, &own->context));
    assert_ok(artfusion_model_open_memory(own->context, setup->model, setup->size, &own->model));
    assert_ok(artfusion_model_get_info(own->model, &own->info, sizeof own->info));
    const int32_t side = 2 * own->info.size_multiple;
    own->known = test_picture(side, side, 1);
    own->unknown = test_picture(side, side, 2);
    assert_ok(artfusion_style_from_image(own->model, own->known, &own->style));
    assert_ok(artfusion_sampler_options_init(&run, sizeof run, own->model));
    run.width = run.height = side;
    run.steps = 4;
    artfusion_sampler **const samplers[] = {&own->begun, &own->done};
    for (int i = 0; i < 2; i++) {
        assert_ok(artfusion_sampler_create(own->model, &run, samplers[i]));
        assert_ok(artfusion_sampler_set_content(*samplers[i], ARTFUSION_ALL, own->known));
        assert_ok(artfusion_sampler_set_style(*samplers[i], ARTFUSION_ALL, own->style));
        assert_ok(artfusion_sampler_next(*samplers[i]));
    }
    assert_ok(artfusion_sampler_run(own->done));
}

static void dispose(belongings *own)
{
    artfusion_context_destroy(own->context);
    artfusion_model_destroy(own->model);
    artfusion_sampler_destroy(own->begun);
    artfusion_image_destroy(own->known);
    artfusion_style_destroy(own->style);
    artfusion_image_destroy(own->unknown);
    artfusion_sampler_destroy(own->done);
}

static int refuse_engine(const belongings *own)
{
    artfusion_style *style;
    artfusion_image *image;
    artfusion_model *model;
    const size_t pixels = (size_t)(2 * own->info.size_multiple / own->info.downsample) *
                          (size_t)(2 * own->info.size_multiple / own->info.downsample),
                 values = pixels * (size_t)own->info.latent_channels,
                 colours = 12 * (size_t)own->info.size_multiple * (size_t)own->info.size_multiple;
    const int32_t side = 2 * own->info.size_multiple / own->info.downsample, timestep = 1;
    float *latent = calloc(2 * values + colours, sizeof *latent);
    need(latent);
    need(is_refused(artfusion_style_from_image(own->model, own->known, &style)) && !style);
    need(is_refused(artfusion_style_from_image(own->model, own->unknown, &style)) && !style);
    need(is_refused(
        artfusion_model_encode(own->model, own->known, ARTFUSION_LATENT_SCALED, latent, values)));
    need(is_refused(
        artfusion_model_decode(own->model, latent, 1, side, side, latent + 2 * values, colours)));
    need(is_refused(artfusion_model_denoise(own->model, latent, &timestep, NULL, NULL, 1, side,
                                            side, latent + values)));
    free(latent);
    need(is_refused(artfusion_sampler_next(own->begun)));
    need(is_refused(artfusion_sampler_run(own->begun)));
    need(is_refused(artfusion_sampler_image(own->begun, 0, &image)) && !image);
    need(is_refused(artfusion_sampler_image(own->done, 0, &image)) && !image);
    need(is_refused(artfusion_model_open_memory(own->context, own->setup->model, own->setup->size,
                                                &model)) &&
         !model);
    need(is_refused(open_model(own->setup, &model)) && !model);
    return 0;
}

/* What needs no engine is there as before. */
static int use_the_rest(const belongings *own)
{
    artfusion_style *style;
    artfusion_image *image;
    artfusion_sampler *sampler;
    artfusion_model_info info;
    size_t count;
    need(artfusion_image_resize(own->known, 7, 5, ARTFUSION_FILTER_BICUBIC, &image) ==
         ARTFUSION_OK);
    artfusion_image_destroy(image);
    need(artfusion_model_get_info(own->model, &info, sizeof info) == ARTFUSION_OK);
    need(artfusion_style_null(own->model, &style) == ARTFUSION_OK);
    artfusion_style_destroy(style);
    need(artfusion_sampler_create(own->model, NULL, &sampler) == ARTFUSION_OK);
    need(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, own->style) == ARTFUSION_OK);
    need(is_refused(artfusion_sampler_set_content(sampler, 0, own->known)));
    need(is_refused(artfusion_sampler_run(sampler)));
    artfusion_sampler_cancel(sampler);
    artfusion_sampler_destroy(sampler);
    need(artfusion_sampler_x(own->done, &count) && count > 0);
    need(artfusion_sampler_next(own->done) == ARTFUSION_DONE);
    return 0;
}

static int live_on(void *data)
{
    belongings *own = data;
    need(refuse_engine(own) == 0);
    need(use_the_rest(own) == 0);
    dispose(own);
    return 0;
}

static int live_on_and_fork(void *data)
{
    need(in_child(live_on, data) == 0);
    return live_on(data);
}

void test_fork_after(void **state)
{
    belongings own;
    acquire(&own, *state);
    assert_int_equal(in_child(live_on_and_fork, &own), 0);
    /* The parent's run goes on as the one that no fork came into. */
    assert_ok(artfusion_sampler_run(own.begun));
    size_t count;
    const float *begun = artfusion_sampler_x(own.begun, &count);
    assert_memory_equal(begun, artfusion_sampler_x(own.done, NULL), count * sizeof *begun);
    dispose(&own);
}

/* ---- while others are at work --------------------------------------------------------- */

typedef struct shift {
    job_world world;
    uint64_t alone[JOBS];
    atomic_int ended, wrong;
} shift;

static void *work(void *data)
{
    shift *shared = data;
    uint32_t job = 0;
    while (!atomic_load(&shared->ended)) {
        uint64_t digest = 0;
        if (job_run(&shared->world, shared->world.model, job, NULL, 0, &digest) ||
            digest != shared->alone[job])
            atomic_fetch_add(&shared->wrong, 1);
        job = (job + 1) % JOBS;
    }
    return NULL;
}

static int look_and_leave(void *data)
{
    shift *shared = data;
    artfusion_style *style;
    artfusion_image *image;
    need(is_refused(
        artfusion_style_from_image(shared->world.model, shared->world.pictures[5], &style)));
    need(artfusion_image_resize(shared->world.pictures[0], 9, 9, ARTFUSION_FILTER_BOX, &image) ==
         ARTFUSION_OK);
    artfusion_image_destroy(image);
    job_world_clear(&shared->world);
    artfusion_model_destroy(shared->world.model);
    return 0;
}

void test_fork_at_work(void **state)
{
    shift *shared = calloc(1, sizeof *shared);
    assert_non_null(shared);
    artfusion_model *model;
    assert_ok(open_model(*state, &model));
    job_world_make(&shared->world, model, 3);
    for (uint32_t i = 0; i < JOBS; i++)
        assert_null(job_run(&shared->world, model, i, NULL, 0, &shared->alone[i]));
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, shared), 0);
    int failed = 0;
    for (uint32_t round = 0; round < 20 && !failed; round++) {
        const struct timespec pause = {.tv_nsec = (long)(job_mix(round) % 5000000)};
        (void)nanosleep(&pause, NULL);
        failed = in_child(look_and_leave, shared);
    }
    atomic_store(&shared->ended, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(failed, 0);
    assert_int_equal(atomic_load(&shared->wrong), 0);
    job_world_clear(&shared->world);
    artfusion_model_destroy(model);
    free(shared);
}

/* ---- in the midst of a run ---------------------------------------------------------------- */

typedef struct fork_at {
    int callback; /* 0 noise, 1 eps, 2 step */
    pid_t child;  /* -1: not yet; 0: this is it */
} fork_at;

static void fork_once(fork_at *at, int callback)
{
    if (at->callback == callback && at->child == -1)
        at->child = begin_child();
}

static int32_t on_noise(void *data, artfusion_noise_use use, int32_t step, float *values,
                        size_t count)
{
    (void)use, (void)step, (void)values, (void)count;
    fork_once(data, 0);
    return 1; /* the generator's */
}

static int32_t on_eps(void *data, artfusion_sampler *sampler, float *eps, size_t count)
{
    (void)sampler, (void)eps, (void)count;
    fork_once(data, 1);
    return 0;
}

static int32_t on_step(void *data, artfusion_sampler *sampler)
{
    (void)sampler;
    fork_once(data, 2);
    return 0;
}

void test_fork_in_callbacks(void **state)
{
    artfusion_model *model;
    artfusion_sampler_options options;
    artfusion_model_info info;
    assert_ok(open_model(*state, &model));
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    assert_ok(artfusion_sampler_options_init(&options, sizeof options, model));
    for (int callback = 0; callback < 3; callback++) {
        fork_at at = {.callback = callback, .child = -1};
        options.width = options.height = 2 * info.size_multiple;
        options.steps = 3;
        options.noise_callback = on_noise;
        options.eps_callback = on_eps;
        options.step_callback = on_step;
        options.noise_user_data = options.eps_user_data = options.step_user_data = &at;
        artfusion_sampler *sampler;
        assert_ok(artfusion_sampler_create(model, &options, &sampler));
        const artfusion_status status = artfusion_sampler_run(sampler);
        if (at.child == 0) {
            const int refused = is_refused(status);
            artfusion_sampler_destroy(sampler);
            artfusion_model_destroy(model);
            leave_child(
                refused ? 0 : process_complain(__FILE__, __LINE__, "the child's run was refused"));
        }
        assert_int_equal(end_child(at.child), 0);
        assert_ok(status);
        artfusion_sampler_destroy(sampler);
    }
    artfusion_model_destroy(model);
}

/* ---- the process's end ------------------------------------------------------------------------ */

int process_run_anew(const char *const arguments[])
{
    pid_t child;
    (void)fflush(NULL);
    if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, (char **)(uintptr_t)arguments, environ) !=
        0)
        return -1;
    return end_child(child);
}

static const char *const ways[] = {"return", "exit", "quick_exit"};

void test_exits(void **state)
{
    const process_setup *setup = *state;
    /* What a thread closes after exit was called is left, and so is no leak. */
    assert_int_equal(setenv("ASAN_OPTIONS", "detect_leaks=0", 1), 0);
    for (int way = 0; way < 3; way++)
        for (int round = 0; round < setup->exits; round++) {
            char number[16];
            (void)snprintf(number, sizeof number, "%d", 3 * round + way);
            const char *const arguments[] = {"leaves", "--leave", ways[way], number, NULL};
            const int status = process_run_anew(arguments);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != STATUS)
                fail_msg("%s in mid-run, round %d: the process ended with status 0x%x", ways[way],
                         round, (unsigned)status);
        }
    assert_int_equal(unsetenv("ASAN_OPTIONS"), 0);
}

typedef struct busy {
    process_setup setup; /* main's own is gone when main has returned */
    job_world world;
} busy;

static void *run_for_ever(void *data)
{
    busy *with = data;
    uint64_t digest;
    for (uint32_t job = 0;; job++)
        (void)job_run(&with->world, with->world.model, job, NULL, 0, &digest);
    return NULL;
}

static void *open_for_ever(void *data)
{
    busy *with = data;
    artfusion_model *model;
    for (;;)
        if (open_model(&with->setup, &model) == ARTFUSION_OK)
            artfusion_model_destroy(model);
    return NULL;
}

/* Two threads run and, every other time, one opens models, when the process is left. */
static int leave(const process_setup *setup, const char *way, uint32_t number)
{
    static busy with;
    artfusion_model *model;
    pthread_t thread;
    with.setup = *setup;
    if (open_model(setup, &model) != ARTFUSION_OK)
        return 1;
    job_world_make(&with.world, model, 3);
    for (int i = 0; i < 2 + (int)(number % 2); i++)
        if (pthread_create(&thread, NULL, i < 2 ? run_for_ever : open_for_ever, &with) != 0)
            return 1;
    const struct timespec pause = {.tv_nsec = (long)(job_mix(number) % 100000000)};
    (void)nanosleep(&pause, NULL);
    if (strcmp(way, "exit") == 0)
        exit(STATUS);
    if (strcmp(way, "quick_exit") == 0)
        quick_exit(STATUS);
    return STATUS;
}

/* ---- loading the library again and again ---------------------------------------------------------- */

void test_loading(void **state)
{
    (void)state;
    static const char *const arguments[] = {"loads", "--load", NULL};
    assert_int_equal(process_run_anew(arguments), 0);
}

/* ---- ------------------------------------------------------------------------------------------------ */

int process_errand(int count, char **arguments, const process_setup *setup)
{
    if (count < 2)
        return -1;
    (void)alarm(PATIENCE);
    if (count == 4 && strcmp(arguments[1], "--leave") == 0)
        return leave(setup, arguments[2], (uint32_t)strtoul(arguments[3], NULL, 10));
    if (strcmp(arguments[1], "--load") == 0)
        return process_load_often(setup);
    return 2;
}
