/* SPDX-License-Identifier: MIT
 * Colour as a person sees it. What a viewer shows is computed here from the definitions of the
 * colour spaces; tests/python/test_image_viewed.py compares with littlecms through Pillow. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"
#include "pictures.h"

enum { SIDE = 8, COUNT = SIDE * SIDE };

static const file_bytes nothing = {NULL, 0};

static artfusion_image *load(const file_bytes *f, artfusion_reading reading)
{
    artfusion_load_options options;
    artfusion_image *image = NULL;
    assert_int_equal(artfusion_load_options_init(&options, sizeof options), ARTFUSION_OK);
    options.reading = reading;
    assert_int_equal(artfusion_image_load_memory(f->data, f->size, &options, &image), ARTFUSION_OK);
    return image;
}

/* Colours all over the cube, some of them grey. */
static void make_colours(uint8_t *rgb)
{
    for (int i = 0; i < COUNT; i++) {
        rgb[3 * i] = (uint8_t)(i % 4 * 85);
        rgb[3 * i + 1] = (uint8_t)(i / 4 % 4 * 85);
        rgb[3 * i + 2] = (uint8_t)(i / 16 * 85);
    }
}

static double srgb_of_light(double light)
{
    light = light < 0 ? 0 : light > 1 ? 1 : light;
    return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055);
}

/* Adobe RGB (1998) to sRGB, by the matrices of both, whose white is the same. */
static void adobe_to_srgb(const uint8_t *from, double exponent, double *to)
{
    static const double matrix[3][3] = {{1.39836, -0.39836, 0}, {0, 1, 0}, {0, -0.04293, 1.04293}};
    for (int i = 0; i < 3; i++) {
        double light = 0;
        for (int j = 0; j < 3; j++)
            light += matrix[i][j] * pow(from[j] / 255.0, exponent);
        to[i] = srgb_of_light(light);
    }
}

static void assert_adobe(const artfusion_image *image, const uint8_t *colours, double tolerance)
{
    for (int i = 0; i < COUNT; i++) {
        double expected[3];
        adobe_to_srgb(colours + 3 * i, 2.2, expected);
        for (int c = 0; c < 3; c++)
            if (fabs(image->pixels[3 * i + c] - expected[c]) > tolerance)
                fail_msg("colour %d, channel %d: %d, not %.1f", i, c, image->pixels[3 * i + c],
                         expected[c]);
    }
}

static void a_profile_is_converted_in_every_format(void **state)
{
    (void)state;
    uint8_t colours[3 * COUNT], rgba[4 * COUNT], wide[6 * COUNT];
    make_colours(colours);
    for (int i = 0; i < 3 * COUNT; i++)
        wide[2 * i] = wide[2 * i + 1] = colours[i];
    for (int i = 0; i < COUNT; i++) {
        memcpy(rgba + 4 * i, colours + 3 * i, 3);
        rgba[4 * i + 3] = 255;
    }
    file_bytes profile = make_rgb_profile(GAMUT_ADOBE, 2.2);
    file_bytes files[] = {
        make_png(SIDE, SIDE, 3, 8, colours, &(png_extras){.profile = profile}),
        make_png(SIDE, SIDE, 3, 8, colours, &(png_extras){.profile = profile, .interlaced = 1}),
        make_png(SIDE, SIDE, 3, 16, wide, &(png_extras){.profile = profile}),
        make_png(SIDE, SIDE, 4, 8, rgba, &(png_extras){.profile = profile}),
        make_webp(SIDE, SIDE, 1, rgba, profile, nothing, nothing),
        make_jpeg(SIDE, SIDE, 3, colours, 0, 0, nothing, profile),
    };
    const size_t count = sizeof files / sizeof *files;
    for (size_t i = 0; i < count; i++) {
        artfusion_image *image = load(&files[i], ARTFUSION_READING_VIEWED);
        artfusion_image *plain = load(&files[i], ARTFUSION_READING_REFERENCE);
        const int exact = i + 1 < count; /* a JPEG is not */
        if (exact) {
            assert_adobe(image, colours, 1.5);
            assert_memory_equal(plain->pixels, colours, sizeof colours);
        } else {
            assert_adobe(image, plain->pixels, 1.5);
        }
        assert_string_equal(artfusion_image_warning(image), "");
        artfusion_image_destroy(image);
        artfusion_image_destroy(plain);
        bytes_free(&files[i]);
    }
    bytes_free(&profile);
}

