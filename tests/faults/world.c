/* SPDX-License-Identifier: MIT
 * The files and handles that the cases share. */
#define _GNU_SOURCE
#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h> /* before jpeglib.h, which uses FILE */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#include "model/model.h"
#include "pictures.h"
#include "support.h"
#include "zips.h"

world w;

void must(artfusion_status status, const char *call, const char *file, int line)
{
    if (status == ARTFUSION_OK)
        return;
    (void)fprintf(stderr, "%s:%d: %s\n  gave %s: %s\n", file, line, call,
                  artfusion_status_name(status), artfusion_error_message());
    fault_abandon();
}

const char *path_of(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/out/%s", w.folder, name);
    return path;
}

void forget_pictures(void)
{
    af_cache_clear(&w.opened->cache);
    (void)af_cache_init(&w.opened->cache);
}

static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        give_up(path);
}

static void read_file(const char *path, uint8_t **data, size_t *size)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info) != 0)
        give_up(path);
    *size = (size_t)info.st_size;
    *data = malloc(*size);
    if (!*data || fread(*data, 1, *size, file) != *size)
        give_up(path);
    (void)fclose(file);
}

/* small_manifest with a preset, and few steps. */
static uint8_t *make_model(size_t *size)
{
    return make_bundle(small_manifest,
                       "\"steps\": 10, \"eta\": 0,\n"
                       "               \"content_scale\": 0.5, \"style_scale\": 2}}",
                       "\"steps\": 3, \"eta\": 0,\n"
                       "               \"content_scale\": 0.5, \"style_scale\": 2},\n"
                       " \"presets\": {\"strong-2\": {\"solver\": \"dpmpp_2m\", \"steps\": 7}}}",
                       size);
}

/* The records of a stored archive, compressed: what other tools may have packed again. */
static void deflate_model(const char *from, const char *to)
{
    static const char *const names[] = {"small/data/0", "small/extra/manifest.json"};
    zip_record records[2];
    uint8_t *bytes;
    size_t size, at = 0;
    read_file(from, &bytes, &size);
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *name = memmem(bytes + at, size - at, names[i], strlen(names[i]));
        if (!name)
            give_up(from);
        const uint8_t *data = name + strlen(names[i]);
        records[i] = (zip_record){names[i], data, (size_t)zip_get(name - ZIP_LOCAL + 18, 4), 1};
        at = (size_t)(data - bytes) + records[i].size;
    }
    uint8_t *packed = make_zip(records, 2, &size);
    write_file(to, packed, size);
    free(packed);
    free(bytes);
}

static void make_rgba(const char *path)
{
    uint8_t pixels[11 * 9 * 4];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = 11, .height = 9, .format = PNG_FORMAT_RGBA};
    if (!png_image_write_to_file(&image, path, 0, pixels, 0, NULL))
        give_up(path);
}

/* Progressive, of four inks, and to be turned: what allocates most. */
static void make_cmyk(const char *path)
{
    static const uint8_t exif[] = {'E',  'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0,
                                   0x12, 1,   3,   0,   1, 0, 0,   0,   6,  0, 0, 0, 0, 0, 0, 0};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    uint8_t row[4 * 20];
    JSAMPROW rows[] = {row};
    FILE *file = fopen(path, "wb");
    if (!file)
        give_up(path);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = 20;
    jpeg.image_height = 17;
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif);
    while (jpeg.next_scanline < jpeg.image_height) {
        for (size_t i = 0; i < sizeof row; i++)
            row[i] = (uint8_t)(i * 3 + jpeg.next_scanline * 5);
        (void)jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    if (fclose(file) != 0)
        give_up(path);
}

/* What allocates most in littlecms and libwebp. (Of libwebp's lossless decoder release 1.2.4 follows a
 * pointer that it did not set when an allocation fails.) */
