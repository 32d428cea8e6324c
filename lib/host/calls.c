/* SPDX-License-Identifier: MIT */
#include "host/calls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "model/channel.h"
#include "model/record_list.h"

typedef struct lane {
    int socket;
    unsigned char *memory;
    size_t size;
} lane;

static const af_engine *engine;
static _Atomic(af_network *) opened; /* by the first call, before there are others */

void af_calls_begin(const af_engine *loaded)
{
    engine = loaded;
}

/* ---- the model file, which is the library's ---------------------------------- */

typedef struct remote_records {
    af_model_records base;
    const lane *lane;
    size_t room;          /* of the lane's memory, for a part */
    pthread_mutex_t lock; /* since an engine may read from several threads */
} remote_records;

static artfusion_status read_part(const remote_records *records, size_t index, uint64_t offset,
                                  void *buffer, size_t size)
{
    const lane *l = records->lane;
    const af_answer wanted = {.reading = 1, .record = index, .offset = offset, .size = size};
    af_request got;
    if (af_channel_send(l->socket, &wanted, sizeof wanted, -1) != AF_SENT ||
        af_channel_receive(l->socket, &got, sizeof got, NULL, 0) != AF_RECEIVED ||
        got.call != AF_CALL_READ)
        return ARTFUSION_ERROR_IO;
    if (got.status == ARTFUSION_OK)
        memcpy(buffer, l->memory, size);
    return got.status;
}

static artfusion_status read_record(const af_model_records *base, size_t index, void *buffer)
{
    remote_records *records;
    memcpy(&records, &base, sizeof records); /* which is not const, for its lock */
    const uint64_t size = base->list[index].size;
    artfusion_status status = ARTFUSION_OK;
    uint64_t done = 0;
    (void)pthread_mutex_lock(&records->lock);
    do { /* an empty record, too, is asked for */
        const uint64_t left = size - done;
        const size_t part = left < records->room ? (size_t)left : records->room;
        status = read_part(records, index, done, (char *)buffer + done, part);
        done += part;
    } while (done < size && status == ARTFUSION_OK);
    (void)pthread_mutex_unlock(&records->lock);
    return status;
}

static artfusion_status open_network(const lane *l, const af_request *request,
                                     af_model_record *list, af_network **network,
                                     af_engine_error *error)
{
    remote_records records = {
        .base = {.list = list, .count = (size_t)request->records, .read = read_record},
        .lane = l,
        .room = (size_t)request->buffers[1]};
    if (!list || pthread_mutex_init(&records.lock, NULL) != 0)
        return ARTFUSION_ERROR_MEMORY;
    const artfusion_status status =
        af_record_list_read(l->memory + request->buffers[1], (size_t)request->list, list,
                            records.base.count)
            ? engine->open(&records.base, &request->options, network, error)
            : ARTFUSION_ERROR_ARGUMENT;
    (void)pthread_mutex_destroy(&records.lock);
    return status;
}

static artfusion_status open_model(const lane *l, const af_request *request, af_answer *answer)
{
    af_network *network = NULL;
    af_model_record *list = af_alloc_array((size_t)request->records, sizeof *list);
    artfusion_status status = open_network(l, request, list, &network, &answer->error);
    af_free(list);
    if (status == ARTFUSION_OK && !network)
        status = ARTFUSION_ERROR_ENGINE;
    if (status == ARTFUSION_OK)
        status = engine->info(network, &answer->info, &answer->error);
    atomic_store(&opened, network);
    return status;
}

/* ---- the calls ---------------------------------------------------------------- */

static float *floats(const lane *l, const af_request *request, int buffer)
{
    /* Each begins at a cache line, and the memory at a page. */
    return (float *)(void *)(l->memory + request->buffers[buffer]);
}

static af_conditions *conditions_of(const af_request *request)
{
    const uintptr_t number = (uintptr_t)request->conditions;
    af_conditions *conditions;
    memcpy(&conditions, &number, sizeof conditions);
    return conditions;
}

