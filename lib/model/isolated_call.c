/* SPDX-License-Identifier: MIT */
#include "model/isolated_call.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/isolated.h"
#include "model/record_list.h"

/* ---- one call in a lane ----------------------------------------------------- */

static artfusion_status fail_memory(af_engine_error *error, size_t bytes)
{
    (void)snprintf(error->text, sizeof error->text,
                   "out of memory: %zu bytes that are shared with the engine's process", bytes);
    return ARTFUSION_ERROR_MEMORY;
}

/* Where each begins; gives the end of the last. */
static size_t lay_out(const af_shared *buffers, int32_t count, af_request *request)
{
    enum { LINE = 64 };
    size_t end = 0;
    for (int32_t i = 0; i < count; i++) {
        request->buffers[i] = end;
        end += (buffers[i].bytes + LINE - 1) / LINE * LINE;
    }
    return end;
}

/* The bytes that the engine wants of the model file, of which it's told no more than that. */
static int give_bytes(af_isolated_call *c)
{
    const af_answer *wanted = &c->answer;
    af_request request = {.call = AF_CALL_READ, .status = ARTFUSION_ERROR_ARGUMENT};
    if (c->reading && wanted->size <= c->lane->size)
        request.status = af_reading_part(c->reading, (size_t)wanted->record, wanted->offset,
                                         c->lane->memory, (size_t)wanted->size);
    return af_channel_send(c->lane->socket, &request, sizeof request, -1) == AF_SENT;
}

static _Thread_local const atomic_int *heeded;

void af_isolated_heed(const atomic_int *cancelled)
{
    heeded = cancelled;
}

/* Until there is something to receive; 0 if it is not to be waited for any more. */
static int wait_for_answer(af_isolated_call *c, int64_t end)
{
    enum { LOOK = 20, GRACE = 200 }; /* milliseconds; another process takes longer than the grace */
    const int32_t limit = c->network->context->isolation_timeout;
    int ready = 0;
    for (int32_t patience = GRACE; !ready;) {
        const int64_t left = limit ? end - af_milliseconds() : INT32_MAX;
        int32_t pause = heeded ? LOOK : -1; /* for ever */
        if (limit && (!heeded || left < LOOK))
            pause = left > 0 ? (int32_t)left : 0;
        ready = af_channel_is_ready(c->lane->socket, pause);
        if (!ready && left <= 0) {
            c->unanswered = limit;
            return 0;
        }
        if (!ready && heeded && atomic_load(heeded) && (patience -= LOOK) <= 0) {
            c->cancelled = 1;
            return 0;
        }
    }
    return 1;
}

static int hear(af_isolated_call *c)
{
    const int32_t limit = c->network->context->isolation_timeout;
    const int64_t end = limit ? af_milliseconds() + limit : 0;
    do {
        if (!wait_for_answer(c, end) ||
            af_channel_receive(c->lane->socket, &c->answer, sizeof c->answer, NULL, 0) !=
                AF_RECEIVED)
            return 0;
    } while (c->answer.reading && give_bytes(c));
    return !c->answer.reading;
}

/* What it answers may be said by a file that has the engine in its hands. Cancelling is ours. */
static void check_status(af_answer *answer)
{
    if (answer->status <= ARTFUSION_OK && answer->status >= ARTFUSION_ERROR_CHECKSUM &&
        answer->status != ARTFUSION_ERROR_CANCELLED)
        return;
    (void)snprintf(answer->error.text, sizeof answer->error.text,
                   "the engine's process answered %d, which is no status of an engine's",
                   (int)answer->status);
    answer->status = ARTFUSION_ERROR_ENGINE;
}

