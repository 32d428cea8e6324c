/* SPDX-License-Identifier: MIT
 * A host that rounds upward, flushes denormals and traps divisions by zero gets the same pictures, has its
 * environment back after every call, and is called back in it. */
#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"

#if defined(__x86_64__)
#define FLUSHING 0x8040u /* FTZ, DAZ */
#define TRAPPING 0x0200u /* the mask of divisions by zero */
#endif

static const char *unlike_the_host;

static void be_odd(int32_t odd)
{
    assert_int_equal(fesetround(odd ? FE_UPWARD : FE_TONEAREST), 0);
#if defined(__x86_64__)
    const unsigned usual = (__builtin_ia32_stmxcsr() | TRAPPING) & ~FLUSHING;
    __builtin_ia32_ldmxcsr(odd ? (usual & ~TRAPPING) | FLUSHING : usual);
#endif
}

static int32_t is_odd(void)
{
    int32_t odd = fegetround() == FE_UPWARD;
#if defined(__x86_64__)
    odd = odd && (__builtin_ia32_stmxcsr() & (FLUSHING | TRAPPING)) == FLUSHING;
#endif
    return odd;
}

static void look(int32_t odd, const char *where)
{
    if (odd && !is_odd() && !unlike_the_host)
        unlike_the_host = where;
}

/* A callback that calls the library, too, and leaves what it found. */
static int32_t on_noise(void *odd, artfusion_noise_use use, int32_t step, float *values,
                        size_t count)
{
    artfusion_rng *rng;
    look(*(const int32_t *)odd, "the noise callback");
    artfusion_status status =
        artfusion_rng_create(ARTFUSION_RNG_COUNTER, (uint64_t)(use + 10 * step), &rng);
    if (status == ARTFUSION_OK)
        status = artfusion_rng_normal(rng, values, count);
    artfusion_rng_destroy(rng);
    look(*(const int32_t *)odd, "the noise callback after a call of its own");
    return status == ARTFUSION_OK ? 0 : 2;
}

static int32_t on_eps(void *odd, artfusion_sampler *sampler, float *eps, size_t count)
{
    (void)sampler;
    (void)eps;
    (void)count;
    look(*(const int32_t *)odd, "the eps callback");
    return 0;
}

static int32_t on_step(void *odd, artfusion_sampler *sampler)
{
    (void)sampler;
    look(*(const int32_t *)odd, "the step callback");
    return 0;
}

typedef struct reading {
    const uint8_t *data;
    int32_t odd;
} reading;

static int32_t on_read(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    const reading *r = user_data;
    memcpy(buffer, r->data + offset, size);
    look(r->odd, "the read callback");
    return 0;
}

static void on_log(void *odd, artfusion_log_level level, const char *message)
{
    (void)level;
    (void)message;
    look(*(const int32_t *)odd, "the log callback");
}

/* All that was computed, one after the other. */
typedef struct results {
    float values[4 * VALUES + 3000];
    size_t count;
    uint8_t pixels[8 * 3 * 64 * 64];
    size_t bytes;
} results;

static void add_values(results *r, const void *values, size_t size)
{
    assert_true(r->count * sizeof(float) + size <= sizeof r->values);
    memcpy((uint8_t *)r->values + r->count * sizeof(float), values, size);
    r->count += size / sizeof(float);
}

static void add_picture(results *r, artfusion_image *image)
{
    const size_t size =
        3 * (size_t)artfusion_image_width(image) * (size_t)artfusion_image_height(image);
    assert_true(r->bytes + size <= sizeof r->pixels);
    memcpy(r->pixels + r->bytes, artfusion_image_pixels(image), size);
    r->bytes += size;
    artfusion_image_destroy(image);
}

