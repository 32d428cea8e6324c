/* SPDX-License-Identifier: MIT */
#ifndef AF_MATH_FINITE_H
#define AF_MATH_FINITE_H

#include <stddef.h>

/* Index of the first NaN or infinity in values[count], or `count`. */
size_t af_first_nonfinite(const float *values, size_t count);

#endif
