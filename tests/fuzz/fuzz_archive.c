/* SPDX-License-Identifier: MIT
 * A model file: its archive and manifest, opened on the test engine from memory, by a callback
 * that may fail, and as a file. All ways agree; what opens has sound numbers in it. */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

static const uint32_t refused =
    ERROR(FORMAT) | ERROR(UNSUPPORTED) | ERROR(CHECKSUM) | ERROR(LIMIT) | ERROR(MEMORY);

static artfusion_context *context(void)
{
    static artfusion_context *made;
    if (!made)
        REQUIRE(artfusion_context_create(NULL, &made) == ARTFUSION_OK);
    return made;
}

typedef struct reader {
    const uint8_t *data;
    size_t size;
    int reads; /* left until one fails; below 0: none does */
} reader;

static int32_t read_data(void *user_data, uint64_t offset, void *buffer, size_t size)
{
    reader *r = user_data;
    REQUIRE(offset <= r->size && size <= r->size - offset);
    if (r->reads == 0)
        return 1;
    r->reads--;
    memcpy(buffer, r->data + offset, size);
    return 0;
}

static artfusion_status open_as_file(const uint8_t *data, size_t size, artfusion_model **model)
{
    char path[MEMORY_PATH];
    const int file = memory_file(data, size, path);
    const artfusion_status status = artfusion_model_open_file(context(), path, model);
    (void)close(file);
    return status;
}

static void require_sound(const artfusion_model *model)
{
    artfusion_model_info info;
    int32_t width, height;
    REQUIRE(artfusion_model_get_info(model, &info, sizeof info) == ARTFUSION_OK);
    REQUIRE(info.latent_channels >= 1 && info.downsample >= 1 && info.style_width >= 1);
    REQUIRE(info.size_multiple % info.downsample == 0);
    REQUIRE(strlen(info.weights_sha256) == 64);
    for (int32_t i = 0; i < info.timesteps; i++)
        REQUIRE(info.alphas_cumprod[i] > 0.0 && info.alphas_cumprod[i] < 1.0);
    require_status(artfusion_model_fit_size(model, 300, 200, 0, &width, &height), ERROR(ARGUMENT));
    for (int32_t i = 0; i < artfusion_model_preset_count(model); i++)
        REQUIRE(artfusion_model_preset_name(model, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    artfusion_model *model, *again = NULL;
    const void *bytes = size ? data : (const uint8_t *)"";
    const artfusion_status status = artfusion_model_open_memory(context(), bytes, size, &model);
    require_status(status, refused);
    REQUIRE((status == ARTFUSION_OK) == (model != NULL));
    if (model)
        require_sound(model);

    reader r = {data, size, -1};
    switch (size % 4) { /* one other way each */
    case 0: REQUIRE(open_as_file(bytes, size, &again) == status); break;
    case 1: {
        r.reads = (int)(size / 4 % 40);
        const artfusion_status read =
            artfusion_model_open_reader(context(), read_data, &r, size, &again);
        require_status(read, refused | ERROR(IO) | ERROR(ENGINE));
        REQUIRE(read == status || r.reads == 0);
        break;
    }
    default: REQUIRE(artfusion_model_open_reader(context(), read_data, &r, size, &again) == status);
    }
    REQUIRE(!(again && !model));
    artfusion_model_destroy(again);
    artfusion_model_destroy(model);
    return 0;
}
