/* SPDX-License-Identifier: MIT */
#include "option_tables.h"

#include "options.h"

#define TEXT(name, letter, option, help, argument) \
    {name, letter, POPT_ARG_STRING, NULL, option, help, argument}
/* An older name of an option: it is read, but not shown by --help. */
#define ALIAS(name, option) \
    {name, '\0', POPT_ARG_STRING | POPT_ARGFLAG_DOC_HIDDEN, NULL, option, NULL, NULL}
#define FLAG(name, letter, option, help) {name, letter, POPT_ARG_NONE, NULL, option, help, NULL}
/* popt's type for a table within a table is a pointer to non-const; it does not write there. */
#define GROUP(table, title) {NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)(table), 0, title, NULL}

#define CONTENT \
    TEXT("content", 'c', OPTION_CONTENT, "picture whose shapes are kept; - is standard input", \
         "FILE")
#define STYLE \
    TEXT("style", 's', OPTION_STYLE, "picture whose style is taken; - is standard input", "FILE")
#define CONTENTS \
    TEXT("content", 'c', OPTION_CONTENT, \
         "picture whose shapes are kept, or a folder of them; - is standard input", "PATH")
#define RESULTS \
    TEXT("out", 'o', OPTION_OUT, \
         "result, .png, .jpg or .webp; - is standard output; for a folder of contents the " \
         "results' folder, where the same command continues a run that was interrupted", \
         "PATH")
#define OUT \
    TEXT("out", 'o', OPTION_OUT, "result, .png, .jpg or .webp; - is standard output", "FILE")
#define FORMAT \
    TEXT("format", '\0', OPTION_FORMAT, \
         "png, jpeg or webp (default: by the suffix of --out, else png)", "NAME")
#define READING \
    TEXT("background", '\0', OPTION_BACKGROUND, \
         "colour behind transparent pixels, or none to show their hidden colours " \
         "(default: ffffff)", \
         "RRGGBB"), \
        TEXT("reading", '\0', OPTION_READING, \
             "viewed: as a browser shows pictures; reference: as the published code reads them, " \
             "without profiles (default: viewed; reference with --notebook)", \
             "NAME"), \
        FLAG("strict", '\0', OPTION_STRICT, \
             "refuse damaged pictures (default: read what is there and warn)")
#define SIZE(default_size) \
    TEXT("size", '\0', OPTION_SIZE, "result's pixels (default: " default_size ")", "WxH")
#define FIT \
    TEXT("fit", '\0', OPTION_FIT, \
         "longer side in pixels, at the content's proportions (default: the model's native size)", \
         "N")
#define CONTENT_SCALE(default_scale) \
    TEXT("content-scale", '\0', OPTION_CONTENT_SCALE, \
         "guidance towards the content: 0 ignores it, 1 is as trained, more exaggerates " \
         "(default: " default_scale ")", \
         "A")
#define STYLE_SCALE(default_scale) \
    TEXT("style-scale", '\0', OPTION_STYLE_SCALE, \
         "guidance towards the style, on the same scale (default: " default_scale ")", "B")
#define PRESET \
    TEXT("preset", 'p', OPTION_PRESET, \
         "how much of the style: one of the model's presets, which artfusion info lists, such as " \
         "subtle, balanced, bold; other options override it", \
         "NAME"), \
        ALIAS("strength", OPTION_PRESET)
#define CONTENT_INTERVAL \
    TEXT("content-start", '\0', OPTION_CONTENT_START, \
         "fraction of the steps from which the content's scale holds; elsewhere it is 1 " \
         "(default: the model's)", \
         "X"), \
        TEXT("content-end", '\0', OPTION_CONTENT_END, \
             "fraction of the steps at which that ends (default: the model's)", "X")
#define STYLE_INTERVAL \
    TEXT("style-start", '\0', OPTION_STYLE_START, \
         "fraction of the steps from which the style's scale holds; elsewhere it is 1 " \
         "(default: the model's)", \
         "X"), \
        TEXT("style-end", '\0', OPTION_STYLE_END, \
             "fraction of the steps at which that ends (default: the model's)", "X")
#define DENOISING_STRENGTH \
    TEXT("denoising-strength", '\0', OPTION_DENOISING_STRENGTH, \
         "below 1: start from the content itself, with noise, and do this share of the steps " \
         "(default: 1)", \
         "X")

static const struct poptOption stylize_pictures[] = {
    CONTENTS,
    STYLE,
    RESULTS,
    FORMAT,
    SIZE("the content's proportions"),
    FIT,
    FLAG("recursive", 'r', OPTION_RECURSIVE,
         "also read a folder's subfolders; the results form the same tree"),
    FLAG("keep-suffix", '\0', OPTION_KEEP_SUFFIX,
         "name a folder's results like a.jpg.png, so that a.jpg and a.png both get one"),
    READING,
    POPT_TABLEEND};

static const struct poptOption sample_pictures[] = {
    STYLE,
    OUT,
    FORMAT,
    TEXT("count", '\0', OPTION_COUNT, "how many pictures, on one sheet (default: 4; 1 to 256)",
         "N"),
    SIZE("the model's native size"),
    READING,
    POPT_TABLEEND};

static const struct poptOption reconstruct_pictures[] = {
    CONTENT, OUT, FORMAT, SIZE("the content's proportions"), FIT, READING, POPT_TABLEEND};

