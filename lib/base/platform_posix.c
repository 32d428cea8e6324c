/* SPDX-License-Identifier: MIT */
#if defined(__linux__)
#define _GNU_SOURCE /* secure_getenv, unshare, dladdr, dl_iterate_phdr, RTLD_DEEPBIND */
#elif defined(__APPLE__)
#define _DARWIN_C_SOURCE /* dladdr */
#endif
#include "base/platform.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <link.h>
#include <sched.h>
#include <sys/auxv.h>

#include "base/handlers.h"
#elif defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

_Static_assert(AF_PATH_MAX >= PATH_MAX, "realpath writes so much");

#define MODE_BITS (S_IRWXU | S_IRWXG | S_IRWXO)

const char *af_os_variable(const char *name)
{
#if defined(__linux__)
    return secure_getenv(name);
#else
    return issetugid() ? NULL : getenv(name);
#endif
}

void af_os_reason(int error, char *text, size_t size)
{
#if defined(__GLIBC__) /* whose strerror_r may give another buffer */
    (void)snprintf(text, size, "%s", strerror_r(error, text, size));
#else
    if (strerror_r(error, text, size) != 0)
        (void)snprintf(text, size, "error %d", error);
#endif
}

/* ---- reading files ---------------------------------------------------------- */

static af_file_kind kind_of(mode_t mode)
{
    return S_ISREG(mode) ? AF_FILE_REGULAR : S_ISDIR(mode) ? AF_FILE_FOLDER : AF_FILE_OTHER;
}

int af_os_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Network file systems and FUSE let a signal interrupt this. */
static int open_file(const char *path, int flags, mode_t mode)
{
    int file;
    do
        file = open(path, flags | O_CLOEXEC, mode);
    while (file < 0 && errno == EINTR);
    return file;
}

int af_os_open(const char *path)
{
    return open_file(path, O_RDONLY | O_NONBLOCK, 0);
}

int af_os_size(int file, af_file_kind *kind, uint64_t *size)
{
    struct stat info;
    if (fstat(file, &info) != 0)
        return -1;
    *kind = kind_of(info.st_mode);
    *size = (uint64_t)info.st_size;
    return 0;
}

int64_t af_os_read(int file, void *buffer, size_t size)
{
    ssize_t got;
    do
        got = read(file, buffer, size);
    while (got < 0 && errno == EINTR);
    return got;
}

