/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* __rlimit_resource_t */
#include "host/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/platform.h"
#include "host/filter.h"
#include "host/landlock.h"

/* Whether the engine may come to use one. */
static int wants_gpu(artfusion_device device)
{
    return device == ARTFUSION_DEVICE_CUDA ||
           (device == ARTFUSION_DEVICE_AUTO && af_os_loaded("libtorch_cuda") &&
            (access("/dev/nvidiactl", F_OK) == 0 || access("/dev/dxg", F_OK) == 0));
}

#ifdef __GLIBC__
typedef __rlimit_resource_t resource;
#else
typedef int resource;
#endif

static void limit(resource of, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(of, &now) != 0)
        return;
    if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
        now.rlim_max = most;
    if (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > most)
        now.rlim_cur = most;
    (void)setrlimit(of, &now);
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