static const struct poptOption stylize_guidance[] = {PRESET,
                                                     CONTENT_SCALE("the model's"),
                                                     STYLE_SCALE("the model's"),
                                                     CONTENT_INTERVAL,
                                                     STYLE_INTERVAL,
                                                     DENOISING_STRENGTH,
                                                     POPT_TABLEEND};

static const struct poptOption sample_guidance[] = {
    PRESET,
    TEXT(
        "style-scale", '\0', OPTION_STYLE_SCALE,
        "guidance towards the style: 0 ignores it, 1 is as trained, more exaggerates (default: the "
        "model's)",
        "B"),
    STYLE_INTERVAL, POPT_TABLEEND};

static const struct poptOption reconstruct_guidance[] = {
    PRESET,         CONTENT_SCALE("1"), STYLE_SCALE("1"), CONTENT_INTERVAL,
    STYLE_INTERVAL, DENOISING_STRENGTH, POPT_TABLEEND};

static const struct poptOption sampling[] = {
    FLAG("notebook", '\0', OPTION_NOTEBOOK,
         "the published notebook's run: 250 DDIM steps, uniform spacing, eta 1, content 0.5, style "
         "2, "
         "uniform x_T, torch's numbers, 256x256; other options override it"),
    TEXT("steps", '\0', OPTION_STEPS, "steps of the solver (default: the model's)", "N"),
    TEXT("solver", '\0', OPTION_SOLVER,
         "ddim, ddpm, dpmpp_2m, dpmpp_2m_sde or unipc (default: the model's)", "NAME"),
    TEXT("spacing", '\0', OPTION_SPACING,
         "timesteps: uniform, quad, trailing or linspace (default: the model's)", "NAME"),
    TEXT("eta", '\0', OPTION_ETA, "noise added in each step, 0 for none (default: the model's)",
         "E"),
    TEXT("seed", '\0', OPTION_SEED, "seed of the random numbers (default: 0)", "N"),
    TEXT("rng", '\0', OPTION_RNG, "random numbers: counter or torch_cpu (default: counter)",
         "NAME"),
    TEXT("noise", '\0', OPTION_NOISE, "noise at the start: normal or uniform (default: normal)",
         "NAME"),
    POPT_TABLEEND};

static const struct poptOption machine[] = {
    TEXT("model", 'm', OPTION_MODEL,
         "model file (default: $ARTFUSION_MODEL, the installed one, the source tree's)", "FILE"),
    TEXT("device", 'd', OPTION_DEVICE, "auto, cpu, cuda or cuda:N (default: auto)", "NAME"),
    TEXT("precision", '\0', OPTION_PRECISION,
         "float32, bfloat16, float16, or auto: bfloat16 if the device has instructions for it "
         "(default: auto)",
         "NAME"),
    TEXT("threads", 't', OPTION_THREADS, "threads on the CPU (default: 0, the engine's choice)",
         "N"),
    TEXT("isolation", '\0', OPTION_ISOLATION,
         "none; process: run networks in a process of their own, which may crash without ending "
         "the command; auto: do so for files that are not trusted (default: none)",
         "NAME"),
    TEXT("isolation-timeout", '\0', OPTION_ISOLATION_TIMEOUT,
         "seconds that a call of isolated networks, or opening the model, may take "
         "(default: no limit)",
         "S"),
    TEXT("trusted", '\0', OPTION_TRUSTED,
         "digests, as sha256sum prints them and separated by commas, of model files that "
         "--isolation auto trusts besides those that came with the library",
         "SHA256"),
    POPT_TABLEEND};

static const struct poptOption talk[] = {
    FLAG("json", '\0', OPTION_JSON, "print a JSON object instead of text, also for a failure"),
    FLAG("verbose", 'v', OPTION_VERBOSE, "print the stages' times and the library's log"),
    FLAG("quiet", 'q', OPTION_QUIET, "print errors only"),
    FLAG("help", 'h', OPTION_HELP, "print this help"), POPT_TABLEEND};

const struct poptOption stylize_options[] = {GROUP(stylize_pictures, "Pictures:"),
                                             GROUP(stylize_guidance, "Guidance:"),
                                             GROUP(sampling, "Sampling:"),
                                             GROUP(machine, "Model and machine:"),
                                             GROUP(talk, "Output:"),
                                             POPT_TABLEEND};

const struct poptOption sample_options[] = {GROUP(sample_pictures, "Pictures:"),
                                            GROUP(sample_guidance, "Guidance:"),
                                            GROUP(sampling, "Sampling:"),
                                            GROUP(machine, "Model and machine:"),
                                            GROUP(talk, "Output:"),
                                            POPT_TABLEEND};

const struct poptOption reconstruct_options[] = {GROUP(reconstruct_pictures, "Pictures:"),
                                                 GROUP(reconstruct_guidance, "Guidance:"),
                                                 GROUP(sampling, "Sampling:"),
                                                 GROUP(machine, "Model and machine:"),
                                                 GROUP(talk, "Output:"),
                                                 POPT_TABLEEND};

const struct poptOption info_options[] = {GROUP(machine, "Model and machine:"),
                                          GROUP(talk, "Output:"), POPT_TABLEEND};
