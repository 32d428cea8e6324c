/* SPDX-License-Identifier: MIT
 *
 * How soon a cancelled call ends:  cancel [--cancels N] [--size PIXELS] [--seed N]
 *
 * Runs of the real model are cancelled by another thread at random moments of every kind of network
 * call. The time from there to the call's return is told in network calls: in the duration of the one
 * that was under way, and in the median of undisturbed ones of its kind, measured beside each cancel.
 * The engine computes on one thread, and that thread's processor time is counted; the wall clock tells
 * of a machine's other work, and so, by its caches, does the difference of the two units. Prints a
 * table; ends with 1 if the 99th percentile is above 1.1 of the call under way, or if a network call was begun after the cancel.
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "jobs.h"
#include "model/model.h"

enum { ENCODE, CONDITION, DENOISE, PART, DECODE, KINDS };
enum { STEPS = 3, BATCH = 8, RECENT = 9, MOST = 10000 };
#define BOUND 1.1

static const char *const names[KINDS] = {"encoder (content)", "UNet's conditions", "UNet, a step",
                                         "UNet, a batch's part", "decoder"};

/* Wall clock and the running thread's processor time, in seconds. */
typedef struct moment {
    double wall, cpu;
} moment;

typedef struct sample {
    int kind;
    double own, cpu,
        wall; /* in calls: the one under way; undisturbed ones, likewise by the clock */
} sample;

static clockid_t runner;
static const af_engine *engine;
static int denoise_kind = DENOISE;

/* The last undisturbed calls. */
static struct {
    double wall[RECENT], cpu[RECENT];
    int count;
} undisturbed[KINDS];
static int disturbed;

/* The cancel that is wanted: in the `skip`-th call of `kind` from now, at this share of its time. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    artfusion_sampler *sampler;
    int kind, skip, quit;
    double share;
    double due; /* wall clock; 0: not yet */
    moment at;  /* when it was done; wall 0: not yet */
    int calls_after;
    int last;      /* the call that is under way, or was last */
    int under_way; /* whether one is, or was when it was cancelled */
    double own;    /* what it took, if one was */
} wanted = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .kind = -1};

