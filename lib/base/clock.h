/* SPDX-License-Identifier: MIT
 * How long things take: a clock that is never set. */
#ifndef AF_BASE_CLOCK_H
#define AF_BASE_CLOCK_H

#include <stdint.h>

double af_seconds(void);
int64_t af_milliseconds(void);

#endif
