/* SPDX-License-Identifier: MIT
 * Memory that runs out: the first allocation of a call fails, then the second, and so on until the
 * call succeeds. Each failure is told, leaves no handle, and (under ASan) leaks nothing. */
#define _POSIX_C_SOURCE 200809L
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "math/solver.h"
#include "pictures.h"
#include "runs.h"

static int left;     /* the allocation that fails: 1 is the next, 0 or less is none */
static size_t asked; /* bytes, of arrays */

void *__real_af_alloc(size_t bytes);
void *__real_af_alloc_array(size_t number, size_t size);
void *__real_af_realloc(void *memory, size_t bytes);
void *__wrap_af_alloc(size_t bytes);
void *__wrap_af_alloc_array(size_t number, size_t size);
void *__wrap_af_realloc(void *memory, size_t bytes);

void *__wrap_af_alloc(size_t bytes)
{
    return --left == 0 ? NULL : __real_af_alloc(bytes);
}

void *__wrap_af_alloc_array(size_t number, size_t size)
{
    asked += number * size;
    return --left == 0 ? NULL : __real_af_alloc_array(number, size);
}

void *__wrap_af_realloc(void *memory, size_t bytes)
{
    return --left == 0 ? NULL : __real_af_realloc(memory, bytes);
}

/* Calls `work` with the first, second, ... allocation failing. Each time it must fail, but for
 * `forgiven` allocations that only save time. There must have been `least` at least. */
static void exhaust(artfusion_status (*work)(void), int least, int forgiven)
{
    int failure = 0, done = 0;
    while (!done) {
        left = ++failure;
        const artfusion_status status = work();
        done = left > 0; /* nothing had to fail */
        left = 0;
        if (done || (status == ARTFUSION_OK && --forgiven >= 0))
            assert_int_equal(status, ARTFUSION_OK);
        else
            assert_error(status, ARTFUSION_ERROR_MEMORY, "out of memory");
    }
    assert_true(failure > least);
    assert_int_equal(forgiven, 0);
}

#define TRY(call)                                                                                  \
    if (status == ARTFUSION_OK)                                                                    \
    status = (call)

/* ---- pictures ------------------------------------------------------------- */

static artfusion_image *picture;
static uint8_t *file;
static size_t file_size;

static artfusion_status make_images(void)
{
    artfusion_image *made = picture, *wrapped = picture;
    uint8_t pixels[3];
    artfusion_status status = artfusion_image_create(2, 3, &made);
    TRY(artfusion_image_wrap(pixels, 1, 1, 3, &wrapped));
    if (!status)
        artfusion_image_destroy(wrapped);
    else
        assert_true(!made || !wrapped);
    artfusion_image_destroy(made);
    return status;
}

static artfusion_status load(void)
{
    artfusion_load_options options;
    artfusion_image *image = picture;
    assert_ok(artfusion_load_options_init(&options, sizeof options));
    options.background[3] = 1;
    const artfusion_status status = artfusion_image_load_memory(file, file_size, &options, &image);
    assert_true(!image == !!status);
    artfusion_image_destroy(image);
    return status;
}

static artfusion_file_format format;

static artfusion_status save(void)
{
    artfusion_save_options options;
    uint8_t *data = (uint8_t *)picture;
    size_t size = 1;
    assert_ok(artfusion_save_options_init(&options, sizeof options));
    options.format = format;
    options.jpeg_quality = 100;
    const artfusion_status status = artfusion_image_save_memory(picture, &options, &data, &size);
    assert_true(!data == !!status && !size == !!status);
    artfusion_free(data);
    return status;
}

static int32_t to_width, to_height;

static artfusion_status resize(void)
{
    artfusion_image *resized = picture;
    const artfusion_status status =
        artfusion_image_resize(picture, to_width, to_height, ARTFUSION_FILTER_BICUBIC, &resized);
    assert_true(!resized == !!status);
    artfusion_image_destroy(resized);
    return status;
}

