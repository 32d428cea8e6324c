/* SPDX-License-Identifier: MIT */
#include "model/footprint.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"

enum {
    FIRST_SIDE = 64,   /* pixels of the smallest size that is measured */
    NATIVE_SIDE = 512, /* and of the largest that counts as native: one of twice that is measured */
    PROBES = 5         /* 64, 128, ... 1024 */
};

/* A size at which a stage is measured. */
typedef struct probe {
    int32_t batch;
    af_size size;
} probe;

/* The native side, halved `halvings` times (-1: doubled), in latent pixels that a picture can have.
 */
static int32_t side_of(const af_manifest *m, int32_t native, int32_t halvings)
{
    const int32_t units = native / m->size_multiple;
    const int32_t wanted = halvings < 0 ? 2 * units : units >> halvings;
    return (wanted > 0 ? wanted : 1) * (m->size_multiple / m->downsample);
}

/* How often the native size is halved until no side is longer than `longest` pixels. */
static int32_t halvings_to(const af_manifest *m, int32_t longest)
{
    int32_t side = m->native_width > m->native_height ? m->native_width : m->native_height;
    int32_t count = 0;
    for (; side > longest; side /= 2)
        count++;
    return count;
}

/* Lists sizes, each about double the one before, and returns how many: at least from half the
 * native size, below which libtorch's float32 has other algorithms, to twice that. A native size is
 * the file's word, and no run need have it: larger ones count as what their halves are. */
static int32_t list_probes(const af_manifest *m, af_stage stage, probe probes[PROBES])
{
    int32_t count = 0, halvings = halvings_to(m, FIRST_SIDE);
    const int32_t last = halvings_to(m, NATIVE_SIDE) - 1;
    if (stage == AF_STAGE_CONDITION) {
        for (int32_t batch = 16; count < AF_CURVE_POINTS; batch *= 2)
            probes[count++] = (probe){batch, {1, 1}};
        return count;
    }
    for (halvings = halvings > last + 2 ? halvings : last + 2; halvings >= last; halvings--)
        probes[count++] = (probe){1,
                                  {.width = side_of(m, m->native_width, halvings),
                                   .height = side_of(m, m->native_height, halvings)}};
    return count;
}

/* Whether the next size may take more than `limit`: it grows as before, and as the positions. */
static int may_exceed(double limit, double next, const double positions[AF_CURVE_POINTS],
                      const double bytes[AF_CURVE_POINTS], int32_t points)
{
    const double last = bytes[points - 1];
    double growth = next / positions[points - 1];
    if (points > 1 && last > growth * bytes[points - 2])
        growth = last / bytes[points - 2];
    return growth * last > limit;
}

/* From the smallest size up, as far as the limit allows; the largest ones make the curve. */
static artfusion_status measure(artfusion_model *model, af_stage stage, af_curve *curve)
{
    const uint64_t limit = model->context->memory_limit;
    probe probes[PROBES];
    const int32_t count = list_probes(&model->manifest, stage, probes);
    double positions[AF_CURVE_POINTS] = {0}, bytes[AF_CURVE_POINTS] = {0};
    int32_t points = 0;
    for (int32_t i = 0; i < count; i++) {
        const probe *p = &probes[i];
        const double n = (double)p->batch * (double)p->size.height * (double)p->size.width;
        if (i && limit && may_exceed((double)limit, n, positions, bytes, points))
            break;
        uint64_t measured;
        af_engine_error error = {{0}};
        const artfusion_status status =
            model->engine->memory(model->network, stage, p->batch, p->size, &measured, &error);
        if (status != ARTFUSION_OK)
            return af_model_failed(model, status, "measuring the networks' memory", &error);
        if (points == AF_CURVE_POINTS) { /* the smallest goes */
            memmove(positions, positions + 1, (AF_CURVE_POINTS - 1) * sizeof *positions);
            memmove(bytes, bytes + 1, (AF_CURVE_POINTS - 1) * sizeof *bytes);
            points--;
        }
        positions[points] = n;
        bytes[points++] = (double)measured;
    }
    af_curve_fit(positions, bytes, points, curve);
    return ARTFUSION_OK;
}

artfusion_status af_model_footprint(artfusion_model *model, af_stage stage, int32_t batch,
                                    af_size size, uint64_t *bytes)
{
    artfusion_status status = ARTFUSION_OK;
    (void)pthread_mutex_lock(&model->curves.lock);
    af_curve *curve = &model->curves.of[stage];
    if (!curve->known)
        status = af_model_enter(model);
    if (!curve->known && status == ARTFUSION_OK) {
        status = measure(model, stage, curve);
        af_model_leave(model);
    }
    if (status == ARTFUSION_OK)
        *bytes =
            af_whole(stage == AF_STAGE_CONDITION
                         ? af_curve_at(curve, 1.0, batch)
                         : af_curve_at(curve, batch, (double)size.height * (double)size.width));
    (void)pthread_mutex_unlock(&model->curves.lock);
    return status;
}
