/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare */
#include "model/engine_loader.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "model/isolated.h"

/* MKL, which is in libtorch, calls exit from a constructor if getcwd fails: in a folder that was
 * removed, or whose path is too long. A thread of ours moves to another folder, for itself alone.
 */
static artfusion_status load_engine(af_engine_loader *loader, int own_thread)
{
    char folder[PATH_MAX];
    if (loader->isolation == ARTFUSION_ISOLATION_PROCESS) /* which changes to / itself */
        return af_isolated_start(loader->context, &loader->engine, &loader->network);
    if (!getcwd(folder, sizeof folder) &&
        !(own_thread && unshare(CLONE_FS) == 0 && chdir("/") == 0))
        return af_fail(ARTFUSION_ERROR_ENGINE,
                       "the engine cannot be loaded from this working directory, which was removed "
                       "or has a path of %d bytes or more: change to another",
                       PATH_MAX);
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
    /* The host's signals are for the host's threads. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    loader->threaded = pthread_create(&loader->thread, NULL, load, loader) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
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
