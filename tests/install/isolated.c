/* SPDX-License-Identifier: MIT
 * A program whose engine is in a process of its own, of the default model:  isolated */
#include <artfusion.h>
#include <stdio.h>

int main(void)
{
    artfusion_context_options options;
    artfusion_context *context = NULL;
    artfusion_model *model = NULL;
    char *path = NULL;
    const int failed = artfusion_context_options_init(&options, sizeof options) < 0 ||
                       (options.isolation = ARTFUSION_ISOLATION_PROCESS,
                        artfusion_context_create(&options, &context)) < 0 ||
                       artfusion_default_model_path(&path) < 0 ||
                       artfusion_model_open_file(context, path, &model) < 0;
    if (failed)
        fprintf(stderr, "%s\n", artfusion_error_message());
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    artfusion_free(path);
    return failed;
}
