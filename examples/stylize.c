/* SPDX-License-Identifier: MIT
 *
 * A photo in a painting's style, step by step:
 *
 *     cc stylize.c -o stylize $(pkg-config --cflags --libs artfusion)
 *     ./stylize mini.artfusion photo.jpg painting.jpg result.png
 */
#include <artfusion.h>
#include <stdio.h>

/* Once a call has failed, those after it are not made. */
#define TRY(call) (status = status < 0 ? status : (call))

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s MODEL PHOTO PAINTING RESULT\n", argv[0]);
        return 2;
    }
    artfusion_status status = ARTFUSION_OK;
    artfusion_context *context = NULL;
    artfusion_model *model = NULL;
    artfusion_image *photo = NULL, *painting = NULL, *result = NULL;
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
    TRY(artfusion_sampler_create(model, &options, &sampler));
    TRY(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, photo));
    TRY(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
    TRY(artfusion_sampler_run(sampler));
    TRY(artfusion_sampler_image(sampler, 0, &result));
    TRY(artfusion_image_save_file(result, argv[4], NULL));
    if (status < 0)
        fprintf(stderr, "%s\n", artfusion_error_message());

    artfusion_image_destroy(result);
    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(style);
    artfusion_image_destroy(painting);
    artfusion_image_destroy(photo);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    return status < 0;
}
