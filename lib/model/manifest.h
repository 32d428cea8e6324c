/* SPDX-License-Identifier: MIT
 * What a model says of itself: docs/model-format.md has the fields. */
#ifndef AF_MODEL_MANIFEST_H
#define AF_MODEL_MANIFEST_H

#include "artfusion.h"

#define AF_MANIFEST_VERSION 2 /* the newest; 1 is read, too */

#define AF_MAX_PRESETS 16
#define AF_PRESET_NAME 32 /* 31 characters and the zero */

/* How to sample: what `defaults` and each of the presets say. */
typedef struct af_sampling {
    artfusion_solver solver;
    artfusion_spacing spacing;
    int32_t steps;
    double eta, content_scale, style_scale;
    double content_start, content_end, style_start, style_end;
} af_sampling;

typedef struct af_preset {
    char name[AF_PRESET_NAME];
    af_sampling sampling;
} af_preset;

typedef struct af_manifest {
    char *name, *description, *licence, *origin, *weights_sha256;
    int32_t version; /* of the format */
    int32_t latent_channels, downsample;
    float *latent_shift, *latent_scale; /* [latent_channels] */
    int32_t size_multiple, native_width, native_height;
    int32_t style_width, style_min_size;
    int32_t normalise_content; /* whether the content condition has mean 0, deviation 1 */
    artfusion_schedule schedule;
    int32_t timesteps;
    double linear_start, linear_end;
    artfusion_prediction prediction;
    af_sampling defaults;
    af_preset presets[AF_MAX_PRESETS]; /* in the manifest's order */
    int32_t preset_count;
} af_manifest;

/* Errors: FORMAT (the field and what it should be), UNSUPPORTED (a newer format), MEMORY. */
artfusion_status af_manifest_parse(const char *text, size_t size, af_manifest *manifest);
void af_manifest_clear(af_manifest *manifest);

#endif
