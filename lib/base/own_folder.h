/* SPDX-License-Identifier: MIT
 * Where this library lies, beside which its engine and the default model are looked for. */
#ifndef AF_BASE_OWN_FOLDER_H
#define AF_BASE_OWN_FOLDER_H

#include "base/platform.h"

/* The folder of the shared library, or of the program it is linked into, without symbolic links.
 * Returns whether it is known; errno says why not. */
int af_own_folder(char folder[AF_PATH_MAX]);

/* Room for the path of a file of ours, whose name has up to 32 bytes. */
enum { AF_BESIDE_MAX = AF_PATH_MAX + 48 };

/* Where `file` lies: there, or in the folder `artfusion` there. 0 if in neither. */
int af_find_beside(const char *file, char path[AF_BESIDE_MAX]);

#endif
