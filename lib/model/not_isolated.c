/* SPDX-License-Identifier: MIT
 * In the place of isolated.c on systems on which an engine has no process of its own. */
#include "base/error.h"
#include "model/isolated.h"

artfusion_status af_isolated_start(artfusion_context *context, const af_engine **engine,
                                   af_network **network)
{
    (void)context, (void)engine, (void)network;
    return af_fail(
        ARTFUSION_ERROR_UNSUPPORTED,
        "an engine has a process of its own on Linux alone: open the model with isolation "
        "NONE if you trust its file");
}

void af_isolated_heed(const atomic_int *cancelled)
{
    (void)cancelled; /* only a process of its own can be ended in the middle of a call */
}