/* The most common of profiles: no bit changes. */
static void srgb_stays_what_it_is(void **state)
{
    (void)state;
    uint8_t pixels[3 * COUNT];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 151);
    static const uint32_t srgb[] = {31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000};
    /* Rounded otherwise: littlecms by itself would move some colours by a level. */
    file_bytes profile = make_rgb_profile(GAMUT_SRGB, 0),
               nearly = make_rgb_profile(GAMUT_NEARLY_SRGB, 0);
    uint8_t linear[16];
    (void)make_chunk(linear, "gAMA", "\0\1\x86\xa0", 4); /* which sRGB overrules */
    const png_extras extras[] = {{.profile = profile},
                                 {.profile = nearly},
                                 {.srgb = 1, .chunks = linear, .chunks_size = 16},
                                 {.gamma = 45455},
                                 {.gamma = 45455, .primaries = srgb},
                                 {.primaries = srgb}};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        file_bytes f = make_png(SIDE, SIDE, 3, 8, pixels, &extras[i]);
        artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED);
        assert_memory_equal(image->pixels, pixels, sizeof pixels);
        artfusion_image_destroy(image);
        bytes_free(&f);
    }
    file_bytes with = make_jpeg(SIDE, SIDE, 3, pixels, 0, 0, nothing, profile);
    artfusion_image *image = load(&with, ARTFUSION_READING_VIEWED),
                    *plain = load(&with, ARTFUSION_READING_REFERENCE);
    assert_memory_equal(image->pixels, plain->pixels, sizeof pixels);
    artfusion_image_destroy(image);
    artfusion_image_destroy(plain);
    bytes_free(&with);
    bytes_free(&nearly);
    bytes_free(&profile);
}

static void gamma_counts_where_no_profile_does(void **state)
{
    (void)state;
    static const uint32_t adobe[] = {31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000};
    uint8_t colours[3 * COUNT], grey[COUNT];
    make_colours(colours);
    /* (gAMA 45455 is sRGB's curve: these primaries with another number.) */
    file_bytes f =
        make_png(SIDE, SIDE, 3, 8, colours, &(png_extras){.gamma = 55556, .primaries = adobe});
    artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED);
    for (int i = 0; i < COUNT; i++) {
        double expected[3];
        adobe_to_srgb(colours + 3 * i, 1.8, expected);
        for (int c = 0; c < 3; c++)
            assert_true(fabs(image->pixels[3 * i + c] - expected[c]) <= 1.5);
    }
    artfusion_image_destroy(image);
    bytes_free(&f);

    for (int i = 0; i < COUNT; i++)
        grey[i] = (uint8_t)(4 * i);
    f = make_png(SIDE, SIDE, 1, 8, grey, &(png_extras){.gamma = 100000});
    image = load(&f, ARTFUSION_READING_VIEWED);
    for (int i = 0; i < COUNT; i++)
        assert_true(fabs(image->pixels[3 * i] - srgb_of_light(grey[i] / 255.0)) <= 1.5);
    artfusion_image_destroy(image);
    bytes_free(&f);

    f = make_png(SIDE, SIDE, 1, 8, grey, &(png_extras){.gamma = 100});
    image = load(&f, ARTFUSION_READING_VIEWED);
    assert_int_equal(image->pixels[3 * 20], 80);
    assert_non_null(strstr(artfusion_image_warning(image), "gamma of 100 / 100000"));
    artfusion_image_destroy(image);
    bytes_free(&f);
}

/* Light of 16 bits: cut to 8 first, the dark half of it would be 13 levels apart. */
static void sixteen_bits_are_converted_as_such(void **state)
{
    (void)state;
    uint8_t wide[6 * COUNT];
    file_bytes profile = make_rgb_profile(GAMUT_ADOBE, 2.2);
    const png_extras extras[] = {{.gamma = 100000}, {.profile = profile}};
    for (int k = 0; k < 2; k++) {
        const int step = k ? 64 : 4; /* dark ones, where tables are coarse */
        for (int i = 0; i < 3 * COUNT; i++) {
            wide[2 * i] = (uint8_t)(i / 3 * step >> 8);
            wide[2 * i + 1] = (uint8_t)(i / 3 * step);
        }
        file_bytes f = make_png(SIDE, SIDE, 3, 16, wide, &extras[k]);
        artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED);
        for (int i = 0; i < COUNT; i++) {
            const double expected = srgb_of_light(pow(i * step / 65535.0, k ? 2.2 : 1.0));
            assert_true(fabs(image->pixels[3 * i] - expected) <= 1);
        }
        artfusion_image_destroy(image);
        bytes_free(&f);
    }
    bytes_free(&profile);
}

