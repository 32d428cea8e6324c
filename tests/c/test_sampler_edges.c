/* SPDX-License-Identifier: MIT
 * What a run's functions refuse, what ends a step half-way, and pointers that may be NULL. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "runs.h"

#define REFUSED(call, words) assert_error(call, ARTFUSION_ERROR_ARGUMENT, words)

/* Each of the results may be asked for alone. */
static void results_may_be_asked_for_one_by_one(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.steps = 2;
    options.keep_every = 1;
    artfusion_sampler *sampler = sampler_for(model, &options);
    size_t count = 7;
    assert_null(artfusion_sampler_x(sampler, &count));
    assert_int_equal(count, 0);
    assert_ok(artfusion_sampler_run(sampler));
    assert_non_null(artfusion_sampler_x(sampler, &count));
    assert_int_equal(count, VALUES);
    count = 7;
    assert_null(artfusion_sampler_x0(NULL, &count));
    assert_int_equal(count, 0);
    assert_int_equal(artfusion_sampler_kept_count(NULL), 0);

    const float *x, *x0, *x_alone, *x0_alone;
    assert_int_equal(artfusion_sampler_kept_count(sampler), 3);
    for (int32_t entry = 0; entry < 3; entry++) {
        assert_ok(artfusion_sampler_kept(sampler, entry, &x, &x0));
        assert_ok(artfusion_sampler_kept(sampler, entry, &x_alone, NULL));
        assert_ok(artfusion_sampler_kept(sampler, entry, NULL, &x0_alone));
        assert_ptr_equal(x_alone, x);
        assert_ptr_equal(x0_alone, x0);
    }
    assert_memory_equal(x, artfusion_sampler_x(sampler, NULL), VALUES * sizeof *x);
    REFUSED(artfusion_sampler_kept(sampler, -1, &x, NULL), "entry is -1, and 3 were kept");
    assert_null(x);
    REFUSED(artfusion_sampler_kept(sampler, 3, NULL, &x0), "entry is 3");
    assert_null(x0);

    artfusion_image *image = (artfusion_image *)(uintptr_t)1;
    REFUSED(artfusion_sampler_image(NULL, 0, &image), "sampler is NULL");
    assert_null(image);
    REFUSED(artfusion_sampler_image(sampler, -1, &image), "index is -1: it must be 0 to 0");
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

static void setters_check_what_they_are_given(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    artfusion_sampler *sampler = sampler_for(model, &options);
    float latent[VALUES] = {0}, mask[16] = {0};
    REFUSED(artfusion_sampler_set_init_latent(sampler, 1, latent, VALUES), "index is 1");
    REFUSED(artfusion_sampler_set_init_latent(sampler, 0, latent, VALUES - 1), "count is 47");
    REFUSED(artfusion_sampler_set_mask(sampler, 1, mask, 16), "index is 1");
    REFUSED(artfusion_sampler_set_mask(sampler, 0, mask, 15),
            "count is 15: this run's mask has 16");
    static const float wrong[] = {-0.1f, 1.1f, -FLT_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mask[3] = wrong[i];
        REFUSED(artfusion_sampler_set_mask(sampler, 0, mask, 16), "mask[3] is ");
    }
    mask[3] = 1.0f;
    assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, 16));
    artfusion_sampler_destroy(sampler);

    options.width = 65536;
    REFUSED(artfusion_sampler_create(model, &options, &sampler),
            "width is 65536 pixels: it must be 1 to 65528");
    options.width = SIDE;
    options.height = 65544;
    REFUSED(artfusion_sampler_create(model, &options, &sampler),
            "height is 65544 pixels: it must be 1 to 65528");
    options.height = SIDE;
    static const int32_t below[] = {5, -1};
    options.timesteps = below;
    options.steps = 2;
    REFUSED(artfusion_sampler_create(model, &options, &sampler), "timesteps[1] is -1");
    artfusion_model_destroy(model);
}

