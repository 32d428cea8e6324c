/* SPDX-License-Identifier: MIT
 * Style codes saved and loaded again. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "model/style.h"
#include "support.h"

typedef struct saved {
    artfusion_model *model;
    artfusion_style *style;
    uint8_t *data;
    size_t size;
} saved;

static saved save_a_style(void)
{
    saved made = {.model = test_model(NULL, NULL)};
    const float values[] = {0.25f, -1e-40f, -0.0f}; /* a denormal and a sign to lose */
    assert_ok(artfusion_style_from_values(made.model, values, 3, &made.style));
    assert_ok(artfusion_style_save_memory(made.style, &made.data, &made.size));
    return made;
}

static void forget(saved *s)
{
    artfusion_free(s->data);
    artfusion_style_destroy(s->style);
    artfusion_model_destroy(s->model);
}

static void test_every_bit_returns(void **state)
{
    (void)state;
    saved s = save_a_style();
    artfusion_model *other = test_model(NULL, NULL);
    artfusion_style *loaded;
    assert_ok(artfusion_style_load_memory(other, s.data, s.size, &loaded));
    assert_memory_equal(artfusion_style_values(loaded, NULL), artfusion_style_values(s.style, NULL),
                        3 * sizeof(float));
    artfusion_style_destroy(loaded);
    artfusion_model_destroy(other);
    forget(&s);
}

/* The bytes of a release are those of every later one, on every machine. */
static void test_the_format_stays(void **state)
{
    (void)state;
    saved s = save_a_style();
    static const uint8_t head[] = {'A', 'F', 'S', 'T', 'Y', 'L', 'E', 0, 1, 0, 0, 0};
    static const uint8_t values[] = {3, 0, 0,    0, /* count */
                                     0, 0, 0x80, 0x3e, 0xc2, 0x16, 0x01, 0x80, 0, 0, 0, 0x80};
    assert_int_equal(s.size, sizeof head + 64 + sizeof values + 32);
    assert_memory_equal(s.data, head, sizeof head);
    assert_memory_equal(s.data + sizeof head, s.model->manifest.weights_sha256, 64);
    assert_memory_equal(s.data + sizeof head + 64, values, sizeof values);
    forget(&s);
}

static void test_every_damaged_byte_is_found(void **state)
{
    (void)state;
    saved s = save_a_style();
    artfusion_style *loaded;
    for (size_t i = 0; i < s.size; i++) {
        s.data[i] ^= 0x10;
        assert_error(artfusion_style_load_memory(s.model, s.data, s.size, &loaded),
                     i < 8    ? ARTFUSION_ERROR_FORMAT
                     : i < 12 ? ARTFUSION_ERROR_UNSUPPORTED
                              : ARTFUSION_ERROR_CHECKSUM,
                     "saved style code");
        assert_null(loaded);
        s.data[i] ^= 0x10;
        uint8_t *cut = malloc(i ? i : 1); /* so that a sanitizer sees reads behind it */
        assert_non_null(cut);
        memcpy(cut, s.data, i);
        assert_error(artfusion_style_load_memory(s.model, cut, i, &loaded),
                     i < 44 ? ARTFUSION_ERROR_FORMAT : ARTFUSION_ERROR_CHECKSUM,
                     "saved style code");
        free(cut);
    }
    forget(&s);
}

static void test_other_models(void **state)
{
    (void)state;
    saved s = save_a_style();
    artfusion_model *other = test_model("small", "large");
    artfusion_style *loaded;
    assert_error(artfusion_style_load_memory(other, s.data, s.size, &loaded),
                 ARTFUSION_ERROR_MISMATCH, "another model");
    assert_null(loaded);
    artfusion_model_destroy(other);
    forget(&s);
}

