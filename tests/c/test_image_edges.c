/* SPDX-License-Identifier: MIT
 * Pictures at the edges of what is taken, and what is said beyond them. */
#define _POSIX_C_SOURCE 200809L
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

#define REFUSED(call, words) assert_error(call, ARTFUSION_ERROR_ARGUMENT, words)

static void sizes_and_strides_are_checked(void **state)
{
    (void)state;
    uint8_t pixels[24];
    artfusion_image *image = (artfusion_image *)(uintptr_t)1;
    static const int32_t sizes[][2] = {{0, 1}, {1, 0}, {-1, 1}, {65536, 1}, {1, 65536}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        REFUSED(artfusion_image_wrap(pixels, sizes[i][0], sizes[i][1], 1 << 20, &image),
                "each side must be 1 to 65535");
        assert_null(image);
        REFUSED(artfusion_image_create(sizes[i][0], sizes[i][1], &image), "each side must be");
        assert_null(image);
    }
    REFUSED(artfusion_image_wrap(pixels, 4, 2, 11, &image), "it must be at least 12");
    REFUSED(artfusion_image_wrap(pixels, 4, 2, PTRDIFF_MAX, &image), "a stride of");
    assert_ok(artfusion_image_wrap(pixels, 4, 2, 12, &image));
    artfusion_image_destroy(image);
}

/* A struct that was not filled in is found before the file is looked at. */
static void options_come_before_files(void **state)
{
    (void)state;
    artfusion_load_options load;
    artfusion_image *image = (artfusion_image *)(uintptr_t)1;
    assert_ok(artfusion_load_options_init(&load, sizeof load));
    load.struct_size = 0;
    REFUSED(artfusion_image_load_file("/no/such/file", &load, &image), "struct_size is 0");
    assert_null(image);
    REFUSED(artfusion_image_load_memory("x", 1, &load, &image), "struct_size is 0");
    artfusion_save_options save;
    assert_ok(artfusion_save_options_init(&save, sizeof save));
    save.struct_size = 0;
    uint8_t *data;
    size_t size;
    image = test_picture(1, 1, 1);
    REFUSED(artfusion_image_save_memory(image, &save, &data, &size), "struct_size is 0");
    REFUSED(artfusion_image_save_file(image, "/no/such/file.png", &save), "struct_size is 0");
    artfusion_image_destroy(image);
}

/* What cannot be encoded is told with the path, and nothing is written there. */
static void a_picture_beyond_its_format_names_the_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/artfusion-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/wide.jpg", folder);
    artfusion_image *wide;
    assert_ok(artfusion_image_create(65501, 1, &wide));
    assert_error(artfusion_image_save_file(wide, path, NULL), ARTFUSION_ERROR_LIMIT,
                 "/wide.jpg: JPEG: 65501 x 1 pixels: a side may have 65500 at most");
    artfusion_image_destroy(wide);
    assert_int_equal(rmdir(folder), 0);
}

typedef struct bytes {
    uint8_t data[4096];
    size_t size;
} bytes;

static void append(png_structp png, png_bytep data, size_t size)
{
    bytes *b = png_get_io_ptr(png);
    assert_true(b->size + size <= sizeof b->data);
    for (size_t i = 0; i < size; i++)
        b->data[b->size++] = data[i];
}

/* One side too long is enough, whichever. */
static void either_side_of_a_png_is_limited(void **state)
{
    (void)state;
    static uint8_t row[65536];
    static const png_uint_32 sizes[][2] = {{65536, 1}, {1, 65536}};
    static const char *const words[] = {"65536 x 1 pixels: a side may have 65535 at most",
                                        "1 x 65536 pixels: a side may have 65535 at most"};
    for (size_t i = 0; i < 2; i++) {
        bytes b = {.size = 0};
        png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png_create_info_struct(png);
        png_set_write_fn(png, &b, append, NULL);
        png_set_IHDR(png, info, sizes[i][0], sizes[i][1], 8, PNG_COLOR_TYPE_GRAY, 0, 0, 0);
        png_write_info(png, info);
        for (png_uint_32 y = 0; y < sizes[i][1]; y++)
            png_write_row(png, row);
        png_write_end(png, NULL);
        png_destroy_write_struct(&png, &info);
        artfusion_image *image;
        assert_error(artfusion_image_load_memory(b.data, b.size, NULL, &image),
                     ARTFUSION_ERROR_LIMIT, words[i]);
        assert_null(image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_strides_are_checked),
        cmocka_unit_test(options_come_before_files),
        cmocka_unit_test(a_picture_beyond_its_format_names_the_path),
        cmocka_unit_test(either_side_of_a_png_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
