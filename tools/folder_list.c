/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "folder_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "folder_record.h"
#include "message.h"
#include "run.h"

/* Folders below the contents that are still to be read; "" is the contents' own. */
struct walk {
    const struct options *options;
    char **folders;
    size_t count;
};

/* Room for another element behind `count` of them. */
static void *grow(void *array, size_t count, size_t size)
{
    if ((count & (count + 1)) != 0) /* room for 1, 3, 7, 15 ... */
        return array;
    return realloc(array, (2 * count + 1) * size);
}

static int enter(struct walk *walk, const char *parent, const char *name)
{
    char **more = grow(walk->folders, walk->count, sizeof *more);
    if (more == NULL)
        return out_of_memory();
    walk->folders = more;
    more[walk->count] = parent[0] == '\0' ? strdup(name) : folder_path(parent, name);
    return more[walk->count++] == NULL ? out_of_memory() : 0;
}

static char *below(const char *root, const char *folder)
{
    return folder[0] == '\0' ? strdup(root) : folder_path(root, folder);
}

static char *result_name(const struct options *options, const char *name)
{
    const char *suffix = result_suffix(options);
    const size_t kept =
        is_given(options, OPTION_KEEP_SUFFIX) ? strlen(name) : (size_t)(strrchr(name, '.') - name);
    const size_t size = kept + strlen(suffix) + 1;
    char *renamed = malloc(size);
    if (renamed != NULL)
        snprintf(renamed, size, "%.*s%s", (int)kept, name, suffix);
    return renamed;
}

static int add(struct walk *walk, struct work_list *list, const char *contents, const char *results,
               const char *name)
{
    struct work *more = grow(list->items, list->count, sizeof *more);
    if (more == NULL)
        return out_of_memory();
    list->items = more;
    struct work *item = &more[list->count++];
    char *renamed = result_name(walk->options, name);
    *item = (struct work){
        .content = folder_path(contents, name),
        .result = renamed == NULL ? NULL : folder_path(results, renamed),
    };
    free(renamed);
    return item->content == NULL || item->result == NULL ? out_of_memory() : 0;
}

static bool is_same(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

static int take_folder(struct walk *walk, struct work_list *list, const char *parent,
                       const char *path, const char *name)
{
    struct stat itself;
    if (is_same(path, walk->options->out) || folder_has_record(path))
        return 0; /* results, of this run or another */
    const bool is_link = lstat(path, &itself) != 0 || S_ISLNK(itself.st_mode); /* to a parent? */
    if (is_given(walk->options, OPTION_RECURSIVE) && !is_link)
        return enter(walk, parent, name);
    list->passed_over++;
    return 0;
}

static int take(struct walk *walk, struct work_list *list, const char *parent, const char *contents,
                const char *results, const char *name)
{
    struct stat status;
    int code = 0;
    if (name[0] == '.') /* hidden; macOS's ._photo.jpg is no picture either */
        return 0;
    char *path = folder_path(contents, name);
    if (path == NULL)
        return out_of_memory();
    const bool known = stat(path, &status) == 0; /* a link to nothing fails when it is its turn */
    if (known && S_ISDIR(status.st_mode))
        code = take_folder(walk, list, parent, path, name);
    else if (is_picture_name(name) && (!known || S_ISREG(status.st_mode)))
        code = add(walk, list, contents, results, name);
    free(path);
    return code;
}

static int read_folder(struct walk *walk, struct work_list *list, const char *parent,
                       const char *contents, const char *results)
{
    if (is_same(results, walk->options->content))
        return usage_error("out",
                           "%s holds the contents, and the next run would take its results for "
                           "such: choose another folder, as %s%sresults",
                           results, contents, contents[strlen(contents) - 1] == '/' ? "" : "/");
    DIR *entries = opendir(contents);
    if (entries == NULL)
        return failure(ARTFUSION_ERROR_IO, contents, "%s: can't be read: %s", contents,
                       strerror(errno));
    const struct dirent *entry;
    int code = 0;
    while (code == 0 && (entry = readdir(entries)) != NULL)
        code = take(walk, list, parent, contents, results, entry->d_name);
    closedir(entries);
    return code;
}

static int read_all(struct walk *walk, struct work_list *list)
{
    int code = enter(walk, "", "");
    for (size_t i = 0; code == 0 && i < walk->count; i++) {
        char *contents = below(walk->options->content, walk->folders[i]);
        char *results = below(walk->options->out, walk->folders[i]);
        code = contents == NULL || results == NULL
                   ? out_of_memory()
                   : read_folder(walk, list, walk->folders[i], contents, results);
        free(contents);
        free(results);
    }
    return code;
}

static int by_result(const void *a, const void *b)
{
    return strcmp(((const struct work *)a)->result, ((const struct work *)b)->result);
}

static int sort(struct work_list *list)
{
    qsort(list->items, list->count, sizeof *list->items, by_result);
    for (size_t i = 1; i < list->count; i++)
        if (by_result(&list->items[i - 1], &list->items[i]) == 0)
            return failure(ARTFUSION_ERROR_ARGUMENT, list->items[i].content,
                           "%s and %s would both become %s: --keep-suffix gives both a name",
                           list->items[i - 1].content, list->items[i].content,
                           list->items[i].result);
    return 0;
}

int work_list_make(const struct options *options, struct work_list *list)
{
    struct walk walk = {.options = options};
    *list = (struct work_list){0};
    int code = read_all(&walk, list);
    for (size_t i = 0; i < walk.count; i++)
        free(walk.folders[i]);
    free(walk.folders);
    if (code == 0 && list->count == 0)
        code = failure(ARTFUSION_ERROR_IO, options->content,
                       "%s: holds no .png, .jpg, .jpeg or .webp file%s", options->content,
                       list->passed_over > 0 ? "; its subfolders were not entered, which "
                                               "--recursive does"
                                             : "");
    return code == 0 ? sort(list) : code;
}

void work_list_free(struct work_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].content);
        free(list->items[i].result);
    }
    free(list->items);
    *list = (struct work_list){0};
}
