/* SPDX-License-Identifier: MIT
 * A state that an earlier build saved loads, is saved to the same bytes, and goes on. When the
 * format's version moves, ARTFUSION_NEW_STATE=tests/data/state-1.bin writes the file anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"

enum { STEPS = 6, SAVED_AFTER = 3, LARGEST = 65536 };

/* Something in each field: a history of three latents, a mask, styles, kept latents, a generator
 * with a cached number. */
static artfusion_sampler *make_sampler(artfusion_model *model)
{
    artfusion_sampler_options options = options_for(model);
    options.batch = 2;
    options.steps = STEPS;
    options.solver = ARTFUSION_SOLVER_UNIPC;
    options.rng = ARTFUSION_RNG_TORCH_CPU;
    options.seed = 11;
    options.keep_every = 2;
    options.content_scale = 0.5;
    options.style_scale = 2.0;
    return sampler_for(model, &options);
}

static void give_conditions(artfusion_sampler *sampler, artfusion_model *model)
{
    float mask[VALUES / 3], latent[VALUES];
    for (int i = 0; i < VALUES / 3; i++)
        mask[i] = (float)(i % 4) / 3.0f;
    for (int i = 0; i < VALUES; i++)
        latent[i] = (float)(i % 7) / 4.0f - 0.5f;
    condition(sampler, model);
    assert_ok(artfusion_sampler_set_style(sampler, 0, NULL));
    assert_ok(artfusion_sampler_set_init_latent(sampler, 1, latent, VALUES));
    assert_ok(artfusion_sampler_set_mask(sampler, 1, mask, VALUES / 3));
}

static void do_steps(artfusion_sampler *sampler, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        assert_ok(artfusion_sampler_next(sampler));
}

static void write_state(artfusion_model *model, const char *path)
{
    artfusion_sampler *sampler = make_sampler(model);
    give_conditions(sampler, model);
    do_steps(sampler, SAVED_AFTER);
    assert_ok(artfusion_sampler_save_state_file(sampler, path));
    artfusion_sampler_destroy(sampler);
}

static size_t read_state(uint8_t *data)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/state-1.bin",
                   required_environment("ARTFUSION_TEST_DATA"));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(data, 1, LARGEST, file);
    (void)fclose(file);
    return size;
}

static void an_earlier_builds_state_loads_and_is_saved_to_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t data[LARGEST];
    artfusion_model *model = test_model(NULL, NULL);
    const char *new_state = getenv("ARTFUSION_NEW_STATE");
    if (new_state)
        write_state(model, new_state);
    const size_t size = read_state(data);

    artfusion_sampler *loaded = make_sampler(model);
    assert_ok(artfusion_sampler_load_state_memory(loaded, data, size));
    assert_int_equal(progress_of(loaded).step, SAVED_AFTER);
    assert_int_equal(artfusion_sampler_kept_count(loaded), 3);
    uint8_t *saved;
    size_t saved_size;
    assert_ok(artfusion_sampler_save_state_memory(loaded, &saved, &saved_size));
    assert_int_equal(saved_size, size);
    assert_memory_equal(saved, data, size);
    artfusion_free(saved);
    artfusion_sampler_destroy(loaded);
    artfusion_model_destroy(model);
}

/* Not to the last bit: the file was written with another machine's exp and log. */
static void an_earlier_builds_run_goes_on_to_its_end(void **state)
{
    (void)state;
    static uint8_t data[LARGEST];
    artfusion_model *model = test_model(NULL, NULL);
    const size_t size = read_state(data);
    artfusion_sampler *whole = make_sampler(model), *loaded = make_sampler(model);
    give_conditions(whole, model);
    assert_ok(artfusion_sampler_run(whole));
    assert_ok(artfusion_sampler_load_state_memory(loaded, data, size));
    assert_ok(artfusion_sampler_run(loaded));
    size_t count;
    const float *expected = artfusion_sampler_x(whole, &count);
    const float *x = artfusion_sampler_x(loaded, NULL);
    assert_int_equal(count, 2 * VALUES);
    for (size_t i = 0; i < count; i++)
        assert_near(x[i], expected[i], 1e-4);
    assert_int_equal(progress_of(loaded).passes, progress_of(whole).passes);
    artfusion_sampler_destroy(whole);
    artfusion_sampler_destroy(loaded);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_earlier_builds_state_loads_and_is_saved_to_the_same_bytes),
        cmocka_unit_test(an_earlier_builds_run_goes_on_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
