/* SPDX-License-Identifier: MIT */
#include "artfusion.h"
#include "base/error.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

uint32_t artfusion_version(void)
{
    return ARTFUSION_VERSION;
}

const char *artfusion_version_string(void)
{
    return TEXT(ARTFUSION_VERSION_MAJOR) "." TEXT(ARTFUSION_VERSION_MINOR) "." TEXT(
        ARTFUSION_VERSION_PATCH);
}

artfusion_status artfusion_check_version(uint32_t header_version)
{
    af_error_clear();
    const unsigned major = header_version / 1000000u, minor = header_version / 1000u % 1000u;
    const unsigned own_minor = ARTFUSION_VERSION_MINOR; /* no literal 0: gcc would warn of it */
    if (major == ARTFUSION_VERSION_MAJOR && minor <= own_minor)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_UNSUPPORTED,
                   "the program was made with artfusion %u.%u.%u and runs with %s, which does not "
                   "serve it",
                   major, minor, (unsigned)(header_version % 1000u), artfusion_version_string());
}
