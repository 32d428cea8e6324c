/* SPDX-License-Identifier: MIT
 * Checks of what a caller handed over. Each has one wording. */
#ifndef AF_BASE_CHECK_H
#define AF_BASE_CHECK_H

#include "artfusion.h"

/* Names the first of the pointers that is NULL, for
 *     if (!model || !path)
 *         return af_fail_null(model, path);
 * A macro for the same reason as af_fail. Not for pointers to functions. */
#define af_fail_null(...)                                                                          \
    (af_error_set_null(#__VA_ARGS__, (const void *const[]){__VA_ARGS__}), ARTFUSION_ERROR_ARGUMENT)
void af_error_set_null(const char *names, const void *const *pointers);

#endif
