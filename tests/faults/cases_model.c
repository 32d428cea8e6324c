/* SPDX-License-Identifier: MIT
 * Models, their stages, and style codes. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "cases.h"

/* What an open model is, and that its networks run. */
static void take_model(outcome *o, artfusion_model *model)
{
    artfusion_model_info info;
    float latent[VALUES];
    if (artfusion_model_get_info(model, &info, sizeof info) != ARTFUSION_OK) {
        wrong(o, "there is no model");
        return;
    }
    take_text(o, info.name);
    take_text(o, info.weights_sha256);
    take(o, info.alphas_cumprod, (size_t)info.timesteps * sizeof *info.alphas_cumprod);
    MUST(artfusion_model_encode(model, w.picture, ARTFUSION_LATENT_SCALED, latent, VALUES));
    take(o, latent, sizeof latent);
    artfusion_model_destroy(model);
}

static void open_file(outcome *o)
{
    artfusion_model *model;
    ATTEMPT_MAKING(o, model, artfusion_model_open_file(w.context, w.model, &model));
    take_model(o, model);
}

/* By a context of its own: this process has none yet. */
static void open_first(outcome *o)
{
    artfusion_context *context;
    artfusion_model *model;
    artfusion_model_info info;
    MUST(artfusion_context_create(NULL, &context));
    ATTEMPT_MAKING(o, model, artfusion_model_open_file(context, w.model, &model));
    MUST(artfusion_model_get_info(model, &info, sizeof info));
    take_text(o, info.weights_sha256);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
}

static void open_deflated(outcome *o)
{
    artfusion_model *model;
    ATTEMPT_MAKING(o, model, artfusion_model_open_file(w.context, w.deflated, &model));
    take_model(o, model);
}

static void open_memory(outcome *o)
{
    artfusion_model *model;
    ATTEMPT_MAKING(o, model,
                   artfusion_model_open_memory(w.context, w.bundle, w.bundle_size, &model));
    take_model(o, model);
}

static int32_t read_bundle(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    (void)user_data;
    memcpy(buffer, w.bundle + offset, size);
    return faults_callback(CALLBACK_READ, NULL, 0);
}

static void open_reader(outcome *o)
{
    artfusion_model *model;
    ATTEMPT_MAKING(
        o, model, artfusion_model_open_reader(w.context, read_bundle, NULL, w.bundle_size, &model));
    take_model(o, model);
}

static void destroy(outcome *o)
{
    (void)o;
    artfusion_model *model;
    MUST(artfusion_model_open_memory(w.context, w.bundle, w.bundle_size, &model));
    QUIETLY(artfusion_model_destroy(model));
}

static void get_info(outcome *o)
{
    artfusion_model_info info;
    ATTEMPT(o, artfusion_model_get_info(w.opened, &info, sizeof info));
    take(o, &info, sizeof info);
}

static void fit_size(outcome *o)
{
    int32_t size[2];
    ATTEMPT(o, artfusion_model_fit_size(w.opened, 300, 200, 0, size, size + 1));
    take(o, size, sizeof size);
}

static void preset_count(outcome *o)
{
    int32_t count;
    QUIETLY(count = artfusion_model_preset_count(w.opened));
    take(o, &count, sizeof count);
}

static void preset_name(outcome *o)
{
    const char *name;
    QUIETLY(name = artfusion_model_preset_name(w.opened, 0));
    take_text(o, name);
}

static void encode(outcome *o)
{
    float latent[VALUES];
    forget_pictures();
    ATTEMPT(o,
            artfusion_model_encode(w.opened, w.picture, ARTFUSION_LATENT_CONTENT, latent, VALUES));
    take(o, latent, sizeof latent);
}

static void decode(outcome *o)
{
    float rgb[3 * SIDE * SIDE];
    ATTEMPT(o, artfusion_model_decode(w.opened, w.latent, 1, SIDE / 4, SIDE / 4, rgb,
                                      sizeof rgb / sizeof *rgb));
    take(o, rgb, sizeof rgb);
}

static void denoise(outcome *o)
{
    static const int32_t timestep = 500;
    float prediction[VALUES];
    ATTEMPT(o, artfusion_model_denoise(w.opened, w.latent, &timestep, NULL, NULL, 1, SIDE / 4,
                                       SIDE / 4, prediction));
    take(o, prediction, sizeof prediction);
}

static void taken(outcome *o, artfusion_style *style)
{
    size_t count;
    const float *values = artfusion_style_values(style, &count);
    if (values)
        take(o, values, count * sizeof *values);
    artfusion_style_destroy(style);
}

