/* SPDX-License-Identifier: MIT
 *
 * Ends an isolated engine again and again:
 *     kills --kills N [--engine test|torch] [--timeout MILLISECONDS] [--seed N]
 *
 * One program does runs on one isolated model, which it opens anew now and then, while a thread sends
 * SIGKILL, SIGSEGV or SIGSTOP to the engine's process at random moments: of opening, of any call that
 * can fail, between two. A moment is so much processor time of that process, since by the clock a busy
 * machine would not let it get beyond its start. Each has to be one error whose sentence says which it was; the call is made again, and
 * the run has to end with the bytes that it has without isolation. In the end there may be no
 * process, descriptor or shared memory that was not there before. Prints what it did as a table, which
 * it lives to do; ends with 1 if any of this is not so.
 */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "isolated.h"
#include "jobs.h"

enum { VARIANTS = 6, MOST_PIXELS = 512 * 512 * 3, REOPENED = 5 /* every so many runs */ };

static const struct way {
    int signal;
    const char *name, *words;
} ways[] = {
    {SIGKILL, "SIGKILL", "the engine's process was ended by SIGKILL"},
    {SIGSEGV, "SIGSEGV", "the engine's process was ended by SIGSEGV"},
    {SIGSTOP, "SIGSTOP", "the engine's process did not answer within"},
};
enum { WAYS = sizeof ways / sizeof *ways };

static struct {
    int torch;
    long kills;
    int32_t timeout, side, steps;
    uint32_t random;
    artfusion_model *model;
    uint8_t expected[VARIANTS][MOST_PIXELS];
    int64_t work;         /* processor time of a process that starts and does one run */
    atomic_int finished;  /* runs: 1 when there are to be no more kills */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t heard;
    const struct way *under_way; /* sent, and no call has told of it yet */
    long sent[WAYS], wrong;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .heard = PTHREAD_COND_INITIALIZER};

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- who ends it ---------------------------------------------------------------- */

