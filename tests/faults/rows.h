/* SPDX-License-Identifier: MIT
 * The list of calls that need a case, and what came of each, as a table. */
#ifndef ROWS_H
#define ROWS_H

#include <stdio.h>

#include "inject.h"

typedef struct row {
    char call[64];
    int fallible, cases, quiet; /* quiet: it was seen to ask for nothing */
    long injected[FAULT_KINDS], absorbed[FAULT_KINDS], failed;
} row;

enum { MAX_CALLS = 256 };
extern row rows[MAX_CALLS];
extern int row_count;

/* Every `ARTFUSION_API type name(`: those that return a status can fail. */
void read_header(const char *path);
/* Every `int command_NAME(` of the command's own header. */
void read_commands(const char *path);
/* NULL for none. */
row *row_of(const char *call);
void print_table(FILE *file);

#endif
