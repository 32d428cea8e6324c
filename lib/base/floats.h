/* SPDX-License-Identifier: MIT
 * The library computes in the default floating-point environment, and the host's callbacks run in the
 * host's. Programs for sound flush denormals, others round otherwise or trap divisions by zero: their
 * pictures are to be the same, and their environment is theirs again when a call returns. */
#ifndef AF_BASE_FLOATS_H
#define AF_BASE_FLOATS_H

#include <fenv.h>

typedef struct af_floats {
    fenv_t before;
    const fenv_t *host;
} af_floats;

void af_floats_enter_default(af_floats *self);
void af_floats_enter_host(af_floats *self);
void af_floats_leave(af_floats *self);

/* Declarations that hold to the end of their block. The first stands in each public function that
 * computes, the second around each call of a callback. Blocks may lie within each other. */
#define AF_DEFAULT_FLOATS \
    __attribute__((cleanup(af_floats_leave))) af_floats floats_; \
    af_floats_enter_default(&floats_)
#define AF_HOST_FLOATS \
    __attribute__((cleanup(af_floats_leave))) af_floats floats_; \
    af_floats_enter_host(&floats_)

#endif
