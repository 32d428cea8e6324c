/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "message.h"

enum { FIRST_BLOCK = 1 << 16 };

/* Regular files are the library's, which writes them whole or not at all; directories and disks are
 * its to refuse. */
static bool is_stream(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
}

bool stream_is_input(const char *path)
{
    return is_standard_input(path) || is_stream(path);
}

bool stream_is_output(const char *path)
{
    return is_standard_output(path) || is_stream(path);
}

const char *stream_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

int stream_check_output(const char *path)
{
    const bool standard = is_standard_output(path);
    if (standard && (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return failure(ARTFUSION_ERROR_IO, path, "standard output is closed");
    if (standard && isatty(STDOUT_FILENO))
        return failure(ARTFUSION_ERROR_IO, path,
                       "standard output is a terminal, which a picture would garble: redirect it, "
                       "as in: --out %s > result.png",
                       path);
    return 0;
}

/* Without O_NONBLOCK, opening a pipe would wait for its other end, and no signal end that. */
static int open_stream(const char *path, int flags)
{
    return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Until `file` can be read or written. False: a signal came first, or it failed. */
static bool await(int file, short event)
{
    struct pollfd polled = {.fd = file, .events = event};
    int ready;
    do
        ready = poll(&polled, 1, -1);
    while (ready < 0 && errno == EINTR && interrupt_signal() == 0);
    return ready > 0;
}

/* Makes room for another block behind `size` bytes. */
static int grow(void **data, size_t size, size_t *room)
{
    if (size < *room)
        return 0;
    const size_t more = *room == 0 ? FIRST_BLOCK : 2 * *room;
    void *moved = realloc(*data, more);
    if (moved == NULL)
        return out_of_memory();
    *data = moved;
    *room = more;
    return 0;
}

static int read_all(struct run *run, int file, const char *path, void **data, size_t *size)
{
    const uint64_t limit = run->options->reading.max_file_bytes;
    size_t room = 0;
    for (;;) {
        int code = grow(data, *size, &room);
        if (code == 0 && *size > limit)
            code = failure(ARTFUSION_ERROR_LIMIT, path, "%s: more than %llu bytes, the limit",
                           stream_name(path), (unsigned long long)limit);
        if (code == 0 && !await(file, POLLIN))
            code = run_check(run, ARTFUSION_OK);
        if (code != 0)
            return code;
        const ssize_t got = read(file, (char *)*data + *size, room - *size);
        if (got == 0)
            return 0;
        if (got > 0)
            *size += (size_t)got;
        else if (errno != EINTR && errno != EAGAIN)
            return failure(ARTFUSION_ERROR_IO, path, "%s: reading: %s", stream_name(path),
                           strerror(errno));
    }
}

int stream_read(struct run *run, const char *path, void **data, size_t *size)
{
    const bool standard = is_standard_input(path);
    const int file = standard ? STDIN_FILENO : open_stream(path, O_RDONLY);
    if (file < 0)
        return failure(ARTFUSION_ERROR_IO, path, "%s: opening: %s", path, strerror(errno));
    int code = isatty(file) ? failure(ARTFUSION_ERROR_IO, path,
                                      "%s is a terminal, and no picture can be typed: pipe one in",
                                      stream_name(path))
                            : read_all(run, file, path, data, size);
    if (!standard)
        close(file);
    return code;
}

static int write_all(int file, const char *path, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t put = write(file, data, size);
        if (put > 0) {
            data += put;
            size -= (size_t)put;
        } else if (put < 0 && errno == EAGAIN) {
            (void)await(file, POLLOUT);
        } else if (put == 0 || errno != EINTR) {
            return failure(ARTFUSION_ERROR_IO, path, "%s: writing: %s",
                           strcmp(path, "-") == 0 ? "standard output" : path, strerror(errno));
        }
    }
    return 0;
}

int stream_write(const char *path, const void *data, size_t size)
{
    const bool standard = is_standard_output(path);
    const int file = standard ? STDOUT_FILENO : open_stream(path, O_WRONLY);
    if (file < 0)
        return failure(ARTFUSION_ERROR_IO, path, "%s: opening: %s", path,
                       errno == ENXIO ? "nobody reads this pipe" : strerror(errno));
    int code = isatty(file) ? failure(ARTFUSION_ERROR_IO, path,
                                      "%s is a terminal, which a picture would garble", path)
                            : write_all(file, path, data, size);
    if (!standard && close(file) != 0 && code == 0)
        code = failure(ARTFUSION_ERROR_IO, path, "%s: writing: %s", path, strerror(errno));
    return code;
}
