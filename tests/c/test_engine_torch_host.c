/* SPDX-License-Identifier: MIT
 * What the real engine's host has of its own, and finds as it was: OpenMP and its threads,
 * floating-point environment, signals, locale, streams; and contexts that differ in their threads. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fenv.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "jobs.h"

extern char **environ;

/* RESTORER: the kernel's SA_RESTORER, which glibc adds to all that it sets, a handler that is given back among it. */
enum { HOST_THREADS = 3, JOBS = 6, RESTORER = 0x04000000 };

static struct {
    int (*get_max_threads)(void);
    void (*set_num_threads)(int);
    int (*get_dynamic)(void);
    void (*set_dynamic)(int);
    int (*get_max_active_levels)(void);
    void (*set_max_active_levels)(int);
    int (*get_thread_num)(void);
    int (*get_num_threads)(void);
    void (*parallel)(void (*)(void *), void *, unsigned, unsigned); /* #pragma omp parallel */
} omp;

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

/* ---- all that is the process's ---------------------------------------------------- */

typedef struct surroundings {
    void (*handlers[65])(int);
    int flags[65];
    sigset_t blocked;
    char directory[4096], locale[256], files[4096];
    mode_t mask;
    int rounding, priority;
    unsigned mxcsr;
    unsigned short x87;
    struct rlimit limits[RLIM_NLIMITS];
    struct itimerval timer;
    cpu_set_t processors;
    uint64_t variables; /* digest of the environment */
} surroundings;

static void list_files(char *text, size_t size)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    size_t length = 0;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        if (atoi(entry->d_name) != dirfd(folder) && entry->d_name[0] != '.')
            length += (size_t)snprintf(text + length, length < size ? size - length : 0, "%s ",
                                       entry->d_name);
    assert_int_equal(closedir(folder), 0);
}

static void look(surroundings *s)
{
    memset(s, 0, sizeof *s);
    for (int number = 1; number < 65; number++) {
        struct sigaction action = {.sa_flags = 0};
        (void)sigaction(number, NULL, &action); /* two are the C library's */
        s->handlers[number] = action.sa_handler;
        s->flags[number] = action.sa_flags & ~RESTORER;
    }
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &s->blocked), 0);
    assert_non_null(getcwd(s->directory, sizeof s->directory));
    (void)snprintf(s->locale, sizeof s->locale, "%s", setlocale(LC_ALL, NULL));
    list_files(s->files, sizeof s->files);
    s->mask = umask(0);
    (void)umask(s->mask);
    s->rounding = fegetround();
    s->priority = getpriority(PRIO_PROCESS, 0);
#if defined(__x86_64__)
    s->mxcsr = __builtin_ia32_stmxcsr() & ~0x3fu; /* without the flags that arithmetic leaves */
    __asm__("fnstcw %0" : "=m"(s->x87));
#endif
    for (int i = 0; i < RLIM_NLIMITS; i++)
        (void)getrlimit((__rlimit_resource_t)i, &s->limits[i]);
    assert_int_equal(getitimer(ITIMER_REAL, &s->timer), 0);
    assert_int_equal(sched_getaffinity(0, sizeof s->processors, &s->processors), 0);
    s->variables = 0xcbf29ce484222325u;
    for (char **variable = environ; *variable; variable++)
        for (const char *c = *variable; *c; c++)
            s->variables = (s->variables ^ (uint8_t)*c) * 0x100000001b3u;
}

