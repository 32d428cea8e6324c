/* SPDX-License-Identifier: MIT
 * No Windows has run this: it is compiled by MinGW in the tests of other machines. */
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <windows.h>

/* The most that the C library and Win32 count in one call. */
enum { MOST = 1 << 30 };

const char *af_os_variable(const char *name)
{
    return getenv(name);
}

void af_os_reason(int error, char *text, size_t size)
{
    if (strerror_s(text, size, error) != 0)
        (void)snprintf(text, size, "error %d", error);
}

/* 0 if it is too long or no UTF-8. */
static int to_wide(const char *path, wchar_t wide[AF_PATH_MAX])
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, AF_PATH_MAX))
        return 1;
    errno = GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ENAMETOOLONG : EINVAL;
    return 0;
}

static int to_path(const wchar_t *wide, char path[AF_PATH_MAX])
{
    if (!WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, AF_PATH_MAX, NULL, NULL)) {
        errno = ENAMETOOLONG;
        return 0;
    }
    for (char *at = path; (at = strchr(at, '\\')) != NULL;)
        *at = '/';
    return 1;
}

/* The C library's number for the last error of a call of Win32. */
static int last_error(void)
{
    switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND: return ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION: return EACCES;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL: return ENOSPC;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY: return ENOMEM;
    default: return EIO;
    }
}

/* ---- reading files ---------------------------------------------------------- */

static af_file_kind kind_of(unsigned short mode)
{
    return (mode & _S_IFMT) == _S_IFREG   ? AF_FILE_REGULAR
           : (mode & _S_IFMT) == _S_IFDIR ? AF_FILE_FOLDER
                                          : AF_FILE_OTHER;
}

int af_os_exists(const char *path)
{
    wchar_t wide[AF_PATH_MAX];
    return to_wide(path, wide) && _waccess(wide, 0) == 0;
}

int af_os_open(const char *path)
{
    wchar_t wide[AF_PATH_MAX];
    return to_wide(path, wide) ? _wopen(wide, _O_RDONLY | _O_BINARY | _O_NOINHERIT) : -1;
}

int af_os_size(int file, af_file_kind *kind, uint64_t *size)
{
    struct _stat64 info;
    if (_fstat64(file, &info) != 0)
        return -1;
    *kind = kind_of(info.st_mode);
    *size = (uint64_t)info.st_size;
    return 0;
}

int64_t af_os_read(int file, void *buffer, size_t size)
{
    return _read(file, buffer, (unsigned)(size < MOST ? size : MOST));
}

int64_t af_os_read_at(int file, void *buffer, size_t size, uint64_t offset)
{
    OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD got = 0;
    const HANDLE handle = (HANDLE)_get_osfhandle(file);
    if (ReadFile(handle, buffer, (DWORD)(size < MOST ? size : MOST), &got, &at) ||
        GetLastError() == ERROR_HANDLE_EOF)
        return got;
    errno = last_error();
    return -1;
}

int af_os_duplicate(int file)
{
    HANDLE made;
    const HANDLE here = GetCurrentProcess();
    if (!DuplicateHandle(here, (HANDLE)_get_osfhandle(file), here, &made, 0, FALSE,
                         DUPLICATE_SAME_ACCESS)) {
        errno = last_error();
        return -1;
    }
    const int copy = _open_osfhandle((intptr_t)made, _O_RDONLY | _O_BINARY | _O_NOINHERIT);
    if (copy < 0)
        (void)CloseHandle(made);
    return copy;
}

int af_os_close(int file)
{
    return _close(file);
}

/* ---- writing them ----------------------------------------------------------- */

/* Links are left as they are: making one takes more rights than most users have. */
int af_os_find_target(const char *path, af_target *target)
{
    wchar_t wide[AF_PATH_MAX];
    struct _stat64 info;
    *target = (af_target){.path = _strdup(path)};
    if (!target->path)
        return ENOMEM;
    for (char *at = target->path; (at = strchr(at, '\\')) != NULL;)
        *at = '/';
    if (!to_wide(path, wide))
        return errno;
    if (_wstat64(wide, &info) != 0)
        return errno == ENOENT ? 0 : errno;
    target->kind = kind_of(info.st_mode);
    return target->kind != AF_FILE_REGULAR || _waccess(wide, 2) == 0 ? 0 : errno;
}