/* Until then it is this program's own image still, which holds the thread that starts it. */
static int is_engine(pid_t pid)
{
    char path[64], name[4096] = "";
    (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const size_t got = fread(name, 1, sizeof name - 1, file);
    (void)fclose(file);
    return got > 0 && strstr(name, "artfusion-engine-host") != NULL;
}

/* Processor time in nanoseconds; -1: there is no such process. */
static int64_t worked(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    return pid > 0 && clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0
               ? (int64_t)time.tv_sec * 1000000000 + time.tv_nsec
               : -1;
}

/* Once it has worked so long, and a little later, when it may be between two calls. */
static pid_t wait_for_work(int64_t goal)
{
    enum { LOOK = 500, LATER = 5000 /* microseconds */ };
    pid_t pid = 0;
    for (int64_t work = -1; work < goal; work = worked(pid)) {
        (void)usleep(LOOK);
        if (work < 0 && children(getpid(), &pid) != 1)
            pid = 0;
    }
    (void)usleep((useconds_t)(job_random(&all.random) % LATER));
    return pid;
}

static long end_it(pid_t pid)
{
    pid_t there;
    (void)pthread_mutex_lock(&all.lock);
    const size_t way = (size_t)(all.sent[0] + all.sent[1] + all.sent[2]) % WAYS;
    /* Unless the model was closed meanwhile. */
    if (children(getpid(), &there) == 1 && there == pid && is_engine(pid) &&
        kill(pid, ways[way].signal) == 0) {
        all.under_way = &ways[way];
        all.sent[way]++;
    }
    while (all.under_way)
        (void)pthread_cond_wait(&all.heard, &all.lock);
    const long sent = all.sent[0] + all.sent[1] + all.sent[2];
    (void)pthread_mutex_unlock(&all.lock);
    return sent;
}

static void *end_again_and_again(void *unused)
{
    (void)unused;
    for (long sent = 0; sent < all.kills;) {
        const double part = job_random(&all.random) % 1000 / 1000.0;
        sent = end_it(wait_for_work((int64_t)(1.2 * part * (double)all.work)));
    }
    atomic_store(&all.finished, 1);
    return NULL;
}

/* ---- whose engine it is ----------------------------------------------------------- */

/* Whether the call is to be made again: once for each end. */
static int again(artfusion_status status)
{
    if (status >= ARTFUSION_OK)
        return 0;
    (void)pthread_mutex_lock(&all.lock);
    const struct way *way = all.under_way;
    const int right =
        status == ARTFUSION_ERROR_ENGINE && way && strstr(artfusion_error_message(), way->words);
    if (!right) {
        all.wrong++;
        (void)fprintf(stderr, "kills: %s after %s: %s\n", artfusion_status_name(status),
                      way ? way->name : "nothing", artfusion_error_message());
    }
    all.under_way = NULL;
    (void)pthread_cond_signal(&all.heard);
    (void)pthread_mutex_unlock(&all.lock);
    if (all.wrong > 20)
        exit(1);
    return 1;
}

static artfusion_status open_model(artfusion_isolation isolation, artfusion_model **model)
{
    artfusion_context *context;
    artfusion_context_options options;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.isolation = isolation;
    options.isolation_timeout = all.timeout;
    options.threads = 2;
    if (!all.torch)
        options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    assert_ok(artfusion_context_create(&options, &context));
    artfusion_status status;
    if (all.torch) {
        status = artfusion_model_open_file(context, required_environment("ARTFUSION_MODEL"), model);
    } else {
        size_t size;
        uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
        status = artfusion_model_open_memory(context, bundle, size, model);
        free(bundle);
    }
    artfusion_context_destroy(context);
    return status;
}

/* Nothing may be sent while a handle is destroyed, which tells of no error: what was sent is heard of
 * first, and no more is until the lock is given back. */
static void keep_off(artfusion_model *model)
{
    static const float latent[4 * 4 * 16];
    static float rgb[3 * 128 * 128];
    artfusion_model_info info;
    assert_ok(artfusion_model_get_info(model, &info, sizeof info));
    const int32_t side = info.size_multiple / info.downsample;
    const size_t values = (size_t)info.size_multiple * (size_t)info.size_multiple * 3;
    (void)pthread_mutex_lock(&all.lock);
    while (all.under_way) {
        (void)pthread_mutex_unlock(&all.lock);
        (void)again(artfusion_model_decode(model, latent, 1, side, side, rgb, values));
        (void)pthread_mutex_lock(&all.lock);
    }
}

static void run(artfusion_model *model, uint32_t variant, uint8_t *pixels)
{
    artfusion_image *content = test_picture(all.side, all.side, variant),
                    *painting = test_picture(all.side, all.side, variant + 100), *result;
    artfusion_style *style;
    artfusion_sampler *sampler;
    artfusion_sampler_options options;
    artfusion_status status;
    while (again(artfusion_style_from_image(model, painting, &style)))
        ;
    assert_ok(artfusion_sampler_options_init(&options, sizeof options, model));
    options.width = options.height = all.side;
    options.steps = all.steps;
    options.seed = variant;
    options.eta = 0.5; /* noise at each step: the generator is of the state */
    options.batch = 1 + (int32_t)(variant % 2);
    assert_ok(artfusion_sampler_create(model, &options, &sampler));
    while (again(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, content)))
        ;
    assert_ok(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
    do {
        status = artfusion_sampler_next(sampler);
        (void)again(status);
    } while (status != ARTFUSION_DONE);
    while (again(artfusion_sampler_image(sampler, options.batch - 1, &result)))
        ;
    memcpy(pixels, artfusion_image_pixels(result), (size_t)all.side * (size_t)all.side * 3);
    artfusion_image_destroy(result);
    keep_off(model);
    artfusion_sampler_destroy(sampler);
    (void)pthread_mutex_unlock(&all.lock);
    artfusion_style_destroy(style);
    artfusion_image_destroy(painting);
    artfusion_image_destroy(content);
}

static void close_model(void)
{
    keep_off(all.model);
    artfusion_model_destroy(all.model);
    (void)pthread_mutex_unlock(&all.lock);
}

static void make_what_is_expected(void)
{
    artfusion_model *plain;
    assert_ok(open_model(ARTFUSION_ISOLATION_NONE, &plain));
    for (uint32_t i = 0; i < VARIANTS; i++)
        run(plain, i, all.expected[i]);
    artfusion_model_destroy(plain);
}

static void measure_work(void)
{
    static uint8_t pixels[MOST_PIXELS];
    artfusion_model *model;
    pid_t pid;
    assert_ok(open_model(ARTFUSION_ISOLATION_PROCESS, &model));
    run(model, 0, pixels);
    assert_int_equal(children(getpid(), &pid), 1);
    all.work = worked(pid);
    assert_true(all.work > 0);
    artfusion_model_destroy(model);
}

static const char *read_text(int count, char **arguments, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < count; i += 2)
        if (strcmp(arguments[i], name) == 0)
            return arguments[i + 1];
    return otherwise;
}

