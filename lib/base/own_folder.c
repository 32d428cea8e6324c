/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dladdr */
#include "base/own_folder.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Of a program the loader knows only what it was called by, which may be a word looked up in PATH. */
static int is_program(const void *base)
{
    Dl_info program;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel hands addresses over as numbers. */
    return dladdr((const void *)getauxval(AT_PHDR), &program) && program.dli_fbase == base;
}

int af_own_folder(char folder[PATH_MAX])
{
    static const char inside = 0;
    Dl_info info;
    char real[PATH_MAX];
    if (!dladdr(&inside, &info) || !info.dli_fname) {
        errno = ENOENT;
        return 0;
    }
    if (!realpath(is_program(info.dli_fbase) ? "/proc/self/exe" : info.dli_fname, real))
        return 0;
    char *slash = strrchr(real, '/'); /* there is one, for the path is absolute */
    *slash = '\0';
    memcpy(folder, real, (size_t)(slash - real) + 1);
    return 1;
}

int af_find_beside(const char *file, char path[AF_BESIDE_MAX])
{
    static const char *const places[] = {"", "/artfusion"};
    char folder[PATH_MAX];
    if (!af_own_folder(folder))
        return 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        (void)snprintf(path, AF_BESIDE_MAX, "%s%s/%s", folder, places[i], file);
        if (access(path, F_OK) == 0)
            return 1;
    }
    return 0;
}
