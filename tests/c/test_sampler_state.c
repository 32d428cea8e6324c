/* SPDX-License-Identifier: MIT
 * A run saved between two steps goes on to the same bytes, in whatever sampler loads it. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runs.h"
#include "sample/sampler.h"

enum { STEPS = 6, BATCH = 2 };

static artfusion_sampler_options demanding_options(const artfusion_model *model)
{
    artfusion_sampler_options options = options_for(model);
    options.batch = BATCH;
    options.steps = STEPS;
    options.seed = 5;
    options.keep_every = 2;
    options.content_scale = 0.5;
    options.style_scale = 2.0;
    options.style_end = 0.7;
    options.eta = 0.6;
    options.noise_dropout = 0.25;
    return options;
}

/* Different pictures, one of them without a style, the other with a mask. */
static void give_conditions(artfusion_sampler *sampler, artfusion_model *model)
{
    artfusion_image *picture = test_picture(SIDE, SIDE, 9);
    artfusion_style *style;
    float mask[VALUES / 3];
    for (int i = 0; i < VALUES / 3; i++)
        mask[i] = (float)(i % 4) / 3.0f;
    assert_ok(artfusion_style_from_image(model, picture, &style));
    assert_ok(artfusion_sampler_set_content(sampler, 0, picture));
    assert_ok(artfusion_sampler_set_style(sampler, 1, style));
    assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, VALUES / 3));
    artfusion_style_destroy(style);
    artfusion_image_destroy(picture);
}

static void assert_same_tensor(const float *a, const float *b, size_t count)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_memory_equal(a, b, count * sizeof *a);
}

static void assert_same_run(const artfusion_sampler *a, const artfusion_sampler *b)
{
    size_t count;
    const float *x = artfusion_sampler_x(a, &count);
    assert_same_tensor(x, artfusion_sampler_x(b, NULL), count);
    assert_same_tensor(artfusion_sampler_x0(a, NULL), artfusion_sampler_x0(b, NULL), count);
    const artfusion_progress at = progress_of(a), bt = progress_of(b);
    assert_int_equal(at.step, bt.step);
    assert_int_equal(at.passes, bt.passes);
    assert_int_equal(artfusion_sampler_kept_count(a), artfusion_sampler_kept_count(b));
    for (int32_t i = 0; i < artfusion_sampler_kept_count(a); i++) {
        const float *ax, *ax0, *bx, *bx0;
        assert_ok(artfusion_sampler_kept(a, i, &ax, &ax0));
        assert_ok(artfusion_sampler_kept(b, i, &bx, &bx0));
        assert_same_tensor(ax, bx, count);
        assert_same_tensor(ax0, bx0, count);
    }
}

static void do_steps(artfusion_sampler *sampler, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        assert_ok(artfusion_sampler_next(sampler));
}

/* Saves after every number of steps, loads into another model's sampler, and lets both go on. */
static void check_every_moment(const artfusion_sampler_options *options, artfusion_model *model)
{
    artfusion_model *other = test_model(NULL, NULL);
    artfusion_sampler *whole = sampler_for(model, options);
    give_conditions(whole, model);
    assert_ok(artfusion_sampler_run(whole));
    for (int32_t moment = 0; moment <= progress_of(whole).steps; moment++) {
        artfusion_sampler *first = sampler_for(model, options);
        artfusion_sampler *second = sampler_for(other, options);
        uint8_t *data;
        size_t size;
        give_conditions(first, model);
        do_steps(first, moment);
        assert_ok(artfusion_sampler_save_state_memory(first, &data, &size));
        artfusion_sampler_destroy(first);
        do_steps(second, moment % 3); /* wherever it stood */
        const float *lent = artfusion_sampler_x(second, NULL);
        assert_ok(artfusion_sampler_load_state_memory(second, data, size));
        artfusion_free(data);
        if (lent && moment) /* as between two steps, it stays where it is */
            assert_ptr_equal(artfusion_sampler_x(second, NULL), lent);
        assert_int_equal(progress_of(second).step, moment);
        assert_ok(artfusion_sampler_run(second));
        assert_same_run(whole, second);
        artfusion_sampler_destroy(second);
    }
    artfusion_sampler_destroy(whole);
    artfusion_model_destroy(other);
}