static void functions(results *r)
{
    double betas[1000];
    int32_t timesteps[20];
    artfusion_rng *rng;
    float normal[100];
    artfusion_image *picture = test_picture(40, 24, 3), *resized;
    assert_ok(artfusion_schedule_betas(ARTFUSION_SCHEDULE_COSINE, 0.0015, 0.0195, 1000, betas));
    add_values(r, betas, sizeof betas);
    assert_ok(artfusion_timesteps(ARTFUSION_SPACING_QUAD, 20, 1000, timesteps));
    add_values(r, timesteps, sizeof timesteps);
    assert_ok(artfusion_rng_create(ARTFUSION_RNG_TORCH_CPU, 7, &rng));
    assert_ok(artfusion_rng_normal(rng, normal, 100));
    add_values(r, normal, sizeof normal);
    artfusion_rng_destroy(rng);
    assert_ok(artfusion_image_resize(picture, 31, 17, ARTFUSION_FILTER_LANCZOS, &resized));
    add_picture(r, resized);
    assert_ok(artfusion_image_resize_cover(picture, 23, 64, ARTFUSION_FILTER_BICUBIC, &resized));
    add_picture(r, resized);
    artfusion_image_destroy(picture);
}

static void run(int32_t odd, results *r)
{
    const int32_t flag = odd;
    artfusion_context_options contexts;
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    reading from = {bundle, odd};
    artfusion_image *content = test_picture(SIDE, SIDE, 1), *painting = test_picture(50, 34, 2);

    be_odd(odd);
    assert_ok(artfusion_context_options_init(&contexts, sizeof contexts));
    contexts.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    contexts.log = on_log;
    contexts.log_user_data = (void *)(uintptr_t)&flag;
    contexts.log_level = ARTFUSION_LOG_DEBUG;
    assert_ok(artfusion_context_create(&contexts, &context));
    assert_ok(artfusion_model_open_reader(context, on_read, &from, size, &model));
    artfusion_context_destroy(context);
    look(odd, "opening a model");

    artfusion_style *style, *other, *both;
    assert_ok(artfusion_style_from_image(model, painting, &style));
    assert_ok(artfusion_style_from_image_exact(model, content, &other));
    artfusion_style *const two[] = {style, other};
    assert_ok(artfusion_style_blend((const artfusion_style *const *)two, (const double[]){0.3, 0.7},
                                    2, &both));
    size_t width;
    const float *code = artfusion_style_values(both, &width);
    add_values(r, code, width * sizeof *code);
    look(odd, "styles");

    artfusion_sampler_options options = options_for(model);
    options.steps = 3;
    options.eta = 1;
    options.content_scale = 1.3;
    options.style_scale = 0.7;
    options.noise_callback = on_noise;
    options.eps_callback = on_eps;
    options.step_callback = on_step;
    options.noise_user_data = options.eps_user_data = options.step_user_data =
        (void *)(uintptr_t)&flag;
    artfusion_sampler *sampler = sampler_for(model, &options);
    assert_ok(artfusion_sampler_set_content(sampler, ARTFUSION_ALL, content));
    assert_ok(artfusion_sampler_set_style(sampler, ARTFUSION_ALL, both));
    assert_ok(artfusion_sampler_run(sampler));
    add_values(r, artfusion_sampler_x(sampler, NULL), VALUES * sizeof(float));
    float latent[VALUES];
    assert_ok(artfusion_model_encode(model, content, ARTFUSION_LATENT_CONTENT, latent, VALUES));
    add_values(r, latent, sizeof latent);
    artfusion_image *result;
    assert_ok(artfusion_sampler_image(sampler, 0, &result));
    add_picture(r, result);
    functions(r);
    look(odd, "the run");

    artfusion_sampler_destroy(sampler);
    artfusion_style_destroy(style);
    artfusion_style_destroy(other);
    artfusion_style_destroy(both);
    artfusion_model_destroy(model);
    artfusion_image_destroy(content);
    artfusion_image_destroy(painting);
    look(odd, "a model's life");
    be_odd(0);
    free(bundle);
}

static void test_an_odd_host(void **state)
{
    (void)state;
    static results usual, odd;
    run(0, &usual);
    run(1, &odd);
    if (unlike_the_host)
        fail_msg("%s: not the environment that the host had", unlike_the_host);
    assert_int_equal(usual.count, odd.count);
    assert_int_equal(usual.bytes, odd.bytes);
    assert_true(usual.count > 2000 && usual.bytes > 5000);
    assert_memory_equal(usual.values, odd.values, sizeof usual.values);
    assert_memory_equal(usual.pixels, odd.pixels, sizeof usual.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_odd_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
