/* SPDX-License-Identifier: MIT
 * The calls that are made to fail. A new public function needs a case: one entry in a table of
 * cases_*.c and its function, which makes the call by ATTEMPT and hands what came of it to take. */
#ifndef CASES_H
#define CASES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "artfusion.h"
#include "inject.h"

/* What came of a call: its status, and the bytes of its result, which are the same whether it failed
 * at first or not. */
typedef struct outcome {
    artfusion_status status, again; /* of the call, and if that failed of the same once more */
    char message[1024];
    char wrong[512]; /* the first thing that a case found wrong; empty for none */
    uint8_t *bytes;
    size_t size, capacity;
} outcome;

void take(outcome *o, const void *bytes, size_t size);
void take_text(outcome *o, const char *text);
void take_image(outcome *o, artfusion_image *image);
void take_file(outcome *o, const char *path);
void wrong(outcome *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sees to it that no call left unfinished what must be there: after ATTEMPT's call, which may fail. */
void attempted(outcome *o, artfusion_status status);

/* Makes the call with the faults armed and, if it failed, once more without. */
#define ATTEMPT(o, call) \
    do { \
        faults_arm(); \
        const artfusion_status attempt_status = (call); \
        faults_disarm(); \
        attempted(o, attempt_status); \
        if (attempt_status < 0) \
            (o)->again = (call); \
    } while (0)

/* The same for a call that gives `handle` as its result: NULL after a failure. */
#define ATTEMPT_MAKING(o, handle, call) \
    do { \
        (handle) = (void *)(o); \
        faults_arm(); \
        const artfusion_status attempt_status = (call); \
        faults_disarm(); \
        attempted(o, attempt_status); \
        if (attempt_status < 0) { \
            if (handle) \
                wrong(o, "%s is not NULL after the failure", #handle); \
            (o)->again = (call); \
        } \
    } while (0)

/* A call that cannot fail: it allocates nothing and asks nothing of the system. */
#define QUIETLY(call) \
    do { \
        faults_arm(); \
        call; \
        faults_disarm(); \
    } while (0)

/* A call of the preparations, which nothing disturbs. */
#define MUST(call) must(call, #call, __FILE__, __LINE__)
void must(artfusion_status status, const char *call, const char *file, int line);

enum { SIDE = 16, VALUES = 48 }; /* of a run: a latent of 3 x 4 x 4 */

/* What cases share. Nothing in it is changed by one. */
typedef struct world {
    char folder[64]; /* what cases write goes here, and is gone after each */
    char model[96], deflated[96], png[96], rgba[96], jpeg[96], cmyk[96], webp[96], profiled[96],
        gamma[96], style_png[96];
    char contents[96]; /* a folder with one.png */
    uint8_t *bundle, *file;
    size_t bundle_size, file_size; /* `file` is the PNG */
    artfusion_context *context;
    artfusion_model *opened;
    artfusion_image *picture, *small;
    artfusion_style *style, *other;
    float latent[VALUES];
} world;

extern world w;

/* A path in the world's folder; valid until the fourth from then. */
const char *path_of(const char *name);
/* Makes the model forget the pictures that it has seen, so that it asks its networks again. */
void forget_pictures(void);

enum {
    ABSORBS = 1, /* some allocations are not needed: without the memory the call succeeds. The
                  * cache, the engine's thread, libjpeg's second try with a smaller pool */
    COLD = 2,    /* in a new process that has loaded nothing yet, for allocations and system */
    LIES = 4     /* the engine may lie about itself: the call fails, or gives the usual bytes */
};

typedef struct fault_case {
    const char *call; /* the public function, or "command NAME" */
    const char *way;  /* how it is called, where there are several cases */
    void (*run)(outcome *o);
    int flags;
    const char *arguments[12]; /* of a command */
} fault_case;

extern const fault_case base_cases[], image_cases[], model_cases[], sampler_cases[], state_cases[],
    math_cases[], command_cases[], isolated_cases[];

#endif
