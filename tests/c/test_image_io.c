/* SPDX-License-Identifier: MIT
 * Pictures from and to paths: what is refused, with which words, and what is then left behind. */
#define _XOPEN_SOURCE 700

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"

#define assert_message_has(part) assert_non_null(strstr(artfusion_error_message(), part))

static char directory[64];

static const char *in_directory(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static int enter(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/artfusion-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

static artfusion_image *picture(void)
{
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_image_create(20, 10, &image), ARTFUSION_OK);
    for (size_t i = 0; i < 600; i++)
        image->pixels[i] = (uint8_t)(i * 7);
    return image;
}

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The status of loading `path`, whose error must name it. */
static artfusion_status try_load(const char *path)
{
    artfusion_image *image = (artfusion_image *)&image;
    const artfusion_status status = artfusion_image_load_file(path, NULL, &image);
    if (status) {
        assert_null(image);
        assert_message_has(path);
    } else {
        artfusion_image_destroy(image);
    }
    return status;
}

static void what_is_no_picture_is_named(void **state)
{
    (void)state;
    assert_int_equal(try_load(in_directory("missing.png")), ARTFUSION_ERROR_IO);
    assert_message_has("No such file");
    assert_int_equal(try_load(directory), ARTFUSION_ERROR_IO);
    assert_message_has("directory");
    write_bytes(in_directory("empty.png"), "", 0);
    assert_int_equal(try_load(in_directory("empty.png")), ARTFUSION_ERROR_FORMAT);
    assert_message_has("empty");
    write_bytes(in_directory("text.jpg"), "\1ear Sir", 8);
    assert_int_equal(try_load(in_directory("text.jpg")), ARTFUSION_ERROR_FORMAT);
    assert_message_has("01 65 61 72");
    write_bytes(in_directory("one"), "\x89", 1);
    assert_int_equal(try_load(in_directory("one")), ARTFUSION_ERROR_FORMAT);
    write_bytes(in_directory("cut.png"), "\x89PNG\r\n\x1a\n\0\0", 10);
    assert_int_equal(try_load(in_directory("cut.png")), ARTFUSION_ERROR_FORMAT);
    assert_message_has("PNG: the file ends too early");
}

static void the_suffix_chooses_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *name, *start;
    } cases[] = {{"a.png", "\x89PNG"},       {"b.PNG", "\x89PNG"}, {"c.jpg", "\xFF\xD8\xFF"},
                 {"d.JpEg", "\xFF\xD8\xFF"}, {"f.WebP", "RIFF"},   {"e.jpg.png", "\x89PNG"}};
    artfusion_image *image = picture();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = in_directory(cases[i].name);
        assert_int_equal(artfusion_image_save_file(image, path, NULL), ARTFUSION_OK);
        char start[4] = {0};
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(start, 1, 4, file), 4);
        assert_int_equal(fclose(file), 0);
        assert_memory_equal(start, cases[i].start, strlen(cases[i].start));
        assert_int_equal(try_load(path), ARTFUSION_OK);
    }
    artfusion_image_destroy(image);
}

static void an_unknown_suffix_writes_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"a.gif", "noSuffix", "a.pngx", "a.pn", "dir.png/file", ""};
    artfusion_image *image = picture();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = in_directory(names[i]);
        assert_int_equal(artfusion_image_save_file(image, path, NULL), ARTFUSION_ERROR_ARGUMENT);
        assert_message_has(".png, .jpg, .jpeg or .webp");
        assert_message_has(path);
    }
    assert_int_equal(rmdir(directory), 0); /* which is empty, then */
    artfusion_image_destroy(image);
}

