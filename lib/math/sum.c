/* SPDX-License-Identifier: MIT */
#include "math/factors.h"

void af_sum(const af_term *terms, size_t term_count, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < term_count; j++)
            if (terms[j].factor != 0.0)
                sum += terms[j].factor * (double)terms[j].values[i];
        out[i] = (float)sum;
    }
}
