/* SPDX-License-Identifier: MIT */
#include "math/finite.h"

#include <math.h>

#include "base/error.h"

size_t af_first_nonfinite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return i;
    return count;
}

artfusion_status af_check_finite(artfusion_status error, const char *what, const float *values,
                                 size_t count)
{
    const size_t bad = af_first_nonfinite(values, count);
    if (bad == count)
        return ARTFUSION_OK;
    return af_fail(error, "%s: value %zu of %zu is %s", what, bad, count,
                   isnan(values[bad]) ? "NaN" : "infinite");
}
