/* SPDX-License-Identifier: MIT
 *
 * A photo in a style between two paintings':
 *
 *     cc blend.c -o blend $(pkg-config --cflags --libs artfusion)
 *     ./blend mini.artfusion photo.jpg first.jpg second.jpg 0.5 result.png
 *
 * The share, from 0 to 1, is that of the second painting.
 */
#include <artfusion.h>
#include <stdio.h>
#include <stdlib.h>

/* Once a call has failed, those after it are not made. */
#define TRY(call) (status = status < 0 ? status : (call))

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: %s MODEL PHOTO FIRST SECOND SHARE RESULT\n", argv[0]);
        return 2;
    }
    const double share = strtod(argv[5], NULL);
    const double weights[2] = {1.0 - share, share};
    artfusion_status status = ARTFUSION_OK;
    artfusion_context *context = NULL;
    artfusion_model *model = NULL;
    artfusion_image *photo = NULL, *paintings[2] = {NULL, NULL}, *result = NULL;
    artfusion_style *styles[2] = {NULL, NULL}, *between = NULL;
    artfusion_sampler *sampler = NULL;
    artfusion_sampler_options options;

    TRY(artfusion_context_create(NULL, &context));
    TRY(artfusion_model_open_file(context, argv[1], &model));
    TRY(artfusion_image_load_file(argv[2], NULL, &photo));
    for (int i = 0; i < 2; i++) {
        TRY(artfusion_image_load_file(argv[3 + i], NULL, &paintings[i]));
        TRY(artfusion_style_from_image(model, paintings[i], &styles[i]));
    }
    TRY(artfusion_style_blend((const artfusion_style *const *)styles, weights, 2, &between));

    TRY(artfusion_sampler_options_init(&options, sizeof options, model));
    TRY(artfusion_sampler_options_set_size(&options, model, photo, 0));
    TRY(artfusion_sampler_create(model, &options, &sampler));
    TRY(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, photo));
    TRY(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, between));
    TRY(artfusion_sampler_run(sampler));
    TRY(artfusion_sampler_image(sampler, 0, &result));
    TRY(artfusion_image_save_file(result, argv[6], NULL));
    if (status < 0)
        fprintf(stderr, "%s\n", artfusion_error_message());

    artfusion_image_destroy(result);
    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(between);
    for (int i = 0; i < 2; i++) {
        artfusion_style_destroy(styles[i]);
        artfusion_image_destroy(paintings[i]);
    }
    artfusion_image_destroy(photo);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    return status < 0;
}
