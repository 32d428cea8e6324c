/* SPDX-License-Identifier: MIT */
#include "math/box_muller.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error \
    "float and double must be computed as such, or all results differ: on 32-bit x86 by -msse2 -mfpmath=sse"
#endif

/* Every rounding below is meant: fmaf where a product is not rounded, separate operations where it
 * is. The file must be compiled without contraction of floating-point expressions. */

/* log(x) for a normal x > 0: x = m 2^e with sqrt(1/2) <= m < sqrt(2), and a polynomial in m - 1. */
static float log_cephes(float x)
{
    static const float p[9] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                               -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                               2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    float exponent = (float)((int32_t)(bits >> 23) - 126);
    bits = (bits & 0x007fffffu) | 0x3f000000u;
    float mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    float m = mantissa - 1.0f;
    if (mantissa < 0.707106781186547524f) {
        exponent -= 1.0f;
        m += mantissa;
    }

    float square = m * m;
    float y = p[0];
    for (int i = 1; i < 9; i++)
        y = fmaf(y, m, p[i]);
    y *= m;
    /* log 2 in two parts, the greater of few enough bits that its product is exact. */
    y = fmaf(y, square, exponent * -2.12194440e-4f);
    y = fmaf(square, -0.5f, y);
    return fmaf(exponent, 0.693359375f, m + y);
}

/* sin(x) and cos(x) for x in [0, 2 pi]: the octant, the distance to its multiple of pi / 4, and two
 * polynomials in that, which change places and signs by octant. */
static void sincos_cephes(float x, float *sine, float *cosine)
{
    uint32_t octant = (uint32_t)(x * 1.27323954473516f); /* 4 / pi */
    octant = (octant + 1) & ~1u;
    float multiple = (float)octant;
    /* pi / 4 in three parts. */
    x = fmaf(multiple, -0.78515625f, x);
    x = fmaf(multiple, -2.4187564849853515625e-4f, x);
    x = fmaf(multiple, -3.77489497744594108e-8f, x);

    float z = x * x;
    float c = 2.443315711809948e-5f;
    c = fmaf(c, z, -1.388731625493765e-3f);
    c = fmaf(c, z, 4.166664568298827e-2f);
    c = c * z;
    c = fmaf(c, z, -(z * 0.5f)) + 1.0f;

    float s = -1.9515295891e-4f;
    s = fmaf(s, z, 8.3321608736e-3f);
    s = fmaf(s, z, -1.6666654611e-1f);
    s = s * z;
    s = fmaf(s, x, x);

    int swapped = (octant & 2) != 0;
    float abs_sine = swapped ? c : s;
    float abs_cosine = swapped ? s : c;
    *sine = (octant & 4) != 0 ? -abs_sine : abs_sine;
    *cosine = ((octant + 2) & 4) != 0 ? -abs_cosine : abs_cosine;
}

void af_box_muller(float u1, float u2, float *cosine_normal, float *sine_normal)
{
    float radius = sqrtf(-2.0f * log_cephes(u1));
    float sine, cosine;
    sincos_cephes(6.28318530717958648f * u2, &sine, &cosine);
    /* The zero added turns -0 (of u1 = 1) into 0. */
    *cosine_normal = radius * cosine + 0.0f;
    *sine_normal = radius * sine + 0.0f;
}
