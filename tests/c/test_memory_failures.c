/* SPDX-License-Identifier: MIT
 * Memory that runs out in models, styles, runs and generators. Each failure is reported, leaves no handle,
 * and (under ASan) leaks nothing. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "exhaust.h"
#include "math/solver.h"
#include "runs.h"

static artfusion_image *picture;
static const char *path;
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
    const int kept = exhaust_left;
    exhaust_left = 0;
    artfusion_model *fresh = test_model(NULL, NULL);
    exhaust_left = kept;
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
        exhaust_left = 0;
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
    exhaust_left = 0;
    assert_ok(paint(0, expected));
    int retried = 0;
    for (int failure = 1, done = 0; !done; failure++) {
        exhaust_left = failure;
        const artfusion_status status = paint(1, pixels);
        done = exhaust_left > 0;
        exhaust_left = 0;
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
            exhaust_left = failure;
            assert_error(af_solver_create(&options, 7, &made), ARTFUSION_ERROR_MEMORY,
                         failure > 1 ? "out of memory: 28 bytes for a solver's history"
                                     : "bytes for a solver");
            assert_null(made);
            af_error_clear();
        }
        exhaust_left = allocations[kind] + 1;
        exhaust_asked = 0;
        assert_ok(af_solver_create(&options, 7, &made));
        assert_int_equal(exhaust_asked, af_solver_bytes(kind, 7));
        assert_int_equal(exhaust_left, 1);
        exhaust_left = 0;
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
    exhaust_left = 0;
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
    exhaust_left = 0;
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
