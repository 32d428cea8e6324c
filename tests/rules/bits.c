/* SPDX-License-Identifier: MIT
 * Prints all bits of what the library computes by itself, for x86-32.sh to compare. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "artfusion.h"

enum { TIMESTEPS = 1000, STEPS = 37, NUMBERS = 5000 };

static void require(artfusion_status status)
{
    if (status >= 0)
        return;
    (void)fprintf(stderr, "%s\n", artfusion_error_message());
    exit(1);
}

static void print_floats(const char *name, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        (void)printf("%s %zu %08" PRIx32 "\n", name, i, bits);
    }
}

static void print_doubles(const char *name, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        (void)printf("%s %zu %016" PRIx64 "\n", name, i, bits);
    }
}

static void print_numbers(artfusion_rng_kind kind)
{
    static float values[NUMBERS];
    artfusion_rng *rng;
    require(artfusion_rng_create(kind, 7, &rng));
    require(artfusion_rng_normal(rng, values, NUMBERS));
    print_floats("normal", values, NUMBERS);
    require(artfusion_rng_uniform(rng, values, NUMBERS));
    print_floats("uniform", values, NUMBERS);
    artfusion_rng_destroy(rng);
}

static void print_steps(artfusion_spacing spacing, const double *alphas_cumprod)
{
    int32_t timesteps[STEPS];
    double alphas[STEPS], before[STEPS], sigmas[STEPS];
    require(artfusion_timesteps(spacing, STEPS, TIMESTEPS, timesteps));
    for (int32_t i = 0; i < STEPS; i++)
        (void)printf("timestep %" PRId32 " %" PRId32 "\n", i, timesteps[i]);
    require(artfusion_ddim_coefficients(alphas_cumprod, TIMESTEPS, spacing, timesteps, STEPS, 0.7,
                                        alphas, before, sigmas));
    print_doubles("alpha", alphas, STEPS);
    print_doubles("before", before, STEPS);
    print_doubles("sigma", sigmas, STEPS);
}

static void print_schedules(void)
{
    static double betas[TIMESTEPS], alphas[TIMESTEPS];
    for (artfusion_schedule s = ARTFUSION_SCHEDULE_LINEAR; s <= ARTFUSION_SCHEDULE_SQRT; s++) {
        /* It is by the C library's cosine, of which there are several. */
        if (s == ARTFUSION_SCHEDULE_COSINE)
            continue;
        require(artfusion_schedule_betas(s, 0.0015, 0.0195, TIMESTEPS, betas));
        print_doubles("beta", betas, TIMESTEPS);
        double product = 1.0;
        for (int i = 0; i < TIMESTEPS; i++)
            alphas[i] = product *= 1.0 - betas[i];
        for (artfusion_spacing k = ARTFUSION_SPACING_UNIFORM; k <= ARTFUSION_SPACING_LINSPACE; k++)
            print_steps(k, alphas);
    }
}

static void print_resized(void)
{
    artfusion_image *image, *resized;
    require(artfusion_image_create(61, 47, &image));
    uint8_t *pixels = artfusion_image_pixels(image);
    for (uint32_t i = 0; i < 61 * 47 * 3; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    for (artfusion_filter f = ARTFUSION_FILTER_BICUBIC; f <= ARTFUSION_FILTER_LANCZOS; f++) {
        require(artfusion_image_resize(image, 97, 23, f, &resized));
        const uint8_t *bytes = artfusion_image_pixels(resized);
        for (size_t i = 0; i < 97 * 23 * 3; i++)
            (void)printf("pixel %zu %02x\n", i, (unsigned)bytes[i]);
        artfusion_image_destroy(resized);
    }
    artfusion_image_destroy(image);
}

int main(void)
{
    print_numbers(ARTFUSION_RNG_COUNTER);
    print_numbers(ARTFUSION_RNG_TORCH_CPU);
    print_schedules();
    print_resized();
    return fflush(stdout) != 0;
}
