/* SPDX-License-Identifier: MIT */
#include "math/finite.h"

#include <math.h>

size_t af_first_nonfinite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return i;
    return count;
}