static void make_colours(void)
{
    uint8_t pixels[11 * 9 * 8];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    const file_bytes none = {NULL, 0};
    file_bytes profile = make_rgb_profile(GAMUT_ADOBE, 2.2), exif = make_exif(6);
    file_bytes file = make_webp(11, 9, 0, pixels, profile, exif, none);
    write_file(w.webp, file.data, file.size);
    bytes_free(&file);
    file = make_jpeg(11, 9, 3, pixels, 0, 0, none, profile);
    write_file(w.profiled, file.data, file.size);
    bytes_free(&file);
    file = make_png(11, 9, 4, 16, pixels, &(png_extras){.gamma = 100000});
    write_file(w.gamma, file.data, file.size);
    bytes_free(&file);
    bytes_free(&profile);
    bytes_free(&exif);
}

static void put(char path[96], const char *name)
{
    (void)snprintf(path, 96, "%s/%s", w.folder, name);
}

void world_name(const char *folder)
{
    (void)snprintf(w.folder, sizeof w.folder, "%s", folder);
    put(w.model, "small.artfusion");
    put(w.deflated, "deflated.artfusion");
    put(w.png, "content.png");
    put(w.rgba, "rgba.png");
    put(w.jpeg, "content.jpg");
    put(w.cmyk, "cmyk.jpg");
    put(w.style_png, "style.png");
    put(w.webp, "alpha.webp");
    put(w.profiled, "profiled.jpg");
    put(w.gamma, "gamma.png");
    put(w.contents, "contents");
}

void world_make_files(void)
{
    char out[96];
    size_t size;
    put(out, "out");
    if (mkdir(out, 0700) != 0)
        give_up(out);
    uint8_t *bundle = make_model(&size);
    write_file(w.model, bundle, size);
    free(bundle);
    deflate_model(w.model, w.deflated);
    artfusion_image *content = test_picture(24, 20, 1), *style = test_picture(40, 30, 2);
    MUST(artfusion_image_save_file(content, w.png, NULL));
    MUST(artfusion_image_save_file(content, w.jpeg, NULL));
    MUST(artfusion_image_save_file(style, w.style_png, NULL));
    artfusion_image_destroy(content);
    artfusion_image_destroy(style);
    put(out, "contents/one.png");
    if (mkdir(w.contents, 0700) != 0 || link(w.png, out) != 0)
        give_up(out);
    make_rgba(w.rgba);
    make_cmyk(w.cmyk);
    make_colours();
}

void world_open(void)
{
    read_file(w.model, &w.bundle, &w.bundle_size);
    read_file(w.png, &w.file, &w.file_size);
    w.context = test_context();
    MUST(artfusion_model_open_memory(w.context, w.bundle, w.bundle_size, &w.opened));
    w.picture = test_picture(SIDE, SIDE, 3);
    w.small = test_picture(9, 8, 4);
    MUST(artfusion_style_from_image(w.opened, w.picture, &w.style));
    MUST(artfusion_style_from_image(w.opened, w.small, &w.other));
    for (int i = 0; i < VALUES; i++)
        w.latent[i] = (float)(i % 7) - 3.0f;
}

void world_close(void)
{
    artfusion_style_destroy(w.style);
    artfusion_style_destroy(w.other);
    artfusion_image_destroy(w.picture);
    artfusion_image_destroy(w.small);
    artfusion_model_destroy(w.opened);
    artfusion_context_destroy(w.context);
    free(w.bundle);
    free(w.file);
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    for (const uint8_t *b = bytes; size; size--)
        hash = (hash ^ *b++) * 0x100000001b3u;
    return hash;
}

uint64_t world_hash(void)
{
    size_t count;
    const float *style = artfusion_style_values(w.style, &count);
    uint64_t hash = hash_bytes(0, w.bundle, w.bundle_size);
    hash = hash_bytes(hash, w.latent, sizeof w.latent);
    hash = hash_bytes(hash, style, count * sizeof *style);
    return hash_bytes(hash, artfusion_image_pixels(w.picture), 3 * SIDE * SIDE);
}

int world_clear(void)
{
    char path[512];
    int entries = 0;
    (void)snprintf(path, sizeof path, "%s/out", w.folder);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        (void)snprintf(path, sizeof path, "%s/out/%s", w.folder, entry->d_name);
        (void)unlink(path);
        entries++;
    }
    if (folder)
        (void)closedir(folder);
    return entries;
}
