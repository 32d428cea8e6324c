/* SPDX-License-Identifier: MIT
 * DPM-Solver++(2M), as an ODE and as an SDE solver. */
#include <math.h>

#include "math/factors.h"
#include "math/log_snr.h"

af_factors af_dpmpp_2m(double alpha, double alpha_next, double alpha_before, double eta)
{
    if (alpha_next >= 1.0)
        return (af_factors){.x0 = 1.0}; /* the limit of what follows for sigma_next = 0 */
    double lambda = af_half_log_snr(alpha);
    double h = af_half_log_snr(alpha_next) - lambda;
    double sigma_ratio = sqrt((1.0 - alpha_next) / (1.0 - alpha));
    double gain = -sqrt(alpha_next) * expm1(-(1.0 + eta) * h);

    /* D = (1 + 1 / 2r) x0 - 1 / 2r x0_before, with r the ratio of the last step to this one. */
    double extrapolation = 0.0;
    if (alpha_before > 0.0)
        extrapolation = h / (2.0 * (lambda - af_half_log_snr(alpha_before)));
    return (af_factors){
        .x = sigma_ratio * exp(-eta * h),
        .x0 = gain * (1.0 + extrapolation),
        .x0_before = -gain * extrapolation,
        .noise = sqrt(1.0 - alpha_next) * sqrt(-expm1(-2.0 * eta * h)),
    };
}
