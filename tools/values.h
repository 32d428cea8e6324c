/* SPDX-License-Identifier: MIT
 * Values of options, from their text. Each returns 0, or the exit status of a usage error that
 * names the option `name`, which comes without its dashes. */
#ifndef TOOLS_VALUES_H
#define TOOLS_VALUES_H

#include <stdint.h>

#include "artfusion.h"

int value_int32(const char *name, const char *text, int32_t least, int32_t most, int32_t *value);

/* The same for what the library judges: any that it can be given, the rest being out of `range`. */
int value_judged(const char *name, const char *text, const char *range, int32_t *value);

/* NaN and infinity are numbers here: the library says what is wrong with them. */
int value_real(const char *name, const char *text, double *value);

/* From seconds, which are above 0. */
int value_milliseconds(const char *name, const char *text, int32_t *milliseconds);

/* 0 to 2^64 - 1. */
int value_seed(const char *name, const char *text, uint64_t *seed);

/* One of the library's names. */
int value_constant(const char *name, const char *text, artfusion_enumeration enumeration,
                   int32_t *value);

/* Like 256x192. */
int value_size(const char *name, const char *text, int32_t most, int32_t *width, int32_t *height);

/* A device's name, or "cuda:1" for another GPU than the first. */
int value_device(const char *name, const char *text, artfusion_context_options *context);

/* png, jpeg, jpg or webp. */
int value_format(const char *name, const char *text, int32_t *format);

/* viewed or reference. */
int value_reading(const char *name, const char *text, artfusion_reading *reading);
const char *reading_name(artfusion_reading reading);

/* A colour like ff8800, or none. */
int value_background(const char *name, const char *text, uint8_t background[4]);
void background_text(const uint8_t background[4], char text[8]);

#endif
