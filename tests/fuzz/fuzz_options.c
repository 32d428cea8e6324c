/* SPDX-License-Identifier: MIT
 * Option structs of every size and content, as programs compiled against other headers, or with
 * memory they never set, would hand them in. A struct lies in memory just as large as it says. What
 * is accepted is used: a sampler takes a few steps. Pointers alone are right ones or NULL, as the
 * contract has it. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { TIMESTEPS = 1000, SMALL_RUN = 1 << 12 };

static void on_log(void *user_data, artfusion_log_level level, const char *message)
{
    (void)user_data;
    REQUIRE(level >= ARTFUSION_LOG_WARNING && level <= ARTFUSION_LOG_DEBUG && message);
}

/* What the callbacks do. Not by their user data, which a struct may be too short to have. */
static struct {
    uint8_t noise, step, eps;
} plan;

static int32_t on_noise(void *user_data, artfusion_noise_use use, int32_t step, float *values,
                        size_t count)
{
    REQUIRE(!user_data || user_data == &plan);
    REQUIRE(use >= ARTFUSION_NOISE_X_T && use <= ARTFUSION_NOISE_MASK && step >= 0);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i % 5) - 2.0f;
    return plan.noise % 4;
}

static int32_t on_step(void *user_data, artfusion_sampler *sampler)
{
    artfusion_progress progress;
    REQUIRE(!user_data || user_data == &plan);
    REQUIRE(artfusion_sampler_get_progress(sampler, &progress, sizeof progress) == ARTFUSION_OK);
    REQUIRE(progress.step >= 1 && progress.step <= progress.steps);
    return plan.step % 8 == 7;
}

static int32_t on_eps(void *user_data, artfusion_sampler *sampler, float *eps, size_t count)
{
    REQUIRE(sampler && (!user_data || user_data == &plan));
    eps[count - 1] += 0.5f;
    return plan.eps % 8 == 7;
}

/* A struct in the making. */
typedef struct block {
    unsigned char *bytes;
    size_t size; /* allocated, and what struct_size will say where that is sane */
} block;

static block make_block(cursor *c, const void *defaults, size_t known)
{
    block b;
    const uint8_t how = take8(c);
    uint32_t stamp = how < 160   ? (uint32_t)known
                     : how < 220 ? take16(c) % ((uint32_t)known + 64)
                     : how < 240 ? (uint32_t)known + take16(c)
                                 : take32(c);
    b.size = stamp < sizeof stamp ? sizeof stamp : stamp > 70000 ? 70000 : stamp;
    b.bytes = calloc(1, b.size);
    REQUIRE(b.bytes);
    memcpy(b.bytes, defaults, b.size < known ? b.size : known);
    for (int patches = take8(c) % 8; patches; patches--) {
        /* Fields begin at multiples of 4. */
        const size_t at = 4 * (take8(c) % (b.size / 4)), length = 1 + take8(c) % 8;
        take(c, b.bytes + at, length < b.size - at ? length : b.size - at);
    }
    memcpy(b.bytes, &stamp, sizeof stamp);
    return b;
}

/* A pointer field: NULL, or `value` where it lies within the struct. */
static void set_pointer(block *b, size_t offset, const void *value)
{
    for (size_t i = offset; i < offset + sizeof value && i < b->size; i++)
        b->bytes[i] = 0;
    if (offset + sizeof value <= b->size)
        memcpy(b->bytes + offset, &value, sizeof value);
}

#define SET_POINTER(b, type, field, value) \
    do { \
        const void *pointer_; \
        __typeof__(((type *)0)->field) typed_ = (value); \
        memcpy(&pointer_, &typed_, sizeof pointer_); \
        set_pointer(b, offsetof(type, field), pointer_); \
    } while (0)

/* ..._init of any size: what it was given is filled and nothing beyond. */
#define TRY_INIT(c, type, call) \
    do { \
        const size_t size_ = take16(c) % (2 * sizeof(type)); \
        type *given_ = malloc(size_ ? size_ : 1); \
        REQUIRE(given_); \
        require_status(call(given_, size_), ERROR(ARGUMENT)); \
        free(given_); \
    } while (0)

