/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "message.h"
#include "model_path.h"
#include "sampling.h"

static void log_message(void *user_data, artfusion_log_level level, const char *message)
{
    (void)level;
    progress_clear(user_data);
    fprintf(stderr, "artfusion: %s\n", message);
}

bool is_picture_name(const char *path)
{
    static const char *const known[] = {".png", ".jpg", ".jpeg"};
    const char *slash = strrchr(path, '/');
    const char *suffix = strrchr(slash == NULL ? path : slash, '.');
    for (size_t i = 0; suffix != NULL && i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(suffix, known[i]) == 0)
            return true;
    return false;
}

static int check_suffix(const struct options *options)
{
    if (is_picture_name(options->out))
        return 0;
    return usage_error(options->command, "--out: \"%s\" ends neither in .png nor in .jpg or .jpeg",
                       options->out);
}

/* Not a promise, for folders change; it saves the wait where it is clear from the start. */
static int check_writable(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return failure("%s is a directory, not a picture to write", path);
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return failure("out of memory");
    const int writable = access(folder, W_OK | X_OK) == 0;
    const int code = writable ? 0
                              : failure("%s can't be written, for its folder %s: %s", path, folder,
                                        strerror(errno));
    free(folder);
    return code;
}

int run_check(struct run *run, artfusion_status status)
{
    const int signal_number = interrupt_signal();
    if (status >= 0 && signal_number == 0)
        return 0;
    progress_clear(&run->progress);
    if (signal_number == 0)
        return failure("%s", artfusion_error_message());
    failure("interrupted%s", run->goes_on                ? "; the same command goes on from here"
                             : run->options->out == NULL ? ""
                                                         : ", nothing was written");
    return 128 + signal_number;
}

int run_begin(struct run *run, const struct options *options)
{
    *run = (struct run){.options = options, .started = clock_seconds()};
    progress_init(&run->progress, is_given(options, OPTION_QUIET));
    interrupt_install();
    if (options->out == NULL)
        return 0;
    const int code = check_suffix(options);
    return code != 0 ? code : check_writable(options->out);
}

int run_load_image(struct run *run, const char *path, artfusion_image **image)
{
    const double start = clock_seconds();
    const int code = run_check(run, artfusion_image_load_file(path, NULL, image));
    run->seconds_pictures += clock_seconds() - start;
    return code;
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
    if (status != ARTFUSION_ERROR_ARGUMENT || interrupt_signal() != 0)
        return run_check(run, status);
    progress_clear(&run->progress);
    return usage_error(run->options->command, "%s", artfusion_error_message());
}

int run_open_model(struct run *run)
{
    int code = model_path_find(run->options->model, &run->model_path);
    if (code != 0)
        return code;
    code = check_values(run, open_context(run));
    if (code != 0)
        return code;
    const double start = clock_seconds();
    progress_note(&run->progress, "opening the model");
    code = run_check(run, open_model(run));
    run->seconds_model = clock_seconds() - start;
    if (code == 0 && run->options->strength != NULL)
        code = check_values(run, artfusion_sampler_options_set_preset(&run->sampling, run->model,
                                                                      run->options->strength));
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
    if (content == NULL || (is_given(options, OPTION_PRESET) && !fit))
        return ARTFUSION_OK;
    return artfusion_model_fit_size(run->model, artfusion_image_width(content),
                                    artfusion_image_height(content), fit ? options->fit : 0,
                                    &run->sampling.width, &run->sampling.height);
}

int run_create_sampler(struct run *run, const artfusion_image *content)
{
    artfusion_status status = choose_size(run, content);
    if (status == ARTFUSION_OK)
        status = artfusion_sampler_create(run->model, &run->sampling, &run->sampler);
    interrupt_watch(run->sampler);
    return check_values(run, status);
}

static artfusion_status make_style(struct run *run, const artfusion_image *image,
                                   artfusion_image **resized, artfusion_style **style)
{
    const artfusion_status status =
        is_given(run->options, OPTION_PRESET)
            ? artfusion_image_resize(image, run->sampling.width, run->sampling.height,
                                     ARTFUSION_FILTER_BICUBIC, resized)
            : artfusion_image_resize_fit(image, run->info.native_width, run->info.native_height,
                                         ARTFUSION_FILTER_BICUBIC, resized);
    return status < 0 ? status : artfusion_style_from_image(run->model, *resized, style);
}

int run_make_style(struct run *run, const artfusion_image *image, artfusion_style **style)
{
    const double start = clock_seconds();
    artfusion_image *resized = NULL;
    progress_note(&run->progress, "looking at the style");
    const int code = run_check(run, make_style(run, image, &resized, style));
    artfusion_image_destroy(resized);
    run->seconds_style = clock_seconds() - start;
    return code;
}

static artfusion_status do_steps(struct run *run)
{
    artfusion_status status;
    do {
        status = artfusion_sampler_next(run->sampler);
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
        code = run_check(run, artfusion_sampler_set_content(run->sampler, ARTFUSION_ALL, content));
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
    const int code = run_check(run, artfusion_sampler_image(run->sampler, index, image));
    artfusion_sampler_get_progress(run->sampler, &run->done, sizeof run->done);
    return code;
}

int run_stylize(struct run *run, const artfusion_image *content, const artfusion_image *painting,
                artfusion_style **style, artfusion_image **result)
{
    int code = run_create_sampler(run, content);
    if (code == 0)
        code = run_make_style(run, painting, style);
    if (code == 0)
        code = run_steps(run, content, *style);
    if (code == 0)
        code = run_decode(run, 0, result);
    return code;
}

int run_write(struct run *run, const artfusion_image *image)
{
    int code = run_check(run, ARTFUSION_OK); /* a signal from before */
    if (code != 0)
        return code;
    const double start = clock_seconds();
    const artfusion_status status = artfusion_image_save_file(image, run->options->out, NULL);
    progress_clear(&run->progress);
    if (status < 0)
        code = failure("%s", artfusion_error_message());
    run->seconds_write = clock_seconds() - start;
    return code;
}

int run_save(struct run *run, const artfusion_image *image)
{
    interrupt_hold();
    return run_write(run, image);
}

void run_next(struct run *run)
{
    interrupt_watch(NULL);
    progress_clear(&run->progress);
    progress_init(&run->progress, is_given(run->options, OPTION_QUIET));
    artfusion_sampler_destroy(run->sampler);
    run->sampler = NULL;
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
    free(run->model_path);
    *run = (struct run){0};
}
