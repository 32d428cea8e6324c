/* SPDX-License-Identifier: MIT */
#include "model/isolated_call.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
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
    return af_channel_send(c->lane->socket, &request, sizeof request, -1);
}

static int hear(af_isolated_call *c)
{
    const int32_t limit = c->network->context->isolation_timeout;
    const int64_t end = af_channel_milliseconds() + limit;
    do {
        const int64_t left = end - af_channel_milliseconds();
        const af_received received =
            af_channel_receive(c->lane->socket, &c->answer, sizeof c->answer, NULL,
                               limit && left < 1 ? 1
                               : limit           ? (int32_t)left
                                                 : 0);
        if (received == AF_RECEIVED_NOTHING)
            c->unanswered = limit;
        if (received != AF_RECEIVED)
            return 0;
    } while (c->answer.reading && give_bytes(c));
    return !c->answer.reading;
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
    const int sent = af_channel_send(lane->socket, request, sizeof *request, lane->unsent);
    if (sent && lane->unsent >= 0)
        af_lane_memory_sent(lane);
    c->broken = !sent || !hear(c);
    if (c->broken)
        return ARTFUSION_ERROR_ENGINE;
    for (int32_t i = 0; i < count && c->answer.status == ARTFUSION_OK; i++)
        if (buffers[i].out)
            memcpy(buffers[i].out, lane->memory + request->buffers[i], buffers[i].bytes);
    if (c->answer.status != ARTFUSION_OK) {
        *error = c->answer.error;
        error->text[sizeof error->text - 1] = '\0';
    }
    return c->answer.status;
}

/* ---- a process for the call ------------------------------------------------- */

static int take_lane(af_isolated_call *c, af_network *network, af_engine_process *process)
{
    *c = (af_isolated_call){.network = network, .process = process, .lane = af_lane_take(process)};
    if (!c->lane)
        return 0;
    process->calls++;
    return 1;
}

/* With the lock. The last call that a process has been ended in takes away what is left of it. */
static void give_lane_back(af_isolated_call *c, af_engine_error *error)
{
    af_engine_process *process = c->process;
    af_lane_give_back(process, c->lane);
    if (c->broken) {
        af_engine_process_end(process, c->unanswered ? c->unanswered : AF_END_LANE_CLOSED);
        (void)snprintf(error->text, sizeof error->text, "%s", process->cause);
    }
    process->calls--;
    if (!process->ended)
        return;
    if (c->network->process == process)
        c->network->process = NULL;
    if (!process->calls)
        af_engine_process_destroy(process);
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
        give_lane_back(&c, error);
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
    const artfusion_status status = af_isolated_run(&c, &request, buffers, 2, error);
    af_reading_end(&reading);
    af_free(list);
    *info = c.answer.info;
    give_lane_back(&c, error);
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

void af_isolated_finish(af_isolated_call *c, af_engine_error *error)
{
    (void)pthread_mutex_lock(&c->network->lock);
    give_lane_back(c, error);
    (void)pthread_mutex_unlock(&c->network->lock);
}

int af_isolated_begin_in(af_isolated_call *c, af_network *n, uint64_t generation)
{
    (void)pthread_mutex_lock(&n->lock);
    const int begun =
        n->process && n->process->generation == generation && take_lane(c, n, n->process);
    (void)pthread_mutex_unlock(&n->lock);
    return begun;
}
