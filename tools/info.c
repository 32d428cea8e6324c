/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "commands.h"
#include "message.h"
#include "report.h"
#include "run.h"

static const char *name(artfusion_enumeration enumeration, int32_t value)
{
    const char *text = artfusion_name_of(enumeration, value);
    return text == NULL ? "unknown" : text;
}

/* Preset `index`, over the model's defaults. NULL: there is none. */
static const char *load_preset(const struct run *run, int32_t index,
                               artfusion_sampler_options *sampling)
{
    const char *preset = artfusion_model_preset_name(run->model, index);
    *sampling = run->sampling;
    if (preset != NULL)
        artfusion_sampler_options_set_preset(sampling, run->model, preset);
    return preset;
}

static json_t *presets_json(const struct run *run)
{
    json_t *object = json_object();
    artfusion_sampler_options sampling;
    const char *preset;
    for (int32_t i = 0; (preset = load_preset(run, i, &sampling)) != NULL; i++)
        json_object_set_new(object, preset, report_sampling(&sampling));
    return object;
}

/* clang-format off: a key and its value a line */
static json_t *info_json(const struct run *run)
{
    const artfusion_model_info *info = &run->info;
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, "
        "s:s, s:o, s:o, s:s, s:s, s:i, s:s, s:s}",
        "status", artfusion_status_name(ARTFUSION_OK), "command", run->options->command, "path",
        json_text(run->model_path), "name", json_text(info->name), "description",
        json_text(info->description), "licence", json_text(info->licence), "origin",
        json_text(info->origin), "sha256", info->weights_sha256, "native_width",
        (int)info->native_width, "native_height", (int)info->native_height, "size_multiple",
        (int)info->size_multiple, "latent_channels", (int)info->latent_channels, "downsample",
        (int)info->downsample, "style_width", (int)info->style_width, "style_min_size",
        (int)info->style_min_size, "timesteps", (int)info->timesteps, "schedule",
        name(ARTFUSION_ENUM_SCHEDULE, info->schedule), "prediction",
        name(ARTFUSION_ENUM_PREDICTION, info->prediction), "defaults",
        report_sampling(&run->sampling), "presets", presets_json(run), "engine", info->engine,
        "device", info->device_name, "threads", (int)info->threads, "arithmetic", info->arithmetic,
        "isolation", name(ARTFUSION_ENUM_ISOLATION, info->isolation));
}
/* clang-format on */

static void format_interval(const char *of, double start, double end, char *text, size_t size)
{
    text[0] = '\0';
    if (start > 0.0 || end < 1.0)
        snprintf(text, size, ", %s guided from %g to %g of the way", of, start, end);
}

static void print_sampling(const char *indent, const char *label,
                           const artfusion_sampler_options *sampling)
{
    char content[96], style[96];
    format_interval("content", sampling->content_start, sampling->content_end, content,
                    sizeof content);
    format_interval("style", sampling->style_start, sampling->style_end, style, sizeof style);
    print_line(stdout,
               "%s%-11s %d steps of %s, %s spacing, eta %g, content scale %g, style scale %g%s%s",
               indent, label, (int)sampling->steps, name(ARTFUSION_ENUM_SOLVER, sampling->solver),
               name(ARTFUSION_ENUM_SPACING, sampling->spacing), sampling->eta,
               sampling->content_scale, sampling->style_scale, content, style);
}

static void print_presets(const struct run *run)
{
    artfusion_sampler_options sampling;
    const char *preset;
    for (int32_t i = 0; (preset = load_preset(run, i, &sampling)) != NULL; i++) {
        if (i == 0)
            print_line(stdout, "  presets, for --preset:");
        print_sampling("    ", preset, &sampling);
    }
}

static void print_text(const struct run *run)
{
    const artfusion_model_info *info = &run->info;
    print_line(stdout, "%s: %s", info->name, info->description);
    print_line(stdout, "  file        %s", run->model_path);
    print_line(stdout, "  licence     %s", info->licence);
    print_line(stdout, "  origin      %s", info->origin);
    print_line(stdout, "  sha256      %s", info->weights_sha256);
    print_line(stdout, "  pictures    trained at %dx%d; results have any size",
               (int)info->native_width, (int)info->native_height);
    print_line(stdout, "  latent      %d channels, %dx smaller each way",
               (int)info->latent_channels, (int)info->downsample);
    print_line(stdout, "  style       %d values, of pictures from %d pixels on",
               (int)info->style_width, (int)info->style_min_size);
    print_line(stdout, "  diffusion   %d timesteps, %s schedule, predicts %s", (int)info->timesteps,
               name(ARTFUSION_ENUM_SCHEDULE, info->schedule),
               name(ARTFUSION_ENUM_PREDICTION, info->prediction));
    print_sampling("  ", "defaults", &run->sampling);
    print_presets(run);
    print_line(stdout, "  engine      %s", info->engine);
    print_line(stdout, "  runs on     %s, %d thread%s, %s%s", info->device_name, (int)info->threads,
               info->threads == 1 ? "" : "s", info->arithmetic,
               info->isolation == ARTFUSION_ISOLATION_PROCESS ? ", in a process of its own" : "");
}

int command_info(const struct options *options)
{
    struct run run;
    int code = run_begin(&run, options);
    if (code == 0)
        code = run_open_model(&run);
    if (code == 0) {
        progress_clear(&run.progress);
        if (is_given(options, OPTION_JSON)) {
            report_begin();
            code = report_print(info_json(&run));
        } else {
            print_text(&run);
        }
    }
    run_end(&run);
    return code;
}