static artfusion_status make_conditions(const lane *l, const af_request *r, af_answer *answer)
{
    af_conditions *made = NULL;
    const af_condition_inputs inputs = {
        .timesteps = floats(l, r, 0),
        .styles = floats(l, r, 1),
        .contents = floats(l, r, 2),
        .timestep_count = r->timestep_count,
        .style_count = r->style_count,
        .content_count = r->content_count,
        .size = r->size,
    };
    const artfusion_status status =
        engine->condition(atomic_load(&opened), &inputs, &made, &answer->error);
    answer->value = (uint64_t)(uintptr_t)made;
    return status == ARTFUSION_OK && !made ? ARTFUSION_ERROR_ENGINE : status;
}

static artfusion_status denoise(const lane *l, const af_request *r, af_engine_error *error)
{
    const af_passes passes = {
        .modulation_rows = (const int32_t *)(const void *)floats(l, r, 0),
        .content_rows = (const int32_t *)(const void *)floats(l, r, 1),
        .x = floats(l, r, 2),
        .prediction = floats(l, r, 3),
        .batch = r->batch,
        .size = r->size,
    };
    return engine->denoise(atomic_load(&opened), conditions_of(r), &passes, error);
}

static artfusion_status call(lane *l, const af_request *r, af_answer *answer)
{
    af_network *const network = atomic_load(&opened);
    af_engine_error *const error = &answer->error;
    switch (r->call) {
    case AF_CALL_OPEN: return open_model(l, r, answer);
    case AF_CALL_ENCODE:
        return engine->encode(network, floats(l, r, 0), r->batch, r->size, floats(l, r, 1), error);
    case AF_CALL_DECODE:
        return engine->decode(network, floats(l, r, 0), r->batch, r->size, floats(l, r, 1), error);
    case AF_CALL_STYLE:
        return engine->style(network, floats(l, r, 0), r->batch, r->size, floats(l, r, 1), error);
    case AF_CALL_NULL_STYLE: return engine->null_style(network, floats(l, r, 0), error);
    case AF_CALL_CONDITION: return make_conditions(l, r, answer);
    case AF_CALL_CONDITIONS_DESTROY:
        engine->conditions_destroy(conditions_of(r));
        return ARTFUSION_OK;
    case AF_CALL_DENOISE: return denoise(l, r, error);
    case AF_CALL_MEMORY:
        return engine->memory(network, r->stage, r->batch, r->size, &answer->value, error);
    default:
        (void)snprintf(error->text, sizeof error->text, "call %d is unknown", (int)r->call);
        return ARTFUSION_ERROR_ENGINE;
    }
}

static int take_memory(lane *l, const af_request *request, int descriptor)
{
    if (request->memory) {
        if (l->memory)
            (void)munmap(l->memory, l->size);
        l->size = (size_t)request->memory;
        void *const mapped = mmap(NULL, l->size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        l->memory = mapped == MAP_FAILED ? NULL : mapped;
    }
    if (descriptor >= 0)
        (void)close(descriptor);
    return l->memory || !request->memory;
}

void af_calls_serve(int socket)
{
    lane l = {.socket = socket};
    af_request request;
    int descriptor, going = 1;
    while (going &&
           af_channel_receive(socket, &request, sizeof request, &descriptor, 0) == AF_RECEIVED) {
        af_answer answer = {.reading = 0};
        if (take_memory(&l, &request, descriptor)) {
            answer.status = call(&l, &request, &answer);
        } else {
            l.size = 0;
            answer.unmapped = 1; /* so that it comes again */
            answer.status = ARTFUSION_ERROR_MEMORY;
            (void)snprintf(answer.error.text, sizeof answer.error.text,
                           "out of memory: %llu bytes that are shared with the library",
                           (unsigned long long)request.memory);
        }
        going = af_channel_send(socket, &answer, sizeof answer, -1) == AF_SENT;
    }
    if (l.memory)
        (void)munmap(l.memory, l.size);
    (void)close(socket);
}
