/* SPDX-License-Identifier: MIT
 *
 * The libtorch engine through the seam's table, without the core except for its reader of archives: the
 * miniature models of make_engine_fixture.py, in a program that uses OpenMP itself.
 */
#ifndef TORCH_ENGINE_H
#define TORCH_ENGINE_H

#include "model/engine.h"
#include "model/source.h"
#include "support.h"

enum { CHANNELS = 4, DOWN = 8, STYLE = 6, HOST_THREADS = 3 };

extern const af_engine *engine;

/* The program's own OpenMP. */
extern int (*host_max_threads)(void);
extern void (*host_set_threads)(int);

/* Before all tests: OpenMP with HOST_THREADS, then the engine. */
int torch_engine_load(void **state);

void open_source(af_model_source *source, const char *name);
af_network_options cpu_options(int32_t threads);

/* Opens a model, of which the record `lacking` is not there, and reading fails by `read_failure`; NULL and 0:
 * it is whole, and can be read. */
artfusion_status open_without(const char *name, const char *lacking, af_network_options options,
                              artfusion_status read_failure, af_network **network,
                              af_engine_error *error);
artfusion_status open_with(const char *name, af_network_options options,
                           artfusion_status read_failure, af_network **network,
                           af_engine_error *error);
af_network *open_network(const char *name, int32_t threads);

#define engine_ok(call) check_engine(call, ARTFUSION_OK, "", &error, __LINE__)
#define engine_error(call, status, words) check_engine(call, status, words, &error, __LINE__)
void check_engine(artfusion_status status, artfusion_status expected, const char *words,
                  const af_engine_error *error, int line);

void fill(float *values, size_t count, uint32_t seed);

/* One UNet pass over pictures large enough for several threads. `heavy`: the style code's last value,
 * which weighs the layers whose sums depend on threads. */
enum { BATCH = 2, H = 32, W = 24, PASS = BATCH * CHANNELS * H * W };
void denoise(af_network *network, float heavy, uint32_t seed, float *prediction);

#endif
