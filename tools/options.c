/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "option_names.h"
#include "values.h"

enum { MAX_SIDE = 65535, MAX_COUNT = 256 };

/* Takes over `text`. */
static int keep_text(const char *name, char *text, char **kept)
{
    if (*kept == NULL && text[0] != '\0') {
        *kept = text;
        return 0;
    }
    const int status =
        *kept == NULL
            ? usage_error(name, "\"\" names nothing")
            : usage_error_named(name, "--%s was given twice: \"%s\" and \"%s\"", name, *kept, text);
    free(text);
    return status;
}

/* The value of an option that is not kept as text. What it may be in the end is the library's to
 * judge, by the model. */
static int read_value(struct options *options, enum option option, const char *name,
                      const char *text)
{
    artfusion_sampler_options *const sampling = &options->sampling;
    artfusion_context_options *const context = &options->context;
    switch (option) {
    case OPTION_SIZE: return value_size(name, text, MAX_SIDE, &options->width, &options->height);
    case OPTION_FIT: return value_int32(name, text, 1, MAX_SIDE, &options->fit);
    case OPTION_COUNT: return value_int32(name, text, 1, MAX_COUNT, &options->count);
    case OPTION_FORMAT: return value_format(name, text, &options->format);
    case OPTION_READING: return value_reading(name, text, &options->reading.reading);
    case OPTION_BACKGROUND: return value_background(name, text, options->reading.background);
    case OPTION_STEPS:
        return value_judged(name, text, "1 to the timesteps of the model, 1000 as a rule",
                            &sampling->steps);
    case OPTION_SOLVER: return value_constant(name, text, ARTFUSION_ENUM_SOLVER, &sampling->solver);
    case OPTION_SPACING:
        return value_constant(name, text, ARTFUSION_ENUM_SPACING, &sampling->spacing);
    case OPTION_CONTENT_SCALE: return value_real(name, text, &sampling->content_scale);
    case OPTION_STYLE_SCALE: return value_real(name, text, &sampling->style_scale);
    case OPTION_ETA: return value_real(name, text, &sampling->eta);
    case OPTION_CONTENT_START: return value_real(name, text, &sampling->content_start);
    case OPTION_CONTENT_END: return value_real(name, text, &sampling->content_end);
    case OPTION_STYLE_START: return value_real(name, text, &sampling->style_start);
    case OPTION_STYLE_END: return value_real(name, text, &sampling->style_end);
    case OPTION_DENOISING_STRENGTH: return value_real(name, text, &sampling->denoising_strength);
    case OPTION_SEED: return value_seed(name, text, &sampling->seed);
    case OPTION_RNG: return value_constant(name, text, ARTFUSION_ENUM_RNG, &sampling->rng);
    case OPTION_NOISE: return value_constant(name, text, ARTFUSION_ENUM_NOISE, &sampling->noise);
    case OPTION_DEVICE: return value_device(name, text, context);
    case OPTION_PRECISION:
        return value_constant(name, text, ARTFUSION_ENUM_PRECISION, &context->precision);
    case OPTION_THREADS: return value_judged(name, text, "0 to some hundreds", &context->threads);
    case OPTION_ISOLATION:
        return value_constant(name, text, ARTFUSION_ENUM_ISOLATION, &context->isolation);
    case OPTION_ISOLATION_TIMEOUT:
        return value_milliseconds(name, text, &context->isolation_timeout);
    default: return 0; /* a flag: options->given says it all */
    }
}

/* Takes over `text`, NULL for flags. */
static int read_option(struct options *options, enum option option, char *text)
{
    const char *const name = option_name(options->table, option);
    if (option == OPTION_PRESET && strcmp(text, "notebook") == 0)
        option = OPTION_NOTEBOOK; /* which was a preset's name before it was an option */
    options->given |= OPTION_BIT(option);
    switch (option) {
    case OPTION_CONTENT: return keep_text(name, text, &options->content);
    case OPTION_STYLE: return keep_text(name, text, &options->style);
    case OPTION_OUT: return keep_text(name, text, &options->out);
    case OPTION_MODEL: return keep_text(name, text, &options->model);
    case OPTION_PRESET: return keep_text(name, text, &options->preset);
    case OPTION_TRUSTED: return keep_text(name, text, &options->trusted);
    default: break;
    }
    const int status = read_value(options, option, name, text);
    free(text);
    return status;
}

static int read_arguments(const struct command *command, poptContext context,
                          struct options *options)
{
    const char *argument;
    while ((argument = poptGetArg(context)) != NULL) {
        if (!command->takes_model)
            return usage_error(NULL, "\"%s\" is neither an option nor an option's value", argument);
        char *copy = strdup(argument);
        if (copy == NULL)
            return out_of_memory();
        const int status = keep_text("model", copy, &options->model);
        if (status != 0)
            return status;
    }
    return 0;
}

