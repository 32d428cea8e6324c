/* SPDX-License-Identifier: MIT
 *
 * A small deterministic engine behind the seam, for tests without libtorch. Its "UNet" is exact for
 * a world that is known in closed form: every latent value is Gaussian, x0 ~ N(mu, s^2) with
 *     mu = style[c mod width] + (1 + c) / 2 * content,   s = TEST_DEVIATION,
 * so that a run's result can be computed on paper.
 */
#ifndef TEST_ENGINE_H
#define TEST_ENGINE_H

#include <stdatomic.h>

#include "model/engine.h"

#define TEST_DEVIATION 0.5
#define TEST_ENGINE_CONTROL_SYMBOL "artfusion_test_engine_control"

enum {
    TEST_OPEN,
    TEST_ENCODE,
    TEST_DECODE,
    TEST_STYLE,
    TEST_NULL_STYLE,
    TEST_CONDITION,
    TEST_DENOISE,
    TEST_MEMORY,
    TEST_FUNCTIONS
};

/* What an engine that is broken may say of itself, or forget. */
enum {
    TEST_LIE_NONE,
    TEST_LIE_WIDTH_ZERO, /* condition_width */
    TEST_LIE_WIDTH_NEGATIVE,
    TEST_LIE_WIDTH_LARGEST,
    TEST_LIE_POSITIONS,  /* a negative positions_a_call */
    TEST_LIE_DEVICE,     /* one that there is not */
    TEST_LIE_THREADS,    /* a negative number of them */
    TEST_LIE_NAMES,      /* that do not end */
    TEST_LIE_NETWORK,    /* opening succeeds and gives none */
    TEST_LIE_CONDITIONS, /* conditioning likewise */
    TEST_LIES
};

/* What the tests see of it and do to it; one for the process. */
typedef struct test_engine_control {
    uint32_t table_version;          /* what its table says of itself; 0: the truth */
    int32_t table_short;             /* 1: and that it lacks its last function */
    artfusion_prediction prediction; /* what its UNet predicts */
    atomic_int calls[TEST_FUNCTIONS];
    atomic_int networks, conditions; /* alive */
    int32_t fail_in; /* the call of `fail_function` that fails (1: the next); 0: none */
    int32_t fail_function;
    artfusion_status fail_status; /* 0: it succeeds, with a NaN as its last value */
    float poison;                 /* instead of the NaN, if not 0 */
    int32_t poison_place; /* instead of the last value, if not 0: 1 is the first, 2 the middle */
    int32_t lie;          /* a TEST_LIE_*: what its networks say of themselves */
    atomic_int last_batch, largest_batch; /* of denoise */
    int32_t positions_a_call; /* what its networks say of themselves when they are opened */
    uint64_t bytes_a_pair;    /* of positions: what measuring its calls gives beside the rest */
    atomic_uint_fast64_t most_measured; /* bytes */
    void (*on_call)(int32_t function);  /* NULL, or what happens in the midst of each call */
} test_engine_control;

typedef test_engine_control *(*test_engine_control_entry)(void);

/* In a process of its own, where no control reaches it: ends the process, if the environment's
 * TEST_ENGINE_ENDING, "FUNCTION CALL WAY", says so of this call (1: the first) of this function. A
 * number as the way is what the call answers. */
#define TEST_ENGINE_ENDING "ARTFUSION_TEST_ENGINE_ENDING"
artfusion_status test_engine_end(int32_t function, int32_t call);

/* There, too: how many threads its networks say that they use, if not 1. */
#define TEST_ENGINE_THREADS "ARTFUSION_TEST_ENGINE_THREADS"

/* Likewise: makes an attempt of engine/attempts.c in the midst of a function's calls, if the
 * environment's TEST_ENGINE_ATTEMPT, "FUNCTION NAME ADDRESS FILE", says so; the last two are the
 * program's, to be aimed at. 1: it was made, and `error` says what came of it. */
#define TEST_ENGINE_ATTEMPT "ARTFUSION_TEST_ENGINE_ATTEMPT"
int test_engine_attempt(int32_t function, af_engine_error *error);

#endif