static void compare(const surroundings *before, const surroundings *after, const char *when)
{
    const struct {
        const char *what;
        int same;
    } things[] = {
        {"signal handlers", !memcmp(before->handlers, after->handlers, sizeof before->handlers) &&
                                !memcmp(before->flags, after->flags, sizeof before->flags)},
        {"blocked signals", !memcmp(&before->blocked, &after->blocked, sizeof before->blocked)},
        {"the folder", !strcmp(before->directory, after->directory)},
        {"the locale", !strcmp(before->locale, after->locale)},
        {"open files", !strcmp(before->files, after->files)},
        {"umask", before->mask == after->mask},
        {"rounding", before->rounding == after->rounding},
        {"MXCSR", before->mxcsr == after->mxcsr},
        {"the x87's control word", before->x87 == after->x87},
        {"the priority", before->priority == after->priority},
        {"limits", !memcmp(before->limits, after->limits, sizeof before->limits)},
        {"the timer", !memcmp(&before->timer, &after->timer, sizeof before->timer)},
        {"processors", CPU_EQUAL(&before->processors, &after->processors)},
        {"the environment", before->variables == after->variables},
    };
    for (size_t i = 0; i < sizeof things / sizeof *things; i++)
        if (!things[i].same)
            fail_msg("%s: %s changed (%s -> %s, %x -> %x)", when, things[i].what, before->files,
                     after->files, before->mxcsr, after->mxcsr);
}

static void ignore(int number)
{
    (void)number;
}

static const char *unlike_the_host; /* what a callback found */

static int32_t is_the_hosts(void *before, artfusion_sampler *sampler)
{
    surroundings here;
    (void)sampler;
    look(&here);
    if (here.mxcsr != ((const surroundings *)before)->mxcsr ||
        here.rounding != ((const surroundings *)before)->rounding)
        unlike_the_host = "the floating-point environment";
    if (omp.get_max_threads() != HOST_THREADS)
        unlike_the_host = "OpenMP's threads";
    return 0;
}

/* First, so that the engine's loading is among what is seen. */
static void test_surroundings(void **state)
{
    (void)state;
    surroundings before, after;
    const struct sigaction action = {.sa_handler = ignore};
    sigset_t blocked;
    assert_int_equal(sigaction(SIGPIPE, &action, NULL) | sigaction(SIGUSR1, &action, NULL), 0);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &blocked, NULL), 0);
    assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
    (void)umask(027);

    FILE *caught = tmpfile();
    assert_non_null(caught);
    (void)fflush(NULL);
    const int saved[] = {dup(1), dup(2)};
    assert_true(dup2(fileno(caught), 1) == 1 && dup2(fileno(caught), 2) == 2);
    assert_int_equal(fesetround(FE_UPWARD), 0);
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u); /* FTZ, DAZ */
#endif
    omp.set_dynamic(1);
    omp.set_max_active_levels(2);
    look(&before);

    artfusion_context_options contexts;
    artfusion_sampler_options options;
    artfusion_context *context;
    artfusion_model *model, *none;
    artfusion_image *picture = test_picture(64, 64, 1), *result = NULL;
    artfusion_style *style;
    artfusion_sampler *sampler;
    artfusion_status status = artfusion_context_options_init(&contexts, sizeof contexts);
    contexts.threads = 2;
    contexts.engine_path = "/nowhere/engine.so"; /* what fails leaves nothing either */
    status |= artfusion_context_create(&contexts, &context);
    const artfusion_status missing =
        artfusion_model_open_file(context, required_environment("ARTFUSION_MODEL"), &none);
    artfusion_context_destroy(context);
    model = open_model(2);
    status |= artfusion_style_from_image(model, picture, &style);
    status |= artfusion_sampler_options_init(&options, sizeof options, model);
    options.width = options.height = 64;
    options.steps = 2;
    options.step_callback = is_the_hosts;
    options.step_user_data = &before;
    status |= artfusion_sampler_create(model, &options, &sampler);
    status |= artfusion_sampler_set_content(sampler, ARTFUSION_ALL, picture);
    status |= artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style);
    status |= artfusion_sampler_run(sampler);
    status |= artfusion_sampler_image(sampler, 0, &result);
    artfusion_image_destroy(result);
    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(style);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);

    look(&after);
    const int dynamic = omp.get_dynamic(), levels = omp.get_max_active_levels();
    omp.set_dynamic(0); /* with it, a region has as many threads as the machine has to spare */
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() & ~0x8040u);
#endif
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    (void)fflush(NULL);
    assert_true(dup2(saved[0], 1) == 1 && dup2(saved[1], 2) == 2);
    assert_int_equal(close(saved[0]) | close(saved[1]), 0);
    const off_t printed = lseek(fileno(caught), 0, SEEK_END);
    assert_int_equal(fclose(caught), 0);

    assert_int_equal(missing, ARTFUSION_ERROR_ENGINE);
    assert_int_equal(status, ARTFUSION_OK);
    assert_int_equal(printed, 0);
    assert_int_equal(dynamic, 1);
    assert_int_equal(levels, 2);
    assert_int_equal(omp.get_max_threads(), HOST_THREADS);
    if (unlike_the_host)
        fail_msg("a callback finds %s not as the host had it", unlike_the_host);
    compare(&before, &after, "a model's life");
}

