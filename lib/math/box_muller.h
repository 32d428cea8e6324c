/* SPDX-License-Identifier: MIT
 * Box and Muller's normals in an arithmetic that is the same to the last bit on every machine. */
#ifndef AF_MATH_BOX_MULLER_H
#define AF_MATH_BOX_MULLER_H

/* Two independent standard normals from two independent uniforms:
 *   sqrt(-2 log u1) cos(2 pi u2)   and   sqrt(-2 log u1) sin(2 pi u2)
 * with u1 in (0, 1], normal numbers only, and u2 in [0, 1). The logarithm, sine and cosine are
 * Cephes' single-precision polynomials, rounded where PyTorch's x86-64 builds round them, so that
 * its random numbers can be reproduced. Their error, a few units in the last place, is far below
 * what a sample could show. */
void af_box_muller(float u1, float u2, float *cosine_normal, float *sine_normal);

#endif