static void pictures_in_memory(void **state)
{
    (void)state;
    exhaust(make_images, 3, 0);

    uint8_t rgba[4 * 6] = {1, 2, 3, 128};
    png_image png = {
        .version = PNG_IMAGE_VERSION, .width = 3, .height = 2, .format = PNG_FORMAT_RGBA};
    uint8_t bytes[1024];
    png_alloc_size_t png_size = sizeof bytes;
    assert_true(png_image_write_to_memory(&png, bytes, &png_size, 0, rgba, 0, NULL));
    file = bytes;
    file_size = png_size;
    exhaust(load, 4, 0);

    /* Transparent, turned, with colours to convert: littlecms looks not at all that it is given. */
    uint8_t noise[5 * 4 * 8];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 37);
    const file_bytes none = {NULL, 0};
    file_bytes profile = make_rgb_profile(GAMUT_ADOBE, 2.2), exif = make_exif(6),
               inks = make_cmyk_profile();
    file_bytes files[] = {
        make_png(5, 4, 4, 16, noise, &(png_extras){.profile = profile, .interlaced = 1}),
        make_png(5, 4, 1, 8, noise, &(png_extras){.gamma = 100000}),
        make_jpeg(5, 4, 4, noise, 0, 1, none, inks),
        make_webp(5, 4, 0, noise, profile, exif, none),
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        file = files[i].data;
        file_size = files[i].size;
        exhaust(load, 4, 0);
        bytes_free(&files[i]);
    }
    bytes_free(&profile);
    bytes_free(&exif);
    bytes_free(&inks);

    /* Of enough noise for the buffer to grow more than once. */
    assert_ok(artfusion_image_create(300, 200, &picture));
    uint8_t *pixels = artfusion_image_pixels(picture);
    for (uint32_t i = 0; i < 3 * 300 * 200; i++)
        pixels[i] = (uint8_t)(i * UINT32_C(2654435761) >> 13);
    format = ARTFUSION_FORMAT_PNG;
    exhaust(save, 5, 0);
    format = ARTFUSION_FORMAT_JPEG;
    exhaust(save, 2, 0);
    format = ARTFUSION_FORMAT_WEBP;
    exhaust(save, 1, 0);
    artfusion_image_destroy(picture);
}

/* On both axes, on either, on none; and how much there was no memory for. */
static void resampling(void **state)
{
    (void)state;
    static const struct {
        int32_t width, height;
        int allocations, failing;
        const char *words;
    } cases[] = {
        /* 10 to 4 by a cubic: 5 pixels on each side and one. */
        {4, 20, 6, 3, "out of memory: 176 bytes for resampling weights"},
        {4, 20, 6, 4, "out of memory: 176 bytes for resampling weights"},
        {4, 20, 6, 5, "out of memory: 176 bytes for resampling weights"},
        {4, 20, 6, 6, "out of memory: 176 bytes for resampling weights"},
        {10, 8, 7, 3, "out of memory: 120 bytes for a row of sums"},
        {10, 8, 7, 7, "out of memory: 352 bytes for resampling weights"},
        {4, 8, 13, 3, "out of memory: 240 bytes for an image's pixels"},
        {10, 20, 2, 1, "out of memory: 600 bytes for an image's pixels"},
    };
    picture = test_picture(10, 20, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        to_width = cases[i].width;
        to_height = cases[i].height;
        exhaust(resize, cases[i].allocations, 0);
        left = cases[i].failing;
        const artfusion_status status = resize();
        left = 0;
        assert_error(status, ARTFUSION_ERROR_MEMORY, cases[i].words);
    }
    artfusion_image_destroy(picture);
}

/* A JPEG that lies on its side: turning it takes a second picture. */
static void a_turned_picture(void **state)
{
    (void)state;
    static const uint8_t exif[] = "\xFF\xE1\x00\x22"
                                  "Exif\0\0II*\0\x08\0\0\0"
                                  "\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    const size_t segment = sizeof exif - 1;
    artfusion_save_options options;
    uint8_t *jpeg;
    size_t size;
    picture = test_picture(24, 16, 1);
    assert_ok(artfusion_save_options_init(&options, sizeof options));
    options.format = ARTFUSION_FORMAT_JPEG;
    assert_ok(artfusion_image_save_memory(picture, &options, &jpeg, &size));
    file_size = size + segment;
    file = malloc(file_size);
    assert_non_null(file);
    memcpy(file, jpeg, 2);
    memcpy(file + 2, exif, segment);
    memcpy(file + 2 + segment, jpeg + 2, size - 2);
    exhaust(load, 3, 0);
    artfusion_free(jpeg);
    free(file);
    artfusion_image_destroy(picture);
}

static const char *path;

