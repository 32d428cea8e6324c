/* SPDX-License-Identifier: MIT
 * What a call of a model's networks takes of memory, measured. */
#ifndef AF_MODEL_FOOTPRINT_H
#define AF_MODEL_FOOTPRINT_H

#include "model/engine.h"

/* The most bytes for `batch` latents of that size, or for `batch` rows of CONDITION (of 1 x 1). The
 * first time of a stage it is measured, while other threads that ask wait. Errors: ENGINE, MEMORY.
 */
artfusion_status af_model_footprint(artfusion_model *model, af_stage stage, int32_t batch,
                                    af_size size, uint64_t *bytes);

#endif
