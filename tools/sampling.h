/* SPDX-License-Identifier: MIT
 * From the command line's values to a sampler's options. */
#ifndef TOOLS_SAMPLING_H
#define TOOLS_SAMPLING_H

#include "options.h"

/* Changes what --notebook and the options say; the rest of *sampling stays. */
void sampling_apply(const struct options *options, artfusion_sampler_options *sampling);

#endif
