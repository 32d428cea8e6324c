/* SPDX-License-Identifier: MIT */
#include "artfusion.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

uint32_t artfusion_version(void)
{
    return ARTFUSION_VERSION_MAJOR * 1000000u + ARTFUSION_VERSION_MINOR * 1000u +
           ARTFUSION_VERSION_PATCH;
}

const char *artfusion_version_string(void)
{
    return TEXT(ARTFUSION_VERSION_MAJOR) "." TEXT(ARTFUSION_VERSION_MINOR) "." TEXT(
        ARTFUSION_VERSION_PATCH);
}