/* With a right checksum, but not what a style code is. */
static void test_impossible_styles(void **state)
{
    (void)state;
    saved s = save_a_style();
    artfusion_style *loaded;
    uint8_t *data;
    size_t size;
    s.style->values[1] = (float)NAN;
    assert_ok(artfusion_style_save_memory(s.style, &data, &size));
    assert_error(artfusion_style_load_memory(s.model, data, size, &loaded), ARTFUSION_ERROR_FORMAT,
                 "values: value 1 of 3 is ");
    artfusion_free(data);
    s.style->values[1] = 0.0f;
    s.model->manifest.style_width = 2;
    assert_ok(artfusion_style_save_memory(s.style, &data, &size));
    s.model->manifest.style_width = 3;
    assert_error(artfusion_style_load_memory(s.model, data, size, &loaded), ARTFUSION_ERROR_FORMAT,
                 "has 2 values");
    artfusion_free(data);
    forget(&s);
}

static void test_files(void **state)
{
    (void)state;
    saved s = save_a_style();
    artfusion_style *loaded;
    char folder[] = "/tmp/artfusion-style-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/style", folder);
    assert_error(artfusion_style_load_file(s.model, path, &loaded), ARTFUSION_ERROR_IO, path);
    assert_ok(artfusion_style_save_file(s.style, path));
    assert_ok(artfusion_style_load_file(s.model, path, &loaded));
    assert_memory_equal(loaded->values, s.style->values, 3 * sizeof(float));
    artfusion_style_destroy(loaded);
    assert_int_equal(truncate(path, (off_t)1 << 20), 0);
    assert_error(artfusion_style_load_file(s.model, path, &loaded), ARTFUSION_ERROR_LIMIT,
                 "beyond");
    assert_null(loaded);
    assert_int_equal(unlink(path), 0);
    assert_error(artfusion_style_save_file(s.style, "/nowhere/style"), ARTFUSION_ERROR_IO,
                 "/nowhere/style");
    assert_int_equal(rmdir(folder), 0);
    forget(&s);
}

static void test_arguments(void **state)
{
    (void)state;
    saved s = save_a_style();
    artfusion_style *loaded = s.style;
    uint8_t *data = s.data;
    size_t size = 7;
    assert_error(artfusion_style_save_memory(NULL, &data, &size), ARTFUSION_ERROR_ARGUMENT,
                 "style is NULL");
    assert_null(data);
    assert_int_equal(size, 0);
    assert_error(artfusion_style_save_memory(s.style, NULL, &size), ARTFUSION_ERROR_ARGUMENT,
                 "data is NULL");
    data = s.data;
    assert_error(artfusion_style_save_memory(s.style, &data, NULL), ARTFUSION_ERROR_ARGUMENT,
                 "size is NULL");
    assert_null(data);
    assert_error(artfusion_style_save_file(s.style, NULL), ARTFUSION_ERROR_ARGUMENT,
                 "path is NULL");
    assert_error(artfusion_style_save_file(NULL, "/tmp/none"), ARTFUSION_ERROR_ARGUMENT,
                 "style is NULL");
    assert_error(artfusion_style_load_memory(s.model, s.data, s.size, NULL),
                 ARTFUSION_ERROR_ARGUMENT, "style is NULL");
    assert_error(artfusion_style_load_memory(NULL, s.data, s.size, &loaded),
                 ARTFUSION_ERROR_ARGUMENT, "model is NULL");
    assert_null(loaded);
    assert_error(artfusion_style_load_memory(s.model, NULL, 0, &loaded), ARTFUSION_ERROR_ARGUMENT,
                 "data is NULL");
    assert_error(artfusion_style_load_file(s.model, "/tmp/none", NULL), ARTFUSION_ERROR_ARGUMENT,
                 "style is NULL");
    assert_error(artfusion_style_load_file(NULL, "/tmp/none", &loaded), ARTFUSION_ERROR_ARGUMENT,
                 "model is NULL");
    assert_error(artfusion_style_load_file(s.model, NULL, &loaded), ARTFUSION_ERROR_ARGUMENT,
                 "path is NULL");
    forget(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_bit_returns),
        cmocka_unit_test(test_the_format_stays),
        cmocka_unit_test(test_every_damaged_byte_is_found),
        cmocka_unit_test(test_other_models),
        cmocka_unit_test(test_impossible_styles),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
