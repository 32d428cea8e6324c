/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "isolated.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"

static int descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    assert_int_equal(closedir(folder), 0);
    return count;
}

int shared_memories(void)
{
    char line[1024];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        count += strstr(line, "memfd:artfusion") != NULL;
    (void)fclose(maps);
    return count;
}

static int before;

void remember_what_is_open(void)
{
    before = descriptors();
}

int descriptors_opened(void)
{
    return descriptors() - before;
}

void assert_nothing_left(void)
{
    assert_int_equal(children(getpid(), NULL), 0);
    assert_int_equal(descriptors_opened(), 0);
    assert_int_equal(shared_memories(), 0);
}

artfusion_context *isolated_context(int32_t timeout)
{
    artfusion_context *context;
    artfusion_context_options options;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    options.isolation_timeout = timeout;
    assert_ok(artfusion_context_create(&options, &context));
    return context;
}

artfusion_status open_isolated(int32_t timeout, artfusion_model **model)
{
    artfusion_context *context = isolated_context(timeout);
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    const artfusion_status status = artfusion_model_open_memory(context, bundle, size, model);
    free(bundle);
    artfusion_context_destroy(context);
    return status;
}

artfusion_model *isolated_model(int32_t timeout)
{
    artfusion_model *model;
    assert_ok(open_isolated(timeout, &model));
    return model;
}

void arrange(int32_t function, int32_t call, const char *way)
{
    char ending[64];
    (void)snprintf(ending, sizeof ending, "%d %d %s", (int)function, (int)call, way);
    assert_int_equal(setenv(TEST_ENGINE_ENDING, ending, 1), 0);
}

void arrange_nothing(void)
{
    assert_int_equal(unsetenv(TEST_ENGINE_ENDING), 0);
}

void end_process(void)
{
    pid_t pid;
    assert_int_equal(children(getpid(), &pid), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
}

void let_signals_end_it(void)
{
    (void)setenv("ASAN_OPTIONS",
                 "handle_segv=0:handle_sigfpe=0:handle_abort=0:detect_leaks=0:"
                 "allocator_may_return_null=1",
                 1);
    (void)setenv("TSAN_OPTIONS", "handle_segv=0:handle_sigfpe=0:handle_abort=0", 1);
}
