/* SPDX-License-Identifier: MIT */
#ifndef AF_MATH_LINSPACE_H
#define AF_MATH_LINSPACE_H

#include <stdint.h>

/* `count` numbers evenly spaced from `start` to `end`, both included, in NumPy's arithmetic: what
 * is truncated or rounded afterwards falls on the same integers as the published code's. */
typedef struct af_linspace {
    double start, end, step;
    int32_t count;
} af_linspace;

static inline af_linspace af_linspace_of(double start, double end, int32_t count)
{
    double step = count > 1 ? (end - start) / (count - 1) : 0.0;
    return (af_linspace){start, end, step, count};
}

/* Element 0 <= i < count; the only element of one is `start`. */
static inline double af_linspace_at(const af_linspace *linspace, int32_t i)
{
    if (i > 0 && i == linspace->count - 1)
        return linspace->end;
    return i * linspace->step + linspace->start;
}

#endif
