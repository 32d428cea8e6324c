/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"

#include <time.h>

static struct timespec monotonic(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now;
}

double af_seconds(void)
{
    const struct timespec now = monotonic();
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t af_milliseconds(void)
{
    const struct timespec now = monotonic();
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