static void try_context(cursor *c)
{
    static const char *const trusted[] = {
        NULL, "", "no digest",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,\n"
        "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"};
    artfusion_context_options defaults;
    artfusion_context *context;
    TRY_INIT(c, artfusion_context_options, artfusion_context_options_init);
    REQUIRE(artfusion_context_options_init(&defaults, sizeof defaults) == ARTFUSION_OK);
    const uint8_t pointers = take8(c);
    block b = make_block(c, &defaults, sizeof defaults);
    SET_POINTER(&b, artfusion_context_options, engine_path, pointers & 1 ? "/nowhere" : NULL);
    SET_POINTER(&b, artfusion_context_options, log, pointers & 2 ? on_log : NULL);
    SET_POINTER(&b, artfusion_context_options, trusted, trusted[pointers >> 2 & 3]);
    const artfusion_status status = artfusion_context_create((void *)b.bytes, &context);
    require_status(status, ERROR(ARGUMENT) | ERROR(UNSUPPORTED));
    REQUIRE((status == ARTFUSION_OK) == (context != NULL));
    artfusion_context_destroy(context);
    free(b.bytes);
}

static void try_load(cursor *c)
{
    static const char *const files[] = {"", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff\xd9", "GIF89a",
                                        "RIFF    WEBPVP8L"};
    artfusion_load_options defaults;
    artfusion_image *image;
    TRY_INIT(c, artfusion_load_options, artfusion_load_options_init);
    REQUIRE(artfusion_load_options_init(&defaults, sizeof defaults) == ARTFUSION_OK);
    const char *file = files[take8(c) % 5];
    block b = make_block(c, &defaults, sizeof defaults);
    REQUIRE(artfusion_image_load_memory(file, strlen(file), (void *)b.bytes, &image) < 0);
    REQUIRE(!image);
    REQUIRE(artfusion_image_load_file("/nowhere.png", (void *)b.bytes, &image) < 0 && !image);
    free(b.bytes);
}

static void try_save(cursor *c)
{
    artfusion_save_options defaults;
    artfusion_image *image, *again;
    uint8_t *data;
    size_t size;
    TRY_INIT(c, artfusion_save_options, artfusion_save_options_init);
    REQUIRE(artfusion_save_options_init(&defaults, sizeof defaults) == ARTFUSION_OK);
    defaults.format = 1 + take8(c) % 3;
    block b = make_block(c, &defaults, sizeof defaults);
    REQUIRE(artfusion_image_create(5, 3, &image) == ARTFUSION_OK);
    const artfusion_status status =
        artfusion_image_save_memory(image, (void *)b.bytes, &data, &size);
    require_status(status, ERROR(ARGUMENT) | ERROR(UNSUPPORTED));
    REQUIRE((status == ARTFUSION_OK) == (data != NULL));
    if (status == ARTFUSION_OK) {
        REQUIRE(artfusion_image_load_memory(data, size, NULL, &again) == ARTFUSION_OK);
        artfusion_image_destroy(again);
    }
    artfusion_free(data);
    /* In a folder that is not there: no file can come of it. */
    require_status(artfusion_image_save_file(image, take8(c) % 2 ? "/nowhere/a.PNG" : "/nowhere/a",
                                             (void *)b.bytes),
                   ERROR(ARGUMENT) | ERROR(UNSUPPORTED) | ERROR(IO));
    artfusion_image_destroy(image);
    free(b.bytes);
}

static artfusion_status init_sampler(artfusion_sampler_options *options, size_t size)
{
    return artfusion_sampler_options_init(options, size, fuzz_model());
}

static artfusion_status get_info(artfusion_model_info *info, size_t size)
{
    return artfusion_model_get_info(fuzz_model(), info, size);
}

