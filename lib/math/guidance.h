/* SPDX-License-Identifier: MIT
 * Dual guidance and the conversions between what networks predict. Pure functions on floats. */
#ifndef AF_MATH_GUIDANCE_H
#define AF_MATH_GUIDANCE_H

#include "artfusion.h"

/* The UNet passes a pair of guidance scales needs: bits of AF_BRANCH_*. BOTH is always there (for
 * content_scale 0 and the other 1 as well: the formula is the reference's). */
enum {
    AF_BRANCH_BOTH = 1,         /* content and style */
    AF_BRANCH_NULL_CONTENT = 2, /* null content, style: where content_scale != 1 */
    AF_BRANCH_NULL_STYLE = 4    /* content, null style: where style_scale != 1 */
};
uint32_t af_guidance_branches(double content_scale, double style_scale);

/* Mixes into `eps` (which may be `both`): arXiv 2306.09330 section 3.3.
 *   both scales != 1:  e1 + s1 (e - e1) + e2 + s2 (e - e2) - e
 *   one != 1:          e1 + s1 (e - e1), or the same with e2, s2
 * with e `both`, e1 `null_content`, e2 `null_style`; an unused branch is NULL. */
void af_guidance_mix(const float *both, const float *null_content, const float *null_style,
                     double content_scale, double style_scale, float *eps, size_t count);

/* eps from a network's prediction at alpha = alphas_cumprod[t]; `eps` may be `prediction`.
 *   v:  eps = sqrt(alpha) v + sqrt(1 - alpha) x          (arXiv 2202.00512, appendix D)
 *   x0: eps = (x - sqrt(alpha) x0) / sqrt(1 - alpha) */
void af_prediction_to_eps(artfusion_prediction prediction, double alpha, const float *x,
                          const float *predicted, float *eps, size_t count);

/* x0 = (x - sqrt(1 - alpha) eps) / sqrt(alpha). */
void af_eps_to_x0(double alpha, const float *x, const float *eps, float *x0, size_t count);

/* q(x_t | x0) = sqrt(alpha) x0 + sqrt(1 - alpha) noise. */
void af_add_noise(double alpha, const float *x0, const float *noise, float *x, size_t count);

#endif
