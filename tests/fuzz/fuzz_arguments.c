/* SPDX-License-Identifier: MIT
 * A command line, an argument a line: the command's own main() with its parser, and in place of the
 * commands a check of what they would be told. Nothing is opened, written or run. */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../../tools/commands.h"
#include "../../tools/message.h"
#include "../../tools/sampling.h"
#include "sample/sampler.h"

int artfusion_main(int argc, char **argv); /* tools/main.c's */

enum { MAX_ARGUMENTS = 64 };

static const uint64_t paths =
    OPTION_BIT(OPTION_CONTENT) | OPTION_BIT(OPTION_STYLE) | OPTION_BIT(OPTION_OUT);

static void require_text(const struct options *options, enum option option, const char *text)
{
    if (option != OPTION_MODEL) /* which may be an argument too */
        REQUIRE(is_given(options, option) == (text != NULL));
}

/* As run.c does it: what is given goes into the model's defaults, and the library judges it. */
static int judge(const struct options *options, const char *name, uint64_t required)
{
    artfusion_sampler_options sampling, read;
    artfusion_context *context;
    REQUIRE(strcmp(options->command, name) == 0);
    REQUIRE((options->given & required) == required);
    REQUIRE(!is_given(options, OPTION_HELP));
    require_text(options, OPTION_CONTENT, options->content);
    require_text(options, OPTION_STYLE, options->style);
    require_text(options, OPTION_OUT, options->out);
    require_text(options, OPTION_PRESET, options->preset);
    REQUIRE(!is_given(options, OPTION_MODEL) || options->model);
    REQUIRE(!(is_given(options, OPTION_SIZE) && is_given(options, OPTION_FIT)));
    REQUIRE(!(is_given(options, OPTION_PRESET) && is_given(options, OPTION_NOTEBOOK)));
    REQUIRE(!(is_given(options, OPTION_VERBOSE) && is_given(options, OPTION_QUIET)));
    if (is_given(options, OPTION_SIZE))
        REQUIRE(options->width >= 1 && options->width <= 65535 && options->height >= 1 &&
                options->height <= 65535);
    if (is_given(options, OPTION_FIT))
        REQUIRE(options->fit >= 1 && options->fit <= 65535);
    REQUIRE(options->count >= 1 && options->count <= 256);
    REQUIRE(options->context.device_index >= 0);

    artfusion_model *model = fuzz_model();
    REQUIRE(artfusion_sampler_options_init(&sampling, sizeof sampling, model) == ARTFUSION_OK);
    if (options->preset)
        require_status(artfusion_sampler_options_set_preset(&sampling, model, options->preset),
                       ERROR(ARGUMENT));
    sampling_apply(options, &sampling);
    require_status(af_sampler_read_options(model, &sampling, &read), ERROR(ARGUMENT));
    const artfusion_status status = artfusion_context_create(&options->context, &context);
    require_status(status, ERROR(ARGUMENT));
    artfusion_context_destroy(context);
    return status ? STATUS_USAGE : 0;
}

int command_stylize(const struct options *options)
{
    return judge(options, "stylize", paths);
}

int command_sample(const struct options *options)
{
    return judge(options, "sample", OPTION_BIT(OPTION_STYLE) | OPTION_BIT(OPTION_OUT));
}

int command_reconstruct(const struct options *options)
{
    return judge(options, "reconstruct", OPTION_BIT(OPTION_CONTENT) | OPTION_BIT(OPTION_OUT));
}

int command_info(const struct options *options)
{
    return judge(options, "info", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argv[MAX_ARGUMENTS + 2] = {NULL}, *owned[MAX_ARGUMENTS + 2];
    int argc = 1;
    char *text = malloc(size + 1), name[] = "artfusion";
    REQUIRE(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    argv[0] = name;
    for (char *at = text; at && *at && argc <= MAX_ARGUMENTS;) {
        char *end = strchr(at, '\n');
        if (end)
            *end++ = '\0';
        /* Each in memory of its own, as far as a sanitizer can see. */
        argv[argc] = owned[argc] = strdup(at);
        argc++;
        at = end;
    }
    const int status = artfusion_main(argc, argv);
    REQUIRE(status == 0 || status == STATUS_FAILURE || status == STATUS_USAGE);
    for (int i = 1; i < argc; i++)
        free(owned[i]); /* popt is given a title of its own in argv */
    free(text);
    return 0;
}