static double read_clock(clockid_t clock)
{
    struct timespec time;
    (void)clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static moment now(void)
{
    return (moment){read_clock(CLOCK_MONOTONIC), read_clock(runner)};
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[RECENT];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return sorted[count / 2];
}

static int known(int kind)
{
    return undisturbed[kind].count < RECENT ? undisturbed[kind].count : RECENT;
}

static moment begin(int kind)
{
    const moment time = now();
    (void)pthread_mutex_lock(&wanted.lock);
    if (wanted.at.wall != 0)
        wanted.calls_after++;
    else
        wanted.under_way = 1;
    wanted.last = kind;
    if (wanted.kind == kind && wanted.skip-- == 0) {
        wanted.due = time.wall + wanted.share * median(undisturbed[kind].wall, known(kind));
        (void)pthread_cond_signal(&wanted.changed);
    }
    (void)pthread_mutex_unlock(&wanted.lock);
    return time;
}

static void end(int kind, moment began)
{
    const moment time = now();
    (void)pthread_mutex_lock(&wanted.lock);
    if (wanted.at.wall == 0)
        wanted.under_way = 0;
    else if (wanted.under_way && !wanted.calls_after)
        wanted.own = time.cpu - began.cpu;
    (void)pthread_mutex_unlock(&wanted.lock);
    if (disturbed)
        return;
    const int place = undisturbed[kind].count++ % RECENT;
    undisturbed[kind].wall[place] = time.wall - began.wall;
    undisturbed[kind].cpu[place] = time.cpu - began.cpu;
}

static artfusion_status encode(af_network *network, const float *rgb, int32_t batch, af_size size,
                               float *mode, af_engine_error *error)
{
    const moment began = begin(ENCODE);
    const artfusion_status status = engine->encode(network, rgb, batch, size, mode, error);
    end(ENCODE, began);
    return status;
}

static artfusion_status decode(af_network *network, const float *z, int32_t batch, af_size size,
                               float *rgb, af_engine_error *error)
{
    const moment began = begin(DECODE);
    const artfusion_status status = engine->decode(network, z, batch, size, rgb, error);
    end(DECODE, began);
    return status;
}

static artfusion_status condition(af_network *network, const af_condition_inputs *inputs,
                                  af_conditions **conditions, af_engine_error *error)
{
    const moment began = begin(CONDITION);
    const artfusion_status status = engine->condition(network, inputs, conditions, error);
    end(CONDITION, began);
    return status;
}

static artfusion_status denoise(af_network *network, const af_conditions *conditions,
                                const af_passes *passes, af_engine_error *error)
{
    const moment began = begin(denoise_kind);
    const artfusion_status status = engine->denoise(network, conditions, passes, error);
    end(denoise_kind, began);
    return status;
}

static void *cancel_when_due(void *unused)
{
    (void)unused;
    (void)pthread_mutex_lock(&wanted.lock);
    for (;;) {
        while (wanted.due == 0 && !wanted.quit)
            (void)pthread_cond_wait(&wanted.changed, &wanted.lock);
        if (wanted.quit)
            break;
        const double left = wanted.due - read_clock(CLOCK_MONOTONIC);
        if (left > 0) {
            const struct timespec pause = {.tv_sec = (time_t)left,
                                           .tv_nsec = (long)((left - (double)(long)left) * 1e9)};
            (void)pthread_mutex_unlock(&wanted.lock);
            (void)nanosleep(&pause, NULL);
            (void)pthread_mutex_lock(&wanted.lock);
        }
        if (wanted.due == 0) /* the run had ended before */
            continue;
        wanted.at = now();
        artfusion_sampler_cancel(wanted.sampler);
        wanted.due = 0;
        wanted.kind = -1;
    }
    (void)pthread_mutex_unlock(&wanted.lock);
    return NULL;
}

static artfusion_status run(artfusion_model *model, const artfusion_style *style, int32_t side,
                            uint32_t number, int batch, int kind, int skip, double share,
                            sample *taken)
{
    artfusion_sampler_options options;
    artfusion_sampler *sampler;
    artfusion_image *picture = test_picture(side, side, number), *result = NULL;
    assert_ok(artfusion_sampler_options_init(&options, sizeof options, model));
    options.width = options.height = side;
    options.batch = batch;
    options.steps = STEPS;
    options.content_scale = 0.5;
    options.style_scale = 2;
    denoise_kind = batch > 1 ? PART : DENOISE;
    assert_ok(artfusion_sampler_create(model, &options, &sampler));
    assert_ok(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
    (void)pthread_mutex_lock(&wanted.lock);
    wanted.sampler = sampler;
    wanted.kind = kind;
    wanted.skip = skip;
    wanted.share = share;
    wanted.at = (moment){0, 0};
    wanted.calls_after = wanted.under_way = 0;
    wanted.own = 0;
    disturbed = kind >= 0;
    (void)pthread_mutex_unlock(&wanted.lock);

    artfusion_status status = artfusion_sampler_set_content(sampler, ARTFUSION_ALL, picture);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_run(sampler);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_image(sampler, 0, &result);
    const moment ended = now();

    (void)pthread_mutex_lock(&wanted.lock);
    if (status == ARTFUSION_ERROR_CANCELLED && taken) {
        kind = wanted.last; /* the thread that cancels may have come late */
        taken->kind = kind;
        taken->wall = (ended.wall - wanted.at.wall) / median(undisturbed[kind].wall, known(kind));
        taken->cpu = (ended.cpu - wanted.at.cpu) / median(undisturbed[kind].cpu, known(kind));
        taken->own = wanted.own > 0 ? (ended.cpu - wanted.at.cpu) / wanted.own : taken->cpu;
    }
    wanted.kind = -1;
    wanted.due = 0;
    wanted.sampler = NULL;
    /* Between the library's look at the flag and the call there is a moment. */
    const int too_many = wanted.calls_after - !wanted.under_way;
    (void)pthread_mutex_unlock(&wanted.lock);
    artfusion_image_destroy(result);
    artfusion_image_destroy(picture);
    artfusion_sampler_destroy(sampler);
    if (too_many > 0 && status == ARTFUSION_ERROR_CANCELLED) {
        (void)fprintf(stderr, "cancel: %d network calls began after the cancel (%s)\n", too_many,
                      names[kind]);
        exit(1);
    }
    return status;
}

static double percentile(const double *sorted, int count, double share)
{
    const int place = (int)(share * count + 0.999999) - 1;
    return sorted[place < 0 ? 0 : place];
}

/* A row of those of one kind; -1: all. */
static double print_row(const sample *samples, int count, int kind)
{
    static double wall[MOST], cpu[MOST], own[MOST];
    int n = 0;
    for (int i = 0; i < count; i++)
        if (kind < 0 || samples[i].kind == kind) {
            wall[n] = samples[i].wall;
            own[n] = samples[i].own;
            cpu[n++] = samples[i].cpu;
        }
    if (!n) {
        (void)fprintf(stderr, "cancel: none came in a call of the %s\n", names[kind]);
        exit(1);
    }
    qsort(wall, (size_t)n, sizeof *wall, compare);
    qsort(cpu, (size_t)n, sizeof *cpu, compare);
    qsort(own, (size_t)n, sizeof *own, compare);
    (void)printf("| %s | %d | ", kind < 0 ? "all" : names[kind], n);
    if (kind < 0)
        (void)printf("| ");
    else
        (void)printf("%.1f | ", 1e3 * median(undisturbed[kind].cpu, known(kind)));
    (void)printf("%.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", percentile(own, n, 0.5),
                 percentile(own, n, 0.9), percentile(own, n, 0.99), own[n - 1],
                 percentile(cpu, n, 0.99), percentile(wall, n, 0.99));
    return percentile(own, n, 0.99);
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
    static sample samples[MOST];
    const int cancels = (int)read_number(count, arguments, "--cancels", 250);
    const int32_t side = (int32_t)read_number(count, arguments, "--size", 128);
    uint32_t random = (uint32_t)read_number(count, arguments, "--seed", 1);
    if (count % 2 == 0 || cancels < KINDS || cancels > MOST || side < 1) {
        (void)fprintf(stderr, "usage: cancel [--cancels N] [--size PIXELS] [--seed N]\n");
        return 2;
    }
    (void)setpriority(PRIO_PROCESS, 0, -5); /* where it may */
    assert_int_equal(pthread_getcpuclockid(pthread_self(), &runner), 0);

    artfusion_context_options options;
    artfusion_context *context;
    artfusion_model *model;
    artfusion_style *style;
    pthread_t thread;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.threads = 1;
    assert_ok(artfusion_context_create(&options, &context));
    assert_ok(artfusion_model_open_file(context, required_environment("ARTFUSION_MODEL"), &model));
    artfusion_context_destroy(context);
    artfusion_image *painting = test_picture(128, 128, 1);
    assert_ok(artfusion_style_from_image(model, painting, &style));
    artfusion_image_destroy(painting);

    /* The engine's own table, with a clock around what it computes. */
    engine = model->engine;
    af_engine timed = *engine;
    timed.encode = encode;
    timed.decode = decode;
    timed.condition = condition;
    timed.denoise = denoise;
    model->engine = &timed;
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_due, NULL), 0);

    uint32_t number = 0; /* of pictures: each is new to the model */
    for (int i = 0; i < 3; i++)
        for (int batch = 1; batch <= BATCH; batch += BATCH - 1)
            assert_ok(run(model, style, side, ++number, batch, -1, 0, 0, NULL));
    memset(undisturbed, 0, sizeof undisturbed); /* the first calls of a size are slower */
    int taken = 0;
    for (int i = 0; taken < cancels && i < 4 * cancels; i++) {
        const int kind = i % KINDS, batch = kind == PART ? BATCH : 1;
        const double share = job_random(&random) % 10000 / 10000.0;
        const int skip = kind == DENOISE ? (int)(job_random(&random) % STEPS)
                         : kind == PART  ? (int)(job_random(&random) % 6)
                                         : 0;
        assert_ok(run(model, style, side, ++number, batch, -1, 0, 0, NULL));
        if (kind == CONDITION || kind == ENCODE || kind == DECODE) /* once a run: more of them */
            assert_ok(run(model, style, side, ++number, batch, -1, 0, 0, NULL));
        const artfusion_status status =
            run(model, style, side, ++number, batch, kind, skip, share, &samples[taken]);
        if (status == ARTFUSION_ERROR_CANCELLED)
            taken++; /* else the run ended before */
        else
            assert_ok(status);
    }
    (void)pthread_mutex_lock(&wanted.lock);
    wanted.quit = 1;
    (void)pthread_cond_signal(&wanted.changed);
    (void)pthread_mutex_unlock(&wanted.lock);
    (void)pthread_join(thread, NULL);

    (void)printf("| cancelled in | cancels | a call, ms | median | 90 %% | 99 %% | most | 99 %%, "
                 "of the median call | the same by the wall clock |\n"
                 "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int kind = 0; kind < KINDS; kind++)
        (void)print_row(samples, taken, kind);
    const double last = print_row(samples, taken, -1);
    model->engine = engine;
    artfusion_style_destroy(style);
    artfusion_model_destroy(model);
    if (taken < cancels || last > BOUND) {
        (void)fprintf(stderr,
                      "cancel: %d of %d cancels, 99 %% within %.2f calls, and %.1f are "
                      "allowed\n",
                      taken, cancels, last, BOUND);
        return 1;
    }
    return 0;
}
