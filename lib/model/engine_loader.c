/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "model/engine_loader.h"

#include <signal.h>
#include <stdio.h>

#include "base/error.h"

static void *load(void *data)
{
    af_engine_loader *loader = data;
    loader->status = af_engine_load(loader->context, &loader->engine);
    if (loader->status != ARTFUSION_OK) /* whose words are this thread's alone */
        (void)snprintf(loader->message, sizeof loader->message, "%s", artfusion_error_message());
    return NULL;
}

void af_engine_loader_start(af_engine_loader *loader, const artfusion_context *context)
{
    *loader = (af_engine_loader){.context = context};
    /* The host's signals are for the host's threads. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    loader->threaded = pthread_create(&loader->thread, NULL, load, loader) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

artfusion_status af_engine_loader_finish(af_engine_loader *loader, const af_engine **engine)
{
    if (!loader->threaded) /* no thread was to be had: then one after the other */
        return af_engine_load(loader->context, engine);
    (void)pthread_join(loader->thread, NULL);
    *engine = loader->engine;
    return loader->status == ARTFUSION_OK ? ARTFUSION_OK
                                          : af_fail(loader->status, "%s", loader->message);
}
