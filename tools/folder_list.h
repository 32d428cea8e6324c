/* SPDX-License-Identifier: MIT
 * The pictures of a folder, and what each one's result is called. */
#ifndef TOOLS_FOLDER_LIST_H
#define TOOLS_FOLDER_LIST_H

#include <stddef.h>

#include "options.h"

struct work {
    char *content; /* path */
    char *result;  /* path: the content's name with the format's suffix */
};

struct work_list {
    struct work *items; /* by result */
    size_t count;
    size_t passed_over; /* folders that were not entered; links to folders are not */
};

/* Of .png, .jpg, .jpeg and .webp files that are not hidden, with --recursive those below too; folders of
 * results are passed over. Two whose results had one name are an error, as is none, or a result
 * that the next run would take for a content. In any case work_list_free is due. */
int work_list_make(const struct options *options, struct work_list *list);
void work_list_free(struct work_list *list);

#endif
