/* SPDX-License-Identifier: MIT
 * The one call: every step of it is public. */
#include "artfusion.h"
#include "base/check.h"
#include "base/error.h"
#include "base/floats.h"

typedef struct job {
    char *model_path;
    artfusion_context *context;
    artfusion_model *model;
    artfusion_image *content, *style_image, *result;
    artfusion_style *style;
    artfusion_sampler *sampler;
} job;

artfusion_status artfusion_stylize_file(const char *model_path, const char *content_path,
                                        const char *style_path, const char *output_path)
{
    af_error_clear();
    AF_DEFAULT_FLOATS;
    job j = {0};
    artfusion_sampler_options options;
    artfusion_status status = ARTFUSION_OK;
    if (!content_path || !style_path || !output_path)
        status = af_fail_null(content_path, style_path, output_path);
#define DO(call) \
    if (status == ARTFUSION_OK) \
    status = (call)
    /* Pictures first: a wrong path is told before a model is loaded for nothing. */
    DO(artfusion_image_load_file(content_path, NULL, &j.content));
    DO(artfusion_image_load_file(style_path, NULL, &j.style_image));
    DO(artfusion_context_create(NULL, &j.context));
    DO(model_path ? ARTFUSION_OK : artfusion_default_model_path(&j.model_path));
    DO(artfusion_model_open_file(j.context, model_path ? model_path : j.model_path, &j.model));
    DO(artfusion_style_from_image(j.model, j.style_image, &j.style));
    DO(artfusion_sampler_options_init(&options, sizeof options, j.model));
    DO(artfusion_sampler_options_set_size(&options, j.model, j.content, 0));
    DO(artfusion_sampler_create(j.model, &options, &j.sampler));
    DO(artfusion_sampler_set_content(j.sampler, ARTFUSION_ALL, j.content));
    DO(artfusion_sampler_set_style(j.sampler, ARTFUSION_ALL, j.style));
    DO(artfusion_sampler_run(j.sampler));
    DO(artfusion_sampler_image(j.sampler, 0, &j.result));
    DO(artfusion_image_save_file(j.result, output_path, NULL));
#undef DO
    artfusion_image_destroy(j.result);
    artfusion_sampler_destroy(j.sampler);
    artfusion_style_destroy(j.style);
    artfusion_image_destroy(j.style_image);
    artfusion_image_destroy(j.content);
    artfusion_model_destroy(j.model);
    artfusion_context_destroy(j.context);
    artfusion_free(j.model_path);
    return status;
}