artfusion_status af_isolated_run(af_isolated_call *c, af_request *request, const af_shared *buffers,
                                 int32_t count, af_engine_error *error)
{
    af_lane *lane = c->lane;
    const size_t size = lay_out(buffers, count, request);
    if (!af_lane_reserve(lane, size))
        return fail_memory(error, size);
    for (int32_t i = 0; i < count; i++)
        if (buffers[i].in)
            memcpy(lane->memory + request->buffers[i], buffers[i].in, buffers[i].bytes);
    request->memory = lane->unsent >= 0 ? lane->size : 0;
    const af_sent sent = af_channel_send(lane->socket, request, sizeof *request, lane->unsent);
    if (sent == AF_SENT_NOT)
        return fail_memory(error, size);
    if (sent == AF_SENT && lane->unsent >= 0)
        af_lane_memory_sent(lane);
    c->broken = sent != AF_SENT || !hear(c);
    if (c->broken)
        return c->cancelled ? ARTFUSION_ERROR_CANCELLED : ARTFUSION_ERROR_ENGINE;
    check_status(&c->answer);
    for (int32_t i = 0; i < count && c->answer.status == ARTFUSION_OK; i++)
        if (buffers[i].out)
            memcpy(buffers[i].out, lane->memory + request->buffers[i], buffers[i].bytes);
    if (c->answer.unmapped)
        af_lane_memory_lost(lane);
    if (c->answer.status != ARTFUSION_OK) {
        *error = c->answer.error;
        error->text[sizeof error->text - 1] = '\0';
    }
    return c->answer.status;
}

/* ---- the process's memory, under a memory_limit --------------------------------- */

/* With the lock, as all that follows it. A GPU's driver reserves more than it has. */
static int is_limited(const af_network *n, const af_engine_process *process)
{
    return n->context->memory_limit && !process->sandbox.gpu;
}

