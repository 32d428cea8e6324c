/* SPDX-License-Identifier: MIT */
#include "ways.h"

#include <errno.h>
#include <math.h>

#define GOOD STATUS_BIT(ARTFUSION_OK)
#define IO STATUS_BIT(ARTFUSION_ERROR_IO)
#define MEMORY STATUS_BIT(ARTFUSION_ERROR_MEMORY)
#define FORMAT STATUS_BIT(ARTFUSION_ERROR_FORMAT)
#define ENGINE STATUS_BIT(ARTFUSION_ERROR_ENGINE)
#define NUMERIC STATUS_BIT(ARTFUSION_ERROR_NUMERIC)
#define CANCELLED STATUS_BIT(ARTFUSION_ERROR_CANCELLED)
#define END {NULL, -1, 0, 0, 0.0f, 0, NULL}

#define CALL(call, error, statuses) {#error, CALL_##call, error, statuses, 0.0f, 0, NULL}
#define SHORT(call) {"short", CALL_##call, HOW_SHORT, GOOD, 0.0f, 0, NULL}

const fault_way system_ways[] = {
    CALL(open, EACCES, IO),
    CALL(open, EMFILE, IO),
    CALL(open, ENFILE, IO),
    CALL(open, EIO, IO),
    CALL(open, ENOSPC, IO),
    CALL(open, EINTR, GOOD),
    CALL(read, EIO, IO),
    CALL(read, EISDIR, IO),
    CALL(read, EINTR, GOOD),
    SHORT(read),
    {"end", CALL_read, HOW_NOTHING, IO | FORMAT, 0.0f, 0, NULL},
    CALL(pread, EIO, IO),
    CALL(pread, EINTR, GOOD),
    SHORT(pread),
    {"end", CALL_pread, HOW_NOTHING, IO, 0.0f, 0, "shorter"},
    CALL(write, EIO, IO),
    CALL(write, ENOSPC, IO),
    CALL(write, EDQUOT, IO),
    CALL(write, EFBIG, IO),
    CALL(write, EINTR, GOOD),
    SHORT(write),
    CALL(fsync, EIO, IO),
    CALL(fsync, ENOSPC, IO),
    CALL(fsync, EDQUOT, IO),
    CALL(fsync, EINTR, GOOD),
    CALL(close, EIO, IO),
    CALL(close, ENOSPC, IO),
    CALL(close, EINTR, GOOD),
    CALL(rename, EACCES, IO),
    CALL(rename, EIO, IO),
    CALL(rename, ENOSPC, IO),
    CALL(rename, EXDEV, IO),
    CALL(fstat, EIO, IO),
    CALL(fstat, EOVERFLOW, IO),
    CALL(stat, EIO, IO),
    CALL(stat, EACCES, IO),
    CALL(lstat, EIO, GOOD),
    CALL(faccessat, EACCES, IO),
    CALL(faccessat, EROFS, IO),
    CALL(faccessat, EIO, IO),
    CALL(fchmod, EPERM, IO),
    CALL(fchmod, EIO, IO),
    CALL(realpath, EACCES, IO),
    CALL(realpath, EIO, IO),
    CALL(realpath, ELOOP, IO),
    CALL(realpath, ENOMEM, MEMORY),
    CALL(access, EACCES, IO),
    CALL(access, EROFS, IO),
    CALL(clock_gettime, EINVAL, GOOD),
    CALL(dlopen, ENOENT, ENGINE),
    CALL(dlsym, ENOENT, ENGINE),
    CALL(pthread_create, EAGAIN, GOOD),
    CALL(pthread_mutex_init, ENOMEM, MEMORY),
    CALL(sigaction, EINVAL, GOOD),
    CALL(socketpair, EMFILE, MEMORY),
    CALL(posix_spawn, EAGAIN, ENGINE),
    CALL(posix_spawn, ENOMEM, MEMORY),
    CALL(memfd_create, EMFILE, MEMORY),
    CALL(posix_fallocate, ENOSPC, MEMORY),
    CALL(posix_fallocate, EINTR, GOOD),
    CALL(mmap, ENOMEM, MEMORY),
    CALL(sendmsg, ENOMEM, MEMORY | ENGINE), /* where the process waits for it, it is ended */
    CALL(sendmsg, EPIPE, ENGINE),
    CALL(sendmsg, EINTR, GOOD),
    CALL(recvmsg, EIO, ENGINE),
    CALL(recvmsg, EINTR, GOOD),
    END,
};