static void cicp_names_a_space(void **state)
{
    (void)state;
    static const struct {
        uint8_t cicp[4];
        int red; /* of (200, 100, 50) */
        const char *warning;
    } cases[] = {{{1, 13, 0, 1}, 200, ""},
                 {{12, 13, 0, 1}, 216, ""}, /* Display P3 */
                 {{9, 16, 0, 1}, 200, "cICP 9, 16, 0, 1"},
                 {{1, 13, 1, 1}, 200, "cICP 1, 13, 1, 1"}};
    const uint8_t pixel[3] = {200, 100, 50};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t chunk[16];
        (void)make_chunk(chunk, "cICP", cases[i].cicp, 4);
        /* It wins over a gamma that says otherwise. */
        file_bytes f = make_png(1, 1, 3, 8, pixel,
                                &(png_extras){.chunks = chunk, .chunks_size = 16, .gamma = 100000});
        artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED);
        assert_in_range(image->pixels[0], cases[i].red - 1, cases[i].red + 1);
        if (cases[i].warning[0])
            assert_non_null(strstr(artfusion_image_warning(image), cases[i].warning));
        else
            assert_string_equal(artfusion_image_warning(image), "");
        artfusion_image_destroy(image);
        bytes_free(&f);
    }
}

static void grey_has_profiles_of_its_own(void **state)
{
    (void)state;
    uint8_t grey[COUNT], grey_alpha[2 * COUNT];
    for (int i = 0; i < COUNT; i++) {
        grey[i] = grey_alpha[2 * i] = (uint8_t)(4 * i);
        grey_alpha[2 * i + 1] = 255;
    }
    file_bytes linear = make_grey_profile(1.0), rgb = make_rgb_profile(GAMUT_SRGB, 1.0);
    file_bytes files[] = {make_png(SIDE, SIDE, 1, 8, grey, &(png_extras){.profile = linear}),
                          make_png(SIDE, SIDE, 2, 8, grey_alpha, &(png_extras){.profile = linear}),
                          make_jpeg(SIDE, SIDE, 1, grey, 0, 0, nothing, linear),
                          make_jpeg(SIDE, SIDE, 1, grey, 0, 0, nothing, rgb)};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        artfusion_image *image = load(&files[i], ARTFUSION_READING_VIEWED),
                        *plain = load(&files[i], ARTFUSION_READING_REFERENCE);
        for (int p = 0; p < COUNT; p++) {
            const double expected = srgb_of_light(plain->pixels[3 * p] / 255.0);
            for (int c = 0; c < 3; c++)
                if (fabs(image->pixels[3 * p + c] - expected) > 1.5)
                    fail_msg("file %zu, grey %d: %d, not %.1f", i, plain->pixels[3 * p],
                             image->pixels[3 * p + c], expected);
        }
        assert_string_equal(artfusion_image_warning(image), "");
        artfusion_image_destroy(image);
        artfusion_image_destroy(plain);
        bytes_free(&files[i]);
    }
    bytes_free(&linear);
    bytes_free(&rgb);
}

/* Inks with a profile, with and without Adobe's inversion, are the same colours. */
static void inks_are_converted_by_their_profile(void **state)
{
    (void)state;
    static const uint8_t inks[4] = {255, 0, 0, 0};
    uint8_t plain[4 * COUNT], inverted[4 * COUNT];
    for (int i = 0; i < 4 * COUNT; i++) {
        plain[i] = inks[i % 4];
        inverted[i] = (uint8_t)(255 - plain[i]);
    }
    file_bytes profile = make_cmyk_profile();
    file_bytes a = make_jpeg(SIDE, SIDE, 4, plain, 0, 0, nothing, profile),
               b = make_jpeg(SIDE, SIDE, 4, inverted, 0, 1, nothing, profile),
               bare = make_jpeg(SIDE, SIDE, 4, plain, 0, 0, nothing, nothing);
    artfusion_image *first = load(&a, ARTFUSION_READING_VIEWED),
                    *second = load(&b, ARTFUSION_READING_VIEWED),
                    *third = load(&bare, ARTFUSION_READING_VIEWED);
    for (int c = 0; c < 3; c++)
        assert_in_range(first->pixels[c] + 2, second->pixels[c], second->pixels[c] + 4);
    /* Lab 50, -40, 0 is this in sRGB; without a profile cyan is the purest there is. */
    assert_in_range(first->pixels[0], 0, 12);
    assert_in_range(first->pixels[1], 134, 140);
    assert_in_range(first->pixels[2], 115, 124);
    assert_in_range(third->pixels[0], 0, 1);
    assert_in_range(third->pixels[1], 254, 255);
    artfusion_image_destroy(first);
    artfusion_image_destroy(second);
    artfusion_image_destroy(third);
    bytes_free(&a);
    bytes_free(&b);
    bytes_free(&bare);
    bytes_free(&profile);
}

