/* SPDX-License-Identifier: MIT */
#include "torch_engine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/archive.h"
#include "model/unpack.h"

const af_engine *engine;
int (*host_max_threads)(void);
void (*host_set_threads)(int);

typedef struct model_file {
    af_model_records records; /* first: `read` gets its address */
    af_model_source source;
    af_archive archive;
    artfusion_status failure; /* what `read` answers instead of reading, unless 0 */
} model_file;

static artfusion_status read_record(const af_model_records *records, size_t index, void *buffer)
{
    const model_file *file = (const model_file *)(const void *)records;
    if (file->failure)
        return file->failure;
    af_unpacking u;
    artfusion_status status =
        af_unpacking_begin(&u, &file->source.base, &file->archive.entries[index]);
    if (status == ARTFUSION_OK)
        status = af_unpacking_next(&u, buffer, (size_t)file->archive.entries[index].size);
    if (status == ARTFUSION_OK)
        status = af_unpacking_finish(&u);
    af_unpacking_end(&u);
    return status;
}

void open_source(af_model_source *source, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/engine/%s.artfusion",
                   required_environment("ARTFUSION_FIXTURES"), name);
    assert_ok(af_source_open_file(source, path));
}

/* Without the record `lacking`, unless that is NULL. */
static void open_file(model_file *file, const char *name, const char *lacking)
{
    *file = (model_file){.records.read = read_record};
    open_source(&file->source, name);
    assert_ok(af_archive_read(&file->source.base, &file->archive));
    af_model_record *list = calloc(file->archive.count, sizeof *list);
    assert_non_null(list);
    size_t kept = 0;
    for (size_t i = 0; i < file->archive.count; i++) {
        const af_entry entry = file->archive.entries[i];
        const char *inner = entry.name + file->archive.folder;
        if (lacking && strcmp(inner, lacking) == 0)
            continue;
        file->archive.entries[kept] = entry;
        list[kept++] = (af_model_record){inner, entry.size, entry.crc};
    }
    assert_true(kept == file->archive.count - !!lacking);
    file->records.list = list;
    file->records.count = kept;
}

static void close_file(model_file *file)
{
    void *list;
    memcpy(&list, &file->records.list, sizeof list); /* which is not const */
    free(list);
    af_archive_clear(&file->archive);
    af_source_close(&file->source);
}

af_network_options cpu_options(int32_t threads)
{
    return (af_network_options){.device = ARTFUSION_DEVICE_CPU,
                                .threads = threads,
                                .latent_channels = CHANNELS,
                                .downsample = DOWN,
                                .style_width = STYLE};
}

artfusion_status open_without(const char *name, const char *lacking, af_network_options options,
                              artfusion_status read_failure, af_network **network,
                              af_engine_error *error)
{
    model_file file;
    open_file(&file, name, lacking);
    file.failure = read_failure;
    error->text[0] = '\0';
    artfusion_status status = engine->open(&file.records, &options, network, error);
    close_file(&file);
    assert_int_equal(host_max_threads(), HOST_THREADS);
    return status;
}

artfusion_status open_with(const char *name, af_network_options options,
                           artfusion_status read_failure, af_network **network,
                           af_engine_error *error)
{
    return open_without(name, NULL, options, read_failure, network, error);
}

void check_engine(artfusion_status status, artfusion_status expected, const char *words,
                  const af_engine_error *error, int line)
{
    if (status != expected || (status && !strstr(error->text, words)))
        fail_msg("line %d: status %d (%s), expected %d (%s)", line, (int)status, error->text,
                 (int)expected, words);
    if (status && strchr(error->text, '\n'))
        fail_msg("line %d: no single sentence: %s", line, error->text);
    assert_int_equal(host_max_threads(), HOST_THREADS);
}

af_network *open_network(const char *name, int32_t threads)
{
    af_network *network = NULL;
    af_engine_error error;
    engine_ok(open_with(name, cpu_options(threads), ARTFUSION_OK, &network, &error));
    assert_non_null(network);
    return network;
}

void fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) / (float)(1u << 23) - 1.0f;
    }
}

void denoise(af_network *network, float heavy, uint32_t seed, float *prediction)
{
    static const float timesteps[] = {0.5f, 3.0f};
    const float styles[2 * STYLE] = {0, 0, 0, 0, 0, 0, 1, 0.25f, 0, 0, 0.5f, heavy};
    static const int32_t modulation_rows[BATCH] = {3, 1}, content_rows[BATCH] = {1, 0};
    float *x = malloc(2 * PASS * sizeof *x);
    assert_non_null(x);
    fill(x, 2 * PASS, seed);
    const af_condition_inputs inputs = {
        .timesteps = timesteps,
        .styles = styles,
        .contents = x + PASS,
        .timestep_count = 2,
        .style_count = 2,
        .content_count = BATCH,
        .size = {W, H},
    };
    const af_passes passes = {
        .modulation_rows = modulation_rows,
        .content_rows = content_rows,
        .x = x,
        .prediction = prediction,
        .batch = BATCH,
        .size = {W, H},
    };

    af_engine_error error = {""};
    af_conditions *conditions = NULL;
    engine_ok(engine->condition(network, &inputs, &conditions, &error));
    engine_ok(engine->denoise(network, conditions, &passes, &error));
    engine->conditions_destroy(conditions);
    free(x);
}

/* ISO C has no conversion from object to function pointers; POSIX has this one. */
static void find(void *library, const char *name, void *function)
{
    *(void **)function = dlsym(library, name);
    if (!*(void **)function)
        fail_msg("%s", dlerror());
}

/* The OpenMP is there before the engine, with a setting that is not the default. */
int torch_engine_load(void **state)
{
    (void)state;
    void *openmp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!openmp)
        fail_msg("%s", dlerror());
    find(openmp, "omp_get_max_threads", &host_max_threads);
    find(openmp, "omp_set_num_threads", &host_set_threads);
    host_set_threads(HOST_THREADS);

    void *library = dlopen(required_environment("ARTFUSION_ENGINE"), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    af_engine_entry entry;
    find(library, AF_ENGINE_SYMBOL, &entry);
    engine = entry();
    assert_int_equal(dlclose(library), 0); /* it stays */
    return 0;
}
