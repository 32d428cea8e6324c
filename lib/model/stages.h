/* SPDX-License-Identifier: MIT */
#ifndef AF_MODEL_STAGES_H
#define AF_MODEL_STAGES_H

#include <stddef.h>

#include "artfusion.h"

/* As artfusion_model_encode, of arguments that are there. */
artfusion_status af_model_encode(artfusion_model *model, const artfusion_image *image,
                                 artfusion_latent_kind kind, float *latent, size_t count);

/* The content condition of one scaled latent [channels, pixels]. */
void af_model_content_condition(const artfusion_model *model, const float *scaled, size_t pixels,
                                float *content);

#endif