static void test_solvers_and_generators(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = demanding_options(model);
    for (options.solver = ARTFUSION_SOLVER_DDIM; options.solver <= ARTFUSION_SOLVER_UNIPC;
         options.solver++)
        for (options.rng = ARTFUSION_RNG_COUNTER; options.rng <= ARTFUSION_RNG_TORCH_CPU;
             options.rng++)
            check_every_moment(&options, model);
    artfusion_model_destroy(model);
}

/* A run that skips steps, over timesteps of the caller's that are gone when it is loaded. */
static void test_partial_run_of_given_timesteps(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = demanding_options(model);
    const int32_t timesteps[STEPS] = {900, 800, 500, 500, 300, 2};
    artfusion_sampler *whole, *loaded;
    uint8_t *data;
    size_t size;
    options.timesteps = timesteps;
    options.denoising_strength = 0.6;
    options.solver = ARTFUSION_SOLVER_UNIPC;
    float init[VALUES] = {0.5f};
    whole = sampler_for(model, &options);
    loaded = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_init_latent(whole, ARTFUSION_ALL, init, VALUES));
    do_steps(whole, 2);
    assert_ok(artfusion_sampler_save_state_memory(whole, &data, &size));
    assert_ok(artfusion_sampler_run(whole));
    assert_ok(artfusion_sampler_load_state_memory(loaded, data, size));
    assert_ok(artfusion_sampler_run(loaded));
    assert_same_run(whole, loaded);

    artfusion_sampler_options spaced = options;
    spaced.timesteps = NULL;
    artfusion_sampler *other = sampler_for(model, &spaced);
    assert_error(artfusion_sampler_load_state_memory(other, data, size), ARTFUSION_ERROR_MISMATCH,
                 "other timesteps");
    artfusion_sampler_destroy(other);
    artfusion_free(data);
    artfusion_sampler_destroy(whole);
    artfusion_sampler_destroy(loaded);
    artfusion_model_destroy(model);
}

/* The engine gets the conditions of the same steps at once: a matrix product of other rows may be
 * of other bits. */
static void test_conditions_are_made_as_they_were(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = demanding_options(model);
    artfusion_sampler *first = sampler_for(model, &options), *second = sampler_for(model, &options);
    uint8_t *data;
    size_t size;
    give_conditions(first, model);
    do_steps(first, 4);
    assert_ok(artfusion_sampler_save_state_memory(first, &data, &size));
    assert_ok(artfusion_sampler_load_state_memory(second, data, size));
    assert_null(second->run.conditions);
    do_steps(second, 1);
    assert_int_equal(second->run.window_start, 0);
    assert_int_equal(second->run.window_steps, first->run.window_steps);

    artfusion_free(data);

    /* Those made at a later step, too. */
    first->run.window_start = 2;
    assert_ok(artfusion_sampler_save_state_memory(first, &data, &size));
    assert_ok(artfusion_sampler_load_state_memory(second, data, size));
    do_steps(second, 1);
    assert_int_equal(second->run.window_start, 2);
    assert_int_equal(second->run.window_steps, STEPS - 2);
    artfusion_free(data);
    artfusion_sampler_destroy(first);
    artfusion_sampler_destroy(second);
    artfusion_model_destroy(model);
}

/* Style codes so wide that the conditions of all steps are not kept at once: whichever part a run
 * was in, and between two of them. */
static void test_conditions_in_parts(void **state)
{
    (void)state;
    artfusion_model *model = test_model("\"width\": 3,", "\"width\": 1000000,");
    artfusion_sampler_options options = options_for(model);
    options.steps = 12;
    artfusion_sampler *whole = sampler_for(model, &options);
    condition(whole, model);
    do_steps(whole, 8);
    assert_in_range(whole->run.window_steps, 9, 10);
    for (int32_t step = 8; step < options.steps; step++) {
        artfusion_sampler *loaded = sampler_for(model, &options);
        uint8_t *data;
        size_t size;
        assert_ok(artfusion_sampler_save_state_memory(whole, &data, &size));
        assert_ok(artfusion_sampler_load_state_memory(loaded, data, size));
        do_steps(whole, 1);
        do_steps(loaded, 1);
        assert_int_equal(loaded->run.window_start, whole->run.window_start);
        assert_int_equal(loaded->run.window_steps, whole->run.window_steps);
        assert_same_run(whole, loaded);
        artfusion_free(data);
        artfusion_sampler_destroy(loaded);
    }
    artfusion_sampler_destroy(whole);
    artfusion_model_destroy(model);
}

