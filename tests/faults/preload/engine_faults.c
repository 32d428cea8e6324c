/* SPDX-License-Identifier: MIT
 * The libtorch engine without memory, beside preload.c. Whether it is survived is for the program
 * that started this one to see: what is tried is said before it is, a line each.
 *
 *     engine_faults MODEL CALL FIRST WANTED LEAST LASTING   of the allocations of at least LEAST
 *                                                           bytes one fails, from the FIRST on about
 *                                                           WANTED in all, if LASTING all behind it
 *     engine_faults ... isolated                            the same, of the process that an isolated
 *                                                           engine is in
 *     engine_faults MODEL limit BYTES                       all calls, in BYTES of address space */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "artfusion.h"

enum { WIDTH = 64, HEIGHT = 32, TIMEOUT = 120000 /* of an isolated engine's calls */ };

static void (*arm)(long at, size_t least, int lasting);
static long (*disarm)(void);
static int (*share)(const char *);

static const char *path;
static artfusion_context *context;
static artfusion_model *model;
static artfusion_image *picture;

static void must(artfusion_status status, const char *call)
{
    if (status == ARTFUSION_OK)
        return;
    printf("broken %s: %s %s\n", call, artfusion_status_name(status), artfusion_error_message());
    exit(3);
}

/* What a call has made; made anew for each try. */
typedef struct result {
    artfusion_model *model;
    artfusion_style *style;
    artfusion_sampler *sampler;
    artfusion_image *image;
    float *latent;
    size_t latent_size;
} result;

static artfusion_sampler *make_sampler(void)
{
    artfusion_sampler_options options;
    artfusion_sampler *sampler;
    must(artfusion_sampler_options_init(&options, sizeof options, model), "options");
    options.width = WIDTH;
    options.height = HEIGHT;
    options.steps = 2;
    options.timesteps = NULL;
    options.content_scale = 0.5;
    options.style_scale = 2.0;
    must(artfusion_sampler_create(model, &options, &sampler), "a sampler");
    must(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, picture), "content");
    artfusion_style *style;
    must(artfusion_style_from_image(model, picture, &style), "style");
    must(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style), "style");
    artfusion_style_destroy(style);
    return sampler;
}

/* So that the model has not seen it. */
static void change_picture(void)
{
    static uint8_t colour;
    artfusion_image_pixels(picture)[0] = ++colour;
}

static void prepare(const char *call, result *r)
{
    *r = (result){0};
    if (!strcmp(call, "run"))
        r->sampler = make_sampler();
    if (!strcmp(call, "image")) {
        r->sampler = make_sampler();
        must(artfusion_sampler_next(r->sampler), "a step");
    }
    if (!strcmp(call, "encode")) {
        artfusion_model_info info;
        must(artfusion_model_get_info(model, &info, sizeof info), "info");
        r->latent_size = (size_t)info.latent_channels * (size_t)(WIDTH / info.downsample) *
                         (size_t)(HEIGHT / info.downsample);
        r->latent = calloc(r->latent_size, sizeof *r->latent);
    }
    if (strcmp(call, "open") != 0)
        change_picture();
}

static artfusion_status attempt(const char *call, result *r)
{
    if (!strcmp(call, "open"))
        return artfusion_model_open_file(context, path, &r->model);
    if (!strcmp(call, "encode"))
        return artfusion_model_encode(model, picture, ARTFUSION_LATENT_MODE, r->latent,
                                      r->latent_size);
    if (!strcmp(call, "style"))
        return artfusion_style_from_image(model, picture, &r->style);
    if (!strcmp(call, "run"))
        return artfusion_sampler_run(r->sampler);
    return artfusion_sampler_image(r->sampler, 0, &r->image);
}

static void clear(result *r)
{
    artfusion_model_destroy(r->model);
    artfusion_style_destroy(r->style);
    artfusion_sampler_destroy(r->sampler);
    artfusion_image_destroy(r->image);
    free(r->latent);
}

static void open_all(int isolated)
{
    artfusion_context_options options;
    must(artfusion_context_options_init(&options, sizeof options), "options");
    if (isolated) {
        char shared[64];
        const int memory = memfd_create("faults", 0);
        (void)snprintf(shared, sizeof shared, "/proc/%ld/fd/%d", (long)getpid(), memory);
        if (ftruncate(memory, sysconf(_SC_PAGESIZE)) != 0 || !share || share(shared) != 0)
            exit(4);
        options.isolation = ARTFUSION_ISOLATION_PROCESS;
        options.isolation_timeout = TIMEOUT;
    }
    must(artfusion_context_create(&options, &context), "a context");
    must(artfusion_image_create(WIDTH, HEIGHT, &picture), "a picture");
    for (size_t i = 0; i < 3 * WIDTH * HEIGHT; i++)
        artfusion_image_pixels(picture)[i] = (uint8_t)(i * 7 % 251);
}

/* The JIT makes its mind up in the first. Returns how many allocations the last makes. */
static long warm_up(const char *call, size_t least, int rounds)
{
    result r;
    long total = 0;
    for (int i = 0; i < rounds; i++) {
        prepare(call, &r);
        arm(0, least, 0);
        const artfusion_status status = attempt(call, &r);
        total = disarm();
        must(status, call);
        clear(&r);
    }
    return total;
}

