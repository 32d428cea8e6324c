/* SPDX-License-Identifier: MIT
 * A manifest's text. What is accepted is within the bounds that the rest of the library computes
 * with, and is read the same a second time. */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/manifest.h"

static void require_sampling(const af_sampling *s, int32_t timesteps)
{
    REQUIRE(artfusion_name_of(ARTFUSION_ENUM_SOLVER, s->solver));
    REQUIRE(artfusion_name_of(ARTFUSION_ENUM_SPACING, s->spacing));
    REQUIRE(s->steps >= 1 && s->steps <= timesteps);
    REQUIRE(s->eta >= 0.0 && s->eta <= 100.0);
    REQUIRE(fabs(s->content_scale) <= 100.0 && fabs(s->style_scale) <= 100.0);
    REQUIRE(s->content_start >= 0.0 && s->content_start <= 1.0);
    REQUIRE(s->content_end >= 0.0 && s->content_end <= 1.0);
    REQUIRE(s->style_start >= 0.0 && s->style_start <= 1.0);
    REQUIRE(s->style_end >= 0.0 && s->style_end <= 1.0);
}

static void require_bounds(const af_manifest *m)
{
    const char *const texts[] = {m->name, m->description, m->licence, m->origin, m->weights_sha256};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        REQUIRE(texts[i]);
        for (const char *c = texts[i]; *c; c++)
            REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7F);
    }
    REQUIRE(m->latent_channels >= 1 && m->latent_channels <= 1024);
    REQUIRE(m->downsample >= 1 && m->downsample <= 256);
    for (int32_t i = 0; i < m->latent_channels; i++)
        REQUIRE(isfinite(m->latent_shift[i]) && isfinite(m->latent_scale[i]) &&
                m->latent_scale[i] > 0.0f);
    REQUIRE(m->size_multiple >= 1 && m->size_multiple <= 256);
    REQUIRE(m->size_multiple % m->downsample == 0);
    REQUIRE(m->native_width >= 1 && m->native_width <= 65535);
    REQUIRE(m->native_height >= 1 && m->native_height <= 65535);
    REQUIRE(m->native_width % m->size_multiple == 0 && m->native_height % m->size_multiple == 0);
    REQUIRE(m->style_width >= 1 && m->style_width <= 1 << 20);
    REQUIRE(m->style_min_size >= 1 && m->style_min_size <= 4096);
    REQUIRE(m->timesteps >= 1 && m->timesteps <= 100000);
    REQUIRE(m->linear_start >= 0.0 && m->linear_start <= m->linear_end && m->linear_end <= 1.0);
    require_sampling(&m->defaults, m->timesteps);
    REQUIRE(m->preset_count >= 0 && m->preset_count <= AF_MAX_PRESETS);
    for (int32_t i = 0; i < m->preset_count; i++) {
        const size_t length = strlen(m->presets[i].name);
        REQUIRE(length >= 1 && length < AF_PRESET_NAME);
        require_sampling(&m->presets[i].sampling, m->timesteps);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    af_manifest manifest, again;
    /* As a bundle gives it: with a zero behind it. */
    char *text = malloc(size + 1);
    REQUIRE(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    const artfusion_status status = af_manifest_parse(text, size, &manifest);
    require_status(status, ERROR(FORMAT) | ERROR(UNSUPPORTED));
    REQUIRE(af_manifest_parse(text, size, &again) == status);
    if (status == ARTFUSION_OK) {
        require_bounds(&manifest);
        REQUIRE(strcmp(manifest.name, again.name) == 0);
        REQUIRE(memcmp(manifest.presets, again.presets, sizeof manifest.presets) == 0);
    }
    af_manifest_clear(&manifest);
    af_manifest_clear(&again);
    free(text);
    return 0;
}