static artfusion_status save_and_load_file(void)
{
    artfusion_image *loaded = NULL;
    artfusion_status status = artfusion_image_save_file(picture, path, NULL);
    TRY(artfusion_image_load_file(path, NULL, &loaded));
    artfusion_image_destroy(loaded);
    return status;
}

static void picture_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/artfusion-test-XXXXXX", name[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(name, sizeof name, "%s/a.png", folder);
    path = name;
    picture = test_picture(8, 8, 1);
    exhaust(save_and_load_file, 8, 0);
    artfusion_image_destroy(picture);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(folder), 0); /* no half-written file is left beside it */
}

/* ---- models and runs ------------------------------------------------------ */

static artfusion_model *model;
static uint8_t *bundle;
static size_t bundle_size;
static const char *trusted; /* by isolation AUTO; NULL: none is asked for */

static artfusion_status open_model(void)
{
    artfusion_context_options options;
    artfusion_context *context = NULL;
    artfusion_model *opened = model;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.isolation = trusted ? ARTFUSION_ISOLATION_AUTO : ARTFUSION_ISOLATION_NONE;
    options.trusted = trusted;
    artfusion_status status = artfusion_context_create(&options, &context);
    assert_true(!context == !!status);
    if (status)
        return status;
    TRY(artfusion_model_open_memory(context, bundle, bundle_size, &opened));
    assert_true(!opened == !!status);
    artfusion_model_destroy(opened);
    artfusion_context_destroy(context);
    return status;
}

static void opening(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    bundle = make_bundle(small_manifest, NULL, NULL, &bundle_size);
    exhaust(open_model, 12, 0);
    uint8_t sum[SHA256_DIGEST_LENGTH];
    char digest[2 * sizeof sum + 1];
    (void)SHA256(bundle, bundle_size, sum);
    for (size_t i = 0; i < sizeof sum; i++)
        (void)snprintf(digest + 2 * i, 3, "%02x", sum[i]);
    trusted = digest;
    exhaust(open_model, 16, 0); /* and the digests, two looks at the file, and its copy */
    trusted = NULL;
    assert_int_equal(atomic_load(&engine->networks), 0);
    free(bundle);
}

/* A model that remembers no pictures yet; making it counts for nothing. */
static artfusion_model *fresh_model(void)
{
    const int kept = left;
    left = 0;
    artfusion_model *fresh = test_model(NULL, NULL);
    left = kept;
    return fresh;
}

static artfusion_status make_styles(void)
{
    const double weights[2] = {0.5, 0.5};
    artfusion_style *styles[2] = {NULL, NULL}, *blend = NULL, *given = NULL;
    artfusion_model *fresh = fresh_model();
    artfusion_status status = artfusion_style_from_image(fresh, picture, &styles[0]);
    TRY(artfusion_style_null(fresh, &styles[1]));
    TRY(artfusion_style_blend((const artfusion_style *const *)styles, weights, 2, &blend));
    TRY(artfusion_style_from_values(fresh, (const float[]){1, 2, 3}, 3, &given));
    assert_true(!given == !!status);
    artfusion_style_destroy(styles[0]);
    artfusion_style_destroy(styles[1]);
    artfusion_style_destroy(blend);
    artfusion_style_destroy(given);
    artfusion_model_destroy(fresh);
    return status;
}

static void styles(void **state)
{
    (void)state;
    picture = test_picture(10, 12, 1); /* to be enlarged */
    exhaust(make_styles, 14, 1);
    artfusion_image_destroy(picture);
}

static artfusion_status call_stages(void)
{
    static float latent[VALUES], prediction[VALUES], rgb[3 * SIDE * SIDE];
    const int32_t timestep = 500;
    artfusion_model *fresh = fresh_model();
    artfusion_status status =
        artfusion_model_encode(fresh, picture, ARTFUSION_LATENT_SCALED, latent, VALUES);
    TRY(artfusion_model_decode(fresh, latent, 1, 4, 4, rgb, 3 * SIDE * SIDE));
    TRY(artfusion_model_denoise(fresh, latent, &timestep, NULL, NULL, 1, 4, 4, prediction));
    artfusion_model_destroy(fresh);
    return status;
}

static void stages(void **state)
{
    (void)state;
    picture = test_picture(SIDE, SIDE, 1);
    exhaust(call_stages, 6, 1);
    artfusion_image_destroy(picture);
}

static artfusion_solver solver;

