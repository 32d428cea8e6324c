/* SPDX-License-Identifier: MIT
 * The pictures of a folder, and what each one's result is called. */
#ifndef TOOLS_FOLDER_LIST_H
#define TOOLS_FOLDER_LIST_H

#include <stddef.h>

struct work {
    char *content; /* path */
    char *result;  /* path, the content's name with .png */
};

struct work_list {
    struct work *items; /* by name */
    size_t count;
};

/* Of .png, .jpg and .jpeg files. Two whose results had one name are an error, as is none.
 * In any case work_list_free is due. */
int work_list_make(const char *contents, const char *results, struct work_list *list);
void work_list_free(struct work_list *list);

#endif
