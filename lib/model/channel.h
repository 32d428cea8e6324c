/* SPDX-License-Identifier: MIT
 *
 * What the library and the program that holds an isolated engine say to each other: messages of one
 * size over sockets, and buffers in shared memory.
 *
 * One socket, AF_CHANNEL_DESCRIPTOR in that program, is the process's: the program greets on it,
 * and gets a lane's socket with each message that follows; its end is the end of the program. A
 * lane carries one call at a time, so that as many calls are under way as there are lanes: a
 * request, and the answer. While a model is opened, readings of its file come before the answer,
 * and get one each: of a record its parts, from the first to the last.
 *
 * A lane's memory comes as a descriptor with the first request that needs so much, sealed in its
 * size: neither side can take away what the other has mapped.
 */
#ifndef AF_MODEL_CHANNEL_H
#define AF_MODEL_CHANNEL_H

#include "model/engine.h"

enum { AF_CHANNEL_DESCRIPTOR = 3, AF_CHANNEL_BUFFERS = 5 };

typedef int32_t af_call;
enum {
    AF_CALL_OPEN,
    AF_CALL_ENCODE,
    AF_CALL_DECODE,
    AF_CALL_STYLE,
    AF_CALL_NULL_STYLE,
    AF_CALL_CONDITION,
    AF_CALL_CONDITIONS_DESTROY,
    AF_CALL_DENOISE,
    AF_CALL_MEMORY,
    AF_CALL_READ /* the answer to a reading: its status */
};

/* What the program has given up before it greets. */
typedef struct af_sandbox {
    int32_t gpu;      /* 1: not what a GPU's driver needs */
    int32_t filter;   /* 0: system calls are filtered; else the errno of what has no filter */
    int32_t landlock; /* 0: paths are, too; likewise */
} af_sandbox;

typedef struct af_greeting {
    artfusion_status status; /* of loading the engine */
    af_sandbox sandbox;
    char name[32], release[32];
    char message[1024];
} af_greeting;

typedef struct af_request {
    af_call call;
    int32_t batch;
    int32_t timestep_count, style_count, content_count; /* of CONDITION */
    af_size size;
    af_stage stage;
    artfusion_status status; /* of AF_CALL_READ */
    uint64_t conditions;     /* as CONDITION's answer named them */
    uint64_t memory;        /* bytes of the lane's new memory, whose descriptor comes along; or 0 */
    uint64_t records, list; /* of the model file: how many, and bytes of their list */
    uint64_t buffers[AF_CHANNEL_BUFFERS]; /* where they begin in the memory, in the table's order */
    af_network_options options;
} af_request;

typedef struct af_answer {
    int32_t reading;  /* 1: no answer yet, but `size` bytes from `offset` of a record are wanted */
    int32_t unmapped; /* 1: the lane's memory is not there any more, or did not come to be */
    artfusion_status status;
    uint64_t record, offset, size;
    uint64_t value;       /* of MEMORY and CONDITION */
    af_network_info info; /* of OPEN */
    af_engine_error error;
} af_answer;

/* With `descriptor`, unless it is -1, which stays the caller's. */
typedef int32_t af_sent;
enum { AF_SENT, AF_SENT_NOT /* for want of something: errno says of what */, AF_SENT_END };
af_sent af_channel_send(int socket, const void *message, size_t size, int descriptor);

typedef int32_t af_received;
enum { AF_RECEIVED, AF_RECEIVED_NOTHING, AF_RECEIVED_END };

/* Whether there is something to receive, within `timeout` milliseconds, or a signal before. */
int af_channel_is_ready(int socket, int32_t timeout);

/* Waits `timeout` milliseconds at most, or for ever (0). `*descriptor` is -1 if none came along,
 * which it mustn't where `descriptor` is NULL. END: the other side has gone, or says what it cannot
 * say. */
af_received af_channel_receive(int socket, void *message, size_t size, int *descriptor,
                               int32_t timeout);

#endif
