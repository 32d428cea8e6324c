/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

enum { MAX_SIDE = 65535, MAX_COUNT = 256 };

/* A decimal number at the start of *text, which moves behind it. False if there is none or it is
 * below `least` or above `most`. */
static bool scan_integer(const char **text, int64_t least, int64_t most, int64_t *value)
{
    if (strchr("+-0123456789", **text) == NULL || **text == '\0')
        return false;
    char *end;
    errno = 0;
    const long long number = strtoll(*text, &end, 10);
    if (end == *text || errno != 0 || number < least || number > most)
        return false;
    *value = number;
    *text = end;
    return true;
}

static bool read_integer(const char *text, int64_t least, int64_t most, int64_t *value)
{
    return scan_integer(&text, least, most, value) && *text == '\0';
}

/* Without bounds, INT32_MIN and INT32_MAX, the library judges the number. */
static int read_int32(const char *command, const char *name, const char *text, int32_t least,
                      int32_t most, int32_t *value)
{
    int64_t number;
    if (!read_integer(text, least, most, &number))
        return least == INT32_MIN
                   ? usage_error(command, "--%s: \"%s\" is not a whole number", name, text)
                   : usage_error(command, "--%s: \"%s\" is not a whole number from %d to %d", name,
                                 text, (int)least, (int)most);
    *value = (int32_t)number;
    return 0;
}

/* NaN and infinity are numbers here: the library says what is wrong with them. */
static int read_real(const char *command, const char *name, const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end != '\0')
        return usage_error(command, "--%s: \"%s\" is not a number", name, text);
    return 0;
}

static int read_name(const char *command, const char *text, artfusion_enumeration enumeration,
                     int32_t *value)
{
    if (artfusion_value_of(enumeration, text, value) == ARTFUSION_OK)
        return 0;
    return usage_error(command, "%s", artfusion_error_message());
}

static int read_size(const char *command, const char *text, int32_t *width, int32_t *height)
{
    int64_t w, h;
    const char *rest = text;
    if (!scan_integer(&rest, 1, MAX_SIDE, &w) || *rest++ != 'x' ||
        !read_integer(rest, 1, MAX_SIDE, &h))
        return usage_error(command, "--size: \"%s\" is not like 256x192, with sides from 1 to %d",
                           text, (int)MAX_SIDE);
    *width = (int32_t)w;
    *height = (int32_t)h;
    return 0;
}

/* A name, or "cuda:1" for another GPU than the first. */
static int read_device(const char *command, const char *text, artfusion_context_options *context)
{
    static const char cuda[] = "cuda:";
    int64_t index;
    if (strncmp(text, cuda, strlen(cuda)) != 0)
        return read_name(command, text, ARTFUSION_ENUM_DEVICE, &context->device);
    if (!read_integer(text + strlen(cuda), 0, INT32_MAX, &index))
        return usage_error(command, "--device: \"%s\" is not cuda:N, N being a GPU's number", text);
    context->device = ARTFUSION_DEVICE_CUDA;
    context->device_index = (int32_t)index;
    return 0;
}

static int read_preset(const char *command, const char *text)
{
    if (strcmp(text, "notebook") == 0)
        return 0;
    return usage_error(command, "--preset: \"%s\" is unknown; there is notebook", text);
}

static int read_seed(const char *command, const char *text, uint64_t *seed)
{
    int64_t value;
    if (!read_integer(text, 0, INT64_MAX, &value))
        return usage_error(command, "--seed: \"%s\" is not a whole number from 0 to %lld", text,
                           (long long)INT64_MAX);
    *seed = (uint64_t)value;
    return 0;
}

/* Takes over `text`. */
static int keep_text(const char *command, const char *name, char *text, char **kept)
{
    if (*kept != NULL) {
        const int status =
            usage_error(command, "--%s was given twice: \"%s\" and \"%s\"", name, *kept, text);
        free(text);
        return status;
    }
    *kept = text;
    return 0;
}

/* The value of an option that is not kept as text. */
static int read_value(struct options *options, enum option option, const char *text)
{
    const char *const command = options->command;
    artfusion_sampler_options *const sampling = &options->sampling;
    switch (option) {
    case OPTION_SIZE: return read_size(command, text, &options->width, &options->height);
    case OPTION_FIT: return read_int32(command, "fit", text, 1, MAX_SIDE, &options->fit);
    case OPTION_COUNT: return read_int32(command, "count", text, 1, MAX_COUNT, &options->count);
    case OPTION_PRESET: return read_preset(command, text);
    case OPTION_STEPS:
        return read_int32(command, "steps", text, INT32_MIN, INT32_MAX, &sampling->steps);
    case OPTION_SOLVER: return read_name(command, text, ARTFUSION_ENUM_SOLVER, &sampling->solver);
    case OPTION_SPACING:
        return read_name(command, text, ARTFUSION_ENUM_SPACING, &sampling->spacing);
    case OPTION_CONTENT_SCALE:
        return read_real(command, "content-scale", text, &sampling->content_scale);
    case OPTION_STYLE_SCALE: return read_real(command, "style-scale", text, &sampling->style_scale);
    case OPTION_ETA: return read_real(command, "eta", text, &sampling->eta);
    case OPTION_CONTENT_START:
        return read_real(command, "content-start", text, &sampling->content_start);
    case OPTION_CONTENT_END: return read_real(command, "content-end", text, &sampling->content_end);
    case OPTION_STYLE_START: return read_real(command, "style-start", text, &sampling->style_start);
    case OPTION_STYLE_END: return read_real(command, "style-end", text, &sampling->style_end);
    case OPTION_DENOISING_STRENGTH:
        return read_real(command, "denoising-strength", text, &sampling->denoising_strength);
    case OPTION_SEED: return read_seed(command, text, &sampling->seed);
    case OPTION_RNG: return read_name(command, text, ARTFUSION_ENUM_RNG, &sampling->rng);
    case OPTION_NOISE: return read_name(command, text, ARTFUSION_ENUM_NOISE, &sampling->noise);
    case OPTION_DEVICE: return read_device(command, text, &options->context);
    case OPTION_PRECISION:
        return read_name(command, text, ARTFUSION_ENUM_PRECISION, &options->context.precision);
    case OPTION_THREADS:
        return read_int32(command, "threads", text, INT32_MIN, INT32_MAX,
                          &options->context.threads);
    default: return 0; /* a flag: options->given says it all */
    }
}