static void a_given_format_overrides_the_suffix(void **state)
{
    (void)state;
    artfusion_image *image = picture(), *back = NULL;
    artfusion_save_options options;
    assert_int_equal(artfusion_save_options_init(&options, sizeof options), ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_PNG;
    const char *path = in_directory("renamed.jpg");
    assert_int_equal(artfusion_image_save_file(image, path, &options), ARTFUSION_OK);
    assert_int_equal(artfusion_image_load_file(path, NULL, &back), ARTFUSION_OK);
    assert_memory_equal(back->pixels, image->pixels, 600);
    artfusion_image_destroy(back);
    artfusion_image_destroy(image);
}

static void options_out_of_range_are_named(void **state)
{
    (void)state;
    static const struct {
        artfusion_save_options options;
        const char *words;
    } cases[] = {
        {{sizeof(artfusion_save_options), 4, 95, 6, 90, 0}, "format is 4"},
        {{sizeof(artfusion_save_options), -1, 95, 6, 90, 0}, "format is -1"},
        {{sizeof(artfusion_save_options), 2, 0, 6, 90, 0}, "jpeg_quality is 0"},
        {{sizeof(artfusion_save_options), 2, 101, 6, 90, 0}, "jpeg_quality is 101"},
        {{sizeof(artfusion_save_options), 1, 95, -1, 90, 0}, "png_compression is -1"},
        {{sizeof(artfusion_save_options), 1, 95, 10, 90, 0}, "png_compression is 10"},
        {{sizeof(artfusion_save_options), 3, 95, 6, -1, 0}, "webp_quality is -1"},
        {{sizeof(artfusion_save_options), 3, 95, 6, 101, 0}, "webp_quality is 101"},
        {{sizeof(artfusion_save_options), 3, 95, 6, 90, 2}, "webp_lossless is 2"},
        {{sizeof(artfusion_save_options), 0, 95, 6, 90, 0}, "format is AUTO"},
        {{0, 1, 95, 6, 90, 0}, "struct_size is 0"},
    };
    artfusion_image *image = picture();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *data = NULL;
        size_t size = 0;
        assert_int_equal(artfusion_image_save_memory(image, &cases[i].options, &data, &size),
                         ARTFUSION_ERROR_ARGUMENT);
        assert_message_has(cases[i].words);
        assert_null(data);
    }
    artfusion_image_destroy(image);

    artfusion_load_options load;
    assert_int_equal(artfusion_load_options_init(&load, sizeof load), ARTFUSION_OK);
    load.ignore_orientation = 2;
    assert_int_equal(artfusion_image_load_memory("x", 1, &load, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("ignore_orientation is 2");
    load.ignore_orientation = 0;
    load.background[3] = 255;
    assert_int_equal(artfusion_image_load_memory("x", 1, &load, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("background[3] is 255");
    load.background[3] = 0;
    load.reading = 2;
    assert_int_equal(artfusion_image_load_memory("x", 1, &load, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("reading is 2");
    load.reading = ARTFUSION_READING_REFERENCE;
    load.salvage = -1;
    assert_int_equal(artfusion_image_load_memory("x", 1, &load, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("salvage is -1");
    load.salvage = 1;
    load.reserved = 1;
    assert_int_equal(artfusion_image_load_memory("x", 1, &load, &image), ARTFUSION_ERROR_ARGUMENT);
    assert_message_has("reserved");
}

static void a_failed_save_leaves_the_old_file(void **state)
{
    (void)state;
    const char *path = in_directory("old.jpg");
    artfusion_image *image = picture(), *tall = NULL;
    assert_int_equal(artfusion_image_save_file(image, path, NULL), ARTFUSION_OK);
    assert_int_equal(artfusion_image_create(1, 65501, &tall), ARTFUSION_OK);
    assert_int_equal(artfusion_image_save_file(tall, path, NULL), ARTFUSION_ERROR_LIMIT);
    assert_message_has(path);
    assert_message_has("65500");
    assert_int_equal(try_load(path), ARTFUSION_OK);
    assert_int_equal(artfusion_image_save_file(image, in_directory("missing/a.png"), NULL),
                     ARTFUSION_ERROR_IO);
    artfusion_image_destroy(tall);
    artfusion_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_no_picture_is_named, enter, leave),
        cmocka_unit_test_setup_teardown(the_suffix_chooses_the_format, enter, leave),
        cmocka_unit_test_setup_teardown(an_unknown_suffix_writes_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(a_given_format_overrides_the_suffix, enter, leave),
        cmocka_unit_test_setup_teardown(options_out_of_range_are_named, enter, leave),
        cmocka_unit_test_setup_teardown(a_failed_save_leaves_the_old_file, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