static void model_path(outcome *o, int named)
{
    char *path;
    if (named ? setenv("ARTFUSION_MODEL", "a.model", 1) : unsetenv("ARTFUSION_MODEL"))
        wrong(o, "the environment cannot be changed");
    ATTEMPT_MAKING(o, path, artfusion_default_model_path(&path));
    take_text(o, path);
    artfusion_free(path);
}

static void named_model_path(outcome *o)
{
    model_path(o, 1);
}

static void found_model_path(outcome *o)
{
    model_path(o, 0);
}

static void style_from_image(outcome *o)
{
    artfusion_style *style;
    forget_pictures();
    ATTEMPT_MAKING(o, style, artfusion_style_from_image(w.opened, w.picture, &style));
    taken(o, style);
}

static void style_exact(outcome *o, const artfusion_image *image)
{
    artfusion_style *style;
    forget_pictures();
    ATTEMPT_MAKING(o, style, artfusion_style_from_image_exact(w.opened, image, &style));
    taken(o, style);
}

static void style_as_it_is(outcome *o)
{
    style_exact(o, w.picture);
}

static void style_enlarged(outcome *o)
{
    style_exact(o, w.small);
}

static void style_blend(outcome *o)
{
    const artfusion_style *const styles[] = {w.style, w.other};
    static const double weights[] = {0.25, 0.5};
    artfusion_style *style;
    ATTEMPT_MAKING(o, style, artfusion_style_blend(styles, weights, 2, &style));
    taken(o, style);
}

static void style_from_values(outcome *o)
{
    static const float values[] = {1.0f, 2.0f, 3.0f};
    artfusion_style *style;
    ATTEMPT_MAKING(o, style, artfusion_style_from_values(w.opened, values, 3, &style));
    taken(o, style);
}

static void style_null(outcome *o)
{
    artfusion_style *style;
    ATTEMPT_MAKING(o, style, artfusion_style_null(w.opened, &style));
    taken(o, style);
}

static void style_values(outcome *o)
{
    size_t count;
    const float *values;
    QUIETLY(values = artfusion_style_values(w.style, &count));
    take(o, values, count * sizeof *values);
}

static void style_destroy(outcome *o)
{
    (void)o;
    artfusion_style *style;
    MUST(artfusion_style_null(w.opened, &style));
    QUIETLY(artfusion_style_destroy(style));
}

const fault_case model_cases[] = {
    {"artfusion_default_model_path", "named", named_model_path, 0, {NULL}},
    {"artfusion_default_model_path", "found", found_model_path, 0, {NULL}},
    {"artfusion_model_open_file", "stored", open_file, ABSORBS | LIES, {NULL}},
    {"artfusion_model_open_file", "deflated", open_deflated, ABSORBS, {NULL}},
    {"artfusion_model_open_file", "first in a process", open_first, ABSORBS | COLD, {NULL}},
    {"artfusion_model_open_memory", NULL, open_memory, ABSORBS, {NULL}},
    {"artfusion_model_open_reader", NULL, open_reader, ABSORBS, {NULL}},
    {"artfusion_model_destroy", NULL, destroy, 0, {NULL}},
    {"artfusion_model_get_info", NULL, get_info, 0, {NULL}},
    {"artfusion_model_fit_size", NULL, fit_size, 0, {NULL}},
    {"artfusion_model_preset_count", NULL, preset_count, 0, {NULL}},
    {"artfusion_model_preset_name", NULL, preset_name, 0, {NULL}},
    {"artfusion_model_encode", NULL, encode, ABSORBS, {NULL}},
    {"artfusion_model_decode", NULL, decode, 0, {NULL}},
    {"artfusion_model_denoise", NULL, denoise, LIES, {NULL}},
    {"artfusion_style_from_image", NULL, style_from_image, ABSORBS, {NULL}},
    {"artfusion_style_from_image_exact", "as large as needed", style_as_it_is, ABSORBS, {NULL}},
    {"artfusion_style_from_image_exact", "enlarged", style_enlarged, ABSORBS, {NULL}},
    {"artfusion_style_blend", NULL, style_blend, 0, {NULL}},
    {"artfusion_style_from_values", NULL, style_from_values, 0, {NULL}},
    {"artfusion_style_null", NULL, style_null, 0, {NULL}},
    {"artfusion_style_values", NULL, style_values, 0, {NULL}},
    {"artfusion_style_destroy", NULL, style_destroy, 0, {NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