/* A run as a user makes it, and the same run where a failed step or picture is tried again. */
static artfusion_status paint(int again, uint8_t *pixels)
{
    artfusion_sampler *sampler = NULL;
    artfusion_image *result = NULL;
    artfusion_sampler_options options = options_for(model);
    options.solver = solver;
    options.steps = 3;
    options.keep_every = 1;
    artfusion_status status = artfusion_sampler_create(model, &options, &sampler);
    assert_true(!sampler == !!status);
    TRY(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, picture));
    TRY(artfusion_sampler_run(sampler));
    if (status == ARTFUSION_ERROR_MEMORY && again && sampler &&
        artfusion_sampler_x(sampler, NULL) != NULL)
        status = artfusion_sampler_run(sampler);
    TRY(artfusion_sampler_image(sampler, 0, &result));
    if (status == ARTFUSION_OK && pixels)
        memcpy(pixels, artfusion_image_pixels(result), 3 * SIDE * SIDE);
    artfusion_image_destroy(result);
    artfusion_sampler_destroy(sampler);
    return status;
}

static artfusion_status paint_once(void)
{
    return paint(0, NULL);
}

static void runs(void **state)
{
    (void)state;
    model = test_model(NULL, NULL);
    picture = test_picture(SIDE + 1, SIDE, 1); /* to be resized */
    for (solver = ARTFUSION_SOLVER_DDIM; solver <= ARTFUSION_SOLVER_UNIPC; solver++) {
        left = 0;
        assert_ok(paint(0, NULL)); /* the model knows the picture from here on */
        exhaust(paint_once, 30, 0);
    }
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

/* A step that had no memory is done when there is some again, and the picture is the same. */
static void steps_are_tried_again(void **state)
{
    (void)state;
    uint8_t expected[3 * SIDE * SIDE], pixels[3 * SIDE * SIDE];
    model = test_model(NULL, NULL);
    picture = test_picture(SIDE, SIDE, 1);
    solver = ARTFUSION_SOLVER_UNIPC;
    left = 0;
    assert_ok(paint(0, expected));
    int retried = 0;
    for (int failure = 1, done = 0; !done; failure++) {
        left = failure;
        const artfusion_status status = paint(1, pixels);
        done = left > 0;
        left = 0;
        if (status == ARTFUSION_OK) {
            retried += !done;
            assert_memory_equal(pixels, expected, sizeof pixels);
        }
    }
    assert_int_equal(retried, 1); /* a run's only allocation is that of its conditions */
    artfusion_image_destroy(picture);
    artfusion_model_destroy(model);
}

static artfusion_sampler *painter;

static artfusion_status save_and_load(void)
{
    uint8_t *data = (uint8_t *)picture;
    size_t size = 1;
    artfusion_style *style = NULL, *loaded = (artfusion_style *)(uintptr_t)1;
    artfusion_status status = artfusion_sampler_save_state_memory(painter, &data, &size);
    assert_true(!data == !!status && !size == !!status);
    TRY(artfusion_sampler_load_state_memory(painter, data, size));
    artfusion_free(data);
    data = NULL;
    TRY(artfusion_style_null(model, &style));
    TRY(artfusion_style_save_memory(style, &data, &size));
    if (status == ARTFUSION_OK) {
        status = artfusion_style_load_memory(model, data, size, &loaded);
        assert_true(!loaded == !!status);
        artfusion_style_destroy(loaded);
    }
    artfusion_style_destroy(style);
    artfusion_free(data);
    return status;
}

/* A run that could not be saved or loaded is where it was. */
static void saved_runs(void **state)
{
    (void)state;
    model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.solver = ARTFUSION_SOLVER_UNIPC;
    options.keep_every = 1;
    artfusion_sampler *undisturbed = sampler_for(model, &options);
    painter = sampler_for(model, &options);
    for (int step = 0; step < 3; step++) {
        assert_ok(artfusion_sampler_next(undisturbed));
        assert_ok(artfusion_sampler_next(painter));
    }
    exhaust(save_and_load, 25, 0);
    assert_ok(artfusion_sampler_run(undisturbed));
    assert_ok(artfusion_sampler_run(painter));
    assert_memory_equal(artfusion_sampler_x(painter, NULL), artfusion_sampler_x(undisturbed, NULL),
                        VALUES * sizeof(float));
    artfusion_sampler_destroy(undisturbed);
    artfusion_sampler_destroy(painter);
    artfusion_model_destroy(model);
}

/* A solver holds as much history as it needs, and says of what there was no memory for. */
static void histories(void **state)
{
    (void)state;
    static const int allocations[] = {
        [ARTFUSION_SOLVER_DDIM] = 1,     [ARTFUSION_SOLVER_DDPM] = 1,
        [ARTFUSION_SOLVER_DPMPP_2M] = 2, [ARTFUSION_SOLVER_DPMPP_2M_SDE] = 2,
        [ARTFUSION_SOLVER_UNIPC] = 4,
    };
    for (artfusion_solver kind = 0; kind <= ARTFUSION_SOLVER_UNIPC; kind++) {
        const af_solver_options options = {kind, 0.0, 1.0};
        af_solver *made = NULL;
        for (int failure = 1; failure <= allocations[kind]; failure++) {
            left = failure;
            assert_error(af_solver_create(&options, 7, &made), ARTFUSION_ERROR_MEMORY,
                         failure > 1 ? "out of memory: 28 bytes for a solver's history"
                                     : "bytes for a solver");
            assert_null(made);
            af_error_clear();
        }
        left = allocations[kind] + 1;
        asked = 0;
        assert_ok(af_solver_create(&options, 7, &made));
        assert_int_equal(asked, af_solver_bytes(kind, 7));
        assert_int_equal(left, 1);
        left = 0;
        af_solver_destroy(made);
    }
}

static artfusion_status make_generator(void)
{
    artfusion_rng *rng = (artfusion_rng *)1;
    const artfusion_status status = artfusion_rng_create(ARTFUSION_RNG_TORCH_CPU, 1, &rng);
    assert_true(!rng == !!status);
    artfusion_rng_destroy(rng);
    return status;
}

static void generators(void **state)
{
    (void)state;
    exhaust(make_generator, 1, 0);
}

/* The whole library in one call. */
static artfusion_status stylize(void)
{
    static const char *const names[] = {"model.artfusion", "in.png", "out.png"};
    char paths[3][96];
    for (size_t i = 0; i < 3; i++)
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", path, names[i]);
    return artfusion_stylize_file(paths[0], paths[1], paths[1], paths[2]);
}

static void one_call(void **state)
{
    (void)state;
    char folder[] = "/tmp/artfusion-test-XXXXXX", name[96];
    assert_non_null(mkdtemp(folder));
    path = folder;
    left = 0;
    bundle = make_bundle(small_manifest, NULL, NULL, &bundle_size);
    (void)snprintf(name, sizeof name, "%s/model.artfusion", folder);
    FILE *out = fopen(name, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bundle, 1, bundle_size, out), bundle_size);
    assert_int_equal(fclose(out), 0);
    free(bundle);
    (void)snprintf(name, sizeof name, "%s/in.png", folder);
    picture = test_picture(20, 16, 1);
    assert_ok(artfusion_image_save_file(picture, name, NULL));
    artfusion_image_destroy(picture);

    assert_int_equal(setenv("ARTFUSION_ENGINE", required_environment("ARTFUSION_TEST_ENGINE"), 1),
                     0);
    exhaust(stylize, 60, 2); /* the style code's and the latent's places in the cache */
    static const char *const names[] = {"model.artfusion", "in.png", "out.png"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        assert_int_equal(unlink(name), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* Nothing is a size like others. */
static void sizes_of_nothing(void **state)
{
    (void)state;
    left = 0;
    void *nothing[] = {af_alloc(0), af_alloc_array(0, 8), af_alloc_array(8, 0),
                       af_realloc(NULL, 0)};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        assert_non_null(nothing[i]);
        void *something = af_realloc(nothing[i], 8);
        assert_non_null(something);
        memset(something, 1, 8);
        something = af_realloc(something, 0); /* shrunk, not freed */
        assert_non_null(something);
        af_free(something);
    }
    af_free(NULL);
    artfusion_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_nothing),
        cmocka_unit_test(pictures_in_memory),
        cmocka_unit_test(resampling),
        cmocka_unit_test(a_turned_picture),
        cmocka_unit_test(picture_files),
        cmocka_unit_test(opening),
        cmocka_unit_test(styles),
        cmocka_unit_test(stages),
        cmocka_unit_test(runs),
        cmocka_unit_test(steps_are_tried_again),
        cmocka_unit_test(saved_runs),
        cmocka_unit_test(histories),
        cmocka_unit_test(generators),
        cmocka_unit_test(one_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
