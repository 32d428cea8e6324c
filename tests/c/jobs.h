/* SPDX-License-Identifier: MIT
 *
 * What the tests of threads do: jobs that follow from their number, each a run with its conditions,
 * latents and pictures, brought to a digest. A job has one result, whoever else is at work and
 * however often it is cancelled.
 *
 * No assertions, which end a thread badly: a sentence for what went wrong, NULL for nothing.
 */
#ifndef JOBS_H
#define JOBS_H

#include <pthread.h>
#include <stdatomic.h>

#include "support.h"

#define JOB_PICTURES 24

/* Handles that all threads read. */
typedef struct job_world {
    artfusion_model *model;
    artfusion_image *pictures[JOB_PICTURES];
    artfusion_style *null_style, *painted, *blended;
    int32_t most_steps;
} job_world;

void job_world_make(job_world *world, artfusion_model *model, int32_t most_steps);
void job_world_clear(job_world *world);

/* Through which another thread reaches the run that is under way, if one is. */
typedef struct job_slot {
    pthread_mutex_t lock;
    artfusion_sampler *sampler;
    atomic_int asked, heard; /* cancels */
} job_slot;

#define JOB_SLOT {.lock = PTHREAD_MUTEX_INITIALIZER}
void job_cancel(job_slot *slot);

/* `model` is the world's, or another of the same file. `slot` may be NULL. A run that is cancelled
 * goes on, or with `give_up` ends; then `*digest` stays as it was. */
const char *job_run(const job_world *world, artfusion_model *model, uint32_t number, job_slot *slot,
                    int give_up, uint64_t *digest);

/* A number from a number. */
uint32_t job_mix(uint32_t number);

/* The next of a sequence, which has a state each thread has of its own. */
uint32_t job_random(uint32_t *state);

#endif
