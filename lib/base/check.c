/* SPDX-License-Identifier: MIT */
#include "base/check.h"

#include <string.h>

#include "base/error.h"

void af_error_set_null(const char *names, const void *const *pointers)
{
    for (; *pointers; pointers++)
        names += strcspn(names, ",") + strlen(", ");
    af_error_set("%.*s is NULL", (int)strcspn(names, ","), names);
}

artfusion_status af_check_integer(const char *name, int32_t value, int32_t least, int32_t most)
{
    if (value >= least && value <= most)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is %d: it must be %d to %d", name, (int)value,
                   (int)least, (int)most);
}

/* Comparisons are written so that NaN fails them. */
artfusion_status af_check_real(const char *name, double value, double least, double most)
{
    if (value >= least && value <= most)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is %g: it must be %g to %g", name, value, least,
                   most);
}

artfusion_status af_check_element(const char *name, int32_t index, int32_t value, int32_t least,
                                  int32_t most)
{
    if (value >= least && value <= most)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s[%d] is %d: it must be %d to %d", name, (int)index,
                   (int)value, (int)least, (int)most);
}