static void fail_in_turn(const char *call, long first, long wanted, size_t least, int lasting)
{
    result r;
    must(artfusion_model_open_file(context, path, &model), "the model");
    const long total = warm_up(call, least, 3);
    const long stride = total > wanted ? total / wanted : 1;
    printf("total %ld, every %ld\n", total, stride);
    for (long n = first; n <= total; n += stride) {
        prepare(call, &r);
        printf("at %ld\n", n);
        (void)fflush(stdout);
        arm(n, least, lasting);
        const artfusion_status status = attempt(call, &r);
        const long came = disarm();
        printf("%s %d %s\n", came < n ? "missed" : "answered", (int)status,
               status < 0 ? artfusion_error_message() : "");
        if (status < 0 && (r.model || r.style || r.image))
            printf("broken: a handle is left\n");
        if (status < 0 && !artfusion_error_message()[0])
            printf("broken: no message\n");
        const int ended = status < 0 && strstr(artfusion_error_message(), "the engine's process");
        if (status < 0)
            must(attempt(call, &r), "the same call without the fault");
        clear(&r);
        if (ended) /* and the call was of another */
            (void)warm_up(call, least, 2);
    }
    artfusion_model_destroy(model);
}

/* Everything in one go; the first failure ends it, and all is closed. */
static void limit(rlim_t bytes)
{
    const struct rlimit space = {bytes, bytes};
    artfusion_status status = ARTFUSION_OK;
    result r = {0};
    printf("at %lu\n", (unsigned long)bytes);
    (void)fflush(stdout);
    if (bytes && setrlimit(RLIMIT_AS, &space) != 0)
        exit(4);
    static const char *const calls[] = {"open", "run", "image"};
    const char *at = "";
    artfusion_sampler_options options;
    for (int i = 0; i < 3 && status == ARTFUSION_OK; i++) {
        at = calls[i];
        if (i == 1) {
            model = r.model;
            (void)artfusion_sampler_options_init(&options, sizeof options, model);
            options.width = 4 * WIDTH;
            options.height = 4 * WIDTH;
            options.steps = 2;
            options.batch = 4;
            status = artfusion_sampler_create(model, &options, &r.sampler);
            if (status == ARTFUSION_OK)
                status = artfusion_sampler_set_content(r.sampler, ARTFUSION_ALL, picture);
        }
        if (status == ARTFUSION_OK)
            status = attempt(calls[i], &r);
    }
    printf("answered %d %s: %s\n", (int)status, status < 0 ? at : "done",
           status < 0 ? artfusion_error_message() : "");
    clear(&r);
    if (!bytes) {
        char line[256];
        FILE *file = fopen("/proc/self/status", "r");
        while (file && fgets(line, sizeof line, file))
            if (!strncmp(line, "VmPeak:", 7))
                printf("peak %ld\n", 1024 * atol(line + 7));
    }
}

/* Whose code it is: the innermost function's file that is neither of the C and C++ libraries, by
 * which a process aborts, nor of no file, as code that oneDNN has made. */
static void tell_whose(const char *words)
{
    enum { MOST = 64 };
    static const char *const passed_over[] = {"/libc.so",       "/libstdc++.so",
                                              "/libgcc_s.so",   "/ld-linux",
                                              "/engine_faults", "/libfault_preload.so"};
    void *frames[MOST];
    const int count = backtrace(frames, MOST);
    for (int i = 0; i < count; i++) {
        Dl_info info;
        int own = 0;
        if (!dladdr(frames[i], &info) || !info.dli_fname || !strchr(info.dli_fname, '/'))
            continue;
        for (size_t p = 0; p < sizeof passed_over / sizeof *passed_over; p++)
            own = own || strstr(info.dli_fname, passed_over[p]);
        if (own)
            continue;
        const char *name = strrchr(info.dli_fname, '/') + 1;
        (void)!write(STDERR_FILENO, words, strlen(words));
        (void)!write(STDERR_FILENO, name, strlen(name));
        (void)!write(STDERR_FILENO, "\n", 1);
        break;
    }
}

static void tell_where(int number)
{
    tell_whose("\nended in ");
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void tell_loader(void)
{
    tell_whose("\nthe loader's for ");
}

int main(int argc, char **argv)
{
    void *frame[1];
    (void)backtrace(frame, 1); /* loads what it needs while there is memory */
    (void)signal(SIGSEGV, tell_where);
    (void)signal(SIGABRT, tell_where);
    *(void **)&arm = dlsym(RTLD_DEFAULT, "artfusion_faults_arm");
    *(void **)&disarm = dlsym(RTLD_DEFAULT, "artfusion_faults_disarm");
    void (**refused)(void) = dlsym(RTLD_DEFAULT, "artfusion_faults_loader_refused");
    if (refused)
        *refused = tell_loader;
    *(void **)&share = dlsym(RTLD_DEFAULT, "artfusion_faults_share");
    if (argc < 4)
        return 2;
    path = argv[1];
    const int isolated = argc == 8 && !strcmp(argv[7], "isolated");
    open_all(isolated);
    if (argc == 4 && !strcmp(argv[2], "limit"))
        limit(strtoul(argv[3], NULL, 10));
    else if ((argc == 7 || isolated) && arm && disarm)
        fail_in_turn(argv[2], atol(argv[3]), atol(argv[4]), strtoul(argv[5], NULL, 10),
                     atoi(argv[6]));
    else
        return 2;
    artfusion_context_destroy(context);
    artfusion_image_destroy(picture);
    if (waitpid(-1, NULL, WNOHANG) != -1) {
        puts("broken: a process is left");
        return 3;
    }
    puts("end");
    return 0;
}