/* ---- arithmetic ---------------------------------------------------------------------- */

static artfusion_style *style_of(artfusion_model *model, const artfusion_image *picture)
{
    artfusion_style *style = NULL;
    assert_ok(artfusion_style_from_image_exact(model, picture, &style));
    return style;
}

/* What a network computes is the same in a host that rounds upward and has no denormals. OpenMP's
 * threads are started in that host's call, too: test_contexts finds what they would keep of it. */
static void test_arithmetic(void **state)
{
    (void)state;
    artfusion_model *model = open_model(2);
    artfusion_image *picture = test_picture(64, 64, 7);
    artfusion_style *plain = style_of(model, picture);
    assert_int_equal(fesetround(FE_UPWARD), 0);
#if defined(__x86_64__)
    const unsigned mxcsr = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(mxcsr | 0x8040u);
#endif
    artfusion_model *other = open_model(2); /* which does not remember the picture */
    artfusion_style *odd = style_of(other, picture);
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(mxcsr);
#endif
    assert_int_equal(fesetround(FE_TONEAREST), 0);

    size_t count, theirs;
    const float *values = artfusion_style_values(plain, &count);
    const float *oddly = artfusion_style_values(odd, &theirs);
    assert_int_equal(count, theirs);
    assert_memory_equal(values, oddly, count * sizeof *values);
    artfusion_style_destroy(plain);
    artfusion_style_destroy(odd);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
    artfusion_model_destroy(other);
}

/* ---- contexts that differ ---------------------------------------------------------- */

typedef struct party {
    job_world world;
    uint64_t alone[JOBS];
    int32_t threads;
    char complaint[1300];
} party;

static void find_threads(party *self)
{
    artfusion_model_info info;
    if (artfusion_model_get_info(self->world.model, &info, sizeof info) != ARTFUSION_OK ||
        info.threads != self->threads)
        (void)snprintf(self->complaint, sizeof self->complaint, "another number of threads");
    if (omp.get_max_threads() != HOST_THREADS)
        (void)snprintf(self->complaint, sizeof self->complaint, "the host's OpenMP has %d threads",
                       omp.get_max_threads());
}

static void do_jobs(party *self)
{
    for (uint32_t i = 0; i < JOBS && !self->complaint[0]; i++) {
        uint64_t digest = 0;
        const char *complaint = job_run(&self->world, self->world.model, i, NULL, 0, &digest);
        if (complaint)
            (void)snprintf(self->complaint, sizeof self->complaint, "%s", complaint);
        else if (!self->alone[i])
            self->alone[i] = digest;
        else if (digest != self->alone[i])
            (void)snprintf(self->complaint, sizeof self->complaint, "job %u differs", (unsigned)i);
        if (!self->complaint[0])
            find_threads(self);
    }
}

static void *take_part(void *data)
{
    party *self = data;
    omp.set_num_threads(HOST_THREADS); /* which is each thread's own */
    do_jobs(self);
    do_jobs(self);
    return NULL;
}

static void make_party(party *self, int32_t threads)
{
    memset(self, 0, sizeof *self);
    self->threads = threads;
    job_world_make(&self->world, open_model(threads), 3);
    do_jobs(self);
    if (self->complaint[0])
        fail_msg("alone, with %d threads: %s", (int)threads, self->complaint);
}