static int32_t save_here(void *user_data, artfusion_sampler *sampler)
{
    uint8_t **data = user_data;
    size_t size;
    if (progress_of(sampler).step != 3)
        return 0;
    assert_ok(artfusion_sampler_save_state_memory(sampler, data, &size));
    return 0;
}

/* A step callback sees what is between two steps. */
static void test_saved_by_a_step_callback(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = demanding_options(model);
    uint8_t *from_callback = NULL, *between;
    size_t size;
    artfusion_sampler *stepped = sampler_for(model, &options), *called;
    options.step_callback = save_here;
    options.step_user_data = &from_callback;
    called = sampler_for(model, &options);
    assert_ok(artfusion_sampler_run(called));
    do_steps(stepped, 3);
    stepped->run.seconds_denoise = stepped->run.seconds_total = 0.0;
    assert_ok(artfusion_sampler_save_state_memory(stepped, &between, &size));
    assert_non_null(from_callback);
    /* All but the times taken and the checksum. */
    size_t different = 0;
    for (size_t i = 0; i < size - 32; i++)
        different += from_callback[i] != between[i];
    assert_in_range(different, 0, 4 * sizeof(double));
    artfusion_free(from_callback);
    artfusion_free(between);
    artfusion_sampler_destroy(stepped);
    artfusion_sampler_destroy(called);
    artfusion_model_destroy(model);
}

static int32_t save_within(void *user_data, artfusion_sampler *sampler, float *eps, size_t count)
{
    uint8_t *data;
    size_t size;
    (void)eps;
    (void)count;
    assert_error(artfusion_sampler_save_state_memory(sampler, &data, &size), ARTFUSION_ERROR_STATE,
                 "between two steps");
    assert_null(data);
    assert_error(artfusion_sampler_load_state_memory(sampler, "", 0), ARTFUSION_ERROR_STATE,
                 "between two steps");
    return ++*(int *)user_data == 2; /* cancels the second step: it is not being done any more */
}

static void test_not_within_a_step(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = demanding_options(model);
    int calls = 0;
    uint8_t *data;
    size_t size;
    options.eps_callback = save_within;
    options.eps_user_data = &calls;
    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED, "eps callback");
    assert_ok(artfusion_sampler_save_state_memory(sampler, &data, &size));
    assert_ok(artfusion_sampler_run(sampler));
    assert_int_equal(calls, STEPS + 1);
    artfusion_free(data);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

/* ---- what is refused ------------------------------------------------------- */

typedef struct saved {
    artfusion_model *model;
    artfusion_sampler_options options;
    artfusion_sampler *sampler; /* after two steps */
    uint8_t *data;
    size_t size;
} saved;

static saved save_a_run(void)
{
    saved made = {.model = test_model(NULL, NULL)};
    made.options = demanding_options(made.model);
    made.sampler = sampler_for(made.model, &made.options);
    give_conditions(made.sampler, made.model);
    do_steps(made.sampler, 2);
    assert_ok(artfusion_sampler_save_state_memory(made.sampler, &made.data, &made.size));
    return made;
}

static void forget(saved *s)
{
    artfusion_free(s->data);
    artfusion_sampler_destroy(s->sampler);
    artfusion_model_destroy(s->model);
}

static void test_every_damaged_byte_is_found(void **state)
{
    (void)state;
    saved s = save_a_run();
    artfusion_sampler *target = sampler_for(s.model, &s.options);
    for (size_t i = 0; i < s.size; i += 1 + i / 64) {
        s.data[i] ^= 0x10;
        const artfusion_status status = artfusion_sampler_load_state_memory(target, s.data, s.size);
        s.data[i] ^= 0x10;
        const artfusion_status expected = i < 8    ? ARTFUSION_ERROR_FORMAT
                                          : i < 12 ? ARTFUSION_ERROR_UNSUPPORTED
                                                   : ARTFUSION_ERROR_CHECKSUM;
        if (status != expected)
            fail_msg("byte %zu: %s", i, artfusion_status_name(status));
    }
    for (size_t size = 0; size < s.size; size += 1 + size / 64) {
        uint8_t *cut = malloc(size ? size : 1); /* so that a sanitizer sees reads behind it */
        assert_non_null(cut);
        memcpy(cut, s.data, size);
        const artfusion_status status = artfusion_sampler_load_state_memory(target, cut, size);
        if (status != ARTFUSION_ERROR_CHECKSUM && status != ARTFUSION_ERROR_FORMAT)
            fail_msg("the first %zu bytes: %s", size, artfusion_status_name(status));
        free(cut);
    }
    assert_int_equal(progress_of(target).step, 0);
    artfusion_sampler_destroy(target);
    forget(&s);
}

