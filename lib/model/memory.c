/* SPDX-License-Identifier: MIT */
#include "model/memory.h"

#include <string.h>

#include "base/error.h"
#include "model/model.h"
#include "model/process.h"

enum { POINTS = 3 };

/* How far the slope of the larger half may exceed the smaller one's by padding and rounding. */
#define STRAIGHT 1.05

void af_memory_fit(const double positions[POINTS], const double bytes[POINTS], int32_t points,
                   af_memory_curve *curve)
{
    const double *n = positions, *p = bytes;
    *curve = (af_memory_curve){.known = 1};
    if (points < 2 || n[0] == n[1]) { /* a native size that is also the smallest */
        curve->linear = p[0] / n[0];
        return;
    }
    const double early = (p[1] - p[0]) / (n[1] - n[0]);
    double late = early;
    if (points == POINTS)
        late = (p[2] - p[1]) / (n[2] - n[1]);
    if (late > STRAIGHT * early && early >= 0.0) {
        curve->square = (late - early) / (n[2] - n[0]);
        late -= curve->square * (n[1] + n[2]);
    }
    const int32_t last = points - 1;
    curve->linear = late > 0.0 ? late : 0.0;
    curve->constant = p[last] - curve->linear * n[last] - curve->square * n[last] * n[last];
    if (curve->constant < 0.0)
        curve->constant = 0.0;
}

double af_memory_at(const af_memory_curve *curve, double batch, double positions)
{
    return curve->constant +
           batch * (curve->linear * positions + curve->square * positions * positions);
}

int af_memory_init(af_memory *memory)
{
    memset(memory, 0, sizeof *memory);
    return pthread_mutex_init(&memory->lock, NULL) == 0;
}

void af_memory_clear(af_memory *memory)
{
    (void)pthread_mutex_destroy(&memory->lock);
}

/* `halves` of the native side, in latent pixels that a picture can have. */
static int32_t side_of(const af_manifest *m, int32_t native, int32_t halves)
{
    const int32_t units = native / m->size_multiple * halves / 2;
    return (units > 0 ? units : 1) * (m->size_multiple / m->downsample);
}

/* Half, once and twice the native size: below it libtorch's float32 has other algorithms. What a
 * larger one takes is tried only within the limit. */
static artfusion_status measure(artfusion_model *model, af_stage stage, af_memory_curve *curve)
{
    const af_manifest *m = &model->manifest;
    const uint64_t limit = model->context->memory_limit;
    double positions[POINTS] = {0}, bytes[POINTS] = {0};
    int32_t points = 0;
    while (points < POINTS) {
        const int condition = stage == AF_STAGE_CONDITION;
        const int32_t halves = 1 << points, batch = condition ? 16 * halves : 1;
        const int32_t w = condition ? 1 : side_of(m, m->native_width, halves);
        const int32_t h = condition ? 1 : side_of(m, m->native_height, halves);
        positions[points] = (double)batch * (double)w * (double)h;
        if (points && limit &&
            bytes[points - 1] * positions[points] > (double)limit * positions[points - 1])
            break;
        uint64_t measured;
        af_engine_error error = {{0}};
        const artfusion_status status =
            model->engine->memory(model->network, stage, batch, h, w, &measured, &error);
        if (status != ARTFUSION_OK)
            return af_model_failed(model, status, "measuring the networks' memory", &error);
        bytes[points++] = (double)measured;
    }
    af_memory_fit(positions, bytes, points, curve);
    return ARTFUSION_OK;
}

artfusion_status af_model_memory(artfusion_model *model, af_stage stage, int32_t batch, int32_t h,
                                 int32_t w, uint64_t *bytes)
{
    artfusion_status status = ARTFUSION_OK;
    (void)pthread_mutex_lock(&model->memory.lock);
    af_memory_curve *curve = &model->memory.curves[stage];
    if (!curve->known)
        status = af_process_enter();
    if (!curve->known && status == ARTFUSION_OK) {
        status = measure(model, stage, curve);
        af_process_leave();
    }
    if (status == ARTFUSION_OK)
        *bytes = (uint64_t)(stage == AF_STAGE_CONDITION
                                ? af_memory_at(curve, 1.0, batch)
                                : af_memory_at(curve, batch, (double)h * (double)w));
    (void)pthread_mutex_unlock(&model->memory.lock);
    return status;
}
