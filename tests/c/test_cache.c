/* SPDX-License-Identifier: MIT
 * What a model remembers of pictures: seen by how often its networks are called. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model/cache.h"
#include "support.h"

static int calls_of(test_engine_control *engine, int function)
{
    return atomic_load(&engine->calls[function]);
}

static artfusion_status make_style(artfusion_model *model, const artfusion_image *picture,
                                   float values[3])
{
    artfusion_style *style;
    const artfusion_status status = artfusion_style_from_image(model, picture, &style);
    if (status == ARTFUSION_OK)
        memcpy(values, artfusion_style_values(style, NULL), 3 * sizeof *values);
    artfusion_style_destroy(style);
    return status;
}

/* By what it shows, not by its handle, and not by where its rows lie. */
static void test_same_picture(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(16, 24, 5), *wrapped;
    uint8_t padded[24][100] = {{0}};
    for (int y = 0; y < 24; y++)
        memcpy(padded[y],
               artfusion_image_pixels(picture) + (size_t)y * artfusion_image_stride(picture), 48);
    assert_ok(artfusion_image_wrap(padded[0], 16, 24, 100, &wrapped));

    float first[3], second[3];
    assert_ok(make_style(model, picture, first));
    assert_ok(make_style(model, wrapped, second));
    assert_int_equal(calls_of(engine, TEST_STYLE), 1);
    assert_memory_equal(first, second, sizeof first);

    padded[23][47] ^= 1; /* the last value of all */
    assert_ok(make_style(model, wrapped, second));
    assert_int_equal(calls_of(engine, TEST_STYLE), 2);
    assert_memory_not_equal(first, second, sizeof first);
    artfusion_image_destroy(wrapped);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

/* The same bytes in other lines are another picture. */
static void test_size_matters(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    uint8_t pixels[3 * 16 * 32];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    artfusion_image *tall, *wide;
    assert_ok(artfusion_image_wrap(pixels, 16, 32, 48, &tall));
    assert_ok(artfusion_image_wrap(pixels, 32, 16, 96, &wide));
    float mode[3 * 4 * 8];
    assert_ok(artfusion_model_encode(model, tall, ARTFUSION_LATENT_MODE, mode, 96));
    assert_ok(artfusion_model_encode(model, wide, ARTFUSION_LATENT_MODE, mode, 96));
    assert_int_equal(calls_of(engine, TEST_ENCODE), 2);

    /* And a style is no latent of the same picture, not even where both had as many values. */
    af_cache_key as_latent, as_style;
    af_cache_key_of(tall, 'e', &as_latent);
    af_cache_key_of(tall, 's', &as_style);
    assert_memory_not_equal(&as_latent, &as_style, sizeof as_latent);
    artfusion_image_destroy(tall);
    artfusion_image_destroy(wide);
    artfusion_model_destroy(model);
}

/* All kinds of latent are made of one that is kept. */
static void test_kinds(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL), *fresh = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(16, 8, 1);
    for (artfusion_latent_kind kind = 0; kind <= ARTFUSION_LATENT_CONTENT; kind++) {
        float remembered[24], computed[24];
        assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_CONTENT, computed, 24));
        assert_ok(artfusion_model_encode(model, picture, kind, remembered, 24));
        assert_ok(artfusion_model_encode(fresh, picture, kind, computed, 24));
        assert_memory_equal(remembered, computed, sizeof computed);
    }
    assert_int_equal(calls_of(engine, TEST_ENCODE), 2); /* each model has its own */
    artfusion_image_destroy(picture);
    artfusion_model_destroy(fresh);
    artfusion_model_destroy(model);
}

static void test_failures_are_not_kept(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *picture = test_picture(16, 16, 3);
    float code[3], mode[48];
    static const artfusion_status kinds[] = {ARTFUSION_OK /* a NaN */, ARTFUSION_ERROR_MEMORY};
    for (int i = 0; i < 2; i++) {
        engine->fail_status = kinds[i];
        engine->fail_function = TEST_STYLE;
        engine->fail_in = 1;
        assert_true(make_style(model, picture, code) < 0);
        engine->fail_function = TEST_ENCODE;
        engine->fail_in = 1;
        assert_true(artfusion_model_encode(model, picture, ARTFUSION_LATENT_MODE, mode, 48) < 0);
    }
    assert_ok(make_style(model, picture, code));
    assert_ok(artfusion_model_encode(model, picture, ARTFUSION_LATENT_MODE, mode, 48));
    assert_int_equal(calls_of(engine, TEST_STYLE), 3);
    assert_int_equal(calls_of(engine, TEST_ENCODE), 3);
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

/* A second picture of known content and style costs its steps and the decoder. */
static void test_second_run(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_image *photo = test_picture(40, 24, 1), *painting = test_picture(30, 30, 2);
    for (int run = 1; run <= 3; run++) {
        artfusion_sampler *sampler;
        artfusion_style *style;
        artfusion_image *result;
        artfusion_status status = ARTFUSION_OK;
        assert_ok(artfusion_sampler_create(model, NULL, &sampler));
        assert_ok(artfusion_style_from_image(model, painting, &style));
        assert_ok(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, style));
        assert_ok(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, photo));
        while (status == ARTFUSION_OK)
            status = artfusion_sampler_next(sampler);
        assert_int_equal(status, ARTFUSION_DONE);
        assert_ok(artfusion_sampler_image(sampler, 0, &result));
        artfusion_image_destroy(result);
        artfusion_style_destroy(style);
        artfusion_sampler_destroy(sampler);
        assert_int_equal(calls_of(engine, TEST_ENCODE), 1);
        assert_int_equal(calls_of(engine, TEST_STYLE), 1);
        assert_int_equal(calls_of(engine, TEST_DECODE), run);
    }
    artfusion_image_destroy(photo);
    artfusion_image_destroy(painting);
    artfusion_model_destroy(model);
}