static long read_number(int count, char **arguments, const char *name, const char *otherwise)
{
    return strtol(read_text(count, arguments, name, otherwise), NULL, 10);
}

int main(int count, char **arguments)
{
    pthread_t killer;
    let_signals_end_it();
    all.kills = read_number(count, arguments, "--kills", "0");
    all.torch = strcmp(read_text(count, arguments, "--engine", "test"), "torch") == 0;
    all.timeout = (int32_t)read_number(count, arguments, "--timeout", all.torch ? "20000" : "2000");
    all.random = (uint32_t)read_number(count, arguments, "--seed", "1");
    all.side = all.torch ? 128 : 512;
    all.steps = all.torch ? 4 : 10;
    if (all.kills < 1 || all.timeout < 1) {
        (void)fprintf(stderr, "usage: kills --kills N [--engine test|torch] "
                              "[--timeout MILLISECONDS] [--seed N]\n");
        return 2;
    }
    make_what_is_expected();
    measure_work();
    remember_what_is_open();
    const double began = now();
    static uint8_t pixels[MOST_PIXELS];
    long runs = 0, differed = 0, openings = 0;
    if (pthread_create(&killer, NULL, end_again_and_again, NULL) != 0)
        return 1;
    while (!atomic_load(&all.finished)) {
        const uint32_t variant = (uint32_t)runs % VARIANTS;
        if (runs % REOPENED == 0) {
            if (runs)
                close_model();
            while (again(open_model(ARTFUSION_ISOLATION_PROCESS, &all.model)))
                ;
            openings++;
        }
        run(all.model, variant, pixels);
        runs++;
        if (memcmp(pixels, all.expected[variant], (size_t)all.side * (size_t)all.side * 3) != 0) {
            differed++;
            (void)fprintf(stderr, "kills: run %ld has other bytes\n", runs);
        }
    }
    close_model();
    (void)pthread_join(killer, NULL);
    const int processes = children(getpid(), NULL), descriptors = descriptors_opened(),
              memories = shared_memories();

    (void)printf("| what | |\n| --- | ---: |\n");
    (void)printf("| engine | %s |\n", all.torch ? "libtorch, the default model" : "the tests' own");
    (void)printf("| minutes | %.1f |\n", (now() - began) / 60);
    long sent = 0;
    for (int i = 0; i < WAYS; i++) {
        (void)printf("| sent: %s | %ld |\n", ways[i].name, all.sent[i]);
        sent += all.sent[i];
    }
    (void)printf("| of %ld, errors that did not say so, or more or fewer than one | %ld |\n", sent,
                 all.wrong);
    (void)printf("| models opened | %ld |\n", openings);
    (void)printf("| runs that ended | %ld |\n", runs);
    (void)printf("| of these, with other bytes than an undisturbed one | %ld |\n", differed);
    (void)printf("| processes, descriptors, shared memory left | %d, %d, %d |\n", processes,
                 descriptors, memories);
    return all.wrong || differed || processes || descriptors || memories;
}
