/* SPDX-License-Identifier: MIT */
#ifndef AF_MODEL_STAGES_H
#define AF_MODEL_STAGES_H

#include <stddef.h>

#include "artfusion.h"

/* The content condition of one scaled latent [channels, pixels]. */
void af_model_content_condition(const artfusion_model *model, const float *scaled, size_t pixels,
                                float *content);

#endif
