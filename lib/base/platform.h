/* SPDX-License-Identifier: MIT
 * What systems do in different ways: platform_posix.c is for Linux and macOS, platform_windows.c for Windows.
 * The rest of the library is C17, with the threads and clocks of POSIX, which MinGW has too. Only an engine's
 * process (model/isolated.c, lib/host) is for Linux alone; elsewhere model/not_isolated.c refuses it.
 *
 * Descriptors and errno are the C library's. Whatever a signal interrupts is tried again. On Windows paths are
 * UTF-8, and may have either slash. */
#ifndef AF_BASE_PLATFORM_H
#define AF_BASE_PLATFORM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a path, as systems have it or more. */
enum { AF_PATH_MAX = 4096 };

/* A variable of the environment. NULL if it is not set, or if the program has more rights than the user who
 * started it. */
const char *af_os_variable(const char *name);

/* The system's sentence about `error`, an errno. */
void af_os_reason(int error, char *text, size_t size);

/* ---- reading files: negative for failure, errno says why ---- */

typedef int32_t af_file_kind;
enum { AF_FILE_NONE, AF_FILE_REGULAR, AF_FILE_FOLDER, AF_FILE_LOST_LINK, AF_FILE_OTHER };

int af_os_exists(const char *path); /* 1 or 0: errno says why not */
int af_os_open(const char *path);   /* does not wait for a pipe's writer */
int af_os_size(int file, af_file_kind *kind, uint64_t *size);
int64_t af_os_read(int file, void *buffer, size_t size);
int64_t af_os_read_at(int file, void *buffer, size_t size, uint64_t offset); /* from any thread */
int af_os_duplicate(int file);
int af_os_close(int file);

/* ---- writing a file beside another, and into its place ---- */

typedef struct af_target {
    char *path; /* with links resolved: free() it, also after a failure */
    af_file_kind kind;
    uint32_t mode, group; /* of a regular file that is there, if the system has them */
} af_target;

/* What `path` names, which may be nothing yet. 0, or an errno: also if the file is there and may not be
 * written to. */
int af_os_find_target(const char *path, af_target *target);

/* A new file; EEXIST if there is one. What replaces a file is its owner's alone until it has that file's mode. */
int af_os_create(const char *path, const af_target *target);
int af_os_take_mode(int file, const af_target *target);
int64_t af_os_write(int file, const void *data, size_t size);
int af_os_sync(int file);
int af_os_rename(const char *from, const char *to);
void af_os_remove(const char *path);

/* Makes a rename in the folder of `path` last. Not all file systems can, and the file is in its place all the
 * same: no error. */
void af_os_sync_folder(const char *path);

/* ---- threads ---- */

/* As pthread_create, with a stack that an engine can work on. With `aside` the thread gets none of the signals that
 * are for the program's own threads. */
int af_os_start_thread(pthread_t *thread, int aside, void *(*run)(void *), void *data);

/* Whether the working directory has a name. A thread of ours may be moved to one that has, for itself alone. */
int af_os_have_folder(int own_thread);

/* ---- shared libraries ---- */

#if defined(_WIN32)
#define AF_OS_LIBRARY(name) name ".dll"
#elif defined(__APPLE__)
#define AF_OS_LIBRARY(name) "lib" name ".dylib"
#else
#define AF_OS_LIBRARY(name) "lib" name ".so"
#endif

/* Part of what af_os_load says of a library that needs a function which none has. */
#if defined(_WIN32)
#define AF_OS_LACKS_SYMBOL ": error 127:"
#elif defined(__GLIBC__)
#define AF_OS_LACKS_SYMBOL "undefined symbol"
#else /* musl's; macOS says it with a capital */
#define AF_OS_LACKS_SYMBOL "ymbol not found"
#endif

typedef void af_os_function(void);

/* Loads a library that brings a C++ runtime of its own, for good. NULL: `why` has the reason. The handlers of
 * signals stay the program's. */
void *af_os_load(const char *path, char *why, size_t size);
af_os_function *af_os_symbol(void *library, const char *name);

/* The path of a library that the process has, whose file is called `file` or begins so; NULL if it has none. */
const char *af_os_loaded(const char *file);

/* The shared library that this code is in, or the program: its path without links, with slashes. 0 if that is
 * not known: errno says why. */
int af_os_own_file(char path[AF_PATH_MAX]);

#endif
