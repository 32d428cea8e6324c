/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "folder_list.h"
#include "folder_record.h"
#include "interrupt.h"
#include "message.h"
#include "report.h"
#include "run.h"

struct tally {
    size_t made, there, failed;
};

/* The digest at the end of what the library saves of a style says which style it is, and of which
 * model. */
static json_t *style_digest(const struct run *run, const artfusion_image *painting)
{
    enum { DIGEST = 32 };
    artfusion_style *style = NULL;
    uint8_t *data = NULL;
    size_t size = 0;
    artfusion_status status = artfusion_style_from_image(run->model, painting, &style);
    if (status == ARTFUSION_OK)
        status = artfusion_style_save_memory(style, &data, &size);
    char text[2 * DIGEST + 1] = "";
    for (size_t i = 0; status == ARTFUSION_OK && i < DIGEST; i++)
        snprintf(text + 2 * i, 3, "%02x", data[size - DIGEST + i]);
    artfusion_free(data);
    artfusion_style_destroy(style);
    return status == ARTFUSION_OK ? json_string(text) : NULL;
}

static json_t *size_setting(const struct options *options)
{
    char text[32];
    if (is_given(options, OPTION_SIZE))
        snprintf(text, sizeof text, "%dx%d", (int)options->width, (int)options->height);
    else if (is_given(options, OPTION_FIT))
        snprintf(text, sizeof text, "fit %d", (int)options->fit);
    else
        return json_string("the model's");
    return json_string(text);
}

/* All that a result depends on besides its content. */
static int record_settings(struct run *run, const artfusion_image *painting, const char *folder,
                           const char *result)
{
    json_t *style = style_digest(run, painting);
    if (style == NULL)
        return run_check(run, ARTFUSION_ERROR_ENGINE);
    json_t *settings = json_pack(
        "{s:s, s:i, s:o, s:s, s:b, s:s, s:s, s:o, s:o, s:b, s:o}", "format", "artfusion-run",
        "version", 1, "reading", report_reading(run->options), "suffix",
        result_suffix(run->options), "keep_suffix", (int)is_given(run->options, OPTION_KEEP_SUFFIX),
        "model", run->info.weights_sha256, "arithmetic", run->info.arithmetic, "style", style,
        "size", size_setting(run->options), "notebook",
        (int)is_given(run->options, OPTION_NOTEBOOK), "sampling", report_settings(&run->sampling));
    const int code = settings == NULL ? out_of_memory() : folder_record(folder, settings, result);
    json_decref(settings);
    return code;
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static int make_picture(struct run *run, const struct work *item, const artfusion_image *painting)
{
    struct options each = *run->options;
    const struct options *whole = run->options;
    each.content = item->content;
    each.out = item->result;
    run->options = &each;
    message_subject(item->content, item->result);
    artfusion_image *content = NULL, *result = NULL;
    int code = run_load_image(run, item->content, &content);
    if (code == 0)
        code = run_stylize(run, content, painting, &result);
    if (code == 0)
        code = run_write(run, result);
    if (code == 0)
        code = report_run(run, result, NULL);
    artfusion_image_destroy(content);
    artfusion_image_destroy(result);
    message_subject(NULL, NULL);
    run_next(run);
    run->options = whole;
    return code;
}

/* A picture that fails is told and passed over: the others need not wait for somebody to mend it.
 */
static int make_pictures(struct run *run, const struct work_list *list,
                         const artfusion_image *painting, struct tally *tally)
{
    for (size_t i = 0; i < list->count; i++) {
        if (interrupt_signal() != 0)
            return 128 + interrupt_signal();
        if (is_there(list->items[i].result)) {
            tally->there++;
            report_skipped(run, list->items[i].content, list->items[i].result);
            continue;
        }
        const int code = make_picture(run, &list->items[i], painting);
        if (interrupt_signal() != 0 && code != 0)
            return code;
        *(code == 0 ? &tally->made : &tally->failed) += 1;
    }
    return tally->failed > 0 ? STATUS_FAILURE : 0;
}

/* The folders that results go to: one, except with --recursive. */
static int make_folders(const char *results, const struct work_list *list)
{
    const char *before = NULL;
    size_t length = 0;
    int code = 0;
    for (size_t i = 0; code == 0 && i < list->count; i++) {
        const char *result = list->items[i].result;
        const size_t folder = (size_t)(strrchr(result, '/') - result) + 1;
        if (before == NULL || folder != length || memcmp(before, result, folder) != 0)
            code = folder_make_for(results, result);
        before = result;
        length = folder;
    }
    return code;
}

static const char *first_result(const struct work_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (is_there(list->items[i].result))
            return list->items[i].result;
    return NULL;
}

static int stylize(struct run *run, const char *results, const struct work_list *list,
                   artfusion_image **painting, struct tally *tally)
{
    int code = run_load_image(run, run->options->style, painting);
    if (code == 0)
        code = run_open_model(run);
    if (code == 0)
        code = record_settings(run, *painting, results, first_result(list));
    if (code == 0)
        code = make_folders(results, list);
    if (code == 0)
        code = make_pictures(run, list, *painting, tally);
    return code;
}

static void tell(const struct run *run, const char *results, const struct tally *tally)
{
    if (tally->made + tally->there + tally->failed == 0 || is_given(run->options, OPTION_QUIET) ||
        is_given(run->options, OPTION_JSON))
        return;
    char there[48] = "", failed[48] = "";
    if (tally->there > 0)
        snprintf(there, sizeof there, ", %zu there before", tally->there);
    if (tally->failed > 0)
        snprintf(failed, sizeof failed, ", %zu failed", tally->failed);
    print_line(stdout, "%s: %zu made%s%s", results, tally->made, there, failed);
}

static void report_passed_over(const struct options *options, size_t count)
{
    const bool one = count == 1;
    if (count == 0 || is_given(options, OPTION_QUIET))
        return;
    if (is_given(options, OPTION_RECURSIVE))
        print_line(stderr, "artfusion: %s: %zu link%s to %s not followed", options->content, count,
                   one ? "" : "s", one ? "a folder was" : "folders were");
    else
        print_line(stderr, "artfusion: %s: %zu subfolder%s not entered: --recursive enters %s",
                   options->content, count, one ? " was" : "s were", one ? "it" : "them");
}

int folder_stylize(const struct options *options)
{
    struct options inner = *options;
    struct run run;
    struct work_list list = {0};
    struct tally tally = {0};
    artfusion_image *painting = NULL;
    int lock = -1;
    inner.out = NULL; /* no picture's path */
    int code = run_begin(&run, &inner);
    if (code == 0 && is_standard_output(options->out))
        code = usage_error("out",
                           "a folder of contents has a folder of results: \"%s\" is one picture",
                           options->out);
    run.goes_on = true;
    if (code == 0)
        code = work_list_make(options, &list);
    if (code == 0)
        report_passed_over(options, list.passed_over);
    if (code == 0)
        code = folder_lock(options->out, &lock);
    if (code == 0) {
        code = stylize(&run, options->out, &list, &painting, &tally);
        tell(&run, options->out, &tally);
    }
    artfusion_image_destroy(painting);
    run_end(&run);
    folder_unlock(lock);
    work_list_free(&list);
    return code;
}
