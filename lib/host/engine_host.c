/* SPDX-License-Identifier: MIT
 * artfusion-engine-host ENGINE RELEASE DEVICE: the process of an isolated engine, which the library
 * starts with one end of a channel (model/channel.h). It ends when the other end is closed, or the
 * process that started it has ended, whatever its own threads are doing. */
#define _GNU_SOURCE /* syscall */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/platform.h"
#include "host/calls.h"
#include "host/sandbox.h"
#include "model/channel.h"
#include "model/engine_search.h"

/* What the program that uses the library had open is none of the engine's. */
static void close_others(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread has this folder. */
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const int descriptor = (int)strtol(entry->d_name, NULL, 10);
        if (descriptor > AF_CHANNEL_DESCRIPTOR && descriptor != dirfd(folder))
            (void)close(descriptor);
    }
    (void)closedir(folder);
}

/* OpenMP reads them as it is loaded. To place its threads it would need a call by which those of
 * other processes can be placed, too; without, it ends the process. */
static void place_no_threads(void)
{
    static const char *const variables[] = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY",
                                            "KMP_AFFINITY"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        (void)unsetenv(variables[i]); /* NOLINT(concurrency-mt-unsafe): there is one thread */
}

static void greet(const char *path, const char *release, artfusion_device device)
{
    const af_engine *engine = NULL;
    af_greeting greeting = {.status = ARTFUSION_ERROR_ENGINE};
    if (strcmp(release, artfusion_version_string()) != 0) {
        (void)snprintf(greeting.message, sizeof greeting.message,
                       "artfusion-engine-host is of artfusion %s, and the library is %s",
                       artfusion_version_string(), release);
    } else if ((greeting.status = af_engine_open_found(path, &engine)) != ARTFUSION_OK) {
        (void)snprintf(greeting.message, sizeof greeting.message, "%s", artfusion_error_message());
    } else {
        (void)snprintf(greeting.name, sizeof greeting.name, "%s", engine->name);
        (void)snprintf(greeting.release, sizeof greeting.release, "%s", engine->release);
        af_calls_begin(engine);
        if (engine->prepare)
            engine->prepare();
        af_sandbox_enter(device, &greeting.sandbox);
    }
    if (af_channel_send(AF_CHANNEL_DESCRIPTOR, &greeting, sizeof greeting, -1) != AF_SENT ||
        !engine)
        _exit(EXIT_FAILURE);
}

static void *serve(void *socket)
{
    af_calls_serve((int)(intptr_t)socket);
    return NULL;
}

/* Without a thread the lane is closed, which its other end sees. */
static void start_lane(int socket)
{
    pthread_t thread;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
    if (af_os_start_thread(&thread, 0, serve, (void *)(intptr_t)socket) == 0)
        (void)pthread_detach(thread);
    else
        (void)close(socket);
}

int main(int count, char **arguments)
{
    if (count != 4) {
        (void)fputs("artfusion-engine-host is started by libartfusion alone\n", stderr);
        return EXIT_FAILURE;
    }
    close_others();
    /* A child that was forked off that process may hold the channel's other end open. */
    const int parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (chdir("/") != 0) /* whatever folder the program is in, and whether or not it has a name */
        return EXIT_FAILURE;
    place_no_threads();
    greet(arguments[1], arguments[2], (artfusion_device)strtol(arguments[3], NULL, 10));

    struct pollfd ends[] = {{.fd = AF_CHANNEL_DESCRIPTOR, .events = POLLIN},
                            {.fd = parent, .events = POLLIN}};
    for (;;) {
        if (poll(ends, 2, -1) < 0)
            continue;
        char nothing;
        int socket = -1;
        if (ends[1].revents || af_channel_receive(AF_CHANNEL_DESCRIPTOR, &nothing, sizeof nothing,
                                                  &socket, 0) != AF_RECEIVED)
            _exit(EXIT_SUCCESS); /* with threads in the midst of a call: nothing is torn down */
        if (socket >= 0)
            start_lane(socket);
    }
}