/* A picture is not refused for its profile. */
static void what_cannot_be_used_is_said(void **state)
{
    (void)state;
    uint8_t colours[3 * COUNT], inks[4 * COUNT] = {0};
    make_colours(colours);
    file_bytes rgb = make_rgb_profile(GAMUT_ADOBE, 2.2), grey = make_grey_profile(1.8);
    file_bytes cut = {rgb.data, 140}, text = {rgb.data, 20};
    file_bytes abstract = nothing, large = nothing;
    bytes_add(&abstract, rgb.data, rgb.size);
    memcpy(abstract.data + 12, "abst", 4);
    large.size = 9u << 20;
    large.data = calloc(1, large.size);
    assert_non_null(large.data);
    const struct {
        file_bytes profile;
        int channels;
        const char *words;
    } cases[] = {{grey, 3, "it is for grey pictures"},
                 {rgb, 4, "it is for RGB pictures"},
                 {cut, 3, "cannot be used"},
                 {text, 3, "cannot be used"},
                 {abstract, 3, "no profile of a device"},
                 {large, 3, "larger than 8 MiB"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *rows = cases[i].channels == 4 ? inks : colours;
        file_bytes f =
            make_jpeg(SIDE, SIDE, cases[i].channels, rows, 0, 1, nothing, cases[i].profile);
        artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED),
                        *plain = load(&f, ARTFUSION_READING_REFERENCE);
        assert_memory_equal(image->pixels, plain->pixels, sizeof colours);
        if (!strstr(artfusion_image_warning(image), cases[i].words) ||
            !strstr(artfusion_image_warning(image), "taken for sRGB"))
            fail_msg("\"%s\" has no \"%s\"", artfusion_image_warning(image), cases[i].words);
        artfusion_image_destroy(image);
        artfusion_image_destroy(plain);
        bytes_free(&f);
    }
    /* In a PNG libpng looks at it first. */
    file_bytes f = make_png(SIDE, SIDE, 3, 8, colours, &(png_extras){.profile = rgb});
    for (size_t i = 0; i + 4 < f.size; i++)
        if (memcmp(f.data + i, "iCCP", 4) == 0)
            f.data[i + 20] ^= 0x55;
    artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED);
    assert_memory_equal(image->pixels, colours, sizeof colours);
    assert_non_null(strstr(artfusion_image_warning(image), "PNG: iCCP"));
    artfusion_image_destroy(image);
    bytes_free(&f);
    bytes_free(&rgb);
    bytes_free(&grey);
    bytes_free(&abstract);
    bytes_free(&large);
}

/* A large profile lies in several segments of a JPEG, which may come in any order. */
static void segments_of_a_profile_are_put_together(void **state)
{
    (void)state;
    uint8_t colours[3 * COUNT];
    make_colours(colours);
    file_bytes profile = make_rgb_profile(GAMUT_ADOBE, 2.2), whole = {NULL, 0};
    bytes_add(&whole, profile.data, profile.size);
    while (whole.size < 100000) /* behind what its tags name */
        bytes_add(&whole, "padding", 7);
    for (int i = 0; i < 4; i++)
        whole.data[i] = (uint8_t)(whole.size >> (24 - 8 * i));
    file_bytes f = make_jpeg(SIDE, SIDE, 3, colours, 0, 0, nothing, whole);
    artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED),
                    *plain = load(&f, ARTFUSION_READING_REFERENCE);
    assert_adobe(image, plain->pixels, 1.5);
    artfusion_image_destroy(image);

    size_t number = 0;
    for (size_t i = 0; i + 14 < f.size; i++) {
        if (memcmp(f.data + i, "ICC_PROFILE", 12) == 0 && f.data[i + 12] == 2)
            number = i + 12;
    }
    assert_true(number > 0);
    f.data[number] = 3; /* the second is missing */
    image = load(&f, ARTFUSION_READING_VIEWED);
    assert_memory_equal(image->pixels, plain->pixels, sizeof colours);
    assert_non_null(strstr(artfusion_image_warning(image), "segments of the colour profile"));
    artfusion_image_destroy(image);
    artfusion_image_destroy(plain);
    bytes_free(&f);
    bytes_free(&whole);
    bytes_free(&profile);
}

