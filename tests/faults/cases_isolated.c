/* SPDX-License-Identifier: MIT
 * Isolated engines: what the library asks of the system for their processes and calls. The
 * processes themselves are none of these faults'. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../c/children.h"
#include "cases.h"

enum { LARGE = 80 /* latents whose pictures are more than a lane has from the beginning */ };

static artfusion_context *isolated(void)
{
    artfusion_context *context;
    artfusion_context_options options;
    MUST(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = getenv("ARTFUSION_TEST_ENGINE");
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    MUST(artfusion_context_create(&options, &context));
    return context;
}

static artfusion_model *opened(void)
{
    artfusion_context *context = isolated();
    artfusion_model *model;
    MUST(artfusion_model_open_memory(context, w.bundle, w.bundle_size, &model));
    artfusion_context_destroy(context);
    return model;
}

static void look_for_processes(outcome *o)
{
    const int count = children(getpid(), NULL);
    if (count)
        wrong(o, "%d processes are left", count);
}

static void take_model(outcome *o, artfusion_model *model)
{
    float latent[VALUES];
    MUST(artfusion_model_encode(model, w.picture, ARTFUSION_LATENT_SCALED, latent, VALUES));
    take(o, latent, sizeof latent);
    artfusion_model_destroy(model);
    look_for_processes(o);
}

static void open_memory(outcome *o)
{
    artfusion_context *context = isolated();
    artfusion_model *model;
    ATTEMPT_MAKING(o, model, artfusion_model_open_memory(context, w.bundle, w.bundle_size, &model));
    artfusion_context_destroy(context);
    take_model(o, model);
}

/* More than its lane has room for. */
static void decode(outcome *o)
{
    enum { VALUES_IN = 3 * LARGE * LARGE, VALUES_OUT = 16 * VALUES_IN };
    static float latent[VALUES_IN], rgb[VALUES_OUT];
    artfusion_model *model = opened();
    for (int i = 0; i < VALUES_IN; i++)
        latent[i] = (float)(i % 5) - 2.0f;
    ATTEMPT(o, artfusion_model_decode(model, latent, 1, LARGE, LARGE, rgb, VALUES_OUT));
    take(o, rgb, sizeof rgb);
    artfusion_model_destroy(model);
    look_for_processes(o);
}

/* Whose process has ended, so that it starts another. */
static void encode_again(outcome *o)
{
    float latent[VALUES];
    pid_t pid = 0;
    artfusion_model *model = opened();
    if (children(getpid(), &pid) != 1 || kill(pid, SIGKILL) != 0 ||
        artfusion_model_encode(model, w.picture, ARTFUSION_LATENT_SCALED, latent, VALUES) !=
            ARTFUSION_ERROR_ENGINE)
        wrong(o, "its process cannot be ended");
    ATTEMPT(o, artfusion_model_encode(model, w.picture, ARTFUSION_LATENT_SCALED, latent, VALUES));
    take(o, latent, sizeof latent);
    artfusion_model_destroy(model);
    look_for_processes(o);
}

static void run(outcome *o)
{
    artfusion_model *model = opened();
    artfusion_sampler *sampler;
    artfusion_sampler_options options;
    size_t count;
    MUST(artfusion_sampler_options_init(&options, sizeof options, model));
    options.width = options.height = SIDE;
    options.steps = 3;
    MUST(artfusion_sampler_create(model, &options, &sampler));
    MUST(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, w.style));
    ATTEMPT(o, artfusion_sampler_run(sampler));
    const float *x = artfusion_sampler_x(sampler, &count);
    take(o, x, count * sizeof *x);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
    look_for_processes(o);
}

const fault_case isolated_cases[] = {
    {"artfusion_model_open_memory", "isolated", open_memory, ABSORBS, {NULL}},
    {"artfusion_model_decode", "isolated", decode, ABSORBS, {NULL}},
    {"artfusion_model_encode", "isolated, after its process ended", encode_again, ABSORBS, {NULL}},
    {"artfusion_sampler_run", "isolated", run, ABSORBS, {NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
