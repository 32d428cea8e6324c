/* SPDX-License-Identifier: MIT
 * The commands. Each returns the program's exit status. */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

#include "options.h"

int command_stylize(const struct options *options);
int command_sample(const struct options *options);
int command_reconstruct(const struct options *options);
int command_info(const struct options *options);

#endif
