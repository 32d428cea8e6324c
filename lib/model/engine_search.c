/* SPDX-License-Identifier: MIT */
#include "model/engine_search.h"

#include <string.h>

#include "base/error.h"
#include "base/own_folder.h"
#include "base/platform.h"

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

artfusion_status af_engine_open(const char *path, const af_engine **engine)
{
    char why[AF_PATH_MAX + 512];
    void *const library = af_os_load(path, why, sizeof why);
    if (!library) {
        /* If the program has loaded another libtorch than the engine's, that is mostly why. */
        const char *const libtorch =
            strstr(why, AF_OS_LACKS_SYMBOL) ? af_os_loaded(AF_LIBTORCH) : NULL;
        if (libtorch)
            return af_fail(ARTFUSION_ERROR_ENGINE,
                           "the engine cannot be loaded: %s; the process has %s, which is not the "
                           "libtorch that the engine was built with",
                           why, libtorch);
        return af_fail(ARTFUSION_ERROR_ENGINE, "the engine cannot be loaded: %s", why);
    }
    const af_engine_entry entry = (af_engine_entry)af_os_symbol(library, AF_ENGINE_SYMBOL);
    if (!entry)
        return af_fail(ARTFUSION_ERROR_ENGINE, "%s is no artfusion engine: it lacks %s", path,
                       AF_ENGINE_SYMBOL);
    return take_engine(path, entry, engine);
}

#ifdef AF_ENGINE_LINKED_IN
/* In a static program: NULL unless an engine's archive was linked. */
__attribute__((weak)) extern const af_engine *artfusion_engine_v1(void);
#endif

const char *af_engine_named(const artfusion_context *context)
{
    if (context->engine_path)
        return context->engine_path;
    const char *const named = af_os_variable("ARTFUSION_ENGINE");
    return named && *named ? named : NULL;
}

artfusion_status af_engine_load(const artfusion_context *context, const af_engine **engine)
{
    const char *const named = af_engine_named(context);
    if (named)
        return af_engine_open(named, engine);
#ifdef AF_ENGINE_LINKED_IN
    if (artfusion_engine_v1)
        return take_engine("the program", artfusion_engine_v1, engine);
#endif
    char path[AF_BESIDE_MAX];
    return af_engine_open(af_find_beside(AF_ENGINE_FILE, path) ? path : AF_ENGINE_FILE, engine);
}
