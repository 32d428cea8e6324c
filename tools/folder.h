/* SPDX-License-Identifier: MIT
 * stylize if --content is a folder: each picture in it, into the folder --out, in one style. A run
 * that was interrupted, or killed at any moment, goes on by the same command: pictures that are
 * there are not made again. */
#ifndef TOOLS_FOLDER_H
#define TOOLS_FOLDER_H

#include "options.h"

int folder_stylize(const struct options *options);

#endif
