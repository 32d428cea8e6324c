/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "processes_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct calls {
    artfusion_status (*image_create)(int32_t, int32_t, artfusion_image **);
    void (*image_destroy)(artfusion_image *);
    const char *(*error_message)(void);
    artfusion_status (*options_init)(artfusion_context_options *, size_t);
    artfusion_status (*context_create)(const artfusion_context_options *, artfusion_context **);
    void (*context_destroy)(artfusion_context *);
    artfusion_status (*open)(artfusion_context *, const void *, size_t, artfusion_model **);
    artfusion_status (*style)(artfusion_model *, const artfusion_image *, artfusion_style **);
    void (*style_destroy)(artfusion_style *);
    void (*model_destroy)(artfusion_model *);
} calls;

static int find_calls(void *library, calls *c)
{
    const struct {
        const char *name;
        void *function;
    } wanted[] = {
        {"artfusion_image_create", &c->image_create},
        {"artfusion_image_destroy", &c->image_destroy},
        {"artfusion_error_message", &c->error_message},
        {"artfusion_context_options_init", &c->options_init},
        {"artfusion_context_create", &c->context_create},
        {"artfusion_context_destroy", &c->context_destroy},
        {"artfusion_model_open_memory", &c->open},
        {"artfusion_style_from_image", &c->style},
        {"artfusion_style_destroy", &c->style_destroy},
        {"artfusion_model_destroy", &c->model_destroy},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *(void **)wanted[i].function = dlsym(library, wanted[i].name);
        need(*(void **)wanted[i].function);
    }
    return 0;
}

/* A thread's message has storage of the library's in each thread. */
static void *provoke(void *data)
{
    const calls *c = data;
    artfusion_image *none;
    return c->image_create(-5, 1, &none) == ARTFUSION_ERROR_ARGUMENT &&
                   strstr(c->error_message(), "-5")
               ? NULL
               : data;
}

static int use_library(const calls *c, const process_setup *setup, int with_model)
{
    pthread_t thread;
    void *failed;
    artfusion_context_options options;
    artfusion_context *context;
    artfusion_image *image;
    need(!provoke((void *)(uintptr_t)c));
    need(pthread_create(&thread, NULL, provoke, (void *)(uintptr_t)c) == 0);
    need(pthread_join(thread, &failed) == 0 && !failed);
    need(c->options_init(&options, sizeof options) == ARTFUSION_OK);
    options.engine_path = setup->engine;
    need(c->context_create(&options, &context) == ARTFUSION_OK);
    need(c->image_create(64, 64, &image) == ARTFUSION_OK);
    if (with_model) {
        artfusion_model *model;
        artfusion_style *style;
        need(c->open(context, setup->model, setup->size, &model) == ARTFUSION_OK);
        need(c->style(model, image, &style) == ARTFUSION_OK);
        c->style_destroy(style);
        c->model_destroy(model);
    }
    c->image_destroy(image);
    c->context_destroy(context);
    return 0;
}

static long resident(void)
{
    long size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
        pages = -1;
    if (file)
        (void)fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int process_load_often(const process_setup *setup)
{
    long before = 0;
    const char *path = getenv("ARTFUSION_LIBRARY");
    need(path);
    for (int i = 0; i < setup->loads; i++) {
        calls c;
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        need(library);
        need(find_calls(library, &c) == 0);
        need(use_library(&c, setup, i % setup->models_each == 0) == 0);
        need(dlclose(library) == 0);
        need(!dlopen(path, RTLD_NOW | RTLD_NOLOAD)); /* it is gone */
        if (i == setup->loads / 3)
            before = resident();
    }
    const long grown = resident() - before;
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed for a while */
    if (grown > setup->growth) {
        (void)fprintf(stderr, "%ld KiB more after loading the library %d times\n", grown,
                      setup->loads - setup->loads / 3);
        return 1;
    }
#endif
    (void)grown;
    return 0;
}
