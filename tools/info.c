/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "commands.h"
#include "report.h"
#include "run.h"

static const char *name(artfusion_enumeration enumeration, int32_t value)
{
    const char *text = artfusion_name_of(enumeration, value);
    return text == NULL ? "unknown" : text;
}

/* clang-format off: a key and its value a line */
static json_t *defaults_json(const artfusion_sampler_options *defaults)
{
    return json_pack("{s:i, s:s, s:s, s:f, s:f, s:f}", "steps", (int)defaults->steps, "solver",
                     name(ARTFUSION_ENUM_SOLVER, defaults->solver), "spacing",
                     name(ARTFUSION_ENUM_SPACING, defaults->spacing), "content_scale",
                     defaults->content_scale, "style_scale", defaults->style_scale, "eta",
                     defaults->eta);
}

static json_t *info_json(const struct run *run)
{
    const artfusion_model_info *info = &run->info;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, "
        "s:s, s:o, s:s, s:s, s:i, s:s}",
        "path", report_text(run->model_path), "name", report_text(info->name), "description",
        report_text(info->description), "licence", report_text(info->licence), "origin",
        report_text(info->origin), "sha256", info->weights_sha256, "native_width",
        (int)info->native_width, "native_height", (int)info->native_height, "size_multiple",
        (int)info->size_multiple, "latent_channels", (int)info->latent_channels, "downsample",
        (int)info->downsample, "style_width", (int)info->style_width, "style_min_size",
        (int)info->style_min_size, "timesteps", (int)info->timesteps, "schedule",
        name(ARTFUSION_ENUM_SCHEDULE, info->schedule), "prediction",
        name(ARTFUSION_ENUM_PREDICTION, info->prediction), "defaults",
        defaults_json(&run->sampling), "engine", info->engine, "device", info->device_name,
        "threads", (int)info->threads, "arithmetic", info->arithmetic);
}
/* clang-format on */

static void print_text(const struct run *run)
{
    const artfusion_model_info *info = &run->info;
    const artfusion_sampler_options *defaults = &run->sampling;
    printf("%s: %s\n", info->name, info->description);
    printf("  file        %s\n", run->model_path);
    printf("  licence     %s\n", info->licence);
    printf("  origin      %s\n", info->origin);
    printf("  sha256      %s\n", info->weights_sha256);
    printf("  pictures    trained at %dx%d; any multiples of %d\n", (int)info->native_width,
           (int)info->native_height, (int)info->size_multiple);
    printf("  latent      %d channels, %dx smaller each way\n", (int)info->latent_channels,
           (int)info->downsample);
    printf("  style       %d values, of pictures from %d pixels on\n", (int)info->style_width,
           (int)info->style_min_size);
    printf("  diffusion   %d timesteps, %s schedule, predicts %s\n", (int)info->timesteps,
           name(ARTFUSION_ENUM_SCHEDULE, info->schedule),
           name(ARTFUSION_ENUM_PREDICTION, info->prediction));
    printf("  defaults    %d steps of %s, %s spacing, eta %g, content scale %g, style scale %g\n",
           (int)defaults->steps, name(ARTFUSION_ENUM_SOLVER, defaults->solver),
           name(ARTFUSION_ENUM_SPACING, defaults->spacing), defaults->eta, defaults->content_scale,
           defaults->style_scale);
    printf("  engine      %s\n", info->engine);
    printf("  runs on     %s, %d thread%s, %s\n", info->device_name, (int)info->threads,
           info->threads == 1 ? "" : "s", info->arithmetic);
}

int command_info(const struct options *options)
{
    struct run run;
    int code = run_begin(&run, options);
    if (code == 0)
        code = run_open_model(&run);
    if (code == 0) {
        progress_clear(&run.progress);
        if (is_given(options, OPTION_JSON))
            code = report_print(info_json(&run));
        else
            print_text(&run);
    }
    run_end(&run);
    return code;
}