const fault_way lasting_way = {
    "EIO from there on", -1, EIO, GOOD | IO | MEMORY | ENGINE, 0.0f, 0, NULL};

#define RETURNS(callback, value, statuses) \
    {#callback " returns " #value, CALLBACK_##callback, value, statuses, 0.0f, 0, "callback"}
#define GIVES(callback, number) \
    {#callback " gives " #number, CALLBACK_##callback, 0, NUMERIC, number, 0, "callback"}

const fault_way callback_ways[] = {
    RETURNS(READ, 1, IO),
    RETURNS(READ, -1, IO),
    RETURNS(READ, INT32_MIN, IO),
    RETURNS(NOISE, 2, CANCELLED),
    RETURNS(NOISE, -1, CANCELLED),
    RETURNS(NOISE, INT32_MIN, CANCELLED),
    GIVES(NOISE, NAN),
    GIVES(NOISE, INFINITY),
    RETURNS(STEP, 1, CANCELLED),
    RETURNS(STEP, -1, CANCELLED),
    RETURNS(STEP, INT32_MIN, CANCELLED),
    RETURNS(EPS, 1, CANCELLED),
    RETURNS(EPS, -1, CANCELLED),
    RETURNS(EPS, INT32_MIN, CANCELLED),
    GIVES(EPS, NAN),
    GIVES(EPS, -INFINITY),
    END,
};

/* The engine's own words come along; a status that is none is the engine's fault. */
#define ANSWERS(function, status, statuses) \
    {#function " answers " #status, TEST_##function, status, statuses, 0.0f, 0, NULL}
#define STATUSES(function) \
    ANSWERS(function, ARTFUSION_ERROR_MEMORY, MEMORY), \
        ANSWERS(function, ARTFUSION_ERROR_ENGINE, ENGINE), \
        ANSWERS(function, ARTFUSION_ERROR_IO, IO), \
        ANSWERS(function, ARTFUSION_ERROR_FORMAT, FORMAT), \
        ANSWERS(function, ARTFUSION_ERROR_UNSUPPORTED, STATUS_BIT(ARTFUSION_ERROR_UNSUPPORTED)), \
        ANSWERS(function, ARTFUSION_DONE, ENGINE), ANSWERS(function, -13, ENGINE), \
        ANSWERS(function, INT32_MIN, ENGINE)
#define POISON(function, number, place, words) \
    {#function " gives " #number, TEST_##function, 0, NUMERIC, number, place, words}
#define POISONS(function, words) \
    POISON(function, NAN, 0, words), POISON(function, NAN, 1, words), \
        POISON(function, NAN, 2, words), POISON(function, INFINITY, 0, words), \
        POISON(function, -INFINITY, 1, words)

const fault_way network_ways[] = {
    STATUSES(OPEN),
    STATUSES(ENCODE),
    POISONS(ENCODE, "encoder"),
    STATUSES(DECODE),
    POISONS(DECODE, "decoder"),
    STATUSES(STYLE),
    POISONS(STYLE, "style code"),
    STATUSES(NULL_STYLE),
    POISONS(NULL_STYLE, "null style"),
    STATUSES(CONDITION),
    POISONS(CONDITION, NULL), /* found where a row of it is used first */
    STATUSES(DENOISE),
    POISON(DENOISE, NAN, 1, "branch content and style"),
    POISON(DENOISE, NAN, 2, "branch null content"),
    POISON(DENOISE, NAN, 0, "branch null style"),
    POISON(DENOISE, INFINITY, 1, "branch content and style"),
    POISON(DENOISE, -INFINITY, 0, "branch null style"),
    END,
};

/* Refused, or of no consequence. */
#define LIES(lie) {#lie, LIE, TEST_LIE_##lie, GOOD | ENGINE, 0.0f, 0, NULL}

const fault_way lie_ways[] = {
    LIES(WIDTH_ZERO), LIES(WIDTH_NEGATIVE), LIES(WIDTH_LARGEST), LIES(POSITIONS),  LIES(DEVICE),
    LIES(THREADS),    LIES(NAMES),          LIES(NETWORK),       LIES(CONDITIONS), END,
};
