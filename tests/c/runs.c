/* SPDX-License-Identifier: MIT */
#include "runs.h"

artfusion_sampler_options options_for(const artfusion_model *model)
{
    artfusion_sampler_options options;
    assert_ok(artfusion_sampler_options_init(&options, sizeof options, model));
    options.width = options.height = SIDE;
    return options;
}

artfusion_sampler *sampler_for(artfusion_model *model, const artfusion_sampler_options *options)
{
    artfusion_sampler *sampler;
    assert_ok(artfusion_sampler_create(model, options, &sampler));
    return sampler;
}

/* Content and style of every picture. */
void condition(artfusion_sampler *sampler, artfusion_model *model)
{
    artfusion_image *picture = test_picture(SIDE, SIDE, 2);
    artfusion_style *style;
    assert_ok(artfusion_style_from_image(model, picture, &style));
    assert_ok(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, picture));
    assert_ok(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
    artfusion_style_destroy(style);
    artfusion_image_destroy(picture);
}

artfusion_progress progress_of(const artfusion_sampler *sampler)
{
    artfusion_progress progress;
    assert_ok(artfusion_sampler_get_progress(sampler, &progress, sizeof progress));
    return progress;
}

int32_t give_noise(void *user_data, artfusion_noise_use use, int32_t step, float *values,
                   size_t count)
{
    noise_log *log = user_data;
    log->uses[log->calls] = use;
    log->steps[log->calls++] = step;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i % 3) - 1.0f;
    return log->answer;
}