static void run_to_x(artfusion_sampler *sampler, float x[VALUES])
{
    assert_ok(artfusion_sampler_run(sampler));
    memcpy(x, artfusion_sampler_x(sampler, NULL), VALUES * sizeof *x);
    artfusion_sampler_destroy(sampler);
}

/* A mask, a content and an init latent that were set and taken back leave no trace; an init latent
 * that was given outlives the content. */
static void what_is_taken_back_is_gone(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    float latent[VALUES], mask[16], plain[VALUES], x[VALUES];
    for (int i = 0; i < VALUES; i++)
        latent[i] = (float)(i % 5) - 2.0f;
    for (int i = 0; i < 16; i++)
        mask[i] = 1.0f;
    run_to_x(sampler_for(model, &options), plain);

    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_content_latent(sampler, 0, latent, VALUES));
    assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, 16));
    assert_ok(artfusion_sampler_set_mask(sampler, 0, NULL, 0));
    assert_ok(artfusion_sampler_set_content_latent(sampler, 0, NULL, 0));
    run_to_x(sampler, x);
    assert_memory_equal(x, plain, sizeof x);

    /* Also beside a picture that has a mask. */
    sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_content_latent(sampler, 0, latent, VALUES));
    run_to_x(sampler, plain);
    options.batch = 2;
    sampler = sampler_for(model, &options);
    options.batch = 1;
    assert_ok(artfusion_sampler_set_content_latent(sampler, ARTFUSION_ALL, latent, VALUES));
    assert_ok(artfusion_sampler_set_mask(sampler, ARTFUSION_ALL, mask, 16));
    assert_ok(artfusion_sampler_set_mask(sampler, 0, NULL, 0));
    run_to_x(sampler, x);
    assert_memory_equal(x, plain, sizeof x);

    /* With the content went the init latent that was its own: nothing is left to keep. */
    sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_content_latent(sampler, 0, latent, VALUES));
    assert_ok(artfusion_sampler_set_content_latent(sampler, 0, NULL, 0));
    assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, 16));
    REFUSED(artfusion_sampler_next(sampler), "picture 0 has a mask, and neither");
    /* But one that was given stays. */
    assert_ok(artfusion_sampler_set_init_latent(sampler, 0, latent, VALUES));
    assert_ok(artfusion_sampler_set_content_latent(sampler, 0, NULL, 0));
    assert_ok(artfusion_sampler_next(sampler));
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

/* A picture of the run's width and another height is resized too. */
static void either_side_may_differ(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    static const int32_t sizes[][2] = {{SIDE, SIDE + 8}, {SIDE + 8, SIDE}, {SIDE, SIDE}};
    for (size_t i = 0; i < 3; i++) {
        artfusion_sampler *sampler = sampler_for(model, &options);
        artfusion_image *picture = test_picture(sizes[i][0], sizes[i][1], 1);
        assert_ok(artfusion_sampler_set_content(sampler, 0, picture));
        assert_int_equal(atomic_load(&engine->calls[TEST_ENCODE]), i + 1);
        artfusion_image_destroy(picture);
        artfusion_sampler_destroy(sampler);
    }
    artfusion_model_destroy(model);
}

/* The branch that a prediction failed in is named. */
static void branches_are_named(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    static const struct {
        double content, style;
        const char *words;
    } cases[] = {
        {1, 1, "branch content and style, picture 0: the prediction: value 47 of 48 is NaN"},
        {0.5, 1, "branch null content, picture 0"},
        {1, 2, "branch null style, picture 0"},
        {0.5, 2, "branch null style, picture 0"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        artfusion_sampler_options options = options_for(model);
        options.content_scale = cases[i].content;
        options.style_scale = cases[i].style;
        artfusion_sampler *sampler = sampler_for(model, &options);
        condition(sampler, model);
        engine->fail_in = 1;
        engine->fail_function = TEST_DENOISE;
        engine->fail_status = ARTFUSION_OK; /* a NaN at the end: in the last branch */
        assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_NUMERIC, cases[i].words);
        artfusion_sampler_destroy(sampler);
    }
    artfusion_model_destroy(model);
}

