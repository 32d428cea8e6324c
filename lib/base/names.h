/* SPDX-License-Identifier: MIT */
#ifndef AF_BASE_NAMES_H
#define AF_BASE_NAMES_H

#include "artfusion.h"

/* "NAME is VALUE, which is not one of its constants: there are ...". Errors: ARGUMENT. */
artfusion_status af_check_constant(const char *name, int32_t value,
                                   artfusion_enumeration enumeration);

#endif
