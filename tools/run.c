/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "run.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "interrupt.h"
#include "message.h"
#include "option_names.h"
#include "sampling.h"

static void log_message(void *user_data, artfusion_log_level level, const char *message)
{
    (void)level;
    progress_clear(user_data);
    print_line(stderr, "artfusion: %s", message);
}

static const char *interrupted(const struct run *run)
{
    return run->goes_on                ? "interrupted; the same command goes on from here"
           : run->options->out == NULL ? "interrupted"
                                       : "interrupted, nothing was written";
}

/* What a failed call is about, where it is about a file. */
static int fail(struct run *run, artfusion_status status, const char *file)
{
    const int signal_number = interrupt_signal();
    progress_clear(&run->progress);
    if (signal_number == 0)
        return library_failure(status, file);
    failure(ARTFUSION_ERROR_CANCELLED, NULL, "%s", interrupted(run));
    return 128 + signal_number;
}

int run_check_file(struct run *run, artfusion_status status, const char *file)
{
    return status >= 0 && interrupt_signal() == 0 ? 0 : fail(run, status, file);
}

int run_check(struct run *run, artfusion_status status)
{
    return run_check_file(run, status, NULL);
}

void run_warn(struct run *run, const char *format, ...)
{
    char sentence[2048];
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 does not see va_start. */
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (run->warnings == NULL)
        run->warnings = json_array();
    json_array_append_new(run->warnings, json_text(sentence));
    if (is_given(run->options, OPTION_QUIET))
        return;
    progress_clear(&run->progress);
    print_line(stderr, "artfusion: warning: %s", sentence);
}

int run_begin(struct run *run, const struct options *options)
{
    *run = (struct run){.options = options, .started = clock_seconds()};
    progress_init(&run->progress, is_given(options, OPTION_QUIET));
    interrupt_install();
    return options->out == NULL ? 0 : run_check_output(options);
}

/* The call that an engine's process has ended in is made again by another process, to the same end:
 * some times, since there are files that end each. */
static bool goes_on(struct run *run, artfusion_status status, int *tries)
{
    enum { MOST = 3 };
    if (status != ARTFUSION_ERROR_ENGINE || run->info.isolation != ARTFUSION_ISOLATION_PROCESS ||
        interrupt_signal() != 0 || ++*tries == MOST)
        return false;
    run_warn(run, "%s: tried again in another process", artfusion_error_message());
    return true;
}

static artfusion_status open_context(struct run *run)
{
    artfusion_context_options options = run->options->context;
    options.log = log_message;
    options.log_user_data = &run->progress;
    options.log_level = is_given(run->options, OPTION_VERBOSE) ? ARTFUSION_LOG_INFO
                        : is_given(run->options, OPTION_QUIET) ? ARTFUSION_LOG_NONE
                                                               : ARTFUSION_LOG_WARNING;
    return artfusion_context_create(&options, &run->context);
}

static artfusion_status open_model(struct run *run)
{
    artfusion_status status = artfusion_model_open_file(run->context, run->model_path, &run->model);
    if (status < 0)
        return status;
    status = artfusion_model_get_info(run->model, &run->info, sizeof run->info);
    if (status < 0)
        return status;
    return artfusion_sampler_options_init(&run->sampling, sizeof run->sampling, run->model);
}

/* Values that were asked for and can't be are a usage error, though the library finds them. */
static int check_values(struct run *run, artfusion_status status)
{
    char sentence[2048];
    if (status != ARTFUSION_ERROR_ARGUMENT || interrupt_signal() != 0)
        return run_check(run, status);
    progress_clear(&run->progress);
    const char *option =
        option_translate(run->options->table, artfusion_error_message(), sentence, sizeof sentence);
    if (strncmp(sentence, "width is ", 9) == 0 || strncmp(sentence, "height is ", 10) == 0)
        return usage_error("size", "%s", sentence);
    return usage_error_named(option, "%s", sentence);
}

