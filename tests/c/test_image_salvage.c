/* SPDX-License-Identifier: MIT
 * Damaged pictures: refused, or read as far as they are there, with a sentence about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <png.h>
#include <zlib.h>

#include "image/image.h"
#include "pictures.h"

enum { WIDTH = 64, HEIGHT = 48 };

static const file_bytes nothing = {NULL, 0};
static uint8_t rgb[3 * WIDTH * HEIGHT], rgba[4 * WIDTH * HEIGHT];

/* Noise, so that files are long and no row is like another. */
static int fill(void **state)
{
    (void)state;
    uint32_t number = 1;
    for (size_t i = 0; i < sizeof rgba; i++) {
        number = number * 1664525 + 1013904223;
        rgba[i] = (uint8_t)(number >> 24);
    }
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        memcpy(rgb + 3 * i, rgba + 4 * i, 3);
    return 0;
}

/* The picture from an allocation of its own size; NULL if it is refused, by FORMAT. */
static artfusion_image *load(const uint8_t *data, size_t size, int salvage)
{
    artfusion_load_options options;
    artfusion_image *image = NULL;
    uint8_t *own = malloc(size + !size);
    assert_non_null(own);
    memcpy(own, data, size);
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    options.salvage = salvage;
    const artfusion_status status = artfusion_image_load_memory(own, size, &options, &image);
    assert_true(status == (image ? ARTFUSION_OK : ARTFUSION_ERROR_FORMAT));
    free(own);
    return image;
}

static void assert_warns(const artfusion_image *image, const char *words)
{
    if (!strstr(artfusion_image_warning(image), words))
        fail_msg("\"%s\" has no \"%s\"", artfusion_image_warning(image), words);
}

static size_t equal_rows(const artfusion_image *image, const artfusion_image *whole)
{
    size_t rows = 0;
    while (rows < HEIGHT && memcmp(image->pixels + rows * image->stride,
                                   whole->pixels + rows * whole->stride, image->stride) == 0)
        rows++;
    return rows;
}

/* How many rows the warning says are missing; all are there if it says so. */
static size_t missing_rows(const artfusion_image *image)
{
    const char *text = artfusion_image_warning(image),
               *of = strstr(text, " of 48 rows are missing");
    if (!of) {
        assert_warns(image, "all pixels are there");
        return 0;
    }
    while (of > text && of[-1] >= '0' && of[-1] <= '9')
        of--;
    return (size_t)strtoul(of, NULL, 10);
}

/* Cut anywhere, the rows that are there are right, those that are not are told and white. */
static void check_cuts(const file_bytes *f, int opaque)
{
    artfusion_image *whole = load(f->data, f->size, 0);
    assert_non_null(whole);
    size_t most = HEIGHT, salvaged = 0;
    for (size_t size = f->size; size > 0; size -= size < 40 ? 1 : size / 37) {
        if (size < f->size) {
            artfusion_image *refused = load(f->data, size, 0);
            assert_null(refused);
        }
        artfusion_image *image = load(f->data, size, 1);
        if (!image)
            continue;
        salvaged++;
        if (size == f->size) {
            assert_string_equal(artfusion_image_warning(image), "");
        } else {
            const size_t missing = missing_rows(image);
            assert_in_range(missing, HEIGHT - most, HEIGHT - 1);
            assert_true(equal_rows(image, whole) >= HEIGHT - missing);
            most = HEIGHT - missing;
            for (size_t i = most * image->stride; opaque && i < HEIGHT * image->stride; i++)
                assert_int_equal(image->pixels[i], 255);
        }
        artfusion_image_destroy(image);
    }
    assert_true(most < 12);
    assert_true(salvaged > 60);
    artfusion_image_destroy(whole);
}

static void a_png_is_read_to_where_it_is_cut(void **state)
{
    (void)state;
    file_bytes opaque = make_png(WIDTH, HEIGHT, 3, 8, rgb, NULL),
               clear = make_png(WIDTH, HEIGHT, 4, 8, rgba, NULL);
    check_cuts(&opaque, 1);
    check_cuts(&clear, 1);
    bytes_free(&opaque);
    bytes_free(&clear);
}

