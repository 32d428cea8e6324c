/* SPDX-License-Identifier: MIT
 * The part of processes.h that loads the library again and again. */
#ifndef PROCESSES_LOAD_H
#define PROCESSES_LOAD_H

#include "processes.h"

/* Loads and unloads it as often as `setup` says; 0 if the process does not grow by it. */
int process_load_often(const process_setup *setup);

/* In a child there is no cmocka to jump back to. */
#define need(condition) \
    do { \
        if (!(condition)) \
            return process_complain(__FILE__, __LINE__, #condition); \
    } while (0)
int process_complain(const char *file, int line, const char *condition);

#endif
