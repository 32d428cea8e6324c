/* SPDX-License-Identifier: MIT
 * Checks of what a caller handed over. Each has one wording. */
#ifndef AF_BASE_CHECK_H
#define AF_BASE_CHECK_H

#include "artfusion.h"

/* Names the first of the pointers that is NULL, for
 *     if (!model || !path)
 *         return af_fail_null(model, path);
 * A macro for the same reason as af_fail. Not for pointers to functions. */
#define af_fail_null(...) \
    (af_error_set_null(#__VA_ARGS__, (const void *const[]){__VA_ARGS__}), ARTFUSION_ERROR_ARGUMENT)
void af_error_set_null(const char *names, const void *const *pointers);

/* "NAME is VALUE: it must be LEAST to MOST". A NaN is out of every range. Errors: ARGUMENT. */
artfusion_status af_check_integer(const char *name, int32_t value, int32_t least, int32_t most);
artfusion_status af_check_real(const char *name, double value, double least, double most);

/* The same of an array's element, "NAME[INDEX]". */
artfusion_status af_check_element(const char *name, int32_t index, int32_t value, int32_t least,
                                  int32_t most);

#endif
