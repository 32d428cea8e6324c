/* SPDX-License-Identifier: MIT
 * Makes what the library calls fail: the n-th allocation, system call, network or callback of the
 * calls between faults_arm and faults_disarm, on the thread that armed and on those it starts. */
#ifndef INJECT_H
#define INJECT_H

#include <stddef.h>
#include <stdint.h>

#include "../engine/test_engine.h"

typedef enum fault_kind {
    FAULT_NONE,
    FAULT_ALLOCATION, /* malloc and its kin, the core's and the libraries' it uses */
    FAULT_SYSTEM,     /* what the core and the command ask of the system */
    FAULT_NETWORK,    /* functions of the test engine */
    FAULT_CALLBACK,   /* the caller's own */
    FAULT_KINDS
} fault_kind;

/* What is interposed by --wrap; CMake reads this list. */
#define FAULT_FUNCTIONS(X) \
    X(open) \
    X(read) \
    X(pread) \
    X(write) \
    X(fsync) \
    X(close) \
    X(rename) \
    X(fstat) \
    X(stat) \
    X(lstat) \
    X(faccessat) \
    X(fchmod) \
    X(realpath) \
    X(access) \
    X(clock_gettime) \
    X(dlopen) \
    X(dlsym) \
    X(pthread_create) \
    X(pthread_mutex_init) \
    X(sigaction) \
    X(socketpair) \
    X(posix_spawn) \
    X(memfd_create) \
    X(posix_fallocate) \
    X(mmap) \
    X(sendmsg) \
    X(recvmsg)

enum {
#define X(name) CALL_##name,
    FAULT_FUNCTIONS(X)
#undef X
        CALLS
};

extern const char *const call_names[CALLS];

enum { CALLBACK_READ, CALLBACK_NOISE, CALLBACK_STEP, CALLBACK_EPS, CALLBACKS };

/* How one fails. `statuses` has bit -s for each status s that is fitting, bit 0 where the call must
 * succeed all the same, as it does where an interrupted call is made again. */
typedef struct fault_way {
    const char *name;
    int32_t of;    /* CALL_*, CALLBACK_* or TEST_* */
    int32_t value; /* errno, or a HOW_*; of a callback what it returns, of a network its status */
    uint32_t statuses;
    float poison;      /* of a network or a callback that gives numbers: what it gives; else 0 */
    int32_t place;     /* of the poison: 1 is the first value, 2 the middle, 0 the last */
    const char *words; /* in the message */
} fault_way;

/* Instead of a TEST_* function: what the engine says of itself, a TEST_LIE_*. */
enum { LIE = -2 };

/* Instead of an errno: half of what was asked for; nothing at all. */
enum { HOW_SHORT = -1, HOW_NOTHING = -2 };

typedef struct fault {
    fault_kind kind;
    long at;              /* 1 is the first */
    int lasting;          /* and all after it */
    const fault_way *way; /* but for allocations */
} fault;

enum { FAULT_TRACE = 4096 };

/* Shared with the processes forked from this one. */
typedef struct fault_state {
    fault now;
    long count[FAULT_KINDS];
    int fired;     /* how often it failed */
    int in_loader; /* the last time inside dlopen, which says in its own words what is wrong */
    int optional;  /* the last time in a call that may fail without harm */
    long network_calls[TEST_FUNCTIONS];
    long seen[CALLS];                                   /* in all */
    uint8_t calls[FAULT_TRACE], callbacks[FAULT_TRACE]; /* which ones, in their order */
} fault_state;

extern fault_state *faults;

void faults_init(void);
/* The test engine's, once it is loaded. */
void faults_use_engine(test_engine_control *control);
void faults_set(const fault *wanted);
void faults_arm(void);
void faults_disarm(void);

/* Inside a callback: what it is to return. `values` (may be NULL) may be spoiled. */
int32_t faults_callback(int32_t of, float *values, size_t count);

/* Allocations alive, on all threads; 0 under AddressSanitizer, which finds leaks itself. */
long faults_live(void);

/* Not through what is interposed: the lowest descriptor that is free. */
int faults_lowest_descriptor(void);

#endif
