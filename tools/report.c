/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "clock.h"
#include "message.h"
#include "values.h"

void report_begin(void)
{
    errno = 0;
}

int report_print(json_t *object)
{
    if (errno == ENOMEM) {
        json_decref(object);
        object = NULL;
    }
    if (object == NULL)
        return out_of_memory();
    const int status = json_dumpf(object, stdout, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    json_decref(object);
    putchar('\n');
    fflush(stdout); /* who reads a folder's objects waits for each */
    return status == 0 ? 0 : failure(ARTFUSION_ERROR_IO, NULL, "the JSON object can't be written");
}

/* clang-format off: a key and its value a line */
json_t *report_sampling(const artfusion_sampler_options *sampling)
{
    return json_pack(
        "{s:i, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "steps", (int)sampling->steps,
        "solver", artfusion_name_of(ARTFUSION_ENUM_SOLVER, sampling->solver), "spacing",
        artfusion_name_of(ARTFUSION_ENUM_SPACING, sampling->spacing), "eta", sampling->eta,
        "content_scale", sampling->content_scale, "style_scale", sampling->style_scale,
        "content_start", sampling->content_start, "content_end", sampling->content_end,
        "style_start", sampling->style_start, "style_end", sampling->style_end);
}

static json_t *stages_json(const struct run *run, double total)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "pictures", run->seconds_pictures,
                     "model", run->seconds_model, "style", run->seconds_style, "encode",
                     run->done.seconds_encode, "denoise", run->done.seconds_denoise, "decode",
                     run->done.seconds_decode, "write", run->seconds_write, "total", total);
}

json_t *report_reading(const struct options *options)
{
    char background[8];
    background_text(options->reading.background, background);
    return json_pack("{s:s, s:s}", "as", reading_name(options->reading.reading), "background",
                     background);
}

/* Digits in a string where jansson, as many readers of JSON, has no number so large. */
static json_t *seed_json(uint64_t seed)
{
    char text[32];
    if (seed <= INT64_MAX)
        return json_integer((json_int_t)seed);
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    return json_string(text);
}

json_t *report_settings(const artfusion_sampler_options *sampling)
{
    json_t *object = report_sampling(sampling);
    json_object_set_new(object, "denoising_strength", json_real(sampling->denoising_strength));
    json_object_set_new(object, "seed", seed_json(sampling->seed));
    json_object_set_new(object, "rng",
                        json_string(artfusion_name_of(ARTFUSION_ENUM_RNG, sampling->rng)));
    json_object_set_new(object, "noise",
                        json_string(artfusion_name_of(ARTFUSION_ENUM_NOISE, sampling->noise)));
    return object;
}

static json_t *model_json(const struct run *run)
{
    return json_pack("{s:o, s:o, s:s}", "path", json_text(run->model_path), "name",
                     json_text(run->info.name), "sha256", run->info.weights_sha256);
}

static json_t *run_json(const struct run *run, const artfusion_image *image, double total)
{
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:s, s:s, s:i, s:s, "
        "s:o}",
        "status", artfusion_status_name(ARTFUSION_OK), "command", run->options->command, "content",
        json_text(run->options->content), "reading", report_reading(run->options), "warnings",
        run->warnings == NULL ? json_array() : json_incref(run->warnings), "out",
        json_text(run->options->out), "width", (int)artfusion_image_width(image), "height",
        (int)artfusion_image_height(image), "count", (int)run->sampling.batch, "steps",
        (int)run->done.steps, "nfe", (int)run->done.passes, "sampling",
        report_settings(&run->sampling), "model", model_json(run), "engine", run->info.engine,
        "device", run->info.device_name, "threads", (int)run->info.threads, "arithmetic",
        run->info.arithmetic, "seconds", stages_json(run, total));
}
/* clang-format on */

static int print_json(const struct run *run, const artfusion_image *image, const double *psnr,
                      double total)
{
    report_begin();
    json_t *object = run_json(run, image, total);
    /* Infinity, of equal pictures, has no place in JSON. */
    if (object != NULL && psnr != NULL)
        json_object_set_new(object, "psnr", isfinite(*psnr) ? json_real(*psnr) : json_null());
    return report_print(object);
}

static void print_stage(FILE *stream, const char *name, double seconds)
{
    fprintf(stream, "  %-9s %8.3f s\n", name, seconds);
}

static void print_stages(FILE *stream, const struct run *run)
{
    print_stage(stream, "pictures", run->seconds_pictures);
    print_stage(stream, "model", run->seconds_model);
    print_stage(stream, "style", run->seconds_style);
    print_stage(stream, "encode", run->done.seconds_encode);
    print_stage(stream, "denoise", run->done.seconds_denoise);
    print_stage(stream, "decode", run->done.seconds_decode);
    print_stage(stream, "write", run->seconds_write);
    print_line(stream, "  model     %s (%s)", run->model_path, run->info.name);
    print_line(stream,
               "  sampling  content scale %g, style scale %g, eta %g, denoising strength %g, "
               "seed %llu",
               run->sampling.content_scale, run->sampling.style_scale, run->sampling.eta,
               run->sampling.denoising_strength, (unsigned long long)run->sampling.seed);
}

static const char *plural(int32_t count)
{
    return count == 1 ? "" : "s";
}

static void print_text(FILE *stream, const struct run *run, const artfusion_image *image,
                       const double *psnr, double total)
{
    const int32_t steps = run->done.steps, passes = run->done.passes, threads = run->info.threads;
    char pictures[32] = "", decibels[48] = "";
    if (run->sampling.batch > 1)
        snprintf(pictures, sizeof pictures, ", %d pictures", (int)run->sampling.batch);
    if (psnr != NULL)
        snprintf(decibels, sizeof decibels, ", PSNR %.2f dB", *psnr);
    print_line(stream, "%s: %dx%d pixels%s%s, %.2f s", run->options->out,
               (int)artfusion_image_width(image), (int)artfusion_image_height(image), pictures,
               decibels, total);
    print_line(stream, "%d step%s of %s, %d network pass%s, on %s, %d thread%s, %s", (int)steps,
               plural(steps), artfusion_name_of(ARTFUSION_ENUM_SOLVER, run->sampling.solver),
               (int)passes, passes == 1 ? "" : "es", run->info.device_name, (int)threads,
               plural(threads), run->info.arithmetic);
    if (is_given(run->options, OPTION_VERBOSE))
        print_stages(stream, run);
}

int report_run(const struct run *run, const artfusion_image *image, const double *psnr)
{
    const double total = clock_seconds() - run->started;
    if (is_given(run->options, OPTION_JSON))
        return print_json(run, image, psnr, total);
    if (!is_given(run->options, OPTION_QUIET))
        print_text(is_standard_output(run->options->out) ? stderr : stdout, run, image, psnr,
                   total);
    return 0;
}

void report_skipped(const struct run *run, const char *content, const char *out)
{
    if (!is_given(run->options, OPTION_JSON))
        return;
    report_begin();
    report_print(json_pack("{s:s, s:s, s:o, s:o, s:b}", "status",
                           artfusion_status_name(ARTFUSION_OK), "command", run->options->command,
                           "content", json_text(content), "out", json_text(out), "skipped", 1));
}
