/* SPDX-License-Identifier: MIT */
#include "math/guidance.h"

#include <math.h>

uint32_t af_guidance_branches(double content_scale, double style_scale)
{
    uint32_t branches = AF_BRANCH_BOTH;
    if (content_scale != 1.0)
        branches |= AF_BRANCH_NULL_CONTENT;
    if (style_scale != 1.0)
        branches |= AF_BRANCH_NULL_STYLE;
    return branches;
}

/* Ho and Salimans, arXiv 2207.12598: away from what a missing condition gives. */
static double guided(double with, double without, double scale)
{
    return without + scale * (with - without);
}

void af_guidance_mix(const float *both, const float *null_content, const float *null_style,
                     double content_scale, double style_scale, float *eps, size_t count)
{
    switch (af_guidance_branches(content_scale, style_scale)) {
    case AF_BRANCH_BOTH:
        for (size_t i = 0; i < count; i++)
            eps[i] = both[i];
        return;
    case AF_BRANCH_BOTH | AF_BRANCH_NULL_CONTENT:
        for (size_t i = 0; i < count; i++)
            eps[i] = (float)guided(both[i], null_content[i], content_scale);
        return;
    case AF_BRANCH_BOTH | AF_BRANCH_NULL_STYLE:
        for (size_t i = 0; i < count; i++)
            eps[i] = (float)guided(both[i], null_style[i], style_scale);
        return;
    default:
        for (size_t i = 0; i < count; i++)
            eps[i] = (float)(guided(both[i], null_content[i], content_scale) +
                             guided(both[i], null_style[i], style_scale) - both[i]);
    }
}

void af_prediction_to_eps(artfusion_prediction prediction, double alpha, const float *x,
                          const float *predicted, float *eps, size_t count)
{
    double signal = sqrt(alpha);
    double sigma = sqrt(1.0 - alpha);
    switch (prediction) {
    case ARTFUSION_PREDICTION_V:
        for (size_t i = 0; i < count; i++)
            eps[i] = (float)(signal * predicted[i] + sigma * x[i]);
        return;
    case ARTFUSION_PREDICTION_X0:
        for (size_t i = 0; i < count; i++)
            eps[i] = (float)((x[i] - signal * predicted[i]) / sigma);
        return;
    default:
        for (size_t i = 0; i < count; i++)
            eps[i] = predicted[i];
    }
}

void af_eps_to_x0(double alpha, const float *x, const float *eps, float *x0, size_t count)
{
    double signal = sqrt(alpha);
    double sigma = sqrt(1.0 - alpha);
    for (size_t i = 0; i < count; i++)
        x0[i] = (float)((x[i] - sigma * eps[i]) / signal);
}

void af_add_noise(double alpha, const float *x0, const float *noise, float *x, size_t count)
{
    double signal = sqrt(alpha);
    double sigma = sqrt(1.0 - alpha);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(signal * x0[i] + sigma * noise[i]);
}
