/* SPDX-License-Identifier: MIT
 * The command line, as values. What they may be is the library's to judge; here is only read what
 * they are. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <popt.h>
#include <stdbool.h>
#include <stdint.h>

#include "artfusion.h"

/* What popt returns for each option; below 64, for the bits of options.given. */
enum option {
    OPTION_HELP = 1,
    OPTION_CONTENT,
    OPTION_STYLE,
    OPTION_OUT,
    OPTION_SIZE,
    OPTION_FIT,
    OPTION_FORMAT,
    OPTION_RECURSIVE,
    OPTION_KEEP_SUFFIX,
    OPTION_READING,
    OPTION_BACKGROUND,
    OPTION_STRICT,
    OPTION_COUNT,
    OPTION_PRESET,
    OPTION_NOTEBOOK,
    OPTION_STEPS,
    OPTION_SOLVER,
    OPTION_SPACING,
    OPTION_CONTENT_SCALE,
    OPTION_STYLE_SCALE,
    OPTION_ETA,
    OPTION_CONTENT_START,
    OPTION_CONTENT_END,
    OPTION_STYLE_START,
    OPTION_STYLE_END,
    OPTION_DENOISING_STRENGTH,
    OPTION_SEED,
    OPTION_RNG,
    OPTION_NOISE,
    OPTION_MODEL,
    OPTION_DEVICE,
    OPTION_PRECISION,
    OPTION_THREADS,
    OPTION_ISOLATION,
    OPTION_ISOLATION_TIMEOUT,
    OPTION_TRUSTED,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_QUIET
};

struct options {
    const char *command; /* "stylize", ... */
    const struct poptOption *table;
    uint64_t given; /* OPTION_BIT() of each option that was on the command line */
    char *content;  /* paths; NULL: not given */
    char *style;
    char *out;
    char *model;
    char *trusted;
    char *preset;          /* one of the model's, NULL: its defaults */
    int32_t width, height; /* pixels; where OPTION_SIZE is given */
    int32_t fit;           /* pixels; where OPTION_FIT is given */
    int32_t format;        /* artfusion_file_format; AUTO: by the suffix */
    int32_t count;
    artfusion_load_options reading;     /* whole: --notebook has been taken into account */
    artfusion_sampler_options sampling; /* only what is given counts; see sampling.h */
    artfusion_context_options context;
};

#define OPTION_BIT(option) ((uint64_t)1 << (option))

static inline bool is_given(const struct options *options, enum option option)
{
    return (options->given & OPTION_BIT(option)) != 0;
}

/* "-", or the system's own name for it. */
bool is_standard_input(const char *path);
bool is_standard_output(const char *path);

struct command {
    const char *name;
    const char *summary;  /* without a stop */
    const char *synopsis; /* after the name */
    const char *examples; /* whole lines */
    const struct poptOption *table;
    uint64_t required; /* bits as in options.given */
    bool takes_model;  /* one argument that is not an option: the model */
    int (*run)(const struct options *options);
};

/* Reads argv[1...]; argv[0] is the command's name. Returns 0, the exit status of a usage error
 * (said on stderr), or -1 where help was asked for and printed. In any case options_free is due. */
int options_parse(const struct command *command, int argc, const char **argv,
                  struct options *options);
void options_free(struct options *options);

#endif
