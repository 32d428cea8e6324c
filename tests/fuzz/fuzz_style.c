/* SPDX-License-Identifier: MIT
 * Style codes from outside: the floats a program has kept in a file (artfusion_style_values and
 * back), saved style codes of which bytes were changed, blends of them with any weights, and
 * pictures of odd sizes. */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_STYLES = 6, MAX_FLOATS = 8 };

static void require_finite(const artfusion_style *style)
{
    size_t count;
    const float *values = artfusion_style_values(style, &count);
    REQUIRE(count == 3);
    for (size_t i = 0; i < count; i++)
        REQUIRE(isfinite(values[i]));
}

static float take_float(cursor *c)
{
    float value;
    const uint32_t bits = take32(c);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static artfusion_style *from_values(cursor *c, artfusion_model *model)
{
    artfusion_style *style;
    const size_t count = take8(c) % (MAX_FLOATS + 1);
    float *values = malloc(count ? count * sizeof *values : 1);
    int finite = 1;
    REQUIRE(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = take_float(c);
        finite = finite && isfinite(values[i]);
    }
    const artfusion_status status = artfusion_style_from_values(model, values, count, &style);
    require_status(status, ERROR(ARGUMENT) | ERROR(MISMATCH));
    REQUIRE((status == ARTFUSION_OK) == (count == 3 && finite));
    REQUIRE((status == ARTFUSION_OK) == (style != NULL));
    if (style) { /* kept and read again, it is the same */
        size_t kept;
        const float *same = artfusion_style_values(style, &kept);
        REQUIRE(kept == count && memcmp(same, values, count * sizeof *values) == 0);
    }
    free(values);
    return style;
}

static artfusion_style *from_picture(cursor *c, artfusion_model *model)
{
    artfusion_style *style;
    artfusion_image *image;
    const uint8_t shape = take8(c);
    /* Or a sliver, too narrow to be enlarged. */
    const int32_t width = shape < 240 ? 1 + shape % 40 : 1;
    const int32_t height = shape < 240 ? 1 + take8(c) % 40 : 4096 + take8(c);
    REQUIRE(artfusion_image_create(width, height, &image) == ARTFUSION_OK);
    take(c, artfusion_image_pixels(image), 3 * (size_t)width);
    const artfusion_status status = (shape % 2 ? artfusion_style_from_image_exact
                                               : artfusion_style_from_image)(model, image, &style);
    require_status(status, ERROR(ARGUMENT) | ERROR(MEMORY));
    REQUIRE((status == ARTFUSION_OK) == (style != NULL));
    artfusion_image_destroy(image);
    return style;
}

/* What was saved of `style`, after it was changed, for `model`. */
static artfusion_style *from_record(cursor *c, const artfusion_style *style, int ours,
                                    artfusion_model *model)
{
    artfusion_style *loaded, *again;
    uint8_t *saved;
    size_t size;
    REQUIRE(artfusion_style_save_memory(style, &saved, &size) == ARTFUSION_OK);
    const record_file file = take_record(c, saved, size);
    artfusion_free(saved);
    const artfusion_status status =
        artfusion_style_load_memory(model, file.data, file.size, &loaded);
    require_status(status, ERROR(FORMAT) | ERROR(UNSUPPORTED) | ERROR(CHECKSUM) | ERROR(MISMATCH));
    REQUIRE((status == ARTFUSION_OK) == (loaded != NULL));
    if (file.same)
        REQUIRE(status == (ours ? ARTFUSION_OK : ARTFUSION_ERROR_MISMATCH));
    else
        REQUIRE(file.sealed || status != ARTFUSION_OK);

    char path[MEMORY_PATH];
    const int descriptor = memory_file(file.data, file.size, path);
    REQUIRE(artfusion_style_load_file(model, path, &again) == status);
    (void)close(descriptor);
    if (loaded) { /* there is one way to write a code */
        REQUIRE(artfusion_style_save_memory(loaded, &saved, &size) == ARTFUSION_OK);
        REQUIRE(size == file.size && memcmp(saved, file.data, size) == 0);
        artfusion_free(saved);
        REQUIRE(artfusion_style_save_memory(again, &saved, &size) == ARTFUSION_OK);
        REQUIRE(size == file.size && memcmp(saved, file.data, size) == 0);
        artfusion_free(saved);
    }
    artfusion_style_destroy(again);
    free(file.data);
    return loaded;
}

/* Of a style that was made before, or the null style. */
static artfusion_style *from_file(cursor *c, artfusion_style *const *styles,
                                  artfusion_model *const *models, artfusion_model *model)
{
    const uint8_t which = take8(c) % (MAX_STYLES + 1);
    if (which < MAX_STYLES && styles[which])
        return from_record(c, styles[which], models[which] == model, model);
    artfusion_style *null;
    REQUIRE(artfusion_style_null(model, &null) == ARTFUSION_OK);
    artfusion_style *made = from_record(c, null, 1, model);
    artfusion_style_destroy(null);
    return made;
}

/* The arguments that are missing. */
static void lack_arguments(uint8_t what, artfusion_model *model)
{
    artfusion_style *made = NULL, **style = what & 32 ? &made : NULL;
    uint8_t *data;
    size_t size;
    require_status(artfusion_style_from_values(what & 16 ? NULL : model, NULL, 3, &made),
                   ERROR(ARGUMENT));
    REQUIRE(!made);
    require_status(artfusion_style_from_image(model, NULL, style), ERROR(ARGUMENT));
    require_status(artfusion_style_blend(NULL, NULL, 1, style), ERROR(ARGUMENT));
    REQUIRE(!artfusion_style_values(NULL, NULL));
    require_status(artfusion_style_load_memory(what & 16 ? NULL : model, NULL, 3, style),
                   ERROR(ARGUMENT));
    require_status(artfusion_style_load_file(what & 16 ? NULL : model, NULL, style),
                   ERROR(ARGUMENT));
    require_status(artfusion_style_save_memory(NULL, what & 32 ? &data : NULL, &size),
                   ERROR(ARGUMENT));
    require_status(artfusion_style_save_file(NULL, what & 32 ? "" : NULL), ERROR(ARGUMENT));
    REQUIRE(!made);
}

/* `*model` becomes that of the blend. */
static artfusion_style *blend(cursor *c, artfusion_style *const *styles,
                              artfusion_model *const *models, artfusion_model **model)
{
    const artfusion_style *chosen[MAX_STYLES];
    double weights[MAX_STYLES];
    artfusion_style *style;
    const size_t count = take8(c) % (MAX_STYLES + 1);
    for (size_t i = 0; i < count; i++) {
        const uint8_t which = take8(c) % MAX_STYLES;
        chosen[i] = styles[which];
        *model = models[which];
        weights[i] = (double)take_float(c);
    }
    const artfusion_status status = artfusion_style_blend(chosen, weights, count, &style);
    require_status(status, ERROR(ARGUMENT) | ERROR(MISMATCH) | ERROR(NUMERIC));
    REQUIRE((status == ARTFUSION_OK) == (style != NULL));
    return style;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cursor c = {data, size};
    artfusion_style *styles[MAX_STYLES] = {NULL};
    artfusion_model *models[MAX_STYLES] = {NULL};
    for (int i = 0; i < 16 && c.size; i++) {
        const uint8_t what = take8(&c);
        artfusion_model *model = what & 8 ? fuzz_other_model() : fuzz_model();
        const size_t slot = (what >> 4) % MAX_STYLES;
        artfusion_style *made = NULL;
        switch (what % 6) {
        case 0: made = from_values(&c, model); break;
        case 1: made = from_file(&c, styles, models, model); break;
        case 2: made = from_picture(&c, model); break;
        case 3: made = blend(&c, styles, models, &model); break;
        case 4: REQUIRE(artfusion_style_null(model, &made) == ARTFUSION_OK); break;
        default: lack_arguments(what, model);
        }
        if (made) {
            require_finite(made);
            artfusion_style_destroy(styles[slot]);
            styles[slot] = made;
            models[slot] = model;
        }
    }
    for (int i = 0; i < MAX_STYLES; i++)
        artfusion_style_destroy(styles[i]);
    return 0;
}
