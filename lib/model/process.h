/* SPDX-License-Identifier: MIT
 *
 * The process's own ends, between which the engine and libcrypto may be called.
 *
 * An engine's threads do not survive fork, and a lock that another thread held stays locked for ever:
 * a process forked off one that has used an engine can only be told so. And exit destroys what
 * libtorch and libcrypto hold, whatever other threads are doing with it: so it waits for those that
 * are in a call, and calls that come later are refused. It does not wait for calls that wait for the
 * thread that called exit: a library that the engine uses may do that, on any thread.
 */
#ifndef AF_MODEL_PROCESS_H
#define AF_MODEL_PROCESS_H

#include "artfusion.h"

/* Call this before anything that uses an engine or libcrypto or takes a lock, and leave after it,
 * but not around a callback, which may take long. If it fails with ENGINE, do not call leave. */
artfusion_status af_process_enter(void);
void af_process_leave(void);

/* The same for functions that cannot fail: 0 if the engine's objects must be left alone. */
int af_process_may_enter(void);

#endif
