/* SPDX-License-Identifier: MIT */
#include "model/curves.h"

#include <string.h>

/* How far the slope of the larger half may exceed the smaller one's by padding and rounding. */
#define STRAIGHT 1.05

void af_curve_fit(const double positions[AF_CURVE_POINTS], const double bytes[AF_CURVE_POINTS],
                  int32_t points, af_curve *curve)
{
    const double *n = positions, *p = bytes;
    *curve = (af_curve){.known = 1};
    if (points < 2 || n[0] == n[1]) { /* a native size that is also the smallest */
        curve->linear = p[0] / n[0];
        return;
    }
    /* Two points, the second beyond proportion: the limit forbade a third, which the square
     * foretells and a line would not. */
    if (points == 2 && p[1] * n[0] > STRAIGHT * p[0] * n[1]) {
        curve->square = (p[1] - p[0]) / (n[1] * n[1] - n[0] * n[0]);
        curve->constant = p[1] - curve->square * n[1] * n[1];
        return;
    }
    const double early = (p[1] - p[0]) / (n[1] - n[0]);
    double late = early;
    if (points == AF_CURVE_POINTS)
        late = (p[2] - p[1]) / (n[2] - n[1]);
    if (late > STRAIGHT * early && early >= 0.0) {
        curve->square = (late - early) / (n[2] - n[0]);
        late -= curve->square * (n[1] + n[2]);
    }
    const int32_t last = points - 1;
    curve->linear = late > 0.0 ? late : 0.0;
    curve->constant = p[last] - curve->linear * n[last] - curve->square * n[last] * n[last];
    if (curve->constant < 0.0)
        curve->constant = 0.0;
}

double af_curve_at(const af_curve *curve, double batch, double positions)
{
    return curve->constant +
           batch * (curve->linear * positions + curve->square * positions * positions);
}

int af_curves_init(af_curves *curves)
{
    memset(curves, 0, sizeof *curves);
    return pthread_mutex_init(&curves->lock, NULL) == 0;
}

void af_curves_clear(af_curves *curves)
{
    (void)pthread_mutex_destroy(&curves->lock);
}
