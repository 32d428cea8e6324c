/* SPDX-License-Identifier: MIT */
#ifndef AF_MATH_PHILOX_H
#define AF_MATH_PHILOX_H

#include <stdint.h>

/* Philox 4x32 with ten rounds: a bijection of 128-bit counters, one a key. Salmon, Moraes, Dror and
 * Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11. */
void af_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

#endif