static void test_other_options_are_named(void **state)
{
    (void)state;
    saved s = save_a_run();
    artfusion_sampler_options o;
#define REFUSED(field, value) \
    do { \
        o = s.options; \
        o.field = value; \
        artfusion_sampler *other = sampler_for(s.model, &o); \
        assert_error(artfusion_sampler_load_state_memory(other, s.data, s.size), \
                     ARTFUSION_ERROR_MISMATCH, #field); \
        artfusion_sampler_destroy(other); \
    } while (0)
    REFUSED(width, 24);
    REFUSED(height, 24);
    REFUSED(batch, 3);
    REFUSED(steps, 7);
    REFUSED(solver, ARTFUSION_SOLVER_UNIPC);
    REFUSED(spacing, ARTFUSION_SPACING_LINSPACE);
    REFUSED(rng, ARTFUSION_RNG_TORCH_CPU);
    REFUSED(noise, ARTFUSION_NOISE_UNIFORM);
    REFUSED(keep_every, 3);
    REFUSED(seed, 6);
    REFUSED(content_scale, 0.75);
    REFUSED(style_scale, 0.75);
    REFUSED(content_start, 0.75);
    REFUSED(content_end, 0.75);
    REFUSED(style_start, 0.5);
    REFUSED(style_end, 0.75);
    REFUSED(eta, 0.75);
    REFUSED(temperature, 0.75);
    REFUSED(noise_dropout, 0.75);
    REFUSED(denoising_strength, 0.75);
#undef REFUSED

    artfusion_model *model = test_model("small", "large");
    artfusion_sampler *other = sampler_for(model, &s.options);
    assert_error(artfusion_sampler_load_state_memory(other, s.data, s.size),
                 ARTFUSION_ERROR_MISMATCH, "another model");
    artfusion_sampler_destroy(other);
    artfusion_model_destroy(model);
    forget(&s);
}

/* A state with a right checksum that no run is in: whoever can compute SHA-256 can make one. */
static void test_impossible_states(void **state)
{
    (void)state;
    saved s = save_a_run();
    artfusion_sampler *target = sampler_for(s.model, &s.options);
    do_steps(target, 1);
#define IMPOSSIBLE(field, value) \
    do { \
        uint8_t *data; \
        size_t size; \
        const __typeof__(s.sampler->field) before = s.sampler->field; \
        s.sampler->field = value; \
        assert_ok(artfusion_sampler_save_state_memory(s.sampler, &data, &size)); \
        s.sampler->field = before; \
        assert_error(artfusion_sampler_load_state_memory(target, data, size), \
                     ARTFUSION_ERROR_FORMAT, "saved sampler state"); \
        assert_int_equal(progress_of(target).step, 1); \
        artfusion_free(data); \
    } while (0)
    IMPOSSIBLE(run.step, -2);
    IMPOSSIBLE(run.step, STEPS + 1);
    IMPOSSIBLE(run.passes, -1);
    IMPOSSIBLE(run.passes, INT32_MAX); /* one more step would overflow it */
    IMPOSSIBLE(run.window_start, -1);
    IMPOSSIBLE(run.window_start, 3);
    IMPOSSIBLE(run.rng.position, -1);
    IMPOSSIBLE(run.rng.position, 625);
    IMPOSSIBLE(run.kept_count, -1);
    IMPOSSIBLE(run.kept_count, 1000);
    IMPOSSIBLE(given.has_content[0], 2);
    IMPOSSIBLE(given.has_style[1], 2);
    IMPOSSIBLE(given.has_mask[0], 2);
    IMPOSSIBLE(given.has_init[1], 3);
    IMPOSSIBLE(run.style_count, -1);
    IMPOSSIBLE(run.style_count, BATCH + 2);
    IMPOSSIBLE(run.style_rows[0], -1);
    IMPOSSIBLE(run.style_rows[1], BATCH + 1);
    IMPOSSIBLE(run.x[3], (float)NAN);
    IMPOSSIBLE(run.x0[3], (float)INFINITY);
    IMPOSSIBLE(given.content[0], (float)NAN);
    IMPOSSIBLE(given.init[0], (float)NAN);
    IMPOSSIBLE(given.mask[0], (float)NAN);
    IMPOSSIBLE(given.mask[0], -0.5f);
    IMPOSSIBLE(given.mask[VALUES / 3], 1.5f); /* of the second picture, which has none */
    IMPOSSIBLE(run.kept[1], (float)NAN);
    IMPOSSIBLE(run.rng.cached_normal, (double)NAN);
    IMPOSSIBLE(run.rng.cached_normal, 1e300);
    IMPOSSIBLE(run.seconds_encode, -1.0);
    IMPOSSIBLE(run.seconds_denoise, (double)NAN);
    IMPOSSIBLE(run.seconds_decode, -1.0);
    IMPOSSIBLE(run.seconds_total, (double)INFINITY);
    IMPOSSIBLE(given.styles[0], (float)NAN);
#undef IMPOSSIBLE
    assert_ok(artfusion_sampler_run(target));
    artfusion_sampler_destroy(target);
    forget(&s);
}

static void test_files(void **state)
{
    (void)state;
    saved s = save_a_run();
    artfusion_sampler *loaded = sampler_for(s.model, &s.options);
    char folder[] = "/tmp/artfusion-state-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/state", folder);
    assert_error(artfusion_sampler_load_state_file(loaded, path), ARTFUSION_ERROR_IO, path);
    assert_ok(artfusion_sampler_save_state_file(s.sampler, path));
    assert_ok(artfusion_sampler_load_state_file(loaded, path));
    assert_same_run(s.sampler, loaded);
    /* One with all that it can keep is no larger than what is allowed. */
    assert_ok(artfusion_sampler_run(s.sampler));
    assert_ok(artfusion_sampler_save_state_file(s.sampler, path));
    assert_ok(artfusion_sampler_load_state_file(loaded, path));
    assert_same_run(s.sampler, loaded);
    assert_int_equal(truncate(path, (off_t)64 << 20), 0);
    assert_error(artfusion_sampler_load_state_file(loaded, path), ARTFUSION_ERROR_LIMIT, "beyond");
    assert_int_equal(unlink(path), 0);
    assert_error(artfusion_sampler_save_state_file(s.sampler, "/nowhere/state"), ARTFUSION_ERROR_IO,
                 "/nowhere/state");
    assert_int_equal(rmdir(folder), 0);
    artfusion_sampler_destroy(loaded);
    forget(&s);
}

