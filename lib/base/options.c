/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <string.h>

#include "base/error.h"

/* Beyond any struct this library will ever have: a size that was never set. */
#define SANE_STRUCT_SIZE 65536u

artfusion_status af_options_read(const char *name, const void *given, void *defaults, size_t known)
{
    if (!given)
        return ARTFUSION_OK;

    uint32_t size;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > SANE_STRUCT_SIZE)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s: struct_size is %u: fill it in with %s_init",
                       name, (unsigned)size, name);

    const unsigned char *bytes = given;
    for (size_t i = known; i < size; i++)
        if (bytes[i])
            return af_fail(ARTFUSION_ERROR_UNSUPPORTED,
                           "%s: byte %zu is set, and this library (%s) knows only %zu: it is older "
                           "than the program's header",
                           name, i, artfusion_version_string(), known);

    memcpy(defaults, given, size < known ? size : known);
    const uint32_t stamp = (uint32_t)known;
    memcpy(defaults, &stamp, sizeof stamp);
    return ARTFUSION_OK;
}

artfusion_status af_options_write(const char *name, void *options, size_t struct_size,
                                  const void *defaults, size_t known)
{
    if (!options)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is NULL", name);
    if (struct_size < sizeof(uint32_t) || struct_size > SANE_STRUCT_SIZE)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s: struct_size is %zu: pass sizeof(%s)", name,
                       struct_size, name);

    memset(options, 0, struct_size);
    memcpy(options, defaults, struct_size < known ? struct_size : known);
    const uint32_t stamp = (uint32_t)struct_size;
    memcpy(options, &stamp, sizeof stamp);
    return ARTFUSION_OK;
}
