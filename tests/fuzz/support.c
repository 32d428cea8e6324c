/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../c/support.h"

/* An absurd size asked for is refused, as by a machine that has not got it, and is no crash. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

_Noreturn void require_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

void require_status(artfusion_status status, uint32_t allowed)
{
    if (status == ARTFUSION_OK)
        return;
    if (status > 0 || status < -12 || !(allowed >> -status & 1u)) {
        (void)fprintf(stderr, "%s: %s\n", artfusion_status_name(status), artfusion_error_message());
        abort();
    }
    REQUIRE(*artfusion_error_message());
}

static artfusion_model *open_once(const char *from, const char *to)
{
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, from, to, &size);
    REQUIRE(artfusion_context_create(NULL, &context) == ARTFUSION_OK);
    REQUIRE(artfusion_model_open_memory(context, bundle, size, &model) == ARTFUSION_OK);
    artfusion_context_destroy(context);
    free(bundle);
    return model;
}

artfusion_model *fuzz_model(void)
{
    static artfusion_model *model;
    if (!model)
        model = open_once("\"style_scale\": 2}",
                          "\"style_scale\": 2}, \"presets\": {\"bold\": {\"style_scale\": 3}}");
    return model;
}

artfusion_model *fuzz_other_model(void)
{
    static artfusion_model *model;
    if (!model)
        model = open_once("small", "other");
    return model;
}

void take(cursor *c, void *to, size_t size)
{
    const size_t have = size < c->size ? size : c->size;
    memset(to, 0, size);
    if (have)
        memcpy(to, c->data, have);
    c->data += have;
    c->size -= have;
}

uint8_t take8(cursor *c)
{
    uint8_t value;
    take(c, &value, sizeof value);
    return value;
}

uint16_t take16(cursor *c)
{
    uint16_t value;
    take(c, &value, sizeof value);
    return value;
}

uint32_t take32(cursor *c)
{
    uint32_t value;
    take(c, &value, sizeof value);
    return value;
}

int same_pixels(artfusion_image *a, artfusion_image *b)
{
    const int32_t width = artfusion_image_width(a), height = artfusion_image_height(a);
    if (width != artfusion_image_width(b) || height != artfusion_image_height(b))
        return 0;
    for (int32_t y = 0; y < height; y++)
        if (memcmp(artfusion_image_pixels(a) + (size_t)y * artfusion_image_stride(a),
                   artfusion_image_pixels(b) + (size_t)y * artfusion_image_stride(b),
                   3 * (size_t)width) != 0)
            return 0;
    return 1;
}

void require_round_trip(artfusion_image *image, int32_t compression, uint8_t **file, size_t *size)
{
    artfusion_save_options options;
    artfusion_image *again;
    uint8_t *bytes;
    size_t count;
    REQUIRE(artfusion_save_options_init(&options, sizeof options) == ARTFUSION_OK);
    options.format = ARTFUSION_FORMAT_PNG;
    options.png_compression = compression;
    REQUIRE(artfusion_image_save_memory(image, &options, &bytes, &count) == ARTFUSION_OK);
    REQUIRE(artfusion_image_load_memory(bytes, count, NULL, &again) == ARTFUSION_OK);
    REQUIRE(same_pixels(image, again));
    artfusion_image_destroy(again);
    if (file) {
        *file = bytes;
        *size = count;
    } else {
        artfusion_free(bytes);
    }
}
