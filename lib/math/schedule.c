/* SPDX-License-Identifier: MIT
 * Noise schedules. float64 throughout, in the published code's order of operations, so that the
 * tables agree with its own to the last bits. */
#include "math/schedule.h"

#include <math.h>

#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/names.h"
#include "math/linspace.h"

static const double half_pi = 1.57079632679489661923;
static const double cosine_offset = 0.008;
static const double cosine_max_beta = 0.999;

static void linear_betas(double start, double end, int32_t count, double *betas)
{
    af_linspace linspace = af_linspace_of(sqrt(start), sqrt(end), count);
    for (int32_t i = 0; i < count; i++) {
        double root = af_linspace_at(&linspace, i);
        betas[i] = root * root;
    }
}

/* f of arXiv 2102.09672, equation 17; its division by f(0) cancels in a beta. */
static double cosine_alpha(int32_t i, int32_t count)
{
    double fraction = (double)i / count + cosine_offset;
    double root = cos(fraction / (1.0 + cosine_offset) * half_pi);
    return root * root;
}

static void cosine_betas(int32_t count, double *betas)
{
    for (int32_t i = 0; i < count; i++) {
        double beta = 1.0 - cosine_alpha(i + 1, count) / cosine_alpha(i, count);
        betas[i] = fmin(fmax(beta, 0.0), cosine_max_beta);
    }
}

static void sqrt_linear_betas(double start, double end, int32_t count, double *betas)
{
    af_linspace linspace = af_linspace_of(start, end, count);
    for (int32_t i = 0; i < count; i++)
        betas[i] = af_linspace_at(&linspace, i);
}

static void sqrt_betas(double start, double end, int32_t count, double *betas)
{
    sqrt_linear_betas(start, end, count, betas);
    for (int32_t i = 0; i < count; i++)
        betas[i] = sqrt(betas[i]);
}

artfusion_status artfusion_schedule_betas(artfusion_schedule schedule, double start, double end,
                                          int32_t timesteps, double *betas)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (betas == NULL)
        return af_fail_null(betas);
    if (timesteps < 1)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "timesteps is %d, not 1 or more", (int)timesteps);
    if (schedule != ARTFUSION_SCHEDULE_COSINE &&
        !(start > 0.0 && start < 1.0 && end > 0.0 && end < 1.0))
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "betas from %g to %g do not lie between 0 and 1",
                       start, end);
    switch (schedule) {
    case ARTFUSION_SCHEDULE_LINEAR: linear_betas(start, end, timesteps, betas); return ARTFUSION_OK;
    case ARTFUSION_SCHEDULE_COSINE: cosine_betas(timesteps, betas); return ARTFUSION_OK;
    case ARTFUSION_SCHEDULE_SQRT_LINEAR:
        sqrt_linear_betas(start, end, timesteps, betas);
        return ARTFUSION_OK;
    case ARTFUSION_SCHEDULE_SQRT: sqrt_betas(start, end, timesteps, betas); return ARTFUSION_OK;
    default: return af_check_constant("schedule", schedule, ARTFUSION_ENUM_SCHEDULE);
    }
}

void af_alphas_cumprod(const double *betas, int32_t timesteps, double *alphas_cumprod)
{
    double product = 1.0;
    for (int32_t i = 0; i < timesteps; i++) {
        product *= 1.0 - betas[i];
        alphas_cumprod[i] = (double)(float)product;
    }
}

double af_final_alpha(artfusion_spacing spacing, const double *alphas_cumprod)
{
    if (spacing == ARTFUSION_SPACING_UNIFORM || spacing == ARTFUSION_SPACING_QUAD)
        return alphas_cumprod[0];
    return 1.0;
}
