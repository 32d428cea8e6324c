/* SPDX-License-Identifier: MIT
 * The command's ways, each in a process of its own. @NAME stands for a path of the world. */
#include "cases.h"

const fault_case command_cases[] = {
    {"command stylize", "text", NULL, ABSORBS,
     {"stylize", "-c", "@png", "-s", "@style", "-o", "@out", "-m", "@model", "--verbose", NULL}},
    {"command stylize", "JSON", NULL, ABSORBS,
     {"stylize", "-c", "@jpeg", "-s", "@style", "-o", "@out", "-m", "@model", "--json", NULL}},
    {"command stylize", "folder", NULL, ABSORBS,
     {"stylize", "-c", "@contents", "-s", "@style", "-o", "@results", "-m", "@model",
      "--recursive", NULL}},
    {"command sample", NULL, NULL, ABSORBS,
     {"sample", "-s", "@style", "-o", "@out", "-m", "@model", "--count", "2", "--steps", "2", NULL}},
    {"command reconstruct", NULL, NULL, ABSORBS,
     {"reconstruct", "-c", "@png", "-o", "@out", "-m", "@model", "--json", NULL}},
    {"command info", "text", NULL, ABSORBS, {"info", "@model", NULL}},
    {"command info", "JSON", NULL, ABSORBS, {"info", "@model", "--json", NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
