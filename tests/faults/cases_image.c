/* SPDX-License-Identifier: MIT
 * Pictures: made, read, written, resampled. */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"

static void load_options_init(outcome *o)
{
    artfusion_load_options options;
    ATTEMPT(o, artfusion_load_options_init(&options, sizeof options));
    take(o, &options, sizeof options);
}

static void save_options_init(outcome *o)
{
    artfusion_save_options options;
    ATTEMPT(o, artfusion_save_options_init(&options, sizeof options));
    take(o, &options, sizeof options);
}

static void taken(outcome *o, artfusion_image *image)
{
    take_image(o, image);
    artfusion_image_destroy(image);
}

static void create(outcome *o)
{
    artfusion_image *image;
    ATTEMPT_MAKING(o, image, artfusion_image_create(5, 4, &image));
    taken(o, image);
}

static void wrap(outcome *o)
{
    static uint8_t pixels[4 * 5 * 3];
    artfusion_image *image;
    ATTEMPT_MAKING(o, image, artfusion_image_wrap(pixels, 5, 4, 15, &image));
    taken(o, image);
}

static void load(outcome *o, const char *path, int background)
{
    artfusion_image *image;
    artfusion_load_options options;
    MUST(artfusion_load_options_init(&options, sizeof options));
    if (background)
        memset(options.background, 1, sizeof options.background);
    ATTEMPT_MAKING(o, image, artfusion_image_load_file(path, &options, &image));
    taken(o, image);
}

static void load_png(outcome *o)
{
    load(o, w.png, 0);
}

static void load_rgba(outcome *o)
{
    load(o, w.rgba, 1);
}

static void load_jpeg(outcome *o)
{
    load(o, w.jpeg, 0);
}

static void load_cmyk(outcome *o)
{
    load(o, w.cmyk, 0);
}

static void load_webp(outcome *o)
{
    load(o, w.webp, 1);
}

static void load_profiled(outcome *o)
{
    load(o, w.profiled, 0);
}

static void load_gamma(outcome *o)
{
    load(o, w.gamma, 0);
}

static void load_salvaged(outcome *o)
{
    artfusion_image *image;
    artfusion_load_options options;
    MUST(artfusion_load_options_init(&options, sizeof options));
    options.salvage = 1;
    ATTEMPT_MAKING(o, image,
                   artfusion_image_load_memory(w.file, w.file_size - 20, &options, &image));
    if (image)
        take_text(o, artfusion_image_warning(image));
    taken(o, image);
}

static void load_memory(outcome *o)
{
    artfusion_image *image;
    ATTEMPT_MAKING(o, image, artfusion_image_load_memory(w.file, w.file_size, NULL, &image));
    taken(o, image);
}

static void write_before(outcome *o, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs("before", file) < 0 || fclose(file) != 0)
        wrong(o, "%s cannot be written", path);
}

/* `out` is what is written to, `target` where that is. */
static void save(outcome *o, const char *out, const char *target, int there)
{
    faults_arm();
    const artfusion_status status = artfusion_image_save_file(w.picture, out, NULL);
    faults_disarm();
    attempted(o, status);
    if (status < 0) {
        outcome left = {0};
        if (access(target, F_OK) == 0)
            take_file(&left, target);
        if (there ? left.size != 6 || memcmp(left.bytes, "before", 6) != 0 : left.size != 0)
            wrong(o, "the output is not what it was before the failure");
        free(left.bytes);
        o->again = artfusion_image_save_file(w.picture, out, NULL);
    }
    take_file(o, target);
    (void)unlink(out);
    (void)unlink(target);
}

static void save_new(outcome *o)
{
    const char *out = path_of("new.png");
    save(o, out, out, 0);
}

static void save_over(outcome *o)
{
    const char *out = path_of("old.jpg");
    write_before(o, out);
    if (chmod(out, 0640) != 0)
        wrong(o, "%s keeps its mode", out);
    save(o, out, out, 1);
}

static void save_link(outcome *o)
{
    const char *out = path_of("link.png"), *target = path_of("target.png");
    write_before(o, target);
    if (symlink(target, out) != 0)
        wrong(o, "%s cannot be made", out);
    save(o, out, target, 1);
}

static void save_memory(outcome *o, artfusion_file_format format)
{
    artfusion_save_options options;
    MUST(artfusion_save_options_init(&options, sizeof options));
    options.format = format;
    uint8_t *data;
    size_t size;
    ATTEMPT_MAKING(o, data, artfusion_image_save_memory(w.picture, &options, &data, &size));
    if (data)
        take(o, data, size);
    artfusion_free(data);
}

static void save_memory_png(outcome *o)
{
    save_memory(o, ARTFUSION_FORMAT_PNG);
}

static void save_memory_jpeg(outcome *o)
{
    save_memory(o, ARTFUSION_FORMAT_JPEG);
}

static void save_memory_webp(outcome *o)
{
    save_memory(o, ARTFUSION_FORMAT_WEBP);
}