int af_os_create(const char *path, const af_target *target)
{
    wchar_t wide[AF_PATH_MAX];
    (void)target;
    return to_wide(path, wide)
               ? _wopen(wide, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
                        _S_IREAD | _S_IWRITE)
               : -1;
}

/* A new file has the rights of its folder, as one has that is written to in its place. */
int af_os_take_mode(int file, const af_target *target)
{
    (void)file, (void)target;
    return 0;
}

int64_t af_os_write(int file, const void *data, size_t size)
{
    return _write(file, data, (unsigned)(size < MOST ? size : MOST));
}

int af_os_sync(int file)
{
    return _commit(file);
}

int af_os_rename(const char *from, const char *to)
{
    wchar_t wide_from[AF_PATH_MAX], wide_to[AF_PATH_MAX];
    if (!to_wide(from, wide_from) || !to_wide(to, wide_to))
        return -1;
    if (MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        return 0;
    errno = last_error();
    return -1;
}

void af_os_remove(const char *path)
{
    wchar_t wide[AF_PATH_MAX];
    if (to_wide(path, wide))
        (void)_wunlink(wide);
}

void af_os_sync_folder(const char *path)
{
    (void)path; /* renaming has written through */
}

/* ---- threads ---------------------------------------------------------------- */

int af_os_start_thread(pthread_t *thread, int aside, void *(*run)(void *), void *data)
{
    (void)aside; /* there are no such signals */
    return pthread_create(thread, NULL, run, data);
}

/* A working directory cannot be removed here. */
int af_os_have_folder(int own_thread)
{
    (void)own_thread;
    return 1;
}

/* ---- shared libraries ------------------------------------------------------- */

/* A library's own folder is searched for what it needs, if its path is whole. */
void *af_os_load(const char *path, char *why, size_t size)
{
    wchar_t wide[AF_PATH_MAX], whole[AF_PATH_MAX], reason[256];
    HMODULE library = NULL;
    if (!to_wide(path, wide)) {
        (void)snprintf(why, size, "%s: the path is too long, or not UTF-8", path);
        return NULL;
    }
    const int is_path = strpbrk(path, "/\\") != NULL;
    const DWORD length = is_path ? GetFullPathNameW(wide, AF_PATH_MAX, whole, NULL) : 0;
    if (length > 0 && length < AF_PATH_MAX)
        library = LoadLibraryExW(
            whole, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    else if (!is_path)
        library = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    else
        SetLastError(ERROR_FILENAME_EXCED_RANGE);
    if (library)
        return library;
    const DWORD error = GetLastError();
    char text[512] = "";
    if (FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                           FORMAT_MESSAGE_MAX_WIDTH_MASK,
                       NULL, error, 0, reason, sizeof reason / sizeof *reason, NULL))
        (void)WideCharToMultiByte(CP_UTF8, 0, reason, -1, text, sizeof text, NULL, NULL);
    text[sizeof text - 1] = '\0';
    (void)snprintf(why, size, "%s: error %lu: %s", path, error, text);
    return NULL;
}

af_os_function *af_os_symbol(void *library, const char *name)
{
    return (af_os_function *)GetProcAddress(library, name);
}

const char *af_os_loaded(const char *file)
{
    static _Thread_local char path[AF_PATH_MAX];
    wchar_t wide[AF_PATH_MAX];
    HMODULE library;
    if (!to_wide(file, wide) ||
        !GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, wide, &library))
        return NULL;
    const DWORD length = GetModuleFileNameW(library, wide, AF_PATH_MAX);
    return length > 0 && length < AF_PATH_MAX && to_path(wide, path) ? path : NULL;
}

int af_os_own_file(char path[AF_PATH_MAX])
{
    static const char inside = 0;
    wchar_t wide[AF_PATH_MAX];
    HMODULE library;
    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (LPCWSTR)(const void *)&inside, &library)) {
        errno = last_error();
        return 0;
    }
    const DWORD length = GetModuleFileNameW(library, wide, AF_PATH_MAX);
    if (length == 0 || length >= AF_PATH_MAX) {
        errno = length ? ENAMETOOLONG : last_error();
        return 0;
    }
    return to_path(wide, path);
}
