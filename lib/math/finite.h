/* SPDX-License-Identifier: MIT */
#ifndef AF_MATH_FINITE_H
#define AF_MATH_FINITE_H

#include "artfusion.h"

/* Index of the first NaN or infinity in values[count], or `count`. */
size_t af_first_nonfinite(const float *values, size_t count);

/* "WHAT: value INDEX of COUNT is NaN", or infinite; an error of the kind that the caller says. */
artfusion_status af_check_finite(artfusion_status error, const char *what, const float *values,
                                 size_t count);

#endif