static void resize(outcome *o)
{
    artfusion_image *image;
    ATTEMPT_MAKING(o, image,
                   artfusion_image_resize(w.picture, 7, 9, ARTFUSION_FILTER_BICUBIC, &image));
    taken(o, image);
}

static void resize_fit(outcome *o)
{
    artfusion_image *image;
    ATTEMPT_MAKING(o, image,
                   artfusion_image_resize_fit(w.picture, 50, 50, ARTFUSION_FILTER_LANCZOS, &image));
    taken(o, image);
}

static void resize_cover(outcome *o)
{
    artfusion_image *image;
    ATTEMPT_MAKING(o, image,
                   artfusion_image_resize_cover(w.picture, 9, 9, ARTFUSION_FILTER_BOX, &image));
    taken(o, image);
}

static void width(outcome *o)
{
    int32_t pixels;
    QUIETLY(pixels = artfusion_image_width(w.picture));
    take(o, &pixels, sizeof pixels);
}

static void height(outcome *o)
{
    int32_t pixels;
    QUIETLY(pixels = artfusion_image_height(w.picture));
    take(o, &pixels, sizeof pixels);
}

static void stride(outcome *o)
{
    size_t bytes;
    QUIETLY(bytes = artfusion_image_stride(w.picture));
    take(o, &bytes, sizeof bytes);
}

static void warning(outcome *o)
{
    const char *text;
    QUIETLY(text = artfusion_image_warning(w.picture));
    take_text(o, text);
}

static void pixels(outcome *o)
{
    uint8_t *first;
    QUIETLY(first = artfusion_image_pixels(w.picture));
    take(o, first, 3);
}

static void destroy(outcome *o)
{
    (void)o;
    artfusion_image *image;
    MUST(artfusion_image_create(5, 4, &image));
    QUIETLY(artfusion_image_destroy(image));
}

static void free_memory(outcome *o)
{
    artfusion_save_options options;
    uint8_t *data;
    size_t size;
    MUST(artfusion_save_options_init(&options, sizeof options));
    options.format = ARTFUSION_FORMAT_PNG;
    MUST(artfusion_image_save_memory(w.small, &options, &data, &size));
    take(o, &size, sizeof size);
    QUIETLY(artfusion_free(data));
}

const fault_case image_cases[] = {
    {"artfusion_load_options_init", NULL, load_options_init, 0, {NULL}},
    {"artfusion_save_options_init", NULL, save_options_init, 0, {NULL}},
    {"artfusion_image_create", NULL, create, 0, {NULL}},
    {"artfusion_image_wrap", NULL, wrap, 0, {NULL}},
    {"artfusion_image_load_file", "PNG", load_png, 0, {NULL}},
    {"artfusion_image_load_file", "PNG over a background", load_rgba, 0, {NULL}},
    {"artfusion_image_load_file", "JPEG", load_jpeg, ABSORBS, {NULL}},
    {"artfusion_image_load_file", "progressive CMYK JPEG, turned", load_cmyk, ABSORBS, {NULL}},
    {"artfusion_image_load_file", "WebP with alpha, turned", load_webp, ABSORBS, {NULL}},
    {"artfusion_image_load_file", "JPEG with a profile", load_profiled, ABSORBS, {NULL}},
    {"artfusion_image_load_file", "PNG of 16 bits with gamma", load_gamma, 0, {NULL}},
    {"artfusion_image_load_memory", NULL, load_memory, 0, {NULL}},
    {"artfusion_image_load_memory", "a PNG that is cut", load_salvaged, 0, {NULL}},
    {"artfusion_image_save_file", "a new PNG", save_new, 0, {NULL}},
    {"artfusion_image_save_file", "over a JPEG", save_over, ABSORBS, {NULL}},
    {"artfusion_image_save_file", "through a link", save_link, 0, {NULL}},
    {"artfusion_image_save_memory", "PNG", save_memory_png, 0, {NULL}},
    {"artfusion_image_save_memory", "JPEG", save_memory_jpeg, ABSORBS, {NULL}},
    {"artfusion_image_save_memory", "WebP", save_memory_webp, 0, {NULL}},
    {"artfusion_image_resize", NULL, resize, 0, {NULL}},
    {"artfusion_image_resize_fit", NULL, resize_fit, 0, {NULL}},
    {"artfusion_image_resize_cover", NULL, resize_cover, 0, {NULL}},
    {"artfusion_image_width", NULL, width, 0, {NULL}},
    {"artfusion_image_height", NULL, height, 0, {NULL}},
    {"artfusion_image_stride", NULL, stride, 0, {NULL}},
    {"artfusion_image_warning", NULL, warning, 0, {NULL}},
    {"artfusion_image_pixels", NULL, pixels, 0, {NULL}},
    {"artfusion_image_destroy", NULL, destroy, 0, {NULL}},
    {"artfusion_free", NULL, free_memory, 0, {NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
