/* SPDX-License-Identifier: MIT */
#ifndef AF_MATH_LOG_SNR_H
#define AF_MATH_LOG_SNR_H

#include <math.h>

/* lambda, half the logarithm of the signal-to-noise ratio, of 0 < alpha < 1. */
static inline double af_half_log_snr(double alpha)
{
    return 0.5 * log(alpha / (1.0 - alpha));
}

#endif
