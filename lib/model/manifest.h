/* SPDX-License-Identifier: MIT
 * What a model says of itself: docs/model-format.md has the fields. */
#ifndef AF_MODEL_MANIFEST_H
#define AF_MODEL_MANIFEST_H

#include "artfusion.h"

#define AF_MANIFEST_VERSION 1

typedef struct af_manifest {
    char *name, *description, *licence, *origin, *weights_sha256;
    int32_t latent_channels, downsample;
    float *latent_shift, *latent_scale; /* [latent_channels] */
    int32_t size_multiple, native_width, native_height;
    int32_t style_width, style_min_size;
    int32_t normalise_content; /* whether the content condition has mean 0, deviation 1 */
    artfusion_schedule schedule;
    int32_t timesteps;
    double linear_start, linear_end;
    artfusion_prediction prediction;
    artfusion_solver solver; /* the model's preferred defaults from here on */
    artfusion_spacing spacing;
    int32_t steps;
    double eta, content_scale, style_scale;
} af_manifest;

/* Errors: FORMAT (the field and what it should be), UNSUPPORTED (a newer format), MEMORY. */
artfusion_status af_manifest_parse(const char *text, size_t size, af_manifest *manifest);
void af_manifest_clear(af_manifest *manifest);

#endif
