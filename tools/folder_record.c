/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* flock, getentropy */
#include "folder_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

#define RECORD "artfusion-run.json"
#define BEING_WRITTEN ".artfusion-????????????????.tmp" /* results, by the library; the record */

char *folder_path(const char *folder, const char *name)
{
    const size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    const size_t size = length + strlen(slash) + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s%s", folder, slash, name);
    return path;
}

int folder_lock(const char *folder, int *lock)
{
    *lock = -1;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return failure(ARTFUSION_ERROR_IO, folder,
                       "%s: the folder for the results can't be made: %s", folder, strerror(errno));
    const int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0)
        return failure(ARTFUSION_ERROR_IO, folder,
                       "%s: with a folder of contents, --out is a folder: %s", folder,
                       strerror(errno));
    if (access(folder, W_OK | X_OK) != 0) {
        const int code = failure(ARTFUSION_ERROR_IO, folder, "%s: can't be written: %s", folder,
                                 strerror(errno));
        close(opened);
        return code;
    }
    if (flock(opened, LOCK_EX | LOCK_NB) != 0) {
        const int code = errno == EWOULDBLOCK
                             ? failure(ARTFUSION_ERROR_IO, folder,
                                       "%s: another run is writing into this folder", folder)
                             : failure(ARTFUSION_ERROR_IO, folder, "%s: can't be locked: %s",
                                       folder, strerror(errno));
        close(opened);
        return code;
    }
    *lock = opened;
    return 0;
}

void folder_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

bool folder_has_record(const char *folder)
{
    char *path = folder_path(folder, RECORD);
    const bool has = path != NULL && access(path, F_OK) == 0;
    free(path);
    return has;
}

/* Nobody else writes here: the lock is held. */
static void remove_leftovers(const char *folder)
{
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return; /* they do no harm */
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL)
        if (fnmatch(BEING_WRITTEN, entry->d_name, 0) == 0)
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
}

/* A new file, whose path is by malloc. In a folder that others may write to, whatever has its name
 * already is somebody else's, links included. */
static int create_beside(const char *folder, char **path)
{
    uint64_t number;
    char name[sizeof BEING_WRITTEN];
    *path = NULL;
    if (getentropy(&number, sizeof number) != 0)
        return -1;
    snprintf(name, sizeof name, ".artfusion-%016" PRIx64 ".tmp", number);
    char *made = folder_path(folder, name);
    if (made == NULL)
        return -1;
    int file;
    do
        file = open(made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    while (file < 0 && errno == EINTR);
    if (file >= 0)
        *path = made;
    else
        free(made);
    return file;
}

static int sync_file(int file)
{
    int status;
    do
        status = fsync(file);
    while (status != 0 && errno == EINTR);
    return status;
}

/* Closes the file, too. */
static int write_whole(int file, const char *text)
{
    FILE *stream = fdopen(file, "w");
    if (stream == NULL) {
        close(file);
        return -1;
    }
    const int failed = fputs(text, stream) < 0 || fputc('\n', stream) < 0 || fflush(stream) != 0 ||
                       sync_file(file) != 0;
    return fclose(stream) != 0 || failed ? -1 : 0;
}

/* Makes a new name last. Not all file systems can, and then the file is in its place all the same.
 */
static void sync_folder(const char *folder)
{
    const int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0)
        return;
    (void)sync_file(opened);
    close(opened);
}

/* All or nothing, as results are. */
static int write_record(const char *folder, const char *path, const json_t *settings)
{
    char *text = json_dumps(settings, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    if (text == NULL)
        return out_of_memory();
    char *beside;
    const int file = create_beside(folder, &beside);
    int code = 0;
    if (file < 0 || write_whole(file, text) != 0 || rename(beside, path) != 0)
        code = failure(errno == ENOMEM ? ARTFUSION_ERROR_MEMORY : ARTFUSION_ERROR_IO, path,
                       "%s: can't be written: %s", path, strerror(errno));
    if (code == 0)
        sync_folder(folder);
    else if (beside != NULL)
        (void)unlink(beside);
    free(text);
    free(beside);
    return code;
}

static char *text_of(const json_t *value)
{
    return value == NULL ? strdup("nothing") : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* Says which setting differs, that of a nested object by its own name.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as our own settings are. */
static int compare(const char *path, json_t *settings, const json_t *recorded)
{
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        const json_t *before = json_object_get(recorded, key);
        if (json_equal(value, before))
            continue;
        if (json_is_object(value) && json_is_object(before))
            return compare(path, value, before);
        char *now = text_of(value), *then = text_of(before);
        const int code =
            failure(ARTFUSION_ERROR_MISMATCH, path,
                    "%s: the results there are of another run: \"%s\" was %s and is %s now; "
                    "choose another folder for --out, or empty this one",
                    path, key, then == NULL ? "?" : then, now == NULL ? "?" : now);
        free(now);
        free(then);
        return code;
    }
    return 0;
}

int folder_record(const char *folder, json_t *settings, const char *result)
{
    char *path = folder_path(folder, RECORD);
    if (path == NULL)
        return out_of_memory();
    remove_leftovers(folder);
    json_error_t error;
    json_t *recorded = NULL;
    int code = 0;
    const bool there = access(path, F_OK) == 0;
    if (!there && errno != ENOENT)
        code = failure(ARTFUSION_ERROR_IO, path, "%s: %s", path, strerror(errno));
    else if (!there && result != NULL)
        code = failure(ARTFUSION_ERROR_IO, result,
                       "%s is there already, and no %s tells which run made it; choose another "
                       "folder for --out",
                       result, RECORD);
    else if (!there)
        code = write_record(folder, path, settings);
    else if ((recorded = json_load_file(path, JSON_REJECT_DUPLICATES, &error)) == NULL)
        code =
            failure(ARTFUSION_ERROR_FORMAT, path, "%s: line %d: %s", path, error.line, error.text);
    else
        code = compare(path, settings, recorded);
    json_decref(recorded);
    free(path);
    return code;
}

int folder_make_for(const char *folder, const char *result)
{
    char *path = strdup(result);
    if (path == NULL)
        return out_of_memory();
    int code = 0;
    char *slash = path + strlen(folder);
    while (code == 0 && (slash = strchr(slash + 1, '/')) != NULL) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            code = failure(ARTFUSION_ERROR_IO, path, "%s: the folder can't be made: %s", path,
                           strerror(errno));
        else
            remove_leftovers(path);
        *slash = '/';
    }
    free(path);
    return code;
}
