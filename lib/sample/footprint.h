/* SPDX-License-Identifier: MIT
 * How much memory a run takes, and what a limit makes of it. */
#ifndef AF_SAMPLE_FOOTPRINT_H
#define AF_SAMPLE_FOOTPRINT_H

#include "sample/plan.h"

/* Settles the plan's most_passes by the context's memory_limit. Errors: LIMIT, ENGINE, MEMORY. */
artfusion_status af_plan_limit_passes(af_plan *plan);

#endif
