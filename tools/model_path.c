/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "model_path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"

/* How many folders up from the one the command's file is in, and what lies there: an installation's
 * prefix over bin, a source tree over build/<preset>/bin. */
static const struct {
    int up;
    const char *path;
} beside[] = {{1, "/share/artfusion/mini.artfusion"}, {3, "/models/mini.artfusion"}};
enum { PLACES = sizeof beside / sizeof beside[0] };

/* Cuts the last component off. */
static void go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
}

static int own_folder(char *folder, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", folder, size);
    if (length <= 0 || (size_t)length >= size)
        return -1;
    folder[length] = '\0';
    go_up(folder);
    return 0;
}

static int take(const char *text, char **path)
{
    *path = strdup(text);
    return *path == NULL ? out_of_memory() : 0;
}

int model_path_find(const char *given, char **path)
{
    if (given != NULL)
        return take(given, path);
    const char *named = getenv("ARTFUSION_MODEL");
    if (named != NULL && named[0] != '\0')
        return take(named, path);

    char folder[PATH_MAX];
    char places[PLACES][PATH_MAX + 64];
    if (own_folder(folder, sizeof folder) != 0)
        return failure(ARTFUSION_ERROR_IO, NULL,
                       "no model is named by --model or ARTFUSION_MODEL, and the command's own "
                       "folder, beside which one may lie, is unknown");
    for (size_t i = 0; i < PLACES; i++) {
        char root[PATH_MAX];
        memcpy(root, folder, sizeof root);
        for (int up = 0; up < beside[i].up; up++)
            go_up(root);
        snprintf(places[i], sizeof places[i], "%s%s", root, beside[i].path);
        if (access(places[i], F_OK) == 0)
            return take(places[i], path);
    }
    return failure(ARTFUSION_ERROR_IO, NULL,
                   "no model found: --model is not given, ARTFUSION_MODEL is not set, and there is "
                   "neither %s nor %s",
                   places[0], places[1]);
}
