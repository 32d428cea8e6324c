/* SPDX-License-Identifier: MIT
 * DDIM, and the ancestral sampler of DDPM. */
#include <math.h>

#include "artfusion.h"
#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/names.h"
#include "math/factors.h"
#include "math/schedule.h"

double af_ddim_sigma(double alpha, double alpha_next, double eta)
{
    if (alpha_next <= alpha)
        return 0.0; /* also where both are 1 and the quotient below is 0 / 0 */
    return eta * sqrt((1.0 - alpha_next) / (1.0 - alpha) * (1.0 - alpha / alpha_next));
}

af_factors af_ddim(double alpha, double alpha_next, double eta)
{
    double sigma = af_ddim_sigma(alpha, alpha_next, eta);
    return (af_factors){
        .x0 = sqrt(alpha_next),
        .eps = sqrt(fmax(1.0 - alpha_next - sigma * sigma, 0.0)),
        .noise = sigma,
    };
}

af_factors af_ddpm(double alpha, double alpha_next)
{
    double ratio = alpha / alpha_next;
    double beta = 1.0 - ratio;
    double kept = (1.0 - alpha_next) / (1.0 - alpha);
    return (af_factors){
        .x = sqrt(ratio) * kept,
        .x0 = sqrt(alpha_next) * beta / (1.0 - alpha),
        .noise = sqrt(kept * beta),
    };
}

static artfusion_status check_visited(const double *alphas_cumprod, int32_t train_timesteps,
                                      const int32_t *timesteps, int32_t steps)
{
    for (int32_t i = 0; i < steps; i++) {
        int32_t timestep = timesteps[i];
        const artfusion_status status =
            af_check_element("timesteps", i, timestep, 0, train_timesteps - 1);
        if (status != ARTFUSION_OK)
            return status;
        if (i > 0 && timestep > timesteps[i - 1])
            return af_fail(ARTFUSION_ERROR_ARGUMENT, "timesteps[%d] is %d, above the %d before it",
                           (int)i, (int)timestep, (int)timesteps[i - 1]);
        double alpha = alphas_cumprod[timestep];
        if (!(alpha > 0.0 && alpha <= 1.0))
            return af_fail(ARTFUSION_ERROR_ARGUMENT,
                           "alphas_cumprod[%d] is %g, not above 0 and at most 1", (int)timestep,
                           alpha);
    }
    return ARTFUSION_OK;
}

artfusion_status artfusion_ddim_coefficients(const double *alphas_cumprod, int32_t train_timesteps,
                                             artfusion_spacing spacing, const int32_t *timesteps,
                                             int32_t steps, double eta, double *alphas,
                                             double *alphas_prev, double *sigmas)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (alphas_cumprod == NULL || timesteps == NULL || alphas == NULL || alphas_prev == NULL ||
        sigmas == NULL)
        return af_fail_null(alphas_cumprod, timesteps, alphas, alphas_prev, sigmas);
    if (train_timesteps < 1 || steps < 1)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "train_timesteps is %d and steps %d, not both 1 or more",
                       (int)train_timesteps, (int)steps);
    artfusion_status status = af_check_constant("spacing", spacing, ARTFUSION_ENUM_SPACING);
    if (status != ARTFUSION_OK)
        return status;
    if (!(eta >= 0.0) || isinf(eta))
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "eta is %g, not 0 or more and finite", eta);
    status = check_visited(alphas_cumprod, train_timesteps, timesteps, steps);
    if (status != ARTFUSION_OK)
        return status;
    for (int32_t i = 0; i < steps; i++) {
        alphas[i] = alphas_cumprod[timesteps[i]];
        alphas_prev[i] = i + 1 < steps ? alphas_cumprod[timesteps[i + 1]]
                                       : af_final_alpha(spacing, alphas_cumprod);
        sigmas[i] = af_ddim_sigma(alphas[i], alphas_prev[i], eta);
    }
    return ARTFUSION_OK;
}