static artfusion_sampler *cancelled;

static void cancel(int32_t function)
{
    if (function == TEST_DENOISE)
        artfusion_sampler_cancel(cancelled);
}

/* Cancelling while a step's first call of the network runs: the others are not made. */
static void cancelling_ends_a_step_between_its_calls(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    engine->positions_a_call = 48; /* three passes of 16 */
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.batch = 4;
    options.content_scale = 0.5;
    options.style_scale = 2.0;
    artfusion_sampler *sampler = sampler_for(model, &options);
    condition(sampler, model);
    cancelled = sampler;
    engine->on_call = cancel;
    assert_error(artfusion_sampler_next(sampler), ARTFUSION_ERROR_CANCELLED, "cancelled");
    assert_int_equal(atomic_load(&engine->calls[TEST_DENOISE]), 1);
    engine->on_call = NULL;
    assert_ok(artfusion_sampler_next(sampler));
    assert_int_equal(atomic_load(&engine->calls[TEST_DENOISE]), 1 + 4);
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

typedef struct spoiler {
    artfusion_noise_use use;
    int32_t step, answer;
    float value;
} spoiler;

/* At one use of one step leaves `value` or returns `answer`; elsewhere the generator's. */
static int32_t spoil(void *user_data, artfusion_noise_use use, int32_t step, float *values,
                     size_t count)
{
    const spoiler *s = user_data;
    if (use != s->use || step != s->step)
        return 1;
    for (size_t i = 0; i < count; i++)
        values[i] = 0.0f;
    values[5] = s->value;
    return s->answer;
}

/* Noise that is no number, or a callback that gives up, at each use: the step is not done, and is when
 * it is tried again. */
static void noise_that_fails_leaves_the_step_to_be_done(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    float latent[VALUES] = {1, 2, 3}, mask[16] = {1, 1, 1, 1};
    static const artfusion_noise_use uses[] = {ARTFUSION_NOISE_X_T, ARTFUSION_NOISE_MASK,
                                               ARTFUSION_NOISE_STEP};
    for (size_t i = 0; i < 3; i++) {
        for (int gives_up = 0; gives_up < 2; gives_up++) {
            spoiler s = {uses[i], uses[i] == ARTFUSION_NOISE_X_T ? 0 : 2, gives_up ? 9 : 0,
                         gives_up ? 0.0f : (float)INFINITY};
            artfusion_sampler_options options = options_for(model);
            options.eta = 1.0;
            options.steps = 5;
            options.noise_callback = spoil;
            options.noise_user_data = &s;
            artfusion_sampler *sampler = sampler_for(model, &options);
            assert_ok(artfusion_sampler_set_init_latent(sampler, 0, latent, VALUES));
            assert_ok(artfusion_sampler_set_mask(sampler, 0, mask, 16));
            if (gives_up)
                assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_CANCELLED,
                             "the noise callback returned 9");
            else
                assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_NUMERIC,
                             s.step ? "step 3: the noise callback's numbers: value 5 of"
                                    : "step 1: the noise callback's numbers: value 5 of");
            assert_int_equal(progress_of(sampler).step, s.step);
            s.step = -1;
            assert_ok(artfusion_sampler_run(sampler));
            assert_int_equal(progress_of(sampler).step, 5);
            artfusion_sampler_destroy(sampler);
        }
    }
    artfusion_model_destroy(model);
}

/* Numbers that torch would draw are drawn, also where a step does not use them: the run that needs
 * the noise of its last steps alone gets what it would have got. */
