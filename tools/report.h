/* SPDX-License-Identifier: MIT
 * What a run made, how, and how long each stage took: for a person, or as JSON. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <jansson.h>

#include "run.h"

/* Before an object for report_print is made: jansson leaves out of it what it has no memory for, and
 * only errno tells. */
void report_begin(void);

/* What a model's defaults and presets say. */
json_t *report_sampling(const artfusion_sampler_options *sampling);

/* How pictures are read. */
json_t *report_reading(const struct options *options);

/* All that a run's options say of how it samples. */
json_t *report_settings(const artfusion_sampler_options *sampling);

/* Prints `object` (NULL: it could not be made) on a line and releases it. Returns 0 or an exit
 * status. */
int report_print(json_t *object);

/* `psnr` in dB, NULL if there is none. To standard output, or to standard error if the picture goes
 * to the former; with --quiet only JSON. */
int report_run(const struct run *run, const artfusion_image *image, const double *psnr);

/* Of a picture that is there already: JSON, or nothing. */
void report_skipped(const struct run *run, const char *content, const char *out);

#endif
