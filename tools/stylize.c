/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "folder.h"
#include "message.h"
#include "report.h"
#include "run.h"

struct pictures {
    artfusion_image *content, *painting, *result;
};

static int stylize(struct run *run, struct pictures *pictures)
{
    const struct options *options = run->options;
    int code = run_load_image(run, options->content, &pictures->content);
    if (code == 0)
        code = run_load_image(run, options->style, &pictures->painting);
    if (code == 0)
        code = run_open_model(run);
    if (code == 0)
        code = run_stylize(run, pictures->content, pictures->painting, &pictures->result);
    if (code == 0)
        code = run_save(run, pictures->result);
    if (code == 0)
        code = report_run(run, pictures->result, NULL);
    return code;
}

int command_stylize(const struct options *options)
{
    /* Before --out is judged by whether it is to be a folder. */
    struct stat content = {0};
    if (!is_standard_input(options->content) && stat(options->content, &content) != 0)
        return failure(ARTFUSION_ERROR_IO, options->content, "%s: opening: %s", options->content,
                       strerror(errno));
    if (S_ISDIR(content.st_mode))
        return folder_stylize(options);
    if (is_given(options, OPTION_RECURSIVE) || is_given(options, OPTION_KEEP_SUFFIX))
        return usage_error(NULL, "--recursive and --keep-suffix are for folders, and %s is none",
                           options->content);
    struct run run;
    struct pictures pictures = {0};
    int code = run_begin(&run, options);
    if (code == 0)
        code = stylize(&run, &pictures);
    artfusion_image_destroy(pictures.content);
    artfusion_image_destroy(pictures.painting);
    artfusion_image_destroy(pictures.result);
    run_end(&run);
    return code;
}
