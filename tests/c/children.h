/* SPDX-License-Identifier: MIT
 * The processes that there are, by /proc. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/types.h>

/* 0 if there is no such process. */
int stat_of(pid_t pid, pid_t *parent, char *state);

/* How many `parent` has, those that ended and were not waited for included. The last found goes
 * into
 * `*child`, unless that is NULL. */
int children(pid_t parent, pid_t *child);

#endif
