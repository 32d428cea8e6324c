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
