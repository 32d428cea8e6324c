/* SPDX-License-Identifier: MIT
 * Which model file is meant where there are several places for one. */
#ifndef TOOLS_MODEL_PATH_H
#define TOOLS_MODEL_PATH_H

/* `given` (--model) if not NULL, else $ARTFUSION_MODEL, else the installed model, else that of the
 * source tree the command was built in; the first two are taken at their word. Sets *path, to be
 * freed. Returns 0 or an exit status, having named all places looked at. */
int model_path_find(const char *given, char **path);

#endif