int64_t af_os_read_at(int file, void *buffer, size_t size, uint64_t offset)
{
    ssize_t got;
    do
        got = pread(file, buffer, size, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

int af_os_duplicate(int file)
{
    return fcntl(file, F_DUPFD_CLOEXEC, 0);
}

/* Interrupted, it has closed the file all the same. */
int af_os_close(int file)
{
    return close(file) != 0 && errno != EINTR ? -1 : 0;
}

/* ---- writing them ----------------------------------------------------------- */

int af_os_find_target(const char *path, af_target *target)
{
    struct stat info;
    *target = (af_target){.path = realpath(path, NULL)};
    if (target->path) {
        if (stat(target->path, &info) != 0)
            return errno;
        target->kind = kind_of(info.st_mode);
        target->mode = info.st_mode & MODE_BITS;
        target->group = info.st_gid;
        /* Renaming needs no permission on the file itself, but its owner said no. */
        return target->kind != AF_FILE_REGULAR ||
                       faccessat(AT_FDCWD, target->path, W_OK, AT_EACCESS) == 0
                   ? 0
                   : errno;
    }
    if (errno != ENOENT)
        return errno;
    target->kind = lstat(path, &info) == 0 ? AF_FILE_LOST_LINK : AF_FILE_NONE;
    target->path = strdup(path);
    return target->path ? 0 : ENOMEM;
}

int af_os_create(const char *path, const af_target *target)
{
    return open_file(path, O_WRONLY | O_CREAT | O_EXCL,
                     target->kind == AF_FILE_REGULAR ? S_IRUSR | S_IWUSR : 0666);
}

/* Whoever could not read or write the file that is replaced cannot do so now: if its group cannot be had,
 * another one's members are as all others. */
int af_os_take_mode(int file, const af_target *target)
{
    struct stat info;
    mode_t mode = (mode_t)target->mode;
    if (fstat(file, &info) != 0)
        return -1;
    if (info.st_gid != (gid_t)target->group && fchown(file, (uid_t)-1, (gid_t)target->group) != 0)
        mode &= ~(mode_t)S_IRWXG | ((mode & S_IRWXO) << 3);
    return fchmod(file, mode);
}

int64_t af_os_write(int file, const void *data, size_t size)
{
    ssize_t put;
    do
        put = write(file, data, size);
    while (put < 0 && errno == EINTR);
    return put;
}

int af_os_sync(int file)
{
    int status;
    do
        status = fsync(file);
    while (status != 0 && errno == EINTR);
    return status;
}

int af_os_rename(const char *from, const char *to)
{
    return rename(from, to);
}

void af_os_remove(const char *path)
{
    (void)unlink(path);
}

void af_os_sync_folder(const char *path)
{
    char folder[AF_PATH_MAX];
    const char *const slash = strrchr(path, '/');
    const int length =
        slash ? snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path) : 0;
    if (length >= AF_PATH_MAX)
        return;
    const int file = open_file(slash ? folder : ".", O_RDONLY | O_DIRECTORY, 0);
    if (file < 0)
        return;
    (void)af_os_sync(file);
    (void)close(file);
}

/* ---- threads ---------------------------------------------------------------- */

int af_os_start_thread(pthread_t *thread, int aside, void *(*run)(void *), void *data)
{
    enum { STACK = 2 << 20 }; /* musl gives a thread 128 KiB, macOS 512 */
    pthread_attr_t attributes;
    size_t size;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return ENOMEM;
    if (pthread_attr_getstacksize(&attributes, &size) == 0 && size < STACK)
        (void)pthread_attr_setstacksize(&attributes, STACK);
    (void)sigfillset(&all);
    if (aside)
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(thread, &attributes, run, data);
    if (aside)
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return error;
}

int af_os_have_folder(int own_thread)
{
    char folder[AF_PATH_MAX];
    if (getcwd(folder, sizeof folder))
        return 1;
#if defined(__linux__)
    return own_thread && unshare(CLONE_FS) == 0 && chdir("/") == 0;
#else
    (void)own_thread;
    return 0;
#endif
}

/* ---- shared libraries ------------------------------------------------------- */

#if defined(RTLD_DEEPBIND)
/* The object whose definition of `symbol` the program's libraries get; NULL if there is none. */
static const char *provider(const char *symbol)
{
    Dl_info info;
    void *const found = dlsym(RTLD_DEFAULT, symbol);
    return found && dladdr(found, &info) ? info.dli_fname : NULL;
}

/* In a program with another C++ runtime than libstdc++, as LLVM's libc++abi, the engine and libtorch would get
 * half of each: their own libraries' symbols must come first. So they get the C library's malloc, too, which
 * cannot be if the program has another, for some blocks cross between. */
static int choose_mode(int *mode, char *why, size_t size)
{
    *mode = RTLD_NOW | RTLD_LOCAL;
    const char *const runtime = provider("__dynamic_cast");
    if (!runtime || strstr(runtime, "/libstdc++.so"))
        return 1;
    const char *const allocator = provider("malloc"), *const libc =
                                                          provider("gnu_get_libc_version");
    if (allocator && libc && strcmp(allocator, libc) != 0) {
        (void)snprintf(why, size,
                       "this program has the C++ runtime of %s and the malloc of %s, and libtorch "
                       "needs libstdc++: start it with LD_PRELOAD=libstdc++.so.6",
                       runtime, allocator);
        return 0;
    }
    *mode |= RTLD_DEEPBIND;
    return 1;
}
#else
/* macOS binds each symbol to the library that it was linked with, and musl has no such mode. */
static int choose_mode(int *mode, char *why, size_t size)
{
    (void)why, (void)size;
    *mode = RTLD_NOW | RTLD_LOCAL;
    return 1;
}
#endif

void *af_os_load(const char *path, char *why, size_t size)
{
    int mode;
    if (!choose_mode(&mode, why, size))
        return NULL;
#if defined(__linux__)
    af_handlers handlers;
    af_handlers_keep(&handlers);
#endif
    void *const library = dlopen(path, mode);
#if defined(__linux__)
    af_handlers_give_back(&handlers);
#endif
    if (!library) /* NOLINTNEXTLINE(concurrency-mt-unsafe): what it gives is the calling thread's own. */
        (void)snprintf(why, size, "%s", dlerror());
    return library;
}

af_os_function *af_os_symbol(void *library, const char *name)
{
    /* ISO C has no conversion from object to function pointers; POSIX has this one. */
    af_os_function *found;
    *(void **)&found = dlsym(library, name);
    return found;
}

static int is_called(const char *path, const char *file)
{
    const char *const slash = path ? strrchr(path, '/') : NULL;
    return slash && strncmp(slash + 1, file, strlen(file)) == 0;
}

#if defined(__APPLE__)
const char *af_os_loaded(const char *file)
{
    for (uint32_t i = 0; i < _dyld_image_count(); i++)
        if (is_called(_dyld_get_image_name(i), file))
            return _dyld_get_image_name(i);
    return NULL;
}
#else
typedef struct search {
    const char *file, *found;
} search;

static int compare(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)size;
    search *const s = data;
    if (!is_called(object->dlpi_name, s->file))
        return 0;
    s->found = object->dlpi_name;
    return 1;
}

const char *af_os_loaded(const char *file)
{
    search s = {.file = file};
    (void)dl_iterate_phdr(compare, &s);
    return s.found;
}

/* Of a program the loader knows only what it was called by, which may be a word looked up in PATH. */
static int is_program(const void *base)
{
    Dl_info program;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel hands addresses over as numbers. */
    return dladdr((const void *)getauxval(AT_PHDR), &program) && program.dli_fbase == base;
}
#endif

int af_os_own_file(char path[AF_PATH_MAX])
{
    static const char inside = 0;
    Dl_info info;
    if (!dladdr(&inside, &info) || !info.dli_fname) {
        errno = ENOENT;
        return 0;
    }
    const char *name = info.dli_fname;
#if defined(__linux__)
    if (is_program(info.dli_fbase))
        name = "/proc/self/exe";
#endif
    return realpath(name, path) != NULL;
}
