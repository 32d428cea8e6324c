/* SPDX-License-Identifier: MIT */
#include "base/own_folder.h"

#include <stdio.h>
#include <string.h>

int af_own_folder(char folder[AF_PATH_MAX])
{
    if (!af_os_own_file(folder))
        return 0;
    *strrchr(folder, '/') = '\0'; /* there is one, for the path is absolute */
    return 1;
}

int af_find_beside(const char *file, char path[AF_BESIDE_MAX])
{
    static const char *const places[] = {"", "/artfusion"};
    char folder[AF_PATH_MAX];
    if (!af_own_folder(folder))
        return 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        (void)snprintf(path, AF_BESIDE_MAX, "%s%s/%s", folder, places[i], file);
        if (af_os_exists(path))
            return 1;
    }
    return 0;
}
