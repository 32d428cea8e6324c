/* SPDX-License-Identifier: MIT */
#include "model/engine_loader.h"

#include <stdio.h>

#include "base/error.h"
#include "base/platform.h"
#include "model/isolated.h"

/* MKL, which is in libtorch, calls exit from a constructor if getcwd fails: in a folder that was
 * removed, or whose path is too long. */
static artfusion_status load_engine(af_engine_loader *loader, int own_thread)
{
    if (loader->isolation == ARTFUSION_ISOLATION_PROCESS) /* which changes to / itself */
        return af_isolated_start(loader->context, &loader->engine, &loader->network);
    if (!af_os_have_folder(own_thread))
        return af_fail(ARTFUSION_ERROR_ENGINE,
                       "the engine cannot be loaded from this working directory, which was removed "
                       "or has a path of %d bytes or more: change to another",
                       AF_PATH_MAX);
    return af_engine_load(loader->context, &loader->engine);
}

static void *load(void *data)
{
    af_engine_loader *loader = data;
    loader->status = load_engine(loader, 1);
    if (loader->status != ARTFUSION_OK) /* whose words are this thread's alone */
        (void)snprintf(loader->message, sizeof loader->message, "%s", artfusion_error_message());
    return NULL;
}

void af_engine_loader_start(af_engine_loader *loader, artfusion_context *context,
                            artfusion_isolation isolation)
{
    *loader = (af_engine_loader){.context = context, .isolation = isolation};
    loader->threaded = af_os_start_thread(&loader->thread, 1, load, loader) == 0;
}

artfusion_status af_engine_loader_finish(af_engine_loader *loader, const af_engine **engine,
                                         af_network **network)
{
    artfusion_status status;
    if (loader->threaded) {
        (void)pthread_join(loader->thread, NULL);
        status = loader->status == ARTFUSION_OK ? ARTFUSION_OK
                                                : af_fail(loader->status, "%s", loader->message);
    } else { /* no thread was to be had: then one after the other */
        status = load_engine(loader, 0);
    }
    *engine = loader->engine;
    *network = loader->network;
    return status;
}
