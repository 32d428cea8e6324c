/* SPDX-License-Identifier: MIT
 * The ways in which an engine ends its process, on demand; or keeps it waiting, or answers. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_engine.h"

static void end_by(const char *way)
{
    if (strcmp(way, "segv") == 0) { /* a true one, of a page that may not be written */
        volatile char *page = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *page = 1;
    }
    if (strcmp(way, "fpe") == 0)
        (void)raise(SIGFPE);
    if (strcmp(way, "kill") == 0)
        (void)kill(getpid(), SIGKILL);
    if (strcmp(way, "abort") == 0)
        abort();
    if (strcmp(way, "exit") == 0)
        exit(3);
    if (strcmp(way, "policy") == 0) { /* of OpenMP's threads, when the engine was loaded */
        const char *const policy = getenv("OMP_WAIT_POLICY"), *const turns =
                                                                  getenv("GOMP_SPINCOUNT");
        exit((policy ? *policy : 0) + (turns ? 1 : 0)); /* 'p' and 1 are 113 */
    }
    if (strcmp(way, "nap") == 0) { /* and goes on */
        (void)usleep(100000);
        return;
    }
    if (strcmp(way, "leave") == 0) /* all descriptors, and stays */
        for (int i = 0; i < 256; i++)
            (void)close(i);
    for (;;) /* "hang" */
        (void)pause();
}

artfusion_status test_engine_end(int32_t function, int32_t call)
{
    int at, when;
    char way[16];
    const char *const ending = getenv(TEST_ENGINE_ENDING);
    if (!ending || sscanf(ending, "%d %d %15s", &at, &when, way) != 3 || at != function)
        return ARTFUSION_OK;
    if (strcmp(way, "gather") == 0) /* as many calls as that, of which the last kills */
        end_by(call < when ? "hang" : "kill");
    if (when == call && strchr("-0123456789", way[0]))
        return (artfusion_status)strtol(way, NULL, 10);
    if (when == call)
        end_by(way);
    return ARTFUSION_OK;
}
