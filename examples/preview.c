/* SPDX-License-Identifier: MIT
 *
 * What a program with a window does: a preview after each step, and the user may stop.
 *
 *     cc preview.c -o preview $(pkg-config --cflags --libs artfusion)
 *     ./preview mini.artfusion photo.jpg painting.jpg step- 3
 *
 * writes step-1.png, step-2.png and step-3.png and is then stopped; without the number, or with one
 * that is not reached, step-8.png is the result.
 */
#include <artfusion.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 8 };

/* Once a call has failed, those after it are not made. */
#define TRY(call) (status = status < 0 ? status : (call))

typedef struct viewer {
    const char *prefix;
    int last;    /* the step after which the user has seen enough */
    int stopped; /* whether that was reached */
} viewer;

static int32_t after_step(void *user_data, artfusion_sampler *sampler)
{
    viewer *view = user_data;
    artfusion_progress progress;
    artfusion_image *preview = NULL;
    artfusion_status status = ARTFUSION_OK;
    char path[4096];

    TRY(artfusion_sampler_get_progress(sampler, &progress, sizeof progress));
    TRY(artfusion_sampler_image(sampler, 0, &preview));
    if (status == ARTFUSION_OK)
        snprintf(path, sizeof path, "%s%d.png", view->prefix, (int)progress.step);
    TRY(artfusion_image_save_file(preview, path, NULL));
    artfusion_image_destroy(preview);
    if (status < 0) {
        fprintf(stderr, "%s\n", artfusion_error_message());
        return 1;
    }
    printf("step %d of %d\n", (int)progress.step, (int)progress.steps);
    view->stopped = progress.step == view->last;
    return view->stopped;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: %s MODEL PHOTO PAINTING PREFIX [LAST]\n", argv[0]);
        return 2;
    }
    viewer view = {argv[4], argc == 6 ? atoi(argv[5]) : STEPS + 1, 0};
    artfusion_status status = ARTFUSION_OK;
    artfusion_context *context = NULL;
    artfusion_model *model = NULL;
    artfusion_image *photo = NULL, *painting = NULL;
    artfusion_style *style = NULL;
    artfusion_sampler *sampler = NULL;
    artfusion_sampler_options options;

    TRY(artfusion_context_create(NULL, &context));
    TRY(artfusion_model_open_file(context, argv[1], &model));
    TRY(artfusion_image_load_file(argv[2], NULL, &photo));
    TRY(artfusion_image_load_file(argv[3], NULL, &painting));
    TRY(artfusion_style_from_image(model, painting, &style));

    TRY(artfusion_sampler_options_init(&options, sizeof options, model));
    TRY(artfusion_sampler_options_set_size(&options, model, photo, 0));
    options.steps = STEPS;
    options.step_callback = after_step;
    options.step_user_data = &view;
    TRY(artfusion_sampler_create(model, &options, &sampler));
    TRY(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, photo));
    TRY(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
    TRY(artfusion_sampler_run(sampler));
    if (status == ARTFUSION_ERROR_CANCELLED && view.stopped) {
        puts("stopped");
        status = ARTFUSION_OK;
    }
    if (status < 0 && status != ARTFUSION_ERROR_CANCELLED) /* of which the callback has told */
        fprintf(stderr, "%s\n", artfusion_error_message());

    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(style);
    artfusion_image_destroy(painting);
    artfusion_image_destroy(photo);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    return status < 0;
}
