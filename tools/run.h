/* SPDX-License-Identifier: MIT
 * The stages that the commands have in common. Each returns 0 or an exit status, after what was
 * wrong has been said; each ends so where a signal came. */
#ifndef TOOLS_RUN_H
#define TOOLS_RUN_H

#include <jansson.h>

#include "options.h"
#include "progress.h"

struct run {
    const struct options *options;
    bool goes_on; /* after an interruption, by the same command: of a folder */
    struct progress progress;
    const char *model_path;
    char *found_model; /* the library's, where none was given */
    json_t *warnings;  /* sentences; NULL: none */
    artfusion_context *context;
    artfusion_model *model;
    artfusion_model_info info;
    artfusion_sampler_options sampling;
    artfusion_sampler *sampler;
    artfusion_progress done; /* of the sampler, once it is through */
    double started;          /* on clock_seconds' clock */
    double seconds_pictures; /* wall clock: reading them */
    double seconds_model;    /*   opening it */
    double seconds_style;    /*   style network */
    double seconds_write;    /*   writing the result */
};

/* What an output path can be refused for, before hours are spent on it. */
int run_check_output(const struct options *options);

/* What needs no model, this check too. */
int run_begin(struct run *run, const struct options *options);
int run_load_image(struct run *run, const char *path, artfusion_image **image);

/* Also sets run->info, and run->sampling to the model's defaults or, by --preset, one of its
 * presets; then to the notebook's values, then to the options'. */
int run_open_model(struct run *run);

/* By run->sampling, whose size is set to what the options ask for; `content` (NULL: none) gives the
 * proportions where they don't. */
int run_create_sampler(struct run *run, const artfusion_image *content);

/* The notebook's style pictures are squeezed to the run's size, as the notebook does it; others are
 * read as artfusion_style_from_image does it. */
int run_make_style(struct run *run, const artfusion_image *image, artfusion_style **style);

/* All steps; NULL content is the null content. */
int run_steps(struct run *run, const artfusion_image *content, const artfusion_style *style);
int run_decode(struct run *run, int32_t index, artfusion_image **image);

/* All of these for one picture, once the model is open. */
int run_stylize(struct run *run, const artfusion_image *content, const artfusion_image *painting,
                artfusion_image **result);

/* To options->out. */
int run_write(struct run *run, const artfusion_image *image);

/* The same, for the last result: from its success on a signal changes nothing any more. */
int run_save(struct run *run, const artfusion_image *image);

/* Makes ready for another picture with the same model. */
void run_next(struct run *run);

/* Something that the result has in spite of its success: said at once, unless --quiet, and in the
 * report's JSON. */
__attribute__((format(printf, 2, 3))) void run_warn(struct run *run, const char *format, ...);

/* Whether a path ends as a picture's does. */
bool is_picture_name(const char *path);

/* Of a folder's results. */
const char *result_suffix(const struct options *options);

/* The exit status that goes with a library call's: 0 for success. */
int run_check(struct run *run, artfusion_status status);

/* The same of a call that concerns `file`. */
int run_check_file(struct run *run, artfusion_status status, const char *file);
void run_end(struct run *run);

#endif
