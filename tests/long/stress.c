/* SPDX-License-Identifier: MIT
 *
 * Threads on real networks:  stress --minutes N | --runs N  [--jobs N] [--threads N] [--seed N]
 *
 * Two models of one file, whose contexts have one and two threads, and jobs of random options
 * (c/jobs.h), done by several threads at once, cancelled at random by another, given up or gone on
 * with. Each result is the same bytes as that of the job done alone by that model, before and after.
 * (By the other it may be another: products in float32 depend on how many threads share them.)
 * Prints what it did as a table; ends with 1 if a result differed, a call failed or memory grew.
 */
#define _DEFAULT_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "jobs.h"

enum { MOST_JOBS = 40, MOST_THREADS = 64, STEPS = 4 };

/* Between the end of the first tenth and the last run; what arenas and the engine's caches add in an
 * hour is a fraction of it, a latent lost a run several times as much. */
#define GROWTH_MIB 48

static struct {
    job_world world;
    artfusion_model *models[2];
    uint64_t alone[2][MOST_JOBS];
    uint32_t seed, jobs;
    long runs; /* wanted; 0: until the time is over */
    double until, warm;
    atomic_long begun, done, given_up, failed, differed;
    atomic_int working;
} all;

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double resident(void)
{
    long size = 0, pages = 0;
    (void)malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    if (file)
        (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
}

static int goes_on(void)
{
    const long begun = atomic_fetch_add(&all.begun, 1);
    return all.runs ? begun < all.runs : now() < all.until;
}

typedef struct worker {
    uint32_t random;
    job_slot slot;
} worker;

static void *work(void *data)
{
    worker *self = data;
    while (goes_on()) {
        const uint32_t job = job_random(&self->random) % all.jobs,
                       with = job_random(&self->random) % 2;
        const int give_up = job_random(&self->random) % 4 == 0;
        uint64_t digest = 0;
        const char *complaint =
            job_run(&all.world, all.models[with], job, &self->slot, give_up, &digest);
        if (complaint) {
            (void)fprintf(stderr, "stress: %s\n", complaint);
            atomic_fetch_add(&all.failed, 1);
        } else if (!digest) {
            atomic_fetch_add(&all.given_up, 1);
        } else if (digest != all.alone[with][job]) {
            (void)fprintf(stderr, "stress: job %u of model %u differs from itself alone\n",
                          (unsigned)job, (unsigned)with);
            atomic_fetch_add(&all.differed, 1);
        }
        atomic_fetch_add(&all.done, 1);
    }
    atomic_fetch_sub(&all.working, 1);
    return NULL;
}

static artfusion_model *open_model(int32_t threads)
{
    artfusion_context_options options;
    artfusion_context *context;
    artfusion_model *model;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.threads = threads;
    assert_ok(artfusion_context_create(&options, &context));
    assert_ok(artfusion_model_open_file(context, required_environment("ARTFUSION_MODEL"), &model));
    artfusion_context_destroy(context);
    return model;
}

static void do_alone(artfusion_model *model, uint64_t digests[MOST_JOBS])
{
    for (uint32_t i = 0; i < all.jobs; i++) {
        const char *complaint = job_run(&all.world, model, i, NULL, 0, &digests[i]);
        if (complaint) {
            (void)fprintf(stderr, "stress: alone: %s\n", complaint);
            exit(1);
        }
    }
}

static double read_number(int count, char **arguments, const char *name, double otherwise)
{
    for (int i = 1; i + 1 < count; i += 2)
        if (strcmp(arguments[i], name) == 0)
            return strtod(arguments[i + 1], NULL);
    return otherwise;
}

int main(int count, char **arguments)
{
    static worker workers[MOST_THREADS];
    pthread_t ids[MOST_THREADS];
    const double minutes = read_number(count, arguments, "--minutes", 0);
    const int threads = (int)read_number(count, arguments, "--threads", 4);
    all.runs = (long)read_number(count, arguments, "--runs", 0);
    all.seed = (uint32_t)read_number(count, arguments, "--seed", 1);
    all.jobs = (uint32_t)read_number(count, arguments, "--jobs", MOST_JOBS);
    if (threads < 1 || threads > MOST_THREADS || all.jobs < 1 || all.jobs > MOST_JOBS ||
        (minutes > 0) == (all.runs > 0)) {
        (void)fprintf(stderr, "usage: stress --minutes N | --runs N  [--jobs N] [--threads N] "
                              "[--seed N]\n");
        return 2;
    }

    all.models[0] = open_model(1);
    all.models[1] = open_model(2);
    job_world_make(&all.world, all.models[0], STEPS);
    for (int i = 0; i < 2; i++)
        do_alone(all.models[i], all.alone[i]);

    const double began = now();
    all.until = began + 60 * minutes;
    all.warm = began + 6 * minutes;
    atomic_store(&all.working, threads);
    for (int i = 0; i < threads; i++) {
        workers[i].random = all.seed * 1000 + (uint32_t)i;
        if (pthread_mutex_init(&workers[i].slot.lock, NULL) != 0 ||
            pthread_create(&ids[i], NULL, work, &workers[i]) != 0)
            return 1;
    }
    double at_begin = 0;
    uint32_t random = all.seed;
    while (atomic_load(&all.working)) {
        const struct timespec pause = {.tv_nsec = (long)(job_random(&random) % 40000000)};
        (void)nanosleep(&pause, NULL);
        job_cancel(&workers[job_random(&random) % (uint32_t)threads].slot);
        if (at_begin == 0 &&
            (all.runs ? atomic_load(&all.done) >= all.runs / 2 : now() >= all.warm))
            at_begin = resident();
    }
    long asked = 0, heard = 0;
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
        asked += atomic_load(&workers[i].slot.asked);
        heard += atomic_load(&workers[i].slot.heard);
    }
    const double at_end = resident(), took = now() - began;

    static uint64_t again[2][MOST_JOBS];
    for (int i = 0; i < 2; i++)
        do_alone(all.models[i], again[i]);
    if (memcmp(again, all.alone, sizeof again) != 0) {
        (void)fprintf(stderr, "stress: a job done alone afterwards differs\n");
        atomic_fetch_add(&all.differed, 1);
    }
    job_world_clear(&all.world);
    artfusion_model_destroy(all.models[0]);
    artfusion_model_destroy(all.models[1]);

    const long done = atomic_load(&all.done), given_up = atomic_load(&all.given_up),
               failed = atomic_load(&all.failed), differed = atomic_load(&all.differed);
    (void)printf("| what | |\n| --- | ---: |\n");
    (void)printf("| threads on one process's two models | %d |\n", threads);
    (void)printf("| minutes | %.1f |\n", took / 60);
    (void)printf("| different jobs, each done alone by each model, before and after | %u |\n",
                 (unsigned)all.jobs);
    (void)printf("| runs | %ld |\n", done);
    (void)printf("| cancels asked for from another thread | %ld |\n", asked);
    (void)printf("| cancels that ended a call | %ld |\n", heard);
    (void)printf("| runs given up after one | %ld |\n", given_up);
    (void)printf("| results compared with those alone | %ld |\n",
                 done - given_up - failed + 2 * (long)all.jobs);
    (void)printf("| of these, results that differed | %ld |\n", differed);
    (void)printf("| calls that failed | %ld |\n", failed);
    (void)printf("| resident memory after a tenth of the time, MiB | %.1f |\n", at_begin);
    (void)printf("| resident memory at the end, MiB | %.1f |\n", at_end);
    if (at_end > at_begin + GROWTH_MIB)
        (void)fprintf(stderr, "stress: memory grew by %.1f MiB\n", at_end - at_begin);
    return failed || differed || !heard || at_end > at_begin + GROWTH_MIB;
}
