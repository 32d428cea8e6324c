/* SPDX-License-Identifier: MIT
 * In libFuzzer's place where there is none: runs each file of the folders and files that are named
 * once. What was found by fuzzing is so a test of every build. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int runs;

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    REQUIRE(file && fseek(file, 0, SEEK_END) == 0);
    const long size = ftell(file);
    REQUIRE(size >= 0 && fseek(file, 0, SEEK_SET) == 0);
    /* Just as large as its content: what reads beyond is seen by a sanitizer. */
    uint8_t *data = malloc(size ? (size_t)size : 1);
    REQUIRE(data && fread(data, 1, (size_t)size, file) == (size_t)size);
    (void)fclose(file);
    (void)fprintf(stderr, "%s\n", path); /* of a crash's output, its input is the last line */
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    runs++;
}

static void run_folder(const char *path, DIR *folder)
{
    const struct dirent *entry;
    while ((entry = readdir(folder))) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        run_file(name);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder) {
            run_folder(argv[i], folder);
            (void)closedir(folder);
        } else {
            run_file(argv[i]);
        }
    }
    (void)fprintf(stderr, "%d inputs\n", runs);
    return runs ? 0 : 1;
}