/* Latents, masks, styles and pictures for a run, of the right size or not. */
static void prepare(cursor *c, artfusion_sampler *sampler, size_t values, size_t pixels)
{
    const uint8_t what = take8(c);
    const int32_t index = (int8_t)take8(c) % 4;
    /* As many as are ever said to be there: a wrong count may be the right one of a sampler whose size
     * its short struct did not say. */
    float *floats = calloc(values + UINT8_MAX, sizeof *floats);
    REQUIRE(floats);
    take(c, floats, (values < 16 ? values : 16) * sizeof *floats / 2);
    const size_t count = what & 128 ? values + take8(c) : values;
    if (what & 1)
        require_status(artfusion_sampler_set_content_latent(sampler, index, floats, count),
                       ERROR(ARGUMENT));
    if (what & 2)
        require_status(artfusion_sampler_set_init_latent(sampler, index, floats, count),
                       ERROR(ARGUMENT));
    if (what & 4)
        require_status(artfusion_sampler_set_mask(sampler, index, what & 8 ? floats : NULL,
                                                  what & 128 ? pixels + 1 : pixels),
                       ERROR(ARGUMENT));
    free(floats);
    if (what & 16) {
        artfusion_style *style;
        REQUIRE(artfusion_style_null(what & 64 ? fuzz_other_model() : fuzz_model(), &style) ==
                ARTFUSION_OK);
        require_status(artfusion_sampler_set_style(sampler, index, style),
                       ERROR(ARGUMENT) | ERROR(MISMATCH));
        artfusion_style_destroy(style);
    }
    if (what & 32) {
        artfusion_image *image;
        REQUIRE(artfusion_image_create(9, 7, &image) == ARTFUSION_OK);
        require_status(artfusion_sampler_set_content(sampler, index, what & 64 ? NULL : image),
                       ERROR(ARGUMENT) | ERROR(MEMORY));
        artfusion_image_destroy(image);
    }
}

static artfusion_sampler *running;

static artfusion_status get_progress(artfusion_progress *progress, size_t size)
{
    return artfusion_sampler_get_progress(running, progress, size);
}

static void run(cursor *c, artfusion_sampler *sampler)
{
    const uint32_t errors = ERROR(ARGUMENT) | ERROR(CANCELLED) | ERROR(NUMERIC) | ERROR(MEMORY);
    artfusion_status status = ARTFUSION_OK;
    artfusion_image *image;
    for (int step = take8(c) % 12; step && status != ARTFUSION_DONE; step--) {
        if (take8(c) == 77)
            artfusion_sampler_cancel(sampler);
        status = artfusion_sampler_next(sampler);
        if (status != ARTFUSION_DONE)
            require_status(status, errors);
    }
    const int32_t index = take8(c) % 3;
    status = artfusion_sampler_image(sampler, index, &image);
    require_status(status, errors | ERROR(STATE));
    REQUIRE((status == ARTFUSION_OK) == (image != NULL));
    artfusion_image_destroy(image);
    const int32_t kept = artfusion_sampler_kept_count(sampler), entry = take8(c);
    const float *x, *x0;
    status = artfusion_sampler_kept(sampler, entry, &x, &x0);
    require_status(status, ERROR(ARGUMENT));
    REQUIRE((status == ARTFUSION_OK) == (entry < kept));
    running = sampler;
    TRY_INIT(c, artfusion_progress, get_progress);
}

