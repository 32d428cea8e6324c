/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "report.h"
#include "run.h"
#include "sheet.h"

static int fill_sheet(struct run *run, artfusion_image **sheet)
{
    const int32_t count = run->sampling.batch;
    int code =
        run_check(run, sheet_create(count, run->sampling.width, run->sampling.height, sheet));
    for (int32_t i = 0; code == 0 && i < count; i++) {
        artfusion_image *picture = NULL;
        code = run_decode(run, i, &picture);
        if (code == 0)
            sheet_place(*sheet, count, i, picture);
        artfusion_image_destroy(picture);
    }
    return code;
}

static int prepare(struct run *run, artfusion_image **painting, artfusion_style **style)
{
    const struct options *options = run->options;
    int code = run_load_image(run, options->style, painting);
    if (code == 0)
        code = run_open_model(run);
    if (code != 0)
        return code;
    run->sampling.batch = options->count;
    code = run_create_sampler(run, NULL);
    return code != 0 ? code : run_make_style(run, *painting, style);
}

int command_sample(const struct options *options)
{
    struct run run;
    artfusion_image *painting = NULL, *sheet = NULL;
    artfusion_style *style = NULL;
    int code = run_begin(&run, options);
    if (code == 0)
        code = prepare(&run, &painting, &style);
    if (code == 0)
        code = run_steps(&run, NULL, style);
    if (code == 0)
        code = fill_sheet(&run, &sheet);
    if (code == 0)
        code = run_save(&run, sheet);
    if (code == 0)
        code = report_run(&run, sheet, NULL);
    artfusion_style_destroy(style);
    artfusion_image_destroy(painting);
    artfusion_image_destroy(sheet);
    run_end(&run);
    return code;
}
