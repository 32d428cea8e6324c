/* SPDX-License-Identifier: MIT
 * Which options each command takes, in popt's tables, and its help. */
#ifndef TOOLS_OPTION_TABLES_H
#define TOOLS_OPTION_TABLES_H

#include <popt.h>

extern const struct poptOption stylize_options[];
extern const struct poptOption sample_options[];
extern const struct poptOption reconstruct_options[];
extern const struct poptOption info_options[];

#endif
