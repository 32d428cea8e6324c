/* SPDX-License-Identifier: MIT
 *
 * A program of the first header, artfusion.h beside it, which is kept as it was: it runs with every
 * later library of the same soname, and paints what that library's own programs paint.
 *
 *     program MODEL PHOTO PAINTING RESULT
 *
 * Its structs are cut after the last field that it knows, as if all others had come later, and
 * what follows them is watched.
 */
#include "artfusion.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TRY(call) (status = status < 0 ? status : (call))

/* The size of a struct that ends with `field`, rounded up to what the program's own alignment is. */
#define CUT(type, field)                                                                     \
    ((offsetof(type, field) + sizeof(((type *)0)->field) + sizeof(double) - 1) /             \
     sizeof(double) * sizeof(double))
#define WATCHED 64

/* A struct's first `size` bytes, and a few that nobody may touch. */
typedef union cut {
    double aligned;
    unsigned char bytes[1024];
} cut;

static void prepare(cut *space)
{
    memset(space->bytes, 0xa5, sizeof space->bytes);
}

static int touched(const cut *space, size_t size, const char *name)
{
    for (size_t i = size; i < size + WATCHED; i++) {
        if (space->bytes[i] != 0xa5) {
            fprintf(stderr, "%s: byte %u behind the struct was written\n", name,
                    (unsigned)(i - size));
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    artfusion_status status = ARTFUSION_OK;
    artfusion_context *context = NULL;
    artfusion_model *model = NULL;
    artfusion_image *photo = NULL, *painting = NULL, *result = NULL;
    artfusion_style *style = NULL;
    artfusion_sampler *sampler = NULL;
    int wrong = 0;

    /* The library means by this header's numbers what this header does. */
    const char *const solver = artfusion_name_of(ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_UNIPC);
    if (artfusion_check_version(ARTFUSION_VERSION) != ARTFUSION_OK ||
        strcmp(artfusion_status_name(ARTFUSION_ERROR_CHECKSUM), "ARTFUSION_ERROR_CHECKSUM") != 0 ||
        !solver || strcmp(solver, "unipc") != 0) {
        fprintf(stderr, "%s serves another header\n", artfusion_version_string());
        return 1;
    }

    cut context_space, info_space, sampler_space, progress_space, load_space, save_space;
    prepare(&context_space);
    prepare(&info_space);
    prepare(&sampler_space);
    prepare(&progress_space);
    prepare(&load_space);
    prepare(&save_space);
    const size_t context_size = CUT(artfusion_context_options, threads);
    const size_t info_size = CUT(artfusion_model_info, native_height);
    const size_t sampler_size = CUT(artfusion_sampler_options, style_scale);
    const size_t progress_size = CUT(artfusion_progress, steps);
    const size_t load_size = CUT(artfusion_load_options, max_pixels);
    const size_t save_size = CUT(artfusion_save_options, format);
    artfusion_context_options *context_options = (void *)context_space.bytes;
    artfusion_model_info *info = (void *)info_space.bytes;
    artfusion_sampler_options *options = (void *)sampler_space.bytes;
    artfusion_progress *progress = (void *)progress_space.bytes;
    artfusion_load_options *load = (void *)load_space.bytes;
    artfusion_save_options *save = (void *)save_space.bytes;

    TRY(artfusion_context_options_init(context_options, context_size));
    TRY(artfusion_context_create(context_options, &context));
    TRY(artfusion_model_open_file(context, argv[1], &model));
    TRY(artfusion_model_get_info(model, info, info_size));
    TRY(artfusion_load_options_init(load, load_size));
    TRY(artfusion_image_load_file(argv[2], load, &photo));
    TRY(artfusion_image_load_file(argv[3], load, &painting));
    TRY(artfusion_style_from_image(model, painting, &style));

    TRY(artfusion_sampler_options_init(options, sampler_size, model));
    TRY(artfusion_model_fit_size(model, artfusion_image_width(photo), artfusion_image_height(photo),
                                 0, &options->width, &options->height));
    TRY(artfusion_sampler_create(model, options, &sampler));
    TRY(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, photo));
    TRY(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
    TRY(artfusion_sampler_run(sampler));
    TRY(artfusion_sampler_get_progress(sampler, progress, progress_size));
    TRY(artfusion_sampler_image(sampler, 0, &result));
    TRY(artfusion_save_options_init(save, save_size));
    TRY(artfusion_image_save_file(result, argv[4], save));
    if (status < 0)
        fprintf(stderr, "%s: %s\n", artfusion_status_name(status), artfusion_error_message());

    wrong |= touched(&context_space, context_size, "artfusion_context_options");
    wrong |= touched(&info_space, info_size, "artfusion_model_info");
    wrong |= touched(&sampler_space, sampler_size, "artfusion_sampler_options");
    wrong |= touched(&progress_space, progress_size, "artfusion_progress");
    wrong |= touched(&load_space, load_size, "artfusion_load_options");
    wrong |= touched(&save_space, save_size, "artfusion_save_options");
    if (status == ARTFUSION_OK && (info->native_width < 1 || progress->step != options->steps)) {
        fprintf(stderr, "width %d, step %d of %d\n", (int)info->native_width, (int)progress->step,
                (int)options->steps);
        wrong = 1;
    }

    artfusion_image_destroy(result);
    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(style);
    artfusion_image_destroy(painting);
    artfusion_image_destroy(photo);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    return status < 0 || wrong;
}
