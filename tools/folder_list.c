/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "folder_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "folder_record.h"
#include "message.h"
#include "run.h"

static const char result_suffix[] = ".png";

static int add(struct work_list *list, const char *contents, const char *results, const char *name)
{
    struct work *more = realloc(list->items, (list->count + 1) * sizeof *more);
    if (more == NULL)
        return failure("out of memory");
    list->items = more;
    struct work *item = &more[list->count++];
    const int stem = (int)(strrchr(name, '.') - name);
    char *renamed = malloc((size_t)stem + sizeof result_suffix);
    *item = (struct work){.content = folder_path(contents, name)};
    if (renamed != NULL) {
        snprintf(renamed, (size_t)stem + sizeof result_suffix, "%.*s%s", stem, name, result_suffix);
        item->result = folder_path(results, renamed);
    }
    free(renamed);
    return item->content == NULL || item->result == NULL ? failure("out of memory") : 0;
}

static bool is_file(const char *folder, const char *name)
{
    struct stat status;
    char *path = folder_path(folder, name);
    const bool is = path != NULL && stat(path, &status) == 0 && S_ISREG(status.st_mode);
    free(path);
    return is;
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
            return failure("%s and %s would both become %s", list->items[i - 1].content,
                           list->items[i].content, list->items[i].result);
    return 0;
}

int work_list_make(const char *contents, const char *results, struct work_list *list)
{
    *list = (struct work_list){0};
    DIR *entries = opendir(contents);
    if (entries == NULL)
        return failure("%s: can't be read: %s", contents, strerror(errno));
    const struct dirent *entry;
    int code = 0;
    while (code == 0 && (entry = readdir(entries)) != NULL)
        if (is_picture_name(entry->d_name) && is_file(contents, entry->d_name))
            code = add(list, contents, results, entry->d_name);
    closedir(entries);
    if (code == 0 && list->count == 0)
        code = failure("%s: holds no .png, .jpg or .jpeg file", contents);
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
