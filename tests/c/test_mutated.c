/* SPDX-License-Identifier: MIT
 * Model files that were damaged in any way: bits flipped, pieces cut out or repeated, two files
 * joined. Each is refused with a sentence, or reads as the file it was made of. Which ones follows
 * from a seed; ARTFUSION_VARIANTS says how many (1000), and with ARTFUSION_FIGURES rows of a table
 * tell what became of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define SEED 2306093300u
#define LARGE_EVERY 25 /* a variant of the model that is shipped takes a hundred times as long */

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

/* splitmix64: the same numbers everywhere. */
static uint64_t state_of_numbers;

static size_t number(size_t below)
{
    uint64_t z = state_of_numbers += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return below ? (size_t)((z ^ z >> 31) % below) : 0;
}

static bytes read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    bytes b = {NULL, (size_t)ftell(file)};
    rewind(file);
    b.data = malloc(b.size);
    assert_non_null(b.data);
    assert_int_equal(fread(b.data, 1, b.size, file), b.size);
    (void)fclose(file);
    return b;
}

/* Where something is to happen: near the end, where the directory is, as often as elsewhere. */
static size_t place(const bytes *b)
{
    return number(2) ? number(b->size) : b->size - 1 - number(b->size < 600 ? b->size : 600);
}

enum { FLIPPED, CUT, REPEATED, JOINED, KINDS };
static const char *const kind_names[KINDS] = {"bits flipped", "cut", "repeated", "spliced"};

/* A block of just its own size. */
static bytes make_variant(size_t kind, const bytes *a, const bytes *b)
{
    const size_t at = place(a), left = a->size - at;
    const size_t length = 1 + number(number(2) ? 16 : left) % left;
    /* Files of one layout joined at one place have both halves where they belong. */
    const size_t from = kind != JOINED ? 0 : at < b->size && number(2) ? at : place(b);
    bytes made = {NULL, kind == CUT        ? a->size - length
                        : kind == REPEATED ? a->size + length
                        : kind == JOINED   ? at + b->size - from
                                           : a->size};
    made.data = malloc(made.size ? made.size : 1);
    assert_non_null(made.data);
    switch (kind) {
    case FLIPPED:
        memcpy(made.data, a->data, a->size);
        for (size_t flips = number(3) ? 1 : 1 + number(3); flips; flips--)
            made.data[place(a)] ^= (uint8_t)(1u << number(8));
        break;
    case CUT:
        memcpy(made.data, a->data, at);
        memcpy(made.data + at, a->data + at + length, left - length);
        break;
    case REPEATED:
        memcpy(made.data, a->data, at + length);
        memcpy(made.data + at + length, a->data + at, left);
        break;
    default: memcpy(made.data, a->data, at); memcpy(made.data + at, b->data + from, b->size - from);
    }
    return made;
}

static int same(const artfusion_model *a, const artfusion_model *b)
{
    artfusion_model_info p, q;
    assert_ok(artfusion_model_get_info(a, &p, sizeof p));
    assert_ok(artfusion_model_get_info(b, &q, sizeof q));
    const size_t latent = (size_t)p.latent_channels * sizeof *p.latent_shift;
    int equal = p.latent_channels == q.latent_channels && p.downsample == q.downsample &&
                p.size_multiple == q.size_multiple && p.native_width == q.native_width &&
                p.native_height == q.native_height && p.style_width == q.style_width &&
                p.style_min_size == q.style_min_size && p.timesteps == q.timesteps &&
                p.schedule == q.schedule && p.prediction == q.prediction &&
                strcmp(p.name, q.name) == 0 && strcmp(p.description, q.description) == 0 &&
                strcmp(p.licence, q.licence) == 0 && strcmp(p.origin, q.origin) == 0 &&
                strcmp(p.weights_sha256, q.weights_sha256) == 0 &&
                memcmp(p.latent_shift, q.latent_shift, latent) == 0 &&
                memcmp(p.latent_scale, q.latent_scale, latent) == 0 &&
                memcmp(p.alphas_cumprod, q.alphas_cumprod,
                       (size_t)p.timesteps * sizeof *p.alphas_cumprod) == 0;
    const int32_t presets = artfusion_model_preset_count(a);
    equal = equal && presets == artfusion_model_preset_count(b);
    for (int32_t i = 0; equal && i < presets; i++) {
        artfusion_sampler_options x, y;
        const char *name = artfusion_model_preset_name(a, i);
        assert_ok(artfusion_sampler_options_init(&x, sizeof x, a));
        assert_ok(artfusion_sampler_options_init(&y, sizeof y, b));
        equal = memcmp(&x, &y, sizeof x) == 0 && /* no padding within: docs/abi.md */
                artfusion_sampler_options_set_preset(&x, a, name) == ARTFUSION_OK &&
                artfusion_sampler_options_set_preset(&y, b, name) == ARTFUSION_OK &&
                memcmp(&x, &y, sizeof x) == 0;
    }
    return equal;
}