static void test_arguments(void **state)
{
    (void)state;
    saved s = save_a_run();
    uint8_t *data = s.data;
    size_t size = 7;
    assert_error(artfusion_sampler_save_state_memory(NULL, &data, &size), ARTFUSION_ERROR_ARGUMENT,
                 "sampler is NULL");
    assert_null(data);
    assert_int_equal(size, 0);
    assert_error(artfusion_sampler_save_state_memory(s.sampler, NULL, &size),
                 ARTFUSION_ERROR_ARGUMENT, "data is NULL");
    data = s.data;
    assert_error(artfusion_sampler_save_state_memory(s.sampler, &data, NULL),
                 ARTFUSION_ERROR_ARGUMENT, "size is NULL");
    assert_null(data);
    assert_error(artfusion_sampler_save_state_file(s.sampler, NULL), ARTFUSION_ERROR_ARGUMENT,
                 "path is NULL");
    assert_error(artfusion_sampler_save_state_file(NULL, "/tmp/none"), ARTFUSION_ERROR_ARGUMENT,
                 "sampler is NULL");
    assert_error(artfusion_sampler_load_state_memory(NULL, s.data, s.size),
                 ARTFUSION_ERROR_ARGUMENT, "sampler is NULL");
    assert_error(artfusion_sampler_load_state_memory(s.sampler, NULL, 0), ARTFUSION_ERROR_ARGUMENT,
                 "data is NULL");
    assert_error(artfusion_sampler_load_state_file(NULL, "/tmp/none"), ARTFUSION_ERROR_ARGUMENT,
                 "sampler is NULL");
    assert_error(artfusion_sampler_load_state_file(s.sampler, NULL), ARTFUSION_ERROR_ARGUMENT,
                 "path is NULL");
    forget(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solvers_and_generators),
        cmocka_unit_test(test_partial_run_of_given_timesteps),
        cmocka_unit_test(test_conditions_are_made_as_they_were),
        cmocka_unit_test(test_conditions_in_parts),
        cmocka_unit_test(test_saved_by_a_step_callback),
        cmocka_unit_test(test_not_within_a_step),
        cmocka_unit_test(test_every_damaged_byte_is_found),
        cmocka_unit_test(test_other_options_are_named),
        cmocka_unit_test(test_impossible_states),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