static int apply_preset(struct run *run)
{
    const char *preset = run->options->preset;
    const artfusion_status status =
        artfusion_sampler_options_set_preset(&run->sampling, run->model, preset);
    if (status != ARTFUSION_ERROR_ARGUMENT)
        return run_check(run, status);
    progress_clear(&run->progress);
    return usage_error("preset", "%s", artfusion_error_message());
}

static int find_model(struct run *run)
{
    run->model_path = run->options->model;
    if (run->model_path != NULL)
        return 0;
    const artfusion_status status = artfusion_default_model_path(&run->found_model);
    if (status < 0)
        return failure(status, NULL, "--model is not given, and %s", artfusion_error_message());
    run->model_path = run->found_model;
    return 0;
}

int run_open_model(struct run *run)
{
    int code = find_model(run);
    if (code != 0)
        return code;
    code = check_values(run, open_context(run));
    if (code != 0)
        return code;
    const double start = clock_seconds();
    progress_note(&run->progress, "opening the model");
    char words[128];
    snprintf(words, sizeof words, "%sartfusion: %s\n", run->progress.drawn ? PROGRESS_CLEAR : "",
             interrupted(run));
    if (!is_given(run->options, OPTION_JSON)) /* which gives an object for it */
        interrupt_at_once(words);
    const artfusion_status status = interrupt_signal() != 0 ? ARTFUSION_OK : open_model(run);
    interrupt_at_once(NULL);
    code = run_check_file(run, status, run->model_path);
    run->seconds_model = clock_seconds() - start;
    if (code == 0 && run->options->preset != NULL)
        code = apply_preset(run);
    if (code == 0)
        sampling_apply(run->options, &run->sampling);
    return code;
}

static artfusion_status choose_size(struct run *run, const artfusion_image *content)
{
    const struct options *options = run->options;
    if (is_given(options, OPTION_SIZE)) {
        run->sampling.width = options->width;
        run->sampling.height = options->height;
        return ARTFUSION_OK;
    }
    const bool fit = is_given(options, OPTION_FIT);
    if (content == NULL || (is_given(options, OPTION_NOTEBOOK) && !fit))
        return ARTFUSION_OK;
    return artfusion_sampler_options_set_size(&run->sampling, run->model, content,
                                              fit ? options->fit : 0);
}

/* Sides are whole pixels, and at least one: a strip can't stay one. */
static void watch_proportions(struct run *run, const artfusion_image *content)
{
    if (content == NULL || is_given(run->options, OPTION_SIZE) ||
        is_given(run->options, OPTION_NOTEBOOK))
        return; /* by choice */
    const double width = artfusion_image_width(content), height = artfusion_image_height(content);
    const double before = width / height,
                 after = (double)run->sampling.width / run->sampling.height;
    if (fabs(log(after / before)) <= log(1.25))
        return;
    run_warn(run, "%s: %gx%g becomes %dx%d: its proportions change from %.3g:%.3g to %.3g:%.3g",
             run->options->content, width, height, (int)run->sampling.width,
             (int)run->sampling.height, fmax(before, 1), fmax(1 / before, 1), fmax(after, 1),
             fmax(1 / after, 1));
}

int run_create_sampler(struct run *run, const artfusion_image *content)
{
    artfusion_status status = choose_size(run, content);
    if (status == ARTFUSION_OK)
        watch_proportions(run, content);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_create(run->model, &run->sampling, &run->sampler);
    interrupt_watch(run->sampler);
    return check_values(run, status);
}

/* The notebook squeezes the picture to the run's size. */
static artfusion_status make_style(struct run *run, const artfusion_image *image,
                                   artfusion_image **squeezed, artfusion_style **style)
{
    if (!is_given(run->options, OPTION_NOTEBOOK))
        return artfusion_style_from_image(run->model, image, style);
    artfusion_image_destroy(*squeezed);
    const artfusion_status status = artfusion_image_resize(
        image, run->sampling.width, run->sampling.height, ARTFUSION_FILTER_BICUBIC, squeezed);
    return status < 0 ? status : artfusion_style_from_image_exact(run->model, *squeezed, style);
}