static void an_interlaced_png_lacks_details(void **state)
{
    (void)state;
    file_bytes f = make_png(WIDTH, HEIGHT, 3, 8, rgb, &(png_extras){.interlaced = 1});
    artfusion_image *whole = load(f.data, f.size, 1), *half = load(f.data, f.size / 5, 1);
    assert_string_equal(artfusion_image_warning(whole), "");
    assert_memory_equal(whole->pixels, rgb, sizeof rgb);
    assert_null(load(f.data, f.size / 5, 0));
    assert_warns(half, "details are missing from pass");
    /* Each pixel of an early pass stands for those around it. */
    assert_memory_equal(half->pixels, rgb, 3);
    assert_memory_equal(half->pixels + 3, rgb, 3);
    artfusion_image_destroy(whole);
    artfusion_image_destroy(half);
    bytes_free(&f);
}

static size_t find(const file_bytes *f, const char *name)
{
    for (size_t i = 0; i + 4 <= f->size; i++)
        if (memcmp(f->data + i, name, 4) == 0)
            return i;
    fail_msg("no %s", name);
    return 0;
}

static void checksums_of_a_png_may_be_wrong(void **state)
{
    (void)state;
    file_bytes f = make_png(WIDTH, HEIGHT, 3, 8, rgb, NULL);
    const size_t places[] = {find(&f, "IHDR") + 4 + 13, f.size - 12 - 4, f.size - 4};
    static const char *const words[] = {"IHDR: CRC error", "IDAT: CRC error", "IEND: CRC error"};
    for (size_t i = 0; i < 3; i++) {
        f.data[places[i]] ^= 0x10;
        assert_null(load(f.data, f.size, 0));
        artfusion_image *image = load(f.data, f.size, 1);
        assert_memory_equal(image->pixels, rgb, sizeof rgb);
        assert_warns(image, words[i]);
        artfusion_image_destroy(image);
        f.data[places[i]] ^= 0x10;
    }
    bytes_free(&f);
}

/* zlib's own, which is behind the last row: any of its four bytes, and whether the checksum of the
 * chunk is wrong with it or right. */
static void check_zlibs_checksum(file_bytes *f)
{
    artfusion_image *whole = load(f->data, f->size, 0);
    uint8_t *const end = f->data + f->size - 12 - 4, *last = end - 4;
    while (memcmp(last, "IDAT", 4) != 0)
        last--;
    for (int i = 1; i <= 4; i++) {
        end[-i] ^= 0x10;
        const uint32_t right = (uint32_t)crc32(0, last, (uInt)(end - last));
        for (uint32_t wrong = 0; wrong < 2; wrong++) {
            png_save_uint_32(end, right ^ wrong);
            assert_null(load(f->data, f->size, 0));
            artfusion_image *image = load(f->data, f->size, 1);
            assert_memory_equal(image->pixels, whole->pixels, sizeof rgb);
            assert_string_equal(artfusion_image_warning(image), "PNG: IDAT: incorrect data check");
            artfusion_image_destroy(image);
        }
        end[-i] ^= 0x10;
    }
    artfusion_image_destroy(whole);
    bytes_free(f);
}

/* As by an encoder that flushes before it ends: blocks without pixels stand before the checksum.
 * The last bytes, `apart` of them, have a chunk of their own. */
static file_bytes make_flushed_png(size_t apart)
{
    static uint8_t rows[HEIGHT * (1 + 3 * WIDTH)], packed[2 * sizeof rows],
        chunk[12 + sizeof packed];
    for (size_t y = 0; y < HEIGHT; y++)
        memcpy(rows + y * (1 + 3 * WIDTH) + 1, rgb + y * 3 * WIDTH, 3 * WIDTH);
    z_stream z = {.next_in = rows, .avail_in = sizeof rows, .next_out = packed};
    z.avail_out = sizeof packed;
    assert_int_equal(deflateInit(&z, 6), Z_OK);
    assert_int_equal(deflate(&z, Z_FULL_FLUSH), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    file_bytes f = make_png(WIDTH, HEIGHT, 3, 8, rgb, NULL);
    f.size = 8 + 12 + 13; /* signature and IHDR */
    const size_t first = z.total_out - apart;
    bytes_add(&f, chunk, make_chunk(chunk, "IDAT", packed, first));
    if (apart)
        bytes_add(&f, chunk, make_chunk(chunk, "IDAT", packed + first, apart));
    bytes_add(&f, chunk, make_chunk(chunk, "IEND", NULL, 0));
    return f;
}

static void zlibs_checksum_in_a_png_may_be_wrong(void **state)
{
    (void)state;
    static const uint8_t black[sizeof rgb];
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        const png_extras extras = {.interlaced = interlaced};
        file_bytes noise = make_png(WIDTH, HEIGHT, 3, 8, rgb, &extras),
                   clear = make_png(WIDTH, HEIGHT, 4, 8, rgba, &extras),
                   even = make_png(WIDTH, HEIGHT, 3, 8, black, &extras);
        check_zlibs_checksum(&noise);
        check_zlibs_checksum(&clear);
        check_zlibs_checksum(&even);
    }
    file_bytes flushed = make_flushed_png(0), apart = make_flushed_png(4);
    check_zlibs_checksum(&flushed);
    apart.data[apart.size - 12 - 5] ^= 0x10;
    artfusion_image *image = load(apart.data, apart.size, 1);
    assert_memory_equal(image->pixels, rgb, sizeof rgb);
    assert_string_equal(artfusion_image_warning(image), "PNG: IDAT: incorrect data check");
    artfusion_image_destroy(image);
    bytes_free(&apart);
}

