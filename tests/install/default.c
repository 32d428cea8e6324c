/* SPDX-License-Identifier: MIT
 * A program that names no model, and prints which it was:  default PHOTO PAINTING RESULT */
#include <artfusion.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char *path = NULL;
    if (argc != 4)
        return 2;
    if (artfusion_default_model_path(&path) < 0 ||
        artfusion_stylize_file(NULL, argv[1], argv[2], argv[3]) < 0) {
        fprintf(stderr, "%s\n", artfusion_error_message());
        artfusion_free(path);
        return 1;
    }
    puts(path);
    artfusion_free(path);
    return 0;
}
