/* SPDX-License-Identifier: MIT */
#include "base/floats.h"

#include <stddef.h>

/* The environment that the thread's host had when it called; NULL: the host is running. */
static _Thread_local const fenv_t *host;

static void enter(af_floats *self)
{
    (void)fegetenv(&self->before);
    self->host = host;
}

void af_floats_enter_default(af_floats *self)
{
    enter(self);
    if (!host)
        host = &self->before;
    (void)fesetenv(FE_DFL_ENV);
}

void af_floats_enter_host(af_floats *self)
{
    enter(self);
    if (host)
        (void)fesetenv(host);
    host = NULL;
}

void af_floats_leave(af_floats *self)
{
    host = self->host;
    (void)fesetenv(&self->before);
}
