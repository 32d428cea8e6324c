/* SPDX-License-Identifier: MIT
 * What this process gives up once its engine is loaded, and before it gets a model file. */
#ifndef AF_HOST_SANDBOX_H
#define AF_HOST_SANDBOX_H

#include "model/channel.h"

/* For good, by the thread that starts all others. What the kernel lacks is said, and done without.
 */
void af_sandbox_enter(artfusion_device device, af_sandbox *held);

#endif
