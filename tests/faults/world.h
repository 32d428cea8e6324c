/* SPDX-License-Identifier: MIT
 * The world's making and end, for the runner alone. */
#ifndef WORLD_H
#define WORLD_H

#include "cases.h"

void world_name(const char *folder);
/* In a process of its own, so that this one has loaded nothing yet. */
void world_make_files(void);
void world_open(void);
void world_close(void);
/* Of what no case may change. */
uint64_t world_hash(void);
/* Empties the folder that cases write to, and says how much there was. */
int world_clear(void);

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size);

/* Ends the case that is running, whose preparations failed. */
_Noreturn void fault_abandon(void);

#endif