static int32_t count_draws(void *count, artfusion_noise_use use, int32_t step, float *values,
                           size_t number)
{
    (void)step;
    (void)values;
    (void)number;
    *(int *)count += use == ARTFUSION_NOISE_STEP;
    return 1;
}

static void torchs_sequence_is_kept(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    for (artfusion_solver solver = ARTFUSION_SOLVER_DDIM; solver <= ARTFUSION_SOLVER_UNIPC;
         solver++) {
        for (artfusion_rng_kind rng = ARTFUSION_RNG_COUNTER; rng <= ARTFUSION_RNG_TORCH_CPU;
             rng++) {
            int draws = 0;
            artfusion_sampler_options options = options_for(model);
            options.solver = solver;
            options.rng = rng;
            options.temperature = 0.0; /* no step uses noise */
            options.noise_callback = count_draws;
            options.noise_user_data = &draws;
            artfusion_sampler *sampler = sampler_for(model, &options);
            assert_ok(artfusion_sampler_run(sampler));
            const int drawn = rng == ARTFUSION_RNG_TORCH_CPU &&
                              (solver == ARTFUSION_SOLVER_DDIM || solver == ARTFUSION_SOLVER_DDPM);
            assert_int_equal(draws, drawn ? options.steps : 0);
            artfusion_sampler_destroy(sampler);
        }
    }
    artfusion_model_destroy(model);
}

static void with_strength(artfusion_model *model, artfusion_noise_kind noise, double strength,
                          float x_T[VALUES])
{
    const float latent[VALUES] = {0};
    const float *kept;
    artfusion_sampler_options options = options_for(model);
    options.noise = noise;
    options.denoising_strength = strength;
    options.keep_every = 1;
    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_init_latent(sampler, 0, latent, VALUES));
    assert_ok(artfusion_sampler_next(sampler));
    assert_ok(artfusion_sampler_kept(sampler, 0, &kept, NULL));
    memcpy(x_T, kept, VALUES * sizeof *x_T);
    artfusion_sampler_destroy(sampler);
}

/* Uniform noise is a start's. What is added to a picture is normal whatever the start would be. */
static void added_noise_is_normal(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    float uniform[VALUES], normal[VALUES];
    with_strength(model, ARTFUSION_NOISE_UNIFORM, 0.5, uniform);
    with_strength(model, ARTFUSION_NOISE_NORMAL, 0.5, normal);
    assert_memory_equal(uniform, normal, sizeof normal);
    with_strength(model, ARTFUSION_NOISE_UNIFORM, 1.0, uniform);
    for (int i = 0; i < VALUES; i++)
        assert_true(uniform[i] >= 0.0f && uniform[i] < 1.0f);
    artfusion_model_destroy(model);
}

static int32_t blow_up(void *user_data, artfusion_sampler *sampler, float *eps, size_t count)
{
    (void)user_data;
    if (artfusion_sampler_x0(sampler, NULL)) /* from the second step on */
        eps[count - 1] = -FLT_MAX;
    return 0;
}

static void an_overflow_is_told_with_its_step(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.eps_callback = blow_up;
    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_next(sampler));
    assert_error(artfusion_sampler_run(sampler), ARTFUSION_ERROR_NUMERIC,
                 "step 2 of 10 (timestep 801): the latent overflowed");
    artfusion_sampler_destroy(sampler);
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_may_be_asked_for_one_by_one),
        cmocka_unit_test(setters_check_what_they_are_given),
        cmocka_unit_test(what_is_taken_back_is_gone),
        cmocka_unit_test(either_side_may_differ),
        cmocka_unit_test(branches_are_named),
        cmocka_unit_test(cancelling_ends_a_step_between_its_calls),
        cmocka_unit_test(noise_that_fails_leaves_the_step_to_be_done),
        cmocka_unit_test(torchs_sequence_is_kept),
        cmocka_unit_test(added_noise_is_normal),
        cmocka_unit_test(an_overflow_is_told_with_its_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
