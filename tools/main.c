/* SPDX-License-Identifier: MIT
 * The `artfusion` command: finds the command that is meant and lets it run. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"
#include "option_names.h"
#include "option_tables.h"

static const struct command commands[] = {
    {.name = "stylize",
     .summary = "a picture's shapes in another one's style",
     .synopsis = "--content PATH --style FILE --out PATH [OPTION...]",
     .examples = "  artfusion stylize -c photo.jpg -s painting.jpg -o result.png\n"
                 "  artfusion stylize -c photos -s painting.jpg -o results\n"
                 "  artfusion stylize -c photo.jpg -s painting.jpg -o result.png --steps 50\n"
                 "  artfusion stylize -c photo.jpg -s painting.jpg -o result.jpg --style-scale 1\n",
     .table = stylize_options,
     .required = OPTION_BIT(OPTION_CONTENT) | OPTION_BIT(OPTION_STYLE) | OPTION_BIT(OPTION_OUT),
     .run = command_stylize},
    {.name = "sample",
     .summary = "new pictures in a picture's style, on one sheet",
     .synopsis = "--style FILE --out FILE [OPTION...]",
     .examples = "  artfusion sample -s painting.jpg -o sheet.png\n"
                 "  artfusion sample -s painting.jpg -o sheet.png --count 16 --seed 7\n",
     .table = sample_options,
     .required = OPTION_BIT(OPTION_STYLE) | OPTION_BIT(OPTION_OUT),
     .run = command_sample},
    {.name = "reconstruct",
     .summary = "a picture from its own shapes and style, and its PSNR",
     .synopsis = "--content FILE --out FILE [OPTION...]",
     .examples = "  artfusion reconstruct -c painting.jpg -o again.png\n",
     .table = reconstruct_options,
     .required = OPTION_BIT(OPTION_CONTENT) | OPTION_BIT(OPTION_OUT),
     .run = command_reconstruct},
    {.name = "info",
     .summary = "what a model is and what it would run on",
     .synopsis = "[MODEL] [OPTION...]",
     .examples = "  artfusion info\n"
                 "  artfusion info other.artfusion --json\n",
     .table = info_options,
     .takes_model = true,
     .run = command_info},
};

static const size_t command_count = sizeof commands / sizeof commands[0];

static void print_help(FILE *stream)
{
    fputs("artfusion - pictures in the style of other pictures, by latent diffusion\n\n"
          "Usage: artfusion COMMAND [OPTION...]\n\n"
          "Commands:\n",
          stream);
    for (size_t i = 0; i < command_count; i++)
        fprintf(stream, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  artfusion COMMAND --help prints a command's options and examples;\n"
          "  artfusion --version prints the release.\n\n"
          "Examples:\n"
          "  artfusion stylize --content photo.jpg --style painting.jpg --out result.png\n"
          "  artfusion sample --style painting.jpg --count 9 --out sheet.png\n\n"
          "Environment:\n"
          "  ARTFUSION_MODEL   the model file if --model is not given\n"
          "  ARTFUSION_ENGINE  the shared object that runs networks, if it is not\n"
          "                    beside the library\n"
          "  OMP_WAIT_POLICY, GOMP_SPINCOUNT\n"
          "                    how threads wait for each other; if neither is set, passive\n"
          "                    and 1000, so that other programs get the cores meanwhile\n\n"
          "Exit status:\n"
          "  0    done\n"
          "  1    failed; a sentence on standard error says why\n"
          "  2    the command line is wrong\n"
          "  130  interrupted by Ctrl-C (143: by SIGTERM, 129: by SIGHUP); no\n"
          "       half-written file is left\n",
          stream);
}

static int run_command(const struct command *command, int argc, const char **argv)
{
    struct options options;
    int status = options_parse(command, argc, argv, &options);
    if (status == 0)
        status = command->run(&options);
    else if (status < 0)
        status = 0;
    options_free(&options);
    return status;
}

static int refuse(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (is_slip(name, commands[i].name))
            return usage_error(NULL, "\"%s\" is not a command; did you mean %s?", name,
                               commands[i].name);
    return usage_error(
        NULL, "\"%s\" is not a command; the commands are stylize, sample, reconstruct and info",
        name);
}

/* Before the options are read, since the failure may be one of theirs. */
static bool json_is_meant(int argc, const char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static int dispatch(int argc, const char **argv)
{
    message_begin(NULL, json_is_meant(argc, argv));
    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("artfusion %s\n", artfusion_version_string());
        return 0;
    }
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            message_begin(commands[i].name, json_is_meant(argc, argv));
            return run_command(&commands[i], argc - 1, argv + 1);
        }
    return refuse(argv[1]);
}

/* A standard stream that is closed would be the next file that is opened: the model read as
 * standard input, or messages written into a picture. What takes its place fails as it did. */
static void occupy_standard_streams(void)
{
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0)
            (void)open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* The engine's threads are OpenMP's, and where they wait for each other they spin for milliseconds,
 * which other programs want, and which then lack this one. Its runtimes read these when they are
 * loaded, as the engine is: GNU's the number of turns, LLVM's and Intel's the policy. */
static void leave_cores_to_others(void)
{
    if (getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL)
        return;
    (void)setenv("OMP_WAIT_POLICY", "passive", 0);
    (void)setenv("GOMP_SPINCOUNT", "1000", 0);
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    leave_cores_to_others();
    const int status = dispatch(argc, (const char **)argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (status == 0)
            return failure(ARTFUSION_ERROR_IO, NULL, "standard output can't be written");
    }
    return status;
}