static void set_limit(const af_network *n, const af_engine_process *process, uint64_t bytes)
{
    if (!af_engine_process_limit(process, bytes))
        af_log(n->context, ARTFUSION_LOG_WARNING,
               "memory_limit does not hold for the engine's process: %s",
               strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
}

/* While it opens the file, the weights and what they are laid out as, and what torch's compiler
 * takes. */
static void limit_opening(const af_network *n, const af_engine_process *process)
{
    static const uint64_t compiler = 1 << 30;
    if (!is_limited(n, process))
        return;
    const uint64_t file = n->source.base.size, here = af_engine_process_memory(process);
    if (here)
        set_limit(
            n, process,
            af_add(af_add(here, compiler), af_add(af_product(3, file), n->context->memory_limit)));
    else
        af_log(
            n->context, ARTFUSION_LOG_WARNING,
            "memory_limit does not hold for the engine's process: /proc does not say what it has");
}

/* Once it is open, as many times the limit of one run as there may be runs: each in a lane, or with
 * its conditions kept; and the stacks and pools that a lane's threads have. Never less than before,
 * since the C library keeps what was freed. */
static void limit_runs(const af_network *n, af_engine_process *process)
{
    static const uint64_t pools = 64 << 20, stack = 16 << 20;
    const int32_t runs = process->lanes + n->conditions;
    if (!is_limited(n, process) || !process->own_memory || runs <= process->runs)
        return;
    process->runs = runs;
    const uint64_t lane = af_add(pools, af_product(stack, (uint64_t)n->info.threads));
    set_limit(n, process,
              af_add(process->own_memory,
                     af_product((uint64_t)runs, af_add(n->context->memory_limit, lane))));
}

void af_isolated_count(af_network *n, int32_t conditions)
{
    (void)pthread_mutex_lock(&n->lock);
    n->conditions += conditions;
    if (n->process)
        limit_runs(n, n->process);
    (void)pthread_mutex_unlock(&n->lock);
}

/* ---- a process for the call ------------------------------------------------- */

static int take_lane(af_isolated_call *c, af_network *network, af_engine_process *process)
{
    *c = (af_isolated_call){.network = network, .process = process, .lane = af_lane_take(process)};
    if (!c->lane)
        return 0;
    process->calls++;
    limit_runs(network, process);
    return 1;
}

/* With the lock. The last call that a process has been ended in takes away what is left of it.
 * 1: it was ended for another call's sake. */
static int give_lane_back(af_isolated_call *c, af_engine_error *error)
{
    af_engine_process *process = c->process;
    af_lane_give_back(process, c->lane);
    if (c->broken) {
        af_engine_process_end(process, c->unanswered  ? c->unanswered
                                       : c->cancelled ? AF_END_CANCELLED
                                                      : AF_END_LANE_CLOSED);
        (void)snprintf(error->text, sizeof error->text, "%s", process->cause);
    }
    const int again = c->broken && !c->cancelled && !c->unanswered && process->cancelled;
    process->calls--;
    if (!process->ended)
        return 0;
    if (c->network->process == process)
        c->network->process = NULL;
    if (!process->calls)
        af_engine_process_destroy(process);
    return again;
}

/* With the lock too. */
artfusion_status af_isolated_open_in(af_network *n, af_engine_process *process,
                                     af_network_info *info, af_engine_error *error)
{
    enum { PART = 1 << 20 }; /* of the file a reading */
    af_isolated_call c;
    if (!take_lane(&c, n, process))
        return fail_memory(error, sizeof *c.lane);
    const af_bundle *bundle = n->bundle;
    const size_t size = af_record_list_size(bundle->records, bundle->archive.count);
    uint8_t *list = af_alloc(size);
    if (!list) {
        (void)give_lane_back(&c, error);
        return fail_memory(error, size);
    }
    af_record_list_write(bundle->records, bundle->archive.count, list);
    const af_shared buffers[] = {{.bytes = PART}, {.in = list, .bytes = size}};
    af_reading reading = {.bundle = bundle, .source = &n->source.base};
    c.reading = &reading;
    af_request request = {.call = AF_CALL_OPEN,
                          .records = bundle->archive.count,
                          .list = size,
                          .options = n->options};
    limit_opening(n, process);
    const artfusion_status status = af_isolated_run(&c, &request, buffers, 2, error);
    af_reading_end(&reading);
    af_free(list);
    *info = c.answer.info;
    if (status == ARTFUSION_OK)
        process->own_memory = af_engine_process_memory(process);
    (void)give_lane_back(&c, error); /* no other call is in it yet */
    return status;
}

/* Whether a network that was opened again computes as the first did. */
static int is_alike(const af_network_info *a, const af_network_info *b)
{
    return a->device == b->device && a->device_index == b->device_index &&
           a->threads == b->threads && a->condition_width == b->condition_width &&
           a->positions_a_call == b->positions_a_call &&
           strncmp(a->arithmetic, b->arithmetic, sizeof a->arithmetic) == 0;
}

/* With the lock. */
static artfusion_status start_again(af_network *n, af_engine_error *error)
{
    artfusion_status status = af_source_check_size(&n->source);
    if (status != ARTFUSION_OK)
        return status;
    af_greeting greeting;
    status = af_engine_process_start(n->context, &n->process, &greeting);
    if (status != ARTFUSION_OK)
        return status;
    af_engine_process_tell(n->context, n->process);
    n->process->generation = ++n->generation;
    n->process->calls++; /* so that it's ours to destroy */
    af_engine_process *const process = n->process;
    af_network_info info;
    status = af_isolated_open_in(n, process, &info, error);
    process->calls--;
    if (status == ARTFUSION_OK && !is_alike(&info, &n->info)) {
        (void)snprintf(error->text, sizeof error->text,
                       "the engine that was started again computes otherwise than the first");
        status = ARTFUSION_ERROR_ENGINE;
    }
    if (status == ARTFUSION_OK)
        return ARTFUSION_OK;
    af_engine_process_end(process, AF_END_UNNEEDED);
    af_engine_process_destroy(process);
    n->process = NULL;
    return status;
}

artfusion_status af_isolated_begin(af_isolated_call *c, af_network *n, af_engine_error *error)
{
    (void)pthread_mutex_lock(&n->lock);
    artfusion_status status = n->process ? ARTFUSION_OK : start_again(n, error);
    if (status == ARTFUSION_OK && !take_lane(c, n, n->process))
        status = fail_memory(error, sizeof *c->lane);
    (void)pthread_mutex_unlock(&n->lock);
    return status;
}

int af_isolated_finish(af_isolated_call *c, af_engine_error *error)
{
    (void)pthread_mutex_lock(&c->network->lock);
    const int again = give_lane_back(c, error);
    (void)pthread_mutex_unlock(&c->network->lock);
    return again;
}

int af_isolated_begin_in(af_isolated_call *c, af_network *n, uint64_t generation)
{
    (void)pthread_mutex_lock(&n->lock);
    const int begun =
        n->process && n->process->generation == generation && take_lane(c, n, n->process);
    (void)pthread_mutex_unlock(&n->lock);
    return begun;
}