static void try_sampler(cursor *c)
{
    static int32_t timesteps[TIMESTEPS];
    artfusion_sampler_options o;
    artfusion_sampler *sampler;
    artfusion_model *model = fuzz_model();
    TRY_INIT(c, artfusion_sampler_options, init_sampler);
    REQUIRE(init_sampler(&o, sizeof o) == ARTFUSION_OK);
    take(c, &plan, sizeof plan);
    o.width = 8 * (1 + take8(c) % 4);
    o.height = 8 * (1 + take8(c) % 4);
    o.steps = 1 + take8(c) % 12;
    o.solver = take8(c) % 5;
    const uint8_t pointers = take8(c);
    block b = make_block(c, &o, sizeof o);
    for (int i = 0; i < TIMESTEPS; i++)
        timesteps[i] = pointers & 16 ? (int32_t)take8(c) * 4 - 4 : TIMESTEPS - 1 - i;
    SET_POINTER(&b, artfusion_sampler_options, timesteps, pointers & 1 ? timesteps : NULL);
    SET_POINTER(&b, artfusion_sampler_options, noise_callback, pointers & 2 ? on_noise : NULL);
    SET_POINTER(&b, artfusion_sampler_options, step_callback, pointers & 4 ? on_step : NULL);
    SET_POINTER(&b, artfusion_sampler_options, eps_callback, pointers & 8 ? on_eps : NULL);
    SET_POINTER(&b, artfusion_sampler_options, noise_user_data, &plan);
    SET_POINTER(&b, artfusion_sampler_options, step_user_data, &plan);
    SET_POINTER(&b, artfusion_sampler_options, eps_user_data, &plan);
    const void *given = b.bytes;

    const artfusion_status status = artfusion_sampler_create(model, given, &sampler);
    require_status(status, ERROR(ARGUMENT) | ERROR(UNSUPPORTED) | ERROR(MEMORY));
    REQUIRE((status == ARTFUSION_OK) == (sampler != NULL));
    if (sampler) {
        memcpy(&o, given, b.size < sizeof o ? b.size : sizeof o);
        const size_t pixels = (size_t)(o.width / 4) * (size_t)(o.height / 4);
        const int small = pixels * (size_t)o.batch <= SMALL_RUN;
        if (small) {
            prepare(c, sampler, 3 * pixels, pixels);
            run(c, sampler);
        }
    }
    artfusion_sampler_destroy(sampler);
    require_status(artfusion_sampler_options_set_preset((void *)b.bytes, model,
                                                        pointers & 32 ? "bold" : "loud"),
                   ERROR(ARGUMENT) | ERROR(UNSUPPORTED));
    free(b.bytes);
}

/* Plain functions of numbers. */
static void try_numbers(cursor *c)
{
    static double betas[TIMESTEPS], alphas[TIMESTEPS], before[TIMESTEPS], sigmas[TIMESTEPS];
    static int32_t timesteps[TIMESTEPS];
    int32_t steps, train, width, height;
    double start, end;
    const int32_t kind = (int8_t)take8(c);
    take(c, &steps, sizeof steps);
    take(c, &width, sizeof width);
    take(c, &height, sizeof height);
    take(c, &start, sizeof start);
    take(c, &end, sizeof end);
    steps = take8(c) % 2 ? steps : steps % (TIMESTEPS + 2);
    train = take16(c) % (TIMESTEPS + 2);
    /* The room that is promised is there: so many as are asked for, if they can be. */
    if (train <= TIMESTEPS) {
        require_status(artfusion_schedule_betas(kind, start, end, train, betas), ERROR(ARGUMENT));
        require_status(artfusion_timesteps(kind, steps, train, timesteps), ERROR(ARGUMENT));
        if (steps >= 1 && steps <= train) {
            for (int32_t i = 0; i < train; i++)
                betas[i] = 1.0 - (i + 1) / (TIMESTEPS + 1.0);
            require_status(artfusion_ddim_coefficients(betas, train, kind, timesteps, steps, start,
                                                       alphas, before, sigmas),
                           ERROR(ARGUMENT));
        }
    }
    require_status(
        artfusion_model_fit_size(fuzz_model(), width, height, kind * 600, &width, &height),
        ERROR(ARGUMENT));
    (void)artfusion_name_of(kind, steps);
    (void)artfusion_model_preset_name(fuzz_model(), steps);
    TRY_INIT(c, artfusion_model_info, get_info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(cursor *) = {try_sampler, try_context, try_load,
                                              try_save,    try_numbers, try_sampler};
    cursor c = {data, size};
    for (int i = 0; i < 4 && c.size; i++)
        tries[take8(&c) % (sizeof tries / sizeof *tries)](&c);
    return 0;
}
