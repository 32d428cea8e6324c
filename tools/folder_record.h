/* SPDX-License-Identifier: MIT
 * What makes a folder of results one run, that can be ended at any moment and begun again: a lock
 * while it goes on, and a record of its settings, artfusion-run.json. */
#ifndef TOOLS_FOLDER_RECORD_H
#define TOOLS_FOLDER_RECORD_H

#include <jansson.h>
#include <stdbool.h>

/* Makes the folder if need be, and locks it against a second run. *lock is -1 after a failure. */
int folder_lock(const char *folder, int *lock);
void folder_unlock(int lock);

/* Sees that what is in the locked folder is of these settings. Where there is no record they are
 * recorded, unless `result` is there (NULL: none is), of which nobody knows who made it. Removes what
 * a killed run has half written. */
int folder_record(const char *folder, json_t *settings, const char *result);

/* Whether a run has its results there. */
bool folder_has_record(const char *folder);

/* Makes the folders that `result`, a path below `folder`, lies in, and removes there what a killed
 * run has half written. */
int folder_make_for(const char *folder, const char *result);

/* "folder/name" by malloc; NULL for want of memory. */
char *folder_path(const char *folder, const char *name);

#endif