/* Errors that a damaged file may give: not, for instance, ARGUMENT, IO or STATE. */
static int is_refusal(artfusion_status status)
{
    return status == ARTFUSION_ERROR_FORMAT || status == ARTFUSION_ERROR_CHECKSUM ||
           status == ARTFUSION_ERROR_UNSUPPORTED || status == ARTFUSION_ERROR_LIMIT;
}

enum { SOURCES = 4 };

typedef struct figures {
    int variants[KINDS], refused[KINDS];
} figures;

static void try_variant(artfusion_context *context, const bytes *sources, artfusion_model **models,
                        size_t a, size_t b, size_t kind, int index, figures *f)
{
    const bytes variant = make_variant(kind, &sources[a], &sources[b]);
    artfusion_model *model;
    const artfusion_status status =
        artfusion_model_open_memory(context, variant.data, variant.size, &model);
    f->variants[kind]++;
    if (status != ARTFUSION_OK) {
        f->refused[kind]++;
        assert_null(model);
        if (!is_refusal(status) || strlen(artfusion_error_message()) < 10)
            fail_msg("variant %d (%s): %s: %s", index, kind_names[kind],
                     artfusion_status_name(status), artfusion_error_message());
    } else if (!same(model, models[a]) && !same(model, models[b])) {
        fail_msg("variant %d (%s) opened as another model", index, kind_names[kind]);
    }
    artfusion_model_destroy(model);
    free(variant.data);
}

static void test_variants(void **state)
{
    (void)state;
    const char *wanted = getenv("ARTFUSION_VARIANTS");
    const int count = wanted ? atoi(wanted) : 1000;
    artfusion_context *context = test_context();
    artfusion_model *models[SOURCES];
    figures f = {{0}, {0}};
    bytes sources[SOURCES];
    sources[0].data = make_bundle(small_manifest, NULL, NULL, &sources[0].size);
    sources[1].data = make_bundle(small_manifest, "small", "other", &sources[1].size);
    sources[2].data = make_bundle(
        small_manifest, "\"style_scale\": 2}",
        "\"style_scale\": 2}, \"presets\": {\"bold\": {\"style_scale\": 3, \"steps\": 5}}",
        &sources[2].size);
    sources[3] = read_whole(required_environment("ARTFUSION_MODEL"));
    for (size_t i = 0; i < SOURCES; i++)
        assert_ok(
            artfusion_model_open_memory(context, sources[i].data, sources[i].size, &models[i]));

    state_of_numbers = SEED;
    for (int i = 0; i < count; i++) {
        const size_t kind = number(KINDS);
        const size_t a = i % LARGE_EVERY == LARGE_EVERY - 1 ? 3 : number(3);
        try_variant(context, sources, models, a, number(3), kind, i, &f);
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        if (getenv("ARTFUSION_FIGURES"))
            printf("| model file | %s | %d | %d | %d |\n", kind_names[kind], f.variants[kind],
                   f.refused[kind], f.variants[kind] - f.refused[kind]);
        assert_true(count < 100 || f.variants[kind] > count / 8);
        assert_true(f.refused[kind] > f.variants[kind] / 2);
    }
    for (size_t i = 0; i < SOURCES; i++) {
        artfusion_model_destroy(models[i]);
        free(sources[i].data);
    }
    artfusion_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_variants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