/* Damage in the middle: what was before it is there. */
static void a_png_is_read_to_where_it_is_damaged(void **state)
{
    (void)state;
    file_bytes f = make_png(WIDTH, HEIGHT, 3, 8, rgb, NULL);
    memset(f.data + f.size / 2, 0xFF, 300);
    assert_null(load(f.data, f.size, 0));
    artfusion_image *image = load(f.data, f.size, 1);
    assert_non_null(image);
    assert_warns(image, "rows are missing");
    assert_memory_equal(image->pixels, rgb, sizeof rgb / 3);
    artfusion_image_destroy(image);
    bytes_free(&f);
}

static void a_jpeg_is_read_to_where_it_is_cut(void **state)
{
    (void)state;
    file_bytes f = make_jpeg(WIDTH, HEIGHT, 3, rgb, 0, 0, nothing, nothing);
    const size_t scan = find(&f, "\xFF\xDA\0\x0C") + 14;
    artfusion_image *whole = load(f.data, f.size, 1);
    assert_string_equal(artfusion_image_warning(whole), "");
    for (size_t size = 0; size <= scan; size++)
        assert_null(load(f.data, size, 1)); /* nothing is there */
    for (size_t size = scan + 1; size < f.size - 2; size += 50) {
        assert_null(load(f.data, size, 0));
        artfusion_image *image = load(f.data, size, 1);
        assert_non_null(image);
        const size_t missing = missing_rows(image);
        assert_true(missing > 0 && missing % 8 == 0);
        assert_true(equal_rows(image, whole) >= HEIGHT - missing);
        artfusion_image_destroy(image);
    }
    /* The end marker alone: its half, its whole, and zeros in its place. */
    for (size_t lost = 1; lost <= 2; lost++) {
        artfusion_image *image = load(f.data, f.size - lost, 0);
        assert_memory_equal(image->pixels, whole->pixels, sizeof rgb);
        assert_warns(image, "the end marker is missing: all pixels are there");
        artfusion_image_destroy(image);
    }
    memset(f.data + f.size - 2, 0, 2);
    artfusion_image *image = load(f.data, f.size, 0);
    assert_memory_equal(image->pixels, whole->pixels, sizeof rgb);
    assert_warns(image, "the end marker is missing");
    artfusion_image_destroy(image);
    artfusion_image_destroy(whole);
    bytes_free(&f);
}

/* Within a table between scans too, where libjpeg by itself gives up. */
static void a_progressive_jpeg_lacks_details(void **state)
{
    (void)state;
    file_bytes f = make_jpeg(WIDTH, HEIGHT, 3, rgb, 1, 0, nothing, nothing);
    artfusion_image *whole = load(f.data, f.size, 0);
    size_t first = find(&f, "\xFF\xDA\0\x0C") + 14, read = 0;
    for (size_t size = first + 200; size < f.size - 2; size += 7) {
        assert_null(load(f.data, size, 0));
        artfusion_image *image = load(f.data, size, 1);
        if (!image)
            fail_msg("%zu of %zu bytes: %s", size, f.size, artfusion_error_message());
        assert_true(strstr(artfusion_image_warning(image), "details are missing") ||
                    strstr(artfusion_image_warning(image), "rows are missing"));
        artfusion_image_destroy(image);
        read++;
    }
    assert_true(read > 100);
    artfusion_image *image = load(f.data, f.size - 2, 0);
    assert_memory_equal(image->pixels, whole->pixels, sizeof rgb);
    artfusion_image_destroy(image);
    artfusion_image_destroy(whole);
    bytes_free(&f);
}

