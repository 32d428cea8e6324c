/* SPDX-License-Identifier: MIT
 * The model that is meant where none is named. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/own_folder.h"
#include "base/platform.h"

/* How many folders up from the library, and what lies there: a package of Python's; a prefix over lib
 * or bin; one over lib/<architecture>; a source tree over build/<preset>/lib. */
static const struct {
    int up;
    const char *path;
} places[] = {{0, "/mini.artfusion"},
              {1, "/share/artfusion/mini.artfusion"},
              {2, "/share/artfusion/mini.artfusion"},
              {3, "/models/mini.artfusion"}};
enum {
    PLACES = sizeof places / sizeof places[0],
    LONGEST = sizeof "/share/artfusion/mini.artfusion"
};

static artfusion_status give(const char *text, char **path)
{
    const size_t size = strlen(text) + 1;
    *path = af_alloc(size);
    if (!*path)
        return af_fail_memory(size, "a path");
    memcpy(*path, text, size);
    return ARTFUSION_OK;
}

static void name_place(size_t index, const char *folder, char place[AF_PATH_MAX + LONGEST])
{
    size_t length = strlen(folder);
    for (int up = 0; up < places[index].up; up++)
        while (length > 0 && folder[--length] != '/')
            ;
    (void)snprintf(place, AF_PATH_MAX + LONGEST, "%.*s%s", (int)length, folder, places[index].path);
}

artfusion_status artfusion_default_model_path(char **path)
{
    af_error_clear();
    if (!path)
        return af_fail_null(path);
    *path = NULL;
    const char *named = af_os_variable("ARTFUSION_MODEL");
    if (named && *named)
        return give(named, path);

    char folder[AF_PATH_MAX], place[PLACES][AF_PATH_MAX + LONGEST];
    if (!af_own_folder(folder))
        return errno == ENOMEM ? af_fail_memory(AF_PATH_MAX, "a path")
                               : af_fail_io("the library's own folder", NULL, errno);
    for (size_t i = 0; i < PLACES; i++) {
        name_place(i, folder, place[i]);
        if (af_os_exists(place[i]))
            return give(place[i], path);
        if (errno != ENOENT && errno != ENOTDIR)
            return af_fail_io(place[i], NULL, errno);
    }
    return af_fail(ARTFUSION_ERROR_IO,
                   "no default model is found: ARTFUSION_MODEL is not set in the environment, and "
                   "there is none of %s, %s, %s, %s",
                   place[0], place[1], place[2], place[3]);
}
