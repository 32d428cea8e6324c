/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "host/sandbox.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/filter.h"
#include "host/landlock.h"

static int is_for_gpus(struct dl_phdr_info *object, size_t size, void *unused)
{
    (void)size, (void)unused;
    return object->dlpi_name && strstr(object->dlpi_name, "/libtorch_cuda");
}

/* Whether the engine may come to use one. */
static int wants_gpu(artfusion_device device)
{
    return device == ARTFUSION_DEVICE_CUDA ||
           (device == ARTFUSION_DEVICE_AUTO && dl_iterate_phdr(is_for_gpus, NULL) &&
            (access("/dev/nvidiactl", F_OK) == 0 || access("/dev/dxg", F_OK) == 0));
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return;
    if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
        now.rlim_max = most;
    if (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > most)
        now.rlim_cur = most;
    (void)setrlimit((__rlimit_resource_t)resource, &now);
}

void af_sandbox_enter(artfusion_device device, af_sandbox *held)
{
    enum { DESCRIPTORS = 1024 }; /* one a lane and one while its memory comes: 500 calls at once */
    *held = (af_sandbox){.gpu = wants_gpu(device)};
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* what other processes may look into */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, DESCRIPTORS);
    if (!af_landlock_restrict(held->gpu))
        held->landlock = errno;
    if (!af_filter_install(held->gpu))
        held->filter = errno;
}
