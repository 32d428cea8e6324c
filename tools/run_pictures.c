/* SPDX-License-Identifier: MIT
 * A run's pictures: reading them, where results may go, and writing them. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "message.h"
#include "run.h"
#include "stream.h"

bool is_picture_name(const char *path)
{
    static const char *const known[] = {".png", ".jpg", ".jpeg", ".webp"};
    const char *slash = strrchr(path, '/');
    const char *suffix = strrchr(slash == NULL ? path : slash, '.');
    for (size_t i = 0; suffix != NULL && i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(suffix, known[i]) == 0)
            return true;
    return false;
}

const char *result_suffix(const struct options *options)
{
    switch (options->format) {
    case ARTFUSION_FORMAT_JPEG: return ".jpg";
    case ARTFUSION_FORMAT_WEBP: return ".webp";
    default: return ".png";
    }
}

static int check_suffix(const struct options *options)
{
    if (options->format != ARTFUSION_FORMAT_AUTO || is_picture_name(options->out))
        return 0;
    return usage_error("out",
                       "\"%s\" ends in none of .png, .jpg, .jpeg and .webp, and there is no "
                       "--format",
                       options->out);
}

/* Not a promise, for folders change; it saves the wait where it is clear from the start. */
static int check_writable(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return out_of_memory();
    const int writable = access(folder, W_OK | X_OK) == 0;
    const int code =
        writable ? 0
                 : failure(ARTFUSION_ERROR_IO, path, "%s can't be written, for its folder %s: %s",
                           path, folder, strerror(errno));
    free(folder);
    return code;
}

int run_check_output(const struct options *options)
{
    if (stream_is_output(options->out))
        return stream_check_output(options->out);
    struct stat status;
    if (stat(options->out, &status) == 0 && S_ISDIR(status.st_mode))
        return failure(ARTFUSION_ERROR_IO, options->out,
                       "%s is a directory, not a picture to write", options->out);
    const int code = check_suffix(options);
    return code != 0 ? code : check_writable(options->out);
}

static int load_stream(struct run *run, const char *path, artfusion_image **image)
{
    void *data = NULL;
    size_t size = 0;
    int code = stream_read(run, path, &data, &size);
    if (code == 0) {
        const artfusion_status status =
            artfusion_image_load_memory(data, size, &run->options->reading, image);
        if (status < 0)
            code = failure(status, path, "%s: %s", stream_name(path), artfusion_error_message());
    }
    free(data);
    return code;
}

int run_load_image(struct run *run, const char *path, artfusion_image **image)
{
    const double start = clock_seconds();
    int code = stream_is_input(path)
                   ? load_stream(run, path, image)
                   : run_check_file(
                         run, artfusion_image_load_file(path, &run->options->reading, image), path);
    if (code == 0 && artfusion_image_warning(*image)[0] != '\0')
        run_warn(run, "%s: %s", stream_name(path), artfusion_image_warning(*image));
    run->seconds_pictures += clock_seconds() - start;
    return code;
}

static int write_stream(const char *path, const artfusion_image *image,
                        artfusion_save_options *options)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (options->format == ARTFUSION_FORMAT_AUTO)
        options->format = ARTFUSION_FORMAT_PNG;
    const artfusion_status status = artfusion_image_save_memory(image, options, &data, &size);
    const int code = status < 0 ? library_failure(status, path) : stream_write(path, data, size);
    artfusion_free(data);
    return code;
}

static int write_file(const char *path, const artfusion_image *image,
                      const artfusion_save_options *options)
{
    interrupt_hold_quit(true);
    const artfusion_status status = artfusion_image_save_file(image, path, options);
    interrupt_hold_quit(false);
    return status < 0 ? library_failure(status, path) : 0;
}

int run_write(struct run *run, const artfusion_image *image)
{
    const char *path = run->options->out;
    artfusion_save_options options;
    int code = run_check(run, artfusion_save_options_init(&options, sizeof options));
    if (code != 0)
        return code; /* for a signal from before, most likely */
    const double start = clock_seconds();
    options.format = run->options->format;
    progress_clear(&run->progress);
    code = stream_is_output(path) ? write_stream(path, image, &options)
                                  : write_file(path, image, &options);
    run->seconds_write = clock_seconds() - start;
    return code;
}

int run_save(struct run *run, const artfusion_image *image)
{
    if (!stream_is_output(run->options->out)) /* whose reader may keep it waiting */
        interrupt_hold();
    return run_write(run, image);
}
