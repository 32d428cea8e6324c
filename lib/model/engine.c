/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dl_iterate_phdr, secure_getenv */
#include "model/engine.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/own_folder.h"
#include "model/handlers.h"

#define ENGINE_FILE "libartfusion-engine-torch.so"

/* The engine is trusted as far as its table's version and size. */
static artfusion_status take_engine(const char *path, af_engine_entry entry,
                                    const af_engine **engine)
{
    const af_engine *found = entry();
    if (found->version != AF_ENGINE_VERSION)
        return af_fail(ARTFUSION_ERROR_ENGINE,
                       "%s is an engine of version %u, and artfusion %s needs %d", path,
                       (unsigned)found->version, artfusion_version_string(), AF_ENGINE_VERSION);
    if (found->struct_size < sizeof *found)
        return af_fail(ARTFUSION_ERROR_ENGINE,
                       "%s is an engine of version %u whose table has %u bytes, and artfusion %s "
                       "needs %zu",
                       path, (unsigned)found->version, (unsigned)found->struct_size,
                       artfusion_version_string(), sizeof *found);
    *engine = found;
    return ARTFUSION_OK;
}

/* Finds a libtorch that the host has loaded: where it is another one than the engine's, that is
 * mostly why the engine can't be. */
static int find_libtorch(struct dl_phdr_info *object, size_t size, void *path)
{
    (void)size;
    if (!object->dlpi_name || !strstr(object->dlpi_name, "/libtorch_cpu.so"))
        return 0;
    *(const char **)path = object->dlpi_name;
    return 1;
}

/* The object whose definition of `symbol` the program's libraries get; NULL if there is none. */
static const char *provider(const char *symbol)
{
    Dl_info info;
    void *const found = dlsym(RTLD_DEFAULT, symbol);
    return found && dladdr(found, &info) ? info.dli_fname : NULL;
}

/* In a program with another C++ runtime than libstdc++, as LLVM's libc++abi, the engine and
 * libtorch would get half of each: their own libraries' symbols must come first. So they get the C
 * library's malloc, too, which cannot be if the program has another, for some blocks cross between.
 */
static artfusion_status choose_mode(int *mode)
{
    *mode = RTLD_NOW | RTLD_LOCAL;
    const char *const runtime = provider("__dynamic_cast");
    if (!runtime || strstr(runtime, "/libstdc++.so"))
        return ARTFUSION_OK;
    const char *const allocator = provider("malloc"), *const libc =
                                                          provider("gnu_get_libc_version");
    if (allocator && libc && strcmp(allocator, libc) != 0)
        return af_fail(
            ARTFUSION_ERROR_ENGINE,
            "the engine cannot be loaded: this program has the C++ runtime of %s and the "
            "malloc of %s, and libtorch needs libstdc++: start it with "
            "LD_PRELOAD=libstdc++.so.6",
            runtime, allocator);
    *mode |= RTLD_DEEPBIND;
    return ARTFUSION_OK;
}

artfusion_status af_engine_open(const char *path, const af_engine **engine)
{
    int mode;
    const artfusion_status status = choose_mode(&mode);
    if (status != ARTFUSION_OK)
        return status;
    af_handlers handlers;
    af_handlers_keep(&handlers);
    void *library = dlopen(path, mode);
    af_handlers_give_back(&handlers);
    if (!library) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): what it gives is the calling thread's own. */
        const char *const why = dlerror();
        const char *libtorch = NULL;
        if (strstr(why, "undefined symbol") && dl_iterate_phdr(find_libtorch, &libtorch))
            return af_fail(ARTFUSION_ERROR_ENGINE,
                           "the engine cannot be loaded: %s; the process has %s, which is not the "
                           "libtorch that the engine was built with",
                           why, libtorch);
        return af_fail(ARTFUSION_ERROR_ENGINE, "the engine cannot be loaded: %s", why);
    }

    /* ISO C has no conversion from object to function pointers; POSIX has this one. */
    af_engine_entry entry;
    *(void **)&entry = dlsym(library, AF_ENGINE_SYMBOL);
    if (!entry)
        return af_fail(ARTFUSION_ERROR_ENGINE, "%s is no artfusion engine: it lacks %s", path,
                       AF_ENGINE_SYMBOL);
    return take_engine(path, entry, engine);
}

#ifdef AF_ENGINE_LINKED_IN
/* In a static program: NULL unless an engine's archive was linked. */
__attribute__((weak)) extern const af_engine *artfusion_engine_v1(void);
#endif

/* NULL where the place is left to the library. */
static const char *named_engine(const artfusion_context *context)
{
    if (context->engine_path)
        return context->engine_path;
    const char *const named = secure_getenv("ARTFUSION_ENGINE");
    return named && *named ? named : NULL;
}

artfusion_status af_engine_load(const artfusion_context *context, const af_engine **engine)
{
    const char *const named = named_engine(context);
    if (named)
        return af_engine_open(named, engine);
#ifdef AF_ENGINE_LINKED_IN
    if (artfusion_engine_v1)
        return take_engine("the program", artfusion_engine_v1, engine);
#endif
    char path[AF_BESIDE_MAX];
    return af_engine_open(af_find_beside(ENGINE_FILE, path) ? path : ENGINE_FILE, engine);
}

void af_engine_find(const artfusion_context *context, char *found, size_t size)
{
    const char *const named = named_engine(context);
    const char *libtorch = NULL;
    char path[AF_BESIDE_MAX];
    /* What is no path is looked for by the loader, and what is not there named by its message. */
    const int known = named ? strchr(named, '/') && realpath(named, path)
                            : af_find_beside(ENGINE_FILE, path);
    (void)dl_iterate_phdr(find_libtorch, &libtorch);
    (void)snprintf(found, size, "%s\n%s", known ? path : named ? named : ENGINE_FILE,
                   libtorch ? libtorch : "");
}

/* All that belongs to it, the kernels for a GPU too, which libtorch_cpu.so does not need. */
static int load_libtorch(const char *cpu)
{
    char path[AF_BESIDE_MAX];
    const char *none = NULL, *const name = strrchr(cpu, '/');
    if (!name || dl_iterate_phdr(find_libtorch, &none))
        return 0;
    (void)snprintf(path, sizeof path, "%.*s/libtorch.so", (int)(name - cpu), cpu);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL) != NULL;
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
