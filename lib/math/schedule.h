/* SPDX-License-Identifier: MIT
 * Noise schedules and the timesteps a run visits. */
#ifndef AF_MATH_SCHEDULE_H
#define AF_MATH_SCHEDULE_H

#include "artfusion.h"

/* alphas_cumprod[timesteps] = prod(1 - beta), float64 product rounded to float32 as the reference
 * keeps it, widened again. */
void af_alphas_cumprod(const double *betas, int32_t timesteps, double *alphas_cumprod);

/* alphas_cumprod after the last step: alphas_cumprod[0] for the reference's own spacings (UNIFORM,
 * QUAD), 1 (x0 itself) for the others. */
double af_final_alpha(artfusion_spacing spacing, const double *alphas_cumprod);

#endif
