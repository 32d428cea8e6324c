/* SPDX-License-Identifier: MIT
 * Names of the public constants. */
#include "base/names.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

static const struct entry {
    artfusion_enumeration enumeration;
    int32_t value;
    const char *name;
} entries[] = {
    {ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_DDIM, "ddim"},
    {ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_DDPM, "ddpm"},
    {ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_DPMPP_2M, "dpmpp_2m"},
    {ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_DPMPP_2M_SDE, "dpmpp_2m_sde"},
    {ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_UNIPC, "unipc"},
    {ARTFUSION_ENUM_SPACING, ARTFUSION_SPACING_UNIFORM, "uniform"},
    {ARTFUSION_ENUM_SPACING, ARTFUSION_SPACING_QUAD, "quad"},
    {ARTFUSION_ENUM_SPACING, ARTFUSION_SPACING_TRAILING, "trailing"},
    {ARTFUSION_ENUM_SPACING, ARTFUSION_SPACING_LINSPACE, "linspace"},
    {ARTFUSION_ENUM_SCHEDULE, ARTFUSION_SCHEDULE_LINEAR, "linear"},
    {ARTFUSION_ENUM_SCHEDULE, ARTFUSION_SCHEDULE_COSINE, "cosine"},
    {ARTFUSION_ENUM_SCHEDULE, ARTFUSION_SCHEDULE_SQRT_LINEAR, "sqrt_linear"},
    {ARTFUSION_ENUM_SCHEDULE, ARTFUSION_SCHEDULE_SQRT, "sqrt"},
    {ARTFUSION_ENUM_PREDICTION, ARTFUSION_PREDICTION_EPS, "eps"},
    {ARTFUSION_ENUM_PREDICTION, ARTFUSION_PREDICTION_V, "v"},
    {ARTFUSION_ENUM_PREDICTION, ARTFUSION_PREDICTION_X0, "x0"},
    {ARTFUSION_ENUM_DEVICE, ARTFUSION_DEVICE_AUTO, "auto"},
    {ARTFUSION_ENUM_DEVICE, ARTFUSION_DEVICE_CPU, "cpu"},
    {ARTFUSION_ENUM_DEVICE, ARTFUSION_DEVICE_CUDA, "cuda"},
    {ARTFUSION_ENUM_FILTER, ARTFUSION_FILTER_BICUBIC, "bicubic"},
    {ARTFUSION_ENUM_FILTER, ARTFUSION_FILTER_BOX, "box"},
    {ARTFUSION_ENUM_FILTER, ARTFUSION_FILTER_BILINEAR, "bilinear"},
    {ARTFUSION_ENUM_FILTER, ARTFUSION_FILTER_LANCZOS, "lanczos"},
    {ARTFUSION_ENUM_RNG, ARTFUSION_RNG_COUNTER, "counter"},
    {ARTFUSION_ENUM_RNG, ARTFUSION_RNG_TORCH_CPU, "torch_cpu"},
    {ARTFUSION_ENUM_NOISE, ARTFUSION_NOISE_NORMAL, "normal"},
    {ARTFUSION_ENUM_NOISE, ARTFUSION_NOISE_UNIFORM, "uniform"},
    {ARTFUSION_ENUM_PRECISION, ARTFUSION_PRECISION_AUTO, "auto"},
    {ARTFUSION_ENUM_PRECISION, ARTFUSION_PRECISION_FLOAT32, "float32"},
    {ARTFUSION_ENUM_PRECISION, ARTFUSION_PRECISION_BFLOAT16, "bfloat16"},
    {ARTFUSION_ENUM_PRECISION, ARTFUSION_PRECISION_FLOAT16, "float16"},
    {ARTFUSION_ENUM_ISOLATION, ARTFUSION_ISOLATION_NONE, "none"},
    {ARTFUSION_ENUM_ISOLATION, ARTFUSION_ISOLATION_PROCESS, "process"},
    {ARTFUSION_ENUM_ISOLATION, ARTFUSION_ISOLATION_AUTO, "auto"},
};
enum { ENTRY_COUNT = sizeof entries / sizeof *entries };

static const char *const enumeration_names[] = {
    [ARTFUSION_ENUM_SOLVER] = "solver",
    [ARTFUSION_ENUM_SPACING] = "spacing",
    [ARTFUSION_ENUM_SCHEDULE] = "schedule",
    [ARTFUSION_ENUM_PREDICTION] = "prediction",
    [ARTFUSION_ENUM_DEVICE] = "device",
    [ARTFUSION_ENUM_FILTER] = "filter",
    [ARTFUSION_ENUM_RNG] = "rng",
    [ARTFUSION_ENUM_NOISE] = "noise",
    [ARTFUSION_ENUM_PRECISION] = "precision",
    [ARTFUSION_ENUM_ISOLATION] = "isolation",
};
enum { ENUMERATION_COUNT = sizeof enumeration_names / sizeof *enumeration_names };

const char *artfusion_name_of(artfusion_enumeration enumeration, int32_t value)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        if (entries[i].enumeration == enumeration && entries[i].value == value)
            return entries[i].name;
    return NULL;
}

/* "ddim, ddpm, ...", cut where it does not fit. */
static void list_names(artfusion_enumeration enumeration, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ENTRY_COUNT && used < size; i++)
        if (entries[i].enumeration == enumeration) {
            int length =
                snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", entries[i].name);
            used += length > 0 ? (size_t)length : 0;
        }
}

artfusion_status artfusion_value_of(artfusion_enumeration enumeration, const char *name,
                                    int32_t *value)
{
    af_error_clear();
    if (name == NULL || value == NULL)
        return af_fail_null(name, value);
    if (enumeration < 0 || enumeration >= ENUMERATION_COUNT)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "enumeration %d is unknown", (int)enumeration);
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        if (entries[i].enumeration == enumeration && strcmp(entries[i].name, name) == 0) {
            *value = entries[i].value;
            return ARTFUSION_OK;
        }
    char names[256];
    list_names(enumeration, names, sizeof names);
    return af_fail(ARTFUSION_ERROR_ARGUMENT, "%s \"%.64s\" is unknown, there are %s",
                   enumeration_names[enumeration], name, names);
}

artfusion_status af_check_constant(const char *name, int32_t value,
                                   artfusion_enumeration enumeration)
{
    if (artfusion_name_of(enumeration, value))
        return ARTFUSION_OK;
    char names[256];
    list_names(enumeration, names, sizeof names);
    return af_fail(ARTFUSION_ERROR_ARGUMENT,
                   "%s is %d, which is not one of its constants: there are %s", name, (int)value,
                   names);
}