int run_make_style(struct run *run, const artfusion_image *image, artfusion_style **style)
{
    const double start = clock_seconds();
    artfusion_image *squeezed = NULL;
    progress_note(&run->progress, "looking at the style");
    artfusion_status status;
    int tries = 0;
    do
        status = make_style(run, image, &squeezed, style);
    while (goes_on(run, status, &tries));
    const int code = run_check(run, status);
    artfusion_image_destroy(squeezed);
    run->seconds_style = clock_seconds() - start;
    return code;
}

static artfusion_status set_content(struct run *run, const artfusion_image *content)
{
    artfusion_status status;
    int tries = 0;
    do
        status = artfusion_sampler_set_content(run->sampler, ARTFUSION_ALL, content);
    while (goes_on(run, status, &tries));
    return status;
}

static artfusion_status do_step(struct run *run)
{
    artfusion_status status;
    int tries = 0;
    do
        status = artfusion_sampler_next(run->sampler);
    while (goes_on(run, status, &tries));
    return status;
}

static artfusion_status do_steps(struct run *run)
{
    artfusion_status status;
    do {
        status = do_step(run);
        if (status < 0 || interrupt_signal() != 0)
            return status;
        artfusion_sampler_get_progress(run->sampler, &run->done, sizeof run->done);
        if (status == ARTFUSION_OK)
            progress_step(&run->progress, run->done.step, run->done.steps);
    } while (status == ARTFUSION_OK);
    return ARTFUSION_OK;
}

int run_steps(struct run *run, const artfusion_image *content, const artfusion_style *style)
{
    int code = 0;
    progress_note(&run->progress, "looking at the content");
    if (content != NULL)
        code = run_check(run, set_content(run, content));
    if (code == 0)
        code = run_check(run, artfusion_sampler_set_style(run->sampler, ARTFUSION_ALL, style));
    if (code == 0) {
        progress_note(&run->progress, "sampling");
        code = run_check(run, do_steps(run));
    }
    return code;
}

int run_decode(struct run *run, int32_t index, artfusion_image **image)
{
    progress_note(&run->progress, "decoding");
    artfusion_status status;
    int tries = 0;
    do
        status = artfusion_sampler_image(run->sampler, index, image);
    while (goes_on(run, status, &tries));
    const int code = run_check(run, status);
    artfusion_sampler_get_progress(run->sampler, &run->done, sizeof run->done);
    return code;
}

int run_stylize(struct run *run, const artfusion_image *content, const artfusion_image *painting,
                artfusion_image **result)
{
    artfusion_style *style = NULL;
    int code = run_create_sampler(run, content);
    if (code == 0)
        code = run_make_style(run, painting, &style);
    if (code == 0)
        code = run_steps(run, content, style);
    if (code == 0)
        code = run_decode(run, 0, result);
    artfusion_style_destroy(style);
    return code;
}

void run_next(struct run *run)
{
    interrupt_watch(NULL);
    progress_clear(&run->progress);
    progress_init(&run->progress, is_given(run->options, OPTION_QUIET));
    artfusion_sampler_destroy(run->sampler);
    run->sampler = NULL;
    json_decref(run->warnings);
    run->warnings = NULL;
    run->done = (artfusion_progress){0};
    run->started = clock_seconds();
    run->seconds_pictures = run->seconds_model = run->seconds_style = run->seconds_write = 0.0;
}

void run_end(struct run *run)
{
    interrupt_watch(NULL);
    progress_clear(&run->progress);
    artfusion_sampler_destroy(run->sampler);
    artfusion_model_destroy(run->model);
    artfusion_context_destroy(run->context);
    json_decref(run->warnings);
    artfusion_free(run->found_model);
    *run = (struct run){0};
}
