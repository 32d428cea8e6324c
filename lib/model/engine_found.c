/* SPDX-License-Identifier: MIT
 * The engine of a process of its own: where it lies is found in the program, and there it is loaded. */
#define _DEFAULT_SOURCE /* realpath, setenv */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/own_folder.h"
#include "model/engine_search.h"

void af_engine_find(const artfusion_context *context, char *found, size_t size)
{
    const char *const named = af_engine_named(context), *const libtorch = af_os_loaded(AF_LIBTORCH);
    char path[AF_BESIDE_MAX];
    /* What is no path is looked for by the loader, and what is not there named by its message. */
    const int known =
        named ? strchr(named, '/') && realpath(named, path) : af_find_beside(AF_ENGINE_FILE, path);
    (void)snprintf(found, size, "%s\n%s",
                   known   ? path
                   : named ? named
                           : AF_ENGINE_FILE,
                   libtorch ? libtorch : "");
}

/* All that belongs to it, the kernels for a GPU too, which libtorch_cpu.so does not need. */
static int load_libtorch(const char *cpu)
{
    char path[AF_BESIDE_MAX], why[256];
    const char *const name = strrchr(cpu, '/');
    if (!name || af_os_loaded(AF_LIBTORCH))
        return 0;
    (void)snprintf(path, sizeof path, "%.*s/" AF_OS_LIBRARY("torch"), (int)(name - cpu), cpu);
    return af_os_load(path, why, sizeof why) != NULL;
}

/* OpenMP's threads spin for milliseconds while they wait, unless they are told otherwise before it is
 * loaded; those of a process of its own by nobody else. The command's own choice. */
static void leave_cores_to_others(void)
{
    /* NOLINTBEGIN(concurrency-mt-unsafe): no other thread is there yet. */
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    (void)setenv("OMP_WAIT_POLICY", "passive", 0);
    (void)setenv("GOMP_SPINCOUNT", "1000", 0);
    /* NOLINTEND(concurrency-mt-unsafe) */
}

artfusion_status af_engine_open_found(const char *found, const af_engine **engine)
{
    leave_cores_to_others();
    char path[AF_BESIDE_MAX];
    const char *const libtorch = strrchr(found, '\n');
    const int length = libtorch ? (int)(libtorch - found) : (int)strlen(found);
    (void)snprintf(path, sizeof path, "%.*s", length, found);
    const artfusion_status status = af_engine_open(path, engine);
    if (status == ARTFUSION_OK || !libtorch || !load_libtorch(libtorch + 1))
        return status;
    af_error_clear();
    return af_engine_open(path, engine);
}