/* Takes over `text`, NULL for flags. */
static int read_option(struct options *options, enum option option, char *text)
{
    const char *const command = options->command;
    options->given |= 1u << option;
    switch (option) {
    case OPTION_CONTENT: return keep_text(command, "content", text, &options->content);
    case OPTION_STYLE: return keep_text(command, "style", text, &options->style);
    case OPTION_OUT: return keep_text(command, "out", text, &options->out);
    case OPTION_MODEL: return keep_text(command, "model", text, &options->model);
    case OPTION_STRENGTH: return keep_text(command, "strength", text, &options->strength);
    default: break;
    }
    const int status = read_value(options, option, text);
    free(text);
    return status;
}

static int read_arguments(const struct command *command, poptContext context,
                          struct options *options)
{
    const char *argument;
    while ((argument = poptGetArg(context)) != NULL) {
        if (!command->takes_model)
            return usage_error(command->name, "\"%s\" is neither an option nor an option's value",
                               argument);
        char *copy = strdup(argument);
        if (copy == NULL)
            return failure("out of memory");
        const int status = keep_text(command->name, "model", copy, &options->model);
        if (status != 0)
            return status;
    }
    return 0;
}

static int check_combination(const struct command *command, const struct options *options)
{
    static const struct {
        enum option option;
        const char *name;
    } required[] = {{OPTION_CONTENT, "content"}, {OPTION_STYLE, "style"}, {OPTION_OUT, "out"}};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if ((command->required >> required[i].option & 1u) != 0 &&
            !is_given(options, required[i].option))
            return usage_error(command->name, "--%s is missing", required[i].name);
    if (is_given(options, OPTION_SIZE) && is_given(options, OPTION_FIT))
        return usage_error(command->name, "--size and --fit exclude each other");
    if (is_given(options, OPTION_STRENGTH) && is_given(options, OPTION_PRESET))
        return usage_error(command->name, "--strength and --preset exclude each other");
    if (is_given(options, OPTION_VERBOSE) && is_given(options, OPTION_QUIET))
        return usage_error(command->name, "--verbose and --quiet exclude each other");
    return 0;
}

static void print_help(const struct command *command, poptContext context)
{
    printf("artfusion %s - %s\n\n", command->name, command->summary);
    poptPrintHelp(context, stdout, 0);
    printf("\nExamples:\n%s", command->examples);
}

static int read_all(const struct command *command, poptContext context, struct options *options)
{
    int code;
    while ((code = poptGetNextOpt(context)) >= 0) {
        char *const text = poptGetOptArg(context);
        if (errno == ENOMEM) { /* popt goes on without what it has no memory for */
            free(text);
            return failure("out of memory");
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
        return failure("out of memory");
    if (code == POPT_ERROR_BADOPT)
        return usage_error(command->name, "unknown option \"%s\"",
                           poptBadOption(context, POPT_BADOPTION_NOALIAS));
    if (code < -1)
        return usage_error(command->name, "%s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                           poptStrerror(code));
    const int status = read_arguments(command, context, options);
    return status != 0 ? status : check_combination(command, options);
}

int options_parse(const struct command *command, int argc, const char **argv,
                  struct options *options)
{
    *options = (struct options){.command = command->name, .count = 4};
    if (artfusion_context_options_init(&options->context, sizeof options->context) != ARTFUSION_OK)
        return failure("%s", artfusion_error_message());

    char title[32]; /* what the usage line calls the program */
    snprintf(title, sizeof title, "artfusion %s", command->name);
    argv[0] = title;
    errno = 0;
    poptContext context = poptGetContext(title, argc, argv, command->table, 0);
    if (context == NULL)
        return failure("out of memory");
    poptSetOtherOptionHelp(context, command->synopsis);
    const int status = errno == ENOMEM ? failure("out of memory")
                                       : read_all(command, context, options);
    poptFreeContext(context);
    return status;
}

void options_free(struct options *options)
{
    free(options->content);
    free(options->style);
    free(options->out);
    free(options->model);
    free(options->strength);
    *options = (struct options){0};
}