/* First the colours, then over the background. */
static void transparency_comes_after_colour(void **state)
{
    (void)state;
    const uint8_t half[4] = {200, 60, 60, 128};
    file_bytes profile = make_rgb_profile(GAMUT_ADOBE, 2.2);
    file_bytes f = make_png(1, 1, 4, 8, half, &(png_extras){.profile = profile});
    artfusion_image *image = load(&f, ARTFUSION_READING_VIEWED);
    double seen[3];
    adobe_to_srgb(half, 2.2, seen);
    for (int c = 0; c < 3; c++)
        assert_true(fabs(image->pixels[c] - (seen[c] * 128 + 255 * 127) / 255) <= 1.5);
    artfusion_image_destroy(image);
    bytes_free(&f);
    bytes_free(&profile);
}

/* A camera's word, without a profile: DCF's option file. */
static void adobe_rgb_may_be_named_by_exif(void **state)
{
    (void)state;
    uint8_t colours[3 * COUNT], rgba[4 * COUNT];
    /* Directories: the first, EXIF's, that of interoperability. */
    uint8_t exif[] = "Exif\0\0II*\0\x08\0\0\0"
                     "\1\0\x69\x87\4\0\1\0\0\0\x1a\0\0\0\0\0\0\0"
                     "\2\0\1\xa0\3\0\1\0\0\0\xff\xff\0\0\5\xa0\4\0\1\0\0\0\x38\0\0\0\0\0\0\0"
                     "\1\0\1\0\2\0\4\0\0\0R03\0\0\0\0\0";
    file_bytes app = {exif, sizeof exif - 1}, tiff = {exif + 6, sizeof exif - 7};
    make_colours(colours);
    for (int i = 0; i < COUNT; i++) {
        memcpy(rgba + 4 * i, colours + 3 * i, 3);
        rgba[4 * i + 3] = 255;
    }
    file_bytes jpeg = make_jpeg(SIDE, SIDE, 3, colours, 0, 0, app, nothing),
               webp = make_webp(SIDE, SIDE, 1, rgba, nothing, tiff, nothing);
    artfusion_image *image = load(&jpeg, ARTFUSION_READING_VIEWED),
                    *plain = load(&jpeg, ARTFUSION_READING_REFERENCE);
    assert_adobe(image, plain->pixels, 1.5);
    artfusion_image_destroy(image);
    bytes_free(&jpeg);
    image = load(&webp, ARTFUSION_READING_VIEWED);
    assert_adobe(image, colours, 1.5);
    artfusion_image_destroy(image);
    bytes_free(&webp);

    /* "Uncalibrated" alone says nothing, and a profile is the better word. */
    file_bytes srgb = make_rgb_profile(GAMUT_SRGB, 0);
    jpeg = make_jpeg(SIDE, SIDE, 3, colours, 0, 0, app, srgb);
    image = load(&jpeg, ARTFUSION_READING_VIEWED);
    assert_memory_equal(image->pixels, plain->pixels, sizeof colours);
    artfusion_image_destroy(image);
    bytes_free(&jpeg);
    bytes_free(&srgb);
    exif[sizeof exif - 7] = '9';
    jpeg = make_jpeg(SIDE, SIDE, 3, colours, 0, 0, app, nothing);
    image = load(&jpeg, ARTFUSION_READING_VIEWED);
    assert_memory_equal(image->pixels, plain->pixels, sizeof colours);
    artfusion_image_destroy(image);
    artfusion_image_destroy(plain);
    bytes_free(&jpeg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_converted_in_every_format),
        cmocka_unit_test(srgb_stays_what_it_is),
        cmocka_unit_test(gamma_counts_where_no_profile_does),
        cmocka_unit_test(sixteen_bits_are_converted_as_such),
        cmocka_unit_test(cicp_names_a_space),
        cmocka_unit_test(grey_has_profiles_of_its_own),
        cmocka_unit_test(inks_are_converted_by_their_profile),
        cmocka_unit_test(what_cannot_be_used_is_said),
        cmocka_unit_test(segments_of_a_profile_are_put_together),
        cmocka_unit_test(transparency_comes_after_colour),
        cmocka_unit_test(adobe_rgb_may_be_named_by_exif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
