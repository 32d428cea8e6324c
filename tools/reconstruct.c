/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "commands.h"
#include "report.h"
#include "run.h"

struct pictures {
    artfusion_image *content, *resized, *result;
    artfusion_style *style;
};

/* In dB, of two images of one size; infinite where they are equal. */
static double psnr(artfusion_image *a, artfusion_image *b)
{
    const size_t row = 3 * (size_t)artfusion_image_width(a);
    const int32_t height = artfusion_image_height(a);
    double sum = 0.0;
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *p = artfusion_image_pixels(a) + (size_t)y * artfusion_image_stride(a);
        const uint8_t *q = artfusion_image_pixels(b) + (size_t)y * artfusion_image_stride(b);
        for (size_t i = 0; i < row; i++) {
            const double difference = (double)p[i] - (double)q[i];
            sum += difference * difference;
        }
    }
    return 10.0 * log10(255.0 * 255.0 * (double)row * (double)height / sum);
}

static int reconstruct(struct run *run, struct pictures *pictures)
{
    const struct options *options = run->options;
    int code = run_load_image(run, options->content, &pictures->content);
    if (code == 0)
        code = run_open_model(run);
    if (code != 0)
        return code;
    /* The model's default scales are for a foreign style; a picture's own needs no exaggeration. */
    const bool named = is_given(options, OPTION_PRESET) || is_given(options, OPTION_NOTEBOOK);
    if (!named && !is_given(options, OPTION_CONTENT_SCALE))
        run->sampling.content_scale = 1.0;
    if (!named && !is_given(options, OPTION_STYLE_SCALE))
        run->sampling.style_scale = 1.0;
    code = run_create_sampler(run, pictures->content);
    if (code == 0)
        code = run_check(run, artfusion_image_resize(pictures->content, run->sampling.width,
                                                     run->sampling.height, ARTFUSION_FILTER_BICUBIC,
                                                     &pictures->resized));
    if (code == 0)
        code = run_make_style(run, pictures->resized, &pictures->style);
    if (code == 0)
        code = run_steps(run, pictures->resized, pictures->style);
    if (code == 0)
        code = run_decode(run, 0, &pictures->result);
    if (code == 0)
        code = run_save(run, pictures->result);
    if (code != 0)
        return code;
    const double decibels = psnr(pictures->resized, pictures->result);
    return report_run(run, pictures->result, &decibels);
}

int command_reconstruct(const struct options *options)
{
    struct run run;
    struct pictures pictures = {0};
    int code = run_begin(&run, options);
    if (code == 0)
        code = reconstruct(&run, &pictures);
    artfusion_style_destroy(pictures.style);
    artfusion_image_destroy(pictures.content);
    artfusion_image_destroy(pictures.resized);
    artfusion_image_destroy(pictures.result);
    run_end(&run);
    return code;
}
