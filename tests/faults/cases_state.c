/* SPDX-License-Identifier: MIT
 * What is saved and loaded again: style codes and the state of a run; and how much memory one takes. */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"

static artfusion_sampler *begun(void)
{
    artfusion_sampler_options options;
    artfusion_sampler *sampler;
    MUST(artfusion_sampler_options_init(&options, sizeof options, w.opened));
    options.width = options.height = SIDE;
    options.steps = 4;
    options.keep_every = 1;
    options.solver = ARTFUSION_SOLVER_UNIPC;
    MUST(artfusion_sampler_create(w.opened, &options, &sampler));
    MUST(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, w.picture));
    MUST(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, w.style));
    MUST(artfusion_sampler_next(sampler));
    return sampler;
}

static void finish(outcome *o, artfusion_sampler *sampler)
{
    size_t count;
    MUST(artfusion_sampler_run(sampler));
    const float *x = artfusion_sampler_x(sampler, &count);
    take(o, x, count * sizeof *x);
    artfusion_sampler_destroy(sampler);
}

static void taken(outcome *o, artfusion_style *style)
{
    size_t count;
    const float *values = artfusion_style_values(style, &count);
    if (values)
        take(o, values, count * sizeof *values);
    artfusion_style_destroy(style);
}

/* After a failed save: there is what there was. */
static void expect_before(outcome *o, const char *path)
{
    outcome left = {0};
    take_file(&left, path);
    if (left.size != 6 || memcmp(left.bytes, "before", 6) != 0)
        wrong(o, "the file is not what it was before the failure");
    free(left.bytes);
}

static const char *path_with(outcome *o, const char *name, const void *data, size_t size)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        wrong(o, "%s cannot be written", path);
    return path;
}

static void style_save_memory(outcome *o)
{
    uint8_t *data;
    size_t size;
    ATTEMPT_MAKING(o, data, artfusion_style_save_memory(w.style, &data, &size));
    if (data)
        take(o, data, size);
    artfusion_free(data);
}

static void style_save_file(outcome *o)
{
    const char *path = path_with(o, "style", "before", 6);
    faults_arm();
    const artfusion_status status = artfusion_style_save_file(w.style, path);
    faults_disarm();
    attempted(o, status);
    if (status < 0) {
        expect_before(o, path);
        o->again = artfusion_style_save_file(w.style, path);
    }
    take_file(o, path);
    (void)unlink(path);
}

static void style_load_memory(outcome *o)
{
    uint8_t *data;
    size_t size;
    artfusion_style *style;
    MUST(artfusion_style_save_memory(w.style, &data, &size));
    ATTEMPT_MAKING(o, style, artfusion_style_load_memory(w.opened, data, size, &style));
    artfusion_free(data);
    taken(o, style);
}

static void style_load_file(outcome *o)
{
    uint8_t *data;
    size_t size;
    artfusion_style *style;
    MUST(artfusion_style_save_memory(w.style, &data, &size));
    const char *path = path_with(o, "style", data, size);
    artfusion_free(data);
    ATTEMPT_MAKING(o, style, artfusion_style_load_file(w.opened, path, &style));
    taken(o, style);
    (void)unlink(path);
}

static void save_state_memory(outcome *o)
{
    artfusion_sampler *sampler = begun();
    uint8_t *data;
    size_t size;
    ATTEMPT_MAKING(o, data, artfusion_sampler_save_state_memory(sampler, &data, &size));
    if (data)
        take(o, &size, sizeof size);
    artfusion_free(data);
    finish(o, sampler);
}

static void save_state_file(outcome *o)
{
    artfusion_sampler *sampler = begun();
    const char *path = path_with(o, "state", "before", 6);
    faults_arm();
    const artfusion_status status = artfusion_sampler_save_state_file(sampler, path);
    faults_disarm();
    attempted(o, status);
    if (status < 0) {
        expect_before(o, path);
        o->again = artfusion_sampler_save_state_file(sampler, path);
    }
    MUST(artfusion_sampler_load_state_file(sampler, path));
    (void)unlink(path);
    finish(o, sampler);
}

/* From the state after a step, into a run that is a step further. */
static void load_state_memory(outcome *o)
{
    artfusion_sampler *sampler = begun();
    uint8_t *data;
    size_t size;
    MUST(artfusion_sampler_save_state_memory(sampler, &data, &size));
    MUST(artfusion_sampler_next(sampler));
    ATTEMPT(o, artfusion_sampler_load_state_memory(sampler, data, size));
    artfusion_free(data);
    finish(o, sampler);
}

static void load_state_file(outcome *o)
{
    artfusion_sampler *sampler = begun();
    const char *path = path_of("state");
    MUST(artfusion_sampler_save_state_file(sampler, path));
    MUST(artfusion_sampler_next(sampler));
    ATTEMPT(o, artfusion_sampler_load_state_file(sampler, path));
    (void)unlink(path);
    finish(o, sampler);
}

/* Of a model that was not asked yet, which measures. */
static void memory_needed(outcome *o)
{
    artfusion_model *model;
    uint64_t bytes = 0;
    MUST(artfusion_model_open_memory(w.context, w.bundle, w.bundle_size, &model));
    ATTEMPT(o, artfusion_sampler_memory_needed(model, NULL, &bytes));
    take(o, &bytes, sizeof bytes);
    artfusion_model_destroy(model);
}

const fault_case state_cases[] = {
    {"artfusion_style_save_memory", NULL, style_save_memory, 0, {NULL}},
    {"artfusion_style_save_file", NULL, style_save_file, 0, {NULL}},
    {"artfusion_style_load_memory", NULL, style_load_memory, 0, {NULL}},
    {"artfusion_style_load_file", NULL, style_load_file, 0, {NULL}},
    {"artfusion_sampler_save_state_memory", NULL, save_state_memory, 0, {NULL}},
    {"artfusion_sampler_save_state_file", NULL, save_state_file, 0, {NULL}},
    {"artfusion_sampler_load_state_memory", NULL, load_state_memory, 0, {NULL}},
    {"artfusion_sampler_load_state_file", NULL, load_state_file, 0, {NULL}},
    {"artfusion_sampler_memory_needed", NULL, memory_needed, 0, {NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