/* A video in place of the end marker, as some phones write it. */
static void a_trailer_may_stand_for_the_end_marker(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        file_bytes f = make_jpeg(WIDTH, HEIGHT, 3, rgb, progressive, 0, nothing, nothing);
        artfusion_image *whole = load(f.data, f.size, 0);
        f.size -= 2;
        bytes_add(&f,
                  "\0\0\0\x18"
                  "ftypmp42\xff\x3c\0\x09 video",
                  22);
        artfusion_image *strict = load(f.data, f.size, 0), *image = load(f.data, f.size, 1);
        assert_true(progressive || strict); /* whose scans may be followed by others */
        assert_memory_equal(image->pixels, whole->pixels, sizeof rgb);
        assert_warns(image, "the end marker is missing: all pixels are there");
        if (strict)
            assert_memory_equal(strict->pixels, whole->pixels, sizeof rgb);
        artfusion_image_destroy(strict);
        artfusion_image_destroy(image);
        artfusion_image_destroy(whole);
        bytes_free(&f);
    }
}

/* libjpeg goes on after it, as it always did; now it is said. */
static void damage_within_a_jpeg_is_said(void **state)
{
    (void)state;
    file_bytes f = make_jpeg(WIDTH, HEIGHT, 3, rgb, 0, 0, nothing, nothing);
    f.data[f.size / 2] = 0xFF;
    f.data[f.size / 2 + 1] = 0xD3; /* a restart marker that nobody expects */
    artfusion_image *image = load(f.data, f.size, 0);
    assert_warns(image, "JPEG: Corrupt JPEG data");
    artfusion_image_destroy(image);
    bytes_free(&f);
}

static void a_webp_is_read_to_where_it_is_cut(void **state)
{
    (void)state;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        rgba[4 * i + 3] = 255;
    file_bytes files[] = {make_webp(WIDTH, HEIGHT, 1, rgba, nothing, nothing, nothing),
                          make_webp(WIDTH, HEIGHT, 0, rgba, nothing, nothing, nothing)};
    for (size_t i = 0; i < 2; i++) {
        artfusion_image *whole = load(files[i].data, files[i].size, 1);
        assert_string_equal(artfusion_image_warning(whole), "");
        size_t read = 0, best = HEIGHT;
        for (size_t size = 0; size < files[i].size; size += 1 + files[i].size / 100) {
            assert_null(load(files[i].data, size, 0));
            artfusion_image *image = load(files[i].data, size, 1);
            if (!image)
                continue;
            const size_t missing = missing_rows(image);
            assert_true(equal_rows(image, whole) >= HEIGHT - missing);
            artfusion_image_destroy(image);
            best = missing;
            read++;
        }
        if (read <= 10 || best > 32) /* libwebp is some rows behind */
            fail_msg("file %zu: %zu salvaged, %zu rows missing at least", i, read, best);
        artfusion_image_destroy(whole);
        bytes_free(&files[i]);
    }
}

/* Behind the pixels, too. */
static void a_webps_metadata_may_be_cut(void **state)
{
    (void)state;
    file_bytes exif = make_exif(3);
    file_bytes f = make_webp(WIDTH, HEIGHT, 1, rgba, nothing, exif, nothing);
    assert_null(load(f.data, f.size - 2, 0));
    artfusion_image *image = load(f.data, f.size - 2, 1), *whole = load(f.data, f.size, 1);
    assert_warns(image, "the file ends too early: all pixels are there");
    assert_memory_equal(image->pixels, whole->pixels, sizeof rgb);
    artfusion_image_destroy(image);
    artfusion_image_destroy(whole);
    bytes_free(&f);
    bytes_free(&exif);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_png_is_read_to_where_it_is_cut, fill),
        cmocka_unit_test_setup(an_interlaced_png_lacks_details, fill),
        cmocka_unit_test_setup(checksums_of_a_png_may_be_wrong, fill),
        cmocka_unit_test_setup(zlibs_checksum_in_a_png_may_be_wrong, fill),
        cmocka_unit_test_setup(a_png_is_read_to_where_it_is_damaged, fill),
        cmocka_unit_test_setup(a_jpeg_is_read_to_where_it_is_cut, fill),
        cmocka_unit_test_setup(a_progressive_jpeg_lacks_details, fill),
        cmocka_unit_test_setup(a_trailer_may_stand_for_the_end_marker, fill),
        cmocka_unit_test_setup(damage_within_a_jpeg_is_said, fill),
        cmocka_unit_test_setup(a_webp_is_read_to_where_it_is_cut, fill),
        cmocka_unit_test_setup(a_webps_metadata_may_be_cut, fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
