/* SPDX-License-Identifier: MIT
 * UniPC's corrector. Its predictor UniP-2 with the same B(h) is DPM-Solver++(2M). */
#include <math.h>

#include "math/factors.h"
#include "math/log_snr.h"

/* The weights of the divided difference behind the step and of the difference across it: the
 * solution of rho_1 + rho_2 = b_1, rho_1 r + rho_2 = b_2 (theorem 3.1 with p = 2), where b_k comes
 * from the expansion of the exponential integral. */
typedef struct corrector_weights {
    double behind, across;
} corrector_weights;

static corrector_weights weights_of(double h, double r)
{
    double phi_1 = expm1(-h);
    double phi_2 = phi_1 / -h - 1.0;
    double phi_3 = phi_2 / -h - 0.5;
    double b_1 = phi_2 / phi_1;
    double b_2 = 2.0 * phi_3 / phi_1;
    double behind = (b_1 - b_2) / (1.0 - r);
    return (corrector_weights){behind, b_1 - behind};
}

af_unic_factors af_unic_2(double alpha_from, double alpha, double alpha_before)
{
    double lambda_from = af_half_log_snr(alpha_from);
    double h = af_half_log_snr(alpha) - lambda_from;
    double gain = -sqrt(alpha) * expm1(-h);

    /* Without a step before, the corrector is UniC-1, whose only weight is 1/2. */
    double behind = 0.0;
    double across = 0.5;
    if (alpha_before > 0.0) {
        double r = (af_half_log_snr(alpha_before) - lambda_from) / h;
        corrector_weights weights = weights_of(h, r);
        behind = weights.behind / r;
        across = weights.across;
    }
    return (af_unic_factors){
        .x_from = sqrt((1.0 - alpha) / (1.0 - alpha_from)),
        .x0_from = gain * (1.0 - behind - across),
        .x0_before = gain * behind,
        .x0 = gain * across,
    };
}
