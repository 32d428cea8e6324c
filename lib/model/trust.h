/* SPDX-License-Identifier: MIT
 * Which model files ARTFUSION_ISOLATION_AUTO trusts. */
#ifndef AF_MODEL_TRUST_H
#define AF_MODEL_TRUST_H

#include "base/context.h"
#include "model/source.h"

/* NONE or PROCESS: what the context says, or, if that is AUTO, what the file's bytes say. Of a file
 * that AUTO trusts `*copy` is what was looked at, and alone what may run in this process: another
 * reading of `source` may give other bytes. Else it is a source of no bytes. To be closed in any
 * case. Errors: MEMORY, CHECKSUM (changed meanwhile), those of reading. */
artfusion_status af_trust_choose(const artfusion_context *context, const af_source *source,
                                 artfusion_isolation *isolation, af_model_source *copy);

#endif
