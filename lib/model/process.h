/* SPDX-License-Identifier: MIT
 * Which process the engine is of. An engine's threads do not survive fork, and a lock that another
 * thread held stays locked for ever: a process forked off one that has loaded an engine can only be
 * told so. */
#ifndef AF_MODEL_PROCESS_H
#define AF_MODEL_PROCESS_H

#include "artfusion.h"

/* Makes this process the engine's, or sees that it is: before anything that reaches an engine or
 * takes a lock. Errors: ENGINE, in a process forked off the engine's. */
artfusion_status af_process_claim(void);

/* Whether what belongs to the engine may be given back to it. */
int af_process_is_own(void);

#endif
