/* SPDX-License-Identifier: MIT
 *
 * A sampler's fields. One table describes them (fields.c); making, counting, saving, checking,
 * taking and freeing all walk it, so that a new field stands in the struct and in the table alone.
 */
#ifndef AF_SAMPLE_FIELDS_H
#define AF_SAMPLE_FIELDS_H

#include "base/record.h"
#include "sample/sampler.h"

/* What a sampler of this plan takes of memory when it is made. */
uint64_t af_fields_bytes(const af_plan *plan);

/* All or nothing is the caller's business: af_fields_free frees what is there. Buffers are zeroed.
 * Errors: MEMORY. */
artfusion_status af_fields_allocate(artfusion_sampler *sampler);
void af_fields_free(artfusion_sampler *sampler);

/* Where a run is, and all that its next steps will read, in the order of the saved format. What the
 * engine keeps for the steps, its conditions, is made anew. */
void af_fields_record(af_record *record, artfusion_sampler *sampler);

/* Whether each value that was loaded is one that its field can have. What depends on other fields
 * is state.c's to check. */
int af_fields_are_valid(artfusion_sampler *sampler);

/* Exchanges what two samplers of the same plan were given, and their runs. What accessors of
 * `sampler` have lent stays where it is: only its values change, as in a step. */
void af_fields_take(artfusion_sampler *sampler, artfusion_sampler *from);

#endif