static int check_combination(const struct command *command, const struct options *options)
{
    static const enum option required[] = {OPTION_CONTENT, OPTION_STYLE, OPTION_OUT};
    static const enum option exclusive[][2] = {{OPTION_SIZE, OPTION_FIT},
                                               {OPTION_PRESET, OPTION_NOTEBOOK},
                                               {OPTION_VERBOSE, OPTION_QUIET}};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if ((command->required & OPTION_BIT(required[i])) != 0 && !is_given(options, required[i])) {
            const char *name = option_name(command->table, required[i]);
            return usage_error_named(name, "--%s is missing", name);
        }
    for (size_t i = 0; i < sizeof exclusive / sizeof exclusive[0]; i++)
        if (is_given(options, exclusive[i][0]) && is_given(options, exclusive[i][1])) {
            const char *first = option_name(command->table, exclusive[i][0]);
            return usage_error_named(first, "--%s and --%s exclude each other", first,
                                     option_name(command->table, exclusive[i][1]));
        }
    if (is_given(options, OPTION_BACKGROUND) &&
        options->reading.reading == ARTFUSION_READING_REFERENCE)
        return usage_error_named("background", "--background needs --reading viewed: the published "
                                               "code drops alpha");
    if (is_given(options, OPTION_ISOLATION_TIMEOUT) &&
        options->context.isolation == ARTFUSION_ISOLATION_NONE)
        return usage_error_named("isolation-timeout",
                                 "--isolation-timeout needs --isolation process or auto");
    if (options->trusted != NULL && options->context.isolation != ARTFUSION_ISOLATION_AUTO)
        return usage_error_named("trusted", "--trusted needs --isolation auto");
    if (options->content != NULL && options->style != NULL && is_standard_input(options->content) &&
        is_standard_input(options->style))
        return usage_error_named("style", "standard input holds one picture: --content and --style "
                                          "can't both be read from it");
    if (options->model != NULL && is_standard_input(options->model))
        return usage_error("model", "a model is a file, which is not read from standard input");
    if (options->out != NULL && is_standard_output(options->out) && is_given(options, OPTION_JSON))
        return usage_error_named("json",
                                 "--json and --out %s exclude each other: both would be "
                                 "written to standard output",
                                 options->out);
    return 0;
}

static void print_help(const struct command *command, poptContext context)
{
    printf("artfusion %s - %s\n\n", command->name, command->summary);
    poptPrintHelp(context, stdout, 0);
    printf("\nExamples:\n%s", command->examples);
}

static int refuse(const struct command *command, int code, const char *option)
{
    const char *name = strncmp(option, "--", 2) == 0 ? option + 2 : NULL;
    const char *nearest = name == NULL ? NULL : option_nearest(command->table, name);
    if (code != POPT_ERROR_BADOPT)
        return usage_error_named(name, "%s: %s", option, poptStrerror(code));
    if (nearest == NULL)
        return usage_error_named(name, "unknown option \"%s\"", option);
    return usage_error_named(name, "unknown option \"%s\"; did you mean --%s?", option, nearest);
}

static int read_all(const struct command *command, poptContext context, struct options *options)
{
    int code;
    while ((code = poptGetNextOpt(context)) >= 0) {
        char *const text = poptGetOptArg(context);
        if (errno == ENOMEM) { /* popt goes on without what it has no memory for */
            free(text);
            return out_of_memory();
        }
        if (code == OPTION_HELP) {
            print_help(command, context);
            return -1;
        }
        const int status = read_option(options, (enum option)code, text);
        if (status != 0)
            return status;
    }
    if (errno == ENOMEM)
        return out_of_memory();
    if (code < -1)
        return refuse(command, code, poptBadOption(context, POPT_BADOPTION_NOALIAS));
    const int status = read_arguments(command, context, options);
    if (status != 0)
        return status;
    /* Who has half a picture wants what is there of it, as every browser shows it. */
    options->context.trusted = options->trusted;
    options->reading.salvage = !is_given(options, OPTION_STRICT);
    if (is_given(options, OPTION_NOTEBOOK) && !is_given(options, OPTION_READING))
        options->reading.reading = ARTFUSION_READING_REFERENCE; /* its own */
    if (options->reading.reading == ARTFUSION_READING_REFERENCE &&
        !is_given(options, OPTION_BACKGROUND))
        options->reading.background[3] = 0;
    return check_combination(command, options);
}

int options_parse(const struct command *command, int argc, const char **argv,
                  struct options *options)
{
    *options = (struct options){.command = command->name, .table = command->table, .count = 4};
    artfusion_status initialised =
        artfusion_context_options_init(&options->context, sizeof options->context);
    if (initialised == ARTFUSION_OK)
        initialised = artfusion_load_options_init(&options->reading, sizeof options->reading);
    if (initialised != ARTFUSION_OK)
        return library_failure(initialised, NULL);

    char title[32]; /* what the usage line calls the program */
    snprintf(title, sizeof title, "artfusion %s", command->name);
    argv[0] = title;
    errno = 0;
    poptContext context = poptGetContext(title, argc, argv, command->table, 0);
    if (context == NULL)
        return out_of_memory();
    poptSetOtherOptionHelp(context, command->synopsis);
    const int status = errno == ENOMEM ? out_of_memory() : read_all(command, context, options);
    poptFreeContext(context);
    return status;
}

bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
}

bool is_standard_output(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0;
}

void options_free(struct options *options)
{
    free(options->content);
    free(options->style);
    free(options->out);
    free(options->model);
    free(options->preset);
    free(options->trusted);
    *options = (struct options){0};
}
