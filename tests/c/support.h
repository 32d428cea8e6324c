/* SPDX-License-Identifier: MIT
 * What the C tests share: models of the test engine, made in memory. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../engine/test_engine.h"
#include "artfusion.h"

#define assert_ok(call) assert_status(call, ARTFUSION_OK, "")
#define assert_error(call, status, words) assert_status(call, status, words)

/* Fails with the library's message unless `call` gave `status` and the message has `words`. */
#define assert_status(call, expected, words) \
    check_status(call, expected, words, #call, __FILE__, __LINE__)
void check_status(artfusion_status status, artfusion_status expected, const char *words,
                  const char *call, const char *file, int line);

/* |a - b| <= tolerance, in double: cmocka's own takes floats. A NaN fails it. */
#define assert_near(a, b, tolerance) \
    check_near((double)(a), (double)(b), (double)(tolerance), __FILE__, __LINE__)
void check_near(double a, double b, double tolerance, const char *file, int line);

/* The path of the environment's variable, which must be there. */
const char *required_environment(const char *name);

/* The manifest of a small model: 3 latent channels, 4 pixels each, sizes in multiples of 8, style
 * codes of 3 values. Holds "@SHA256@" where the digest goes. */
extern const char *const small_manifest;

/* A model file in memory, of the manifest's text with `from` replaced by `to` (both may be NULL).
 * The digest, of the text's format, is filled in where the text asks for it. Freed with free. */
uint8_t *make_bundle(const char *manifest, const char *from, const char *to, size_t *size);

/* `text` with the first `from`, which must be in it, replaced by `to`. Freed with free. A bundle of
 * it has the weights and the digest of one of `text`. */
char *replaced(const char *text, const char *from, const char *to);

/* The control of the test engine, reset. */
test_engine_control *test_engine(void);

/* A context on the test engine, and the small model on it (reading its own copy of small_manifest
 * with `from` replaced by `to`). The context is the model's alone. */
artfusion_context *test_context(void);
artfusion_model *test_model(const char *from, const char *to);

/* A picture with shapes: its colours depend on `seed`. */
artfusion_image *test_picture(int32_t width, int32_t height, uint32_t seed);

#endif
