/* SPDX-License-Identifier: MIT
 * Files: whole reads with a limit, writes that are whole or not at all. */
#ifndef AF_BASE_FILE_H
#define AF_BASE_FILE_H

#include "artfusion.h"

/* ARTFUSION_ERROR_IO in the system's words for `error`; `doing` may be NULL. */
artfusion_status af_fail_io(const char *path, const char *doing, int error);

/* Reads a regular file of at most `limit` bytes. Free `*data` with af_free.
 * Errors: IO (also for a directory), LIMIT, MEMORY. */
artfusion_status af_file_read(const char *path, uint64_t limit, uint8_t **data, size_t *size);

/* Writes beside `path`, syncs and renames: `path` holds either what it held
 * before or all of `data`, whatever happens. An existing file's mode is kept,
 * a symbolic link's target replaced. Errors: IO, MEMORY. */
artfusion_status af_file_write(const char *path, const void *data, size_t size);

#endif
