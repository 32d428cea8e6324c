/* SPDX-License-Identifier: MIT
 * The one call: every step of it is public. */
#include "artfusion.h"
#include "base/error.h"

typedef struct job {
    artfusion_context *context;
    artfusion_model *model;
    artfusion_image *content, *style_image, *style_fit, *result;
    artfusion_style *style;
    artfusion_sampler *sampler;
} job;

static artfusion_status check_paths(const char *model, const char *content, const char *style,
                                    const char *output)
{
    const char *missing = !model     ? "model_path"
                          : !content ? "content_path"
                          : !style   ? "style_path"
                          : !output  ? "output_path"
                                     : NULL;
    return missing ? af_fail(ARTFUSION_ERROR_ARGUMENT, "%s is NULL", missing) : ARTFUSION_OK;
}

artfusion_status artfusion_stylize_file(const char *model_path, const char *content_path,
                                        const char *style_path, const char *output_path)
{
    af_error_clear();
    job j = {0};
    artfusion_model_info info;
    artfusion_sampler_options options;
    artfusion_status status = check_paths(model_path, content_path, style_path, output_path);
#define DO(call)                                                                                   \
    if (status == ARTFUSION_OK)                                                                    \
    status = (call)
    /* Pictures first: a wrong path is told before a model is loaded for nothing. */
    DO(artfusion_image_load_file(content_path, NULL, &j.content));
    DO(artfusion_image_load_file(style_path, NULL, &j.style_image));
    DO(artfusion_context_create(NULL, &j.context));
    DO(artfusion_model_open_file(j.context, model_path, &j.model));
    DO(artfusion_model_get_info(j.model, &info, sizeof info));
    DO(artfusion_image_resize_fit(j.style_image, info.native_width, info.native_height,
                                  ARTFUSION_FILTER_BICUBIC, &j.style_fit));
    DO(artfusion_style_from_image(j.model, j.style_fit, &j.style));
    DO(artfusion_sampler_options_init(&options, sizeof options, j.model));
    DO(artfusion_model_fit_size(j.model, artfusion_image_width(j.content),
                                artfusion_image_height(j.content), 0, &options.width,
                                &options.height));
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
    artfusion_image_destroy(j.style_fit);
    artfusion_image_destroy(j.style_image);
    artfusion_image_destroy(j.content);
    artfusion_model_destroy(j.model);
    artfusion_context_destroy(j.context);
    return status;
}
