/* SPDX-License-Identifier: MIT
 * The timesteps that a run visits. Each function gives entry `i` of `steps`, counted upwards. */
#include <math.h>

#include "artfusion.h"
#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/names.h"
#include "math/linspace.h"

/* The published code takes range(0, T, T / S) + 1, which has S entries where S divides T, and more
 * elsewhere. i T / S + 1 is the same where S divides T, always has S entries, and passes the
 * table's end only for S = T, where the table is visited from end to end. One step is at t = 1, as
 * the published code's is: good for a look at that timestep, not for a picture. */
static int32_t uniform(int32_t i, int32_t steps, int32_t train_timesteps)
{
    int32_t offset = steps < train_timesteps ? 1 : 0;
    return (int32_t)((int64_t)i * train_timesteps / steps) + offset;
}

/* The published code's linspace(0, sqrt(0.8 T), S)^2 + 1. With one step that is t = 1, from where
 * noise gives no picture: it is done where every longer run starts instead. Below T = 10 it would
 * leave the table, and stays at its end. */
static int32_t quad(int32_t i, int32_t steps, int32_t train_timesteps)
{
    double end = sqrt(0.8 * train_timesteps);
    af_linspace linspace = af_linspace_of(0.0, end, steps);
    double root = steps == 1 ? end : af_linspace_at(&linspace, i);
    int32_t timestep = (int32_t)(root * root) + 1;
    return timestep < train_timesteps ? timestep : train_timesteps - 1;
}

/* round(T - j T / S) - 1 for j = 0 .. S - 1 downwards: Lin et al., arXiv 2305.08891.
 * Halves go to even numbers, as in NumPy. */
static int32_t trailing(int32_t i, int32_t steps, int32_t train_timesteps)
{
    return (int32_t)rint((double)(i + 1) * train_timesteps / steps) - 1;
}

/* round(linspace(0, T - 1, S)), and the last timestep for one step. */
static int32_t linspace(int32_t i, int32_t steps, int32_t train_timesteps)
{
    if (steps == 1)
        return train_timesteps - 1;
    af_linspace line = af_linspace_of(0.0, train_timesteps - 1, steps);
    return (int32_t)rint(af_linspace_at(&line, i));
}

artfusion_status artfusion_timesteps(artfusion_spacing spacing, int32_t steps,
                                     int32_t train_timesteps, int32_t *timesteps)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    if (timesteps == NULL)
        return af_fail_null(timesteps);
    if (train_timesteps < 1)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "train_timesteps is %d, not 1 or more",
                       (int)train_timesteps);
    const artfusion_status status = af_check_integer("steps", steps, 1, train_timesteps);
    if (status != ARTFUSION_OK)
        return status;
    int32_t (*timestep)(int32_t i, int32_t steps, int32_t train_timesteps);
    switch (spacing) {
    case ARTFUSION_SPACING_UNIFORM: timestep = uniform; break;
    case ARTFUSION_SPACING_QUAD: timestep = quad; break;
    case ARTFUSION_SPACING_TRAILING: timestep = trailing; break;
    case ARTFUSION_SPACING_LINSPACE: timestep = linspace; break;
    default: return af_check_constant("spacing", spacing, ARTFUSION_ENUM_SPACING);
    }
    for (int32_t i = 0; i < steps; i++)
        timesteps[steps - 1 - i] = timestep(i, steps, train_timesteps);
    return ARTFUSION_OK;
}