static void end_party(party *self)
{
    if (self->complaint[0])
        fail_msg("with %d threads: %s", (int)self->threads, self->complaint);
    job_world_clear(&self->world);
    artfusion_model_destroy(self->world.model);
}

/* A parallel region of the host's own, as its compiler makes them. */
typedef struct region {
    atomic_int threads;
    atomic_long sum;
} region;

static void count_up(void *data)
{
    region *self = data;
    long sum = 0;
    for (long i = omp.get_thread_num(); i < 3000; i += omp.get_num_threads())
        sum += i;
    atomic_fetch_add(&self->threads, 1);
    atomic_fetch_add(&self->sum, sum);
}

static atomic_int over;

static void *compute(void *unused)
{
    (void)unused;
    omp.set_num_threads(HOST_THREADS);
    static const char *const wrong = "a parallel region of the host's went wrong";
    while (!atomic_load(&over)) {
        region own = {0};
        omp.parallel(count_up, &own, 0, 0);
        if (atomic_load(&own.threads) != HOST_THREADS ||
            atomic_load(&own.sum) != 3000L * 2999 / 2 || omp.get_max_threads() != HOST_THREADS)
            return (void *)(uintptr_t)wrong;
        (void)usleep(200);
    }
    return NULL;
}

/* Both at once, while the host computes in parallel itself. */
static void test_contexts(void **state)
{
    (void)state;
    static party parties[2];
    pthread_t threads[2], host;
    void *complaint;
    make_party(&parties[0], 1);
    make_party(&parties[1], 2);
    assert_int_equal(pthread_create(&host, NULL, compute, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_part, &parties[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    atomic_store(&over, 1);
    assert_int_equal(pthread_join(host, &complaint), 0);
    if (complaint)
        fail_msg("%s", (const char *)complaint);
    assert_int_equal(omp.get_max_threads(), HOST_THREADS);
    for (int i = 0; i < 2; i++)
        end_party(&parties[i]);
}

/* Each thread of the host's region is one that calls the library. */
typedef struct team {
    party *own;
    atomic_int wrong;
} team;

static void run_in_region(void *data)
{
    team *self = data;
    for (uint32_t i = 0; i < JOBS; i++) {
        uint64_t digest = 0;
        if (job_run(&self->own->world, self->own->world.model, i, NULL, 0, &digest) ||
            digest != self->own->alone[i] || omp.get_num_threads() != HOST_THREADS)
            atomic_fetch_add(&self->wrong, 1);
    }
}

static void test_in_region(void **state)
{
    (void)state;
    static party own;
    make_party(&own, 1);
    team all = {.own = &own};
    omp.parallel(run_in_region, &all, 0, 0);
    assert_int_equal(atomic_load(&all.wrong), 0);
    assert_int_equal(omp.get_max_threads(), HOST_THREADS);
    end_party(&own);
}

/* ISO C has no conversion from object to function pointers; POSIX has this one. */
static void find(void *library, const char *name, void *function)
{
    *(void **)function = dlsym(library, name);
    if (!*(void **)function)
        fail_msg("%s", dlerror());
}

/* The OpenMP of a host, there before the engine, with settings that are not the default. */
static int load(void **state)
{
    (void)state;
    void *library = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!library)
        fail_msg("%s", dlerror());
    find(library, "omp_get_max_threads", &omp.get_max_threads);
    find(library, "omp_set_num_threads", &omp.set_num_threads);
    find(library, "omp_get_dynamic", &omp.get_dynamic);
    find(library, "omp_set_dynamic", &omp.set_dynamic);
    find(library, "omp_get_max_active_levels", &omp.get_max_active_levels);
    find(library, "omp_set_max_active_levels", &omp.set_max_active_levels);
    find(library, "omp_get_thread_num", &omp.get_thread_num);
    find(library, "omp_get_num_threads", &omp.get_num_threads);
    find(library, "GOMP_parallel", &omp.parallel);
    omp.set_num_threads(HOST_THREADS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surroundings), /* first */
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_in_region),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