static af_cache_key numbered_key(int number)
{
    af_cache_key key = {{0}};
    memcpy(key.bytes, &number, sizeof number);
    return key;
}

/* The entry that was used longest ago makes room, and what is asked for counts as used. */
static void test_oldest_goes(void **state)
{
    (void)state;
    af_cache cache;
    assert_true(af_cache_init(&cache));
    for (int i = 0; i < AF_CACHE_ENTRIES; i++) {
        const af_cache_key key = numbered_key(i);
        const float value = (float)i;
        af_cache_keep(&cache, &key, &value, 1);
    }
    float value;
    const af_cache_key first = numbered_key(0), second = numbered_key(1),
                       another = numbered_key(1000);
    assert_true(af_cache_find(&cache, &first, &value, 1));
    af_cache_keep(&cache, &another, &value, 1);
    assert_true(af_cache_find(&cache, &first, &value, 1) && value == 0.0f);
    assert_false(af_cache_find(&cache, &second, &value, 1));
    assert_false(af_cache_find(&cache, &first, &value, 0)); /* of another size: not this one */
    af_cache_clear(&cache);
}

static void test_bounded(void **state)
{
    (void)state;
    af_cache cache;
    assert_true(af_cache_init(&cache));
    const size_t most = AF_CACHE_BYTES / sizeof(float);
    float *values = calloc(most + 1, sizeof *values);
    assert_non_null(values);
    for (int i = 0; i < 10; i++) {
        const af_cache_key key = numbered_key(i);
        af_cache_keep(&cache, &key, values, most / 3);
        assert_true(cache.bytes <= AF_CACHE_BYTES);
    }
    for (int i = 0; i < 10; i++) {
        const af_cache_key key = numbered_key(i);
        assert_int_equal(af_cache_find(&cache, &key, values, most / 3), i >= 7);
    }
    /* What would not fit alone drives nothing out; what just fits, everything. */
    const af_cache_key large = numbered_key(100), last = numbered_key(9);
    af_cache_keep(&cache, &large, values, most + 1);
    assert_false(af_cache_find(&cache, &large, values, most + 1));
    assert_true(af_cache_find(&cache, &last, values, most / 3));
    af_cache_keep(&cache, &large, values, most);
    assert_true(af_cache_find(&cache, &large, values, most));
    assert_false(af_cache_find(&cache, &last, values, most / 3));
    assert_int_equal(cache.bytes, AF_CACHE_BYTES);
    free(values);
    af_cache_clear(&cache);
}

/* Twice as many pictures as it can keep, by threads that disturb each other: each gets its own. */
static void *use(void *data)
{
    artfusion_model *model = data;
    for (uint32_t i = 0; i < 4 * AF_CACHE_ENTRIES; i++) {
        const uint32_t seed = i * 31 % (2 * AF_CACHE_ENTRIES);
        artfusion_image *picture;
        artfusion_style *style;
        if (artfusion_image_create(16, 16, &picture) < 0)
            return "no picture";
        memset(artfusion_image_pixels(picture), (int)seed, 16 * artfusion_image_stride(picture));
        if (artfusion_style_from_image(model, picture, &style) < 0)
            return "no style";
        artfusion_image_destroy(picture);
        const float code = artfusion_style_values(style, NULL)[0];
        artfusion_style_destroy(style);
        if (code < (float)seed / 127.5f - 1.001f || code > (float)seed / 127.5f - 0.999f)
            return "another picture's style";
    }
    return NULL;
}

/* Two threads that had the same picture keep it once: what was first kept stays. */
static void test_kept_twice(void **state)
{
    (void)state;
    af_cache cache;
    const af_cache_key key = {{1}};
    const float first[2] = {1, 2}, second[2] = {3, 4};
    float found[2];
    assert_true(af_cache_init(&cache));
    af_cache_keep(&cache, &key, first, 2);
    af_cache_keep(&cache, &key, second, 2);
    assert_int_equal(cache.bytes, sizeof first);
    assert_true(af_cache_find(&cache, &key, found, 2));
    assert_memory_equal(found, first, sizeof found);
    assert_false(af_cache_find(&cache, &key, found, 1)); /* of another size it is not it */
    af_cache_clear(&cache);
}

static void test_threads(void **state)
{
    (void)state;
    (void)test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, model), 0);
    for (size_t i = 0; i < 8; i++) {
        void *complaint;
        assert_int_equal(pthread_join(threads[i], &complaint), 0);
        if (complaint)
            fail_msg("%s", (const char *)complaint);
    }
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_picture), cmocka_unit_test(test_size_matters),
        cmocka_unit_test(test_kinds),        cmocka_unit_test(test_failures_are_not_kept),
        cmocka_unit_test(test_second_run),   cmocka_unit_test(test_oldest_goes),
        cmocka_unit_test(test_bounded),      cmocka_unit_test(test_kept_twice),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
