/* SPDX-License-Identifier: MIT
 * A solver's state between steps, and its steps. */
#include "math/solver.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/names.h"
#include "math/factors.h"
#include "math/guidance.h"

/* A point that the run has passed. */
typedef struct node {
    double alpha; /* 0: there is none */
    float *x0;    /* the data prediction there */
} node;

struct af_solver {
    af_solver_options options;
    size_t count;
    node last;     /* where the last step came from; the second-order solvers' */
    node before;   /* and the step before it; UniPC's */
    float *x_last; /* the latent at `last`; UniPC's */
};

static artfusion_status allocate(size_t count, float **values)
{
    *values = af_alloc_array(count, sizeof **values);
    return *values == NULL ? af_fail_memory(count * sizeof **values, "a solver's history")
                           : ARTFUSION_OK;
}

/* Tensors of history. */
static size_t history_of(artfusion_solver kind)
{
    return kind == ARTFUSION_SOLVER_UNIPC                                               ? 3
           : kind == ARTFUSION_SOLVER_DPMPP_2M || kind == ARTFUSION_SOLVER_DPMPP_2M_SDE ? 1
                                                                                        : 0;
}

size_t af_solver_bytes(artfusion_solver solver, size_t count)
{
    return sizeof(af_solver) + history_of(solver) * count * sizeof(float);
}

static artfusion_status allocate_history(af_solver *solver)
{
    float **const all[] = {&solver->last.x0, &solver->before.x0, &solver->x_last};
    const size_t wanted = history_of(solver->options.solver);
    artfusion_status status = ARTFUSION_OK;
    for (size_t i = 0; status == ARTFUSION_OK && i < sizeof all / sizeof *all && i < wanted; i++)
        status = allocate(solver->count, all[i]);
    return status;
}

artfusion_status af_solver_create(const af_solver_options *options, size_t count,
                                  af_solver **solver)
{
    *solver = NULL;
    artfusion_status status = af_check_constant("solver", options->solver, ARTFUSION_ENUM_SOLVER);
    if (status != ARTFUSION_OK)
        return status;
    af_solver *created = af_alloc_array(1, sizeof *created);
    if (created == NULL)
        return af_fail_memory(sizeof *created, "a solver");
    created->options = *options;
    created->count = count;
    status = allocate_history(created);
    if (status != ARTFUSION_OK) {
        af_solver_destroy(created);
        return status;
    }
    *solver = created;
    return ARTFUSION_OK;
}

void af_solver_destroy(af_solver *solver)
{
    if (solver == NULL)
        return;
    af_free(solver->last.x0);
    af_free(solver->before.x0);
    af_free(solver->x_last);
    af_free(solver);
}

void af_solver_reset(af_solver *solver)
{
    solver->last.alpha = 0.0;
    solver->before.alpha = 0.0;
}

static void record_node(node *n, size_t count, af_record *record)
{
    if (n->x0 == NULL)
        return;
    af_record_f64(record, &n->alpha, 1);
    af_record_f32(record, n->x0, count);
}

void af_solver_record(af_solver *solver, af_record *record)
{
    record_node(&solver->last, solver->count, record);
    record_node(&solver->before, solver->count, record);
    if (solver->x_last != NULL)
        af_record_f32(record, solver->x_last, solver->count);
}

int32_t af_solver_is_valid(const af_solver *solver)
{
    const double last = solver->last.alpha, before = solver->before.alpha;
    return last >= 0.0 && last < 1.0 && before >= 0.0 && before < 1.0 &&
           (before == 0.0 || before < last);
}

static af_factors factors_of(const af_solver *solver, double alpha, double alpha_next)
{
    const af_solver_options *options = &solver->options;
    switch (options->solver) {
    case ARTFUSION_SOLVER_DDPM: return af_ddpm(alpha, alpha_next);
    case ARTFUSION_SOLVER_DPMPP_2M:
    case ARTFUSION_SOLVER_UNIPC: return af_dpmpp_2m(alpha, alpha_next, solver->last.alpha, 0.0);
    case ARTFUSION_SOLVER_DPMPP_2M_SDE:
        return af_dpmpp_2m(alpha, alpha_next, solver->last.alpha, options->eta);
    default: return af_ddim(alpha, alpha_next, options->eta);
    }
}

int32_t af_solver_needs_noise(const af_solver *solver, double alpha, double alpha_next)
{
    double factor = factors_of(solver, alpha, alpha_next).noise * solver->options.temperature;
    return alpha_next != alpha && factor != 0.0;
}

static void correct(const af_solver *solver, double alpha, const float *x0, float *x)
{
    const node *from = &solver->last;
    const node *before = &solver->before;
    af_unic_factors factors = af_unic_2(from->alpha, alpha, before->alpha);
    const af_term terms[] = {
        {factors.x_from, solver->x_last},
        {factors.x0_from, from->x0},
        {factors.x0_before, before->x0},
        {factors.x0, x0},
    };
    af_sum(terms, sizeof terms / sizeof *terms, x, solver->count);
}

static void update(const af_solver *solver, double alpha, double alpha_next, const float *eps,
                   const float *noise, const float *x0, float *x)
{
    af_factors factors = factors_of(solver, alpha, alpha_next);
    const af_term terms[] = {
        {factors.x, x},
        {factors.x0, x0},
        {factors.x0_before, solver->last.x0},
        {factors.eps, eps},
        {factors.noise * solver->options.temperature, noise},
    };
    af_sum(terms, sizeof terms / sizeof *terms, x, solver->count);
}

/* Makes (alpha, x0) the last node; UniPC's last one becomes the one before. */
static void remember(af_solver *solver, double alpha, const float *x0)
{
    if (solver->before.x0 != NULL) {
        node recycled = solver->before;
        solver->before = solver->last;
        solver->last = recycled;
    }
    if (solver->last.x0 != NULL) {
        solver->last.alpha = alpha;
        memcpy(solver->last.x0, x0, solver->count * sizeof *x0);
    }
}

void af_solver_step(af_solver *solver, double alpha, double alpha_next, const float *eps,
                    const float *noise, int32_t is_last, float *x, float *x0)
{
    af_eps_to_x0(alpha, x, eps, x0, solver->count);
    if (alpha_next == alpha)
        return;

    if (solver->x_last != NULL) {
        if (solver->last.alpha > 0.0)
            correct(solver, alpha, x0, x);
        memcpy(solver->x_last, x, solver->count * sizeof *x);
    }
    update(solver, alpha, alpha_next, eps, noise, x0, x);
    if (is_last)
        af_solver_reset(solver);
    else
        remember(solver, alpha, x0);
}
