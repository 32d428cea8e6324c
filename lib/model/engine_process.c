/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create, seals, secure_getenv */
#include "model/engine_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/own_folder.h"
#include "model/engine_search.h"

#define HOST_FILE "artfusion-engine-host"

/* ---- starting --------------------------------------------------------------- */

static artfusion_status find_host(char path[AF_BESIDE_MAX])
{
    const char *const named = secure_getenv("ARTFUSION_ENGINE_HOST");
    if (named && *named) {
        (void)snprintf(path, AF_BESIDE_MAX, "%s", named);
        return ARTFUSION_OK;
    }
    return af_find_beside(HOST_FILE, path)
               ? ARTFUSION_OK
               : af_fail(ARTFUSION_ERROR_ENGINE,
                         "isolation needs the program " HOST_FILE ", which is neither beside the "
                         "library nor in the folder artfusion there, and ARTFUSION_ENGINE_HOST is "
                         "not set");
}

/* A group of its own, so that Ctrl-C, which is for the program, does not end a call; the signals of
 * a new program; and none of the program's input and output. */
static int spawn(const char *path, char *const arguments[], int channel, pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    if (posix_spawnattr_init(&attributes) != 0)
        return ENOMEM;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        (void)posix_spawnattr_destroy(&attributes);
        return ENOMEM;
    }
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    int error = posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    /* First, for the program may have closed one of the three that come then. */
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, channel, AF_CHANNEL_DESCRIPTOR);
    for (int i = 0; i < AF_CHANNEL_DESCRIPTOR && !error; i++)
        error = posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
    if (!error)
        error = posix_spawn(pid, path, &actions, &attributes, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return error;
}

static artfusion_status start(af_engine_process *process, const artfusion_context *context)
{
    char host[AF_BESIDE_MAX], engine[AF_BESIDE_MAX], release[32], device[16];
    const artfusion_status status = find_host(host);
    if (status != ARTFUSION_OK)
        return status;
    af_engine_find(context, engine, sizeof engine);
    (void)snprintf(release, sizeof release, "%s", artfusion_version_string());
    (void)snprintf(device, sizeof device, "%d", (int)context->device);
    char *const arguments[] = {host, engine, release, device, NULL};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return af_fail(ARTFUSION_ERROR_MEMORY, "no sockets for the engine's process: %s",
                       strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
    const int error = spawn(host, arguments, ends[1], &process->pid);
    (void)close(ends[1]);
    process->socket = ends[0];
    process->ended = error != 0;
    return error ? af_fail(error == ENOMEM ? ARTFUSION_ERROR_MEMORY : ARTFUSION_ERROR_ENGINE,
                           "%s cannot be started: %s", host,
                           strerror(error)) /* NOLINT(concurrency-mt-unsafe) */
                 : ARTFUSION_OK;
}

static artfusion_status hear_greeting(af_engine_process *process, int32_t timeout,
                                      af_greeting *greeting)
{
    const af_received received =
        af_channel_receive(process->socket, greeting, sizeof *greeting, NULL, timeout);
    if (received != AF_RECEIVED) {
        af_engine_process_end(process,
                              received == AF_RECEIVED_NOTHING ? timeout : AF_END_LANE_CLOSED);
        return af_fail(ARTFUSION_ERROR_ENGINE, "loading the engine: %s", process->cause);
    }
    greeting->name[sizeof greeting->name - 1] = '\0';
    greeting->release[sizeof greeting->release - 1] = '\0';
    process->sandbox = greeting->sandbox;
    if (greeting->status == ARTFUSION_OK)
        return ARTFUSION_OK;
    return af_fail(ARTFUSION_ERROR_ENGINE, "%.*s", (int)sizeof greeting->message - 1,
                   greeting->message);
}

artfusion_status af_engine_process_start(const artfusion_context *context,
                                         af_engine_process **process, af_greeting *greeting)
{
    *process = NULL;
    af_engine_process *made = af_alloc_array(1, sizeof *made);
    if (!made)
        return af_fail_memory(sizeof *made, "the engine's process");
    made->socket = -1;
    made->ended = 1;
    artfusion_status status = start(made, context);
    if (status == ARTFUSION_OK)
        status = hear_greeting(made, context->isolation_timeout, greeting);
    if (status != ARTFUSION_OK) {
        af_engine_process_end(made, AF_END_UNNEEDED);
        af_engine_process_destroy(made);
        return status;
    }
    *process = made;
    return ARTFUSION_OK;
}

void af_engine_process_tell(const artfusion_context *context, const af_engine_process *process)
{
    const af_sandbox *held = &process->sandbox;
    if (held->filter)
        af_log(context, ARTFUSION_LOG_WARNING,
               "the engine's process has no filter of system calls (%s): a fault of the engine's "
               "may do there what the program's user may%s",
               strerror(held->filter), /* NOLINT(concurrency-mt-unsafe) */
               held->landlock ? "" : ", but for files and ports");
    if (held->landlock)
        af_log(context, held->filter || held->gpu ? ARTFUSION_LOG_WARNING : ARTFUSION_LOG_INFO,
               "the engine's process is without Landlock (%s)%s",
               strerror(held->landlock), /* NOLINT(concurrency-mt-unsafe) */
               held->filter ? ""
               : held->gpu  ? ": it may write files"
                            : ": that it opens no file is its filter's work alone");
    if (held->gpu)
        af_log(context, ARTFUSION_LOG_INFO,
               "the engine's process may read files and ask devices, as a GPU's driver does");
}

/* ---- its memory -------------------------------------------------------------- */

uint64_t af_engine_process_memory(const af_engine_process *process)
{
    char path[64];
    unsigned long long pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)process->pid);
    FILE *const file = fopen(path, "re");
    if (!file)
        return 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes numbers. */
    if (fscanf(file, "%*u %*u %*u %*u %*u %llu", &pages) != 1)
        pages = 0;
    (void)fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int af_engine_process_limit(const af_engine_process *process, uint64_t bytes)
{
    struct rlimit limit;
    if (prlimit(process->pid, RLIMIT_DATA, NULL, &limit) != 0)
        return 0;
    /* The soft one, which the process's filter does not let it raise, and we can. */
    limit.rlim_cur = bytes < limit.rlim_max ? (rlim_t)bytes : limit.rlim_max;
    return prlimit(process->pid, RLIMIT_DATA, &limit, NULL) == 0;
}

/* ---- ending ----------------------------------------------------------------- */

static const char *signal_name(int number)
{
    switch (number) {
    case SIGABRT: return "SIGABRT";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGHUP: return "SIGHUP";
    case SIGILL: return "SIGILL";
    case SIGINT: return "SIGINT";
    case SIGKILL: return "SIGKILL, which is also how the system ends a process for want of memory";
    case SIGQUIT: return "SIGQUIT";
    case SIGSEGV: return "SIGSEGV";
    case SIGSYS: return "SIGSYS, which is how its sandbox answers what no engine has to ask for";
    case SIGTERM: return "SIGTERM";
    case SIGTRAP: return "SIGTRAP";
    case SIGXCPU: return "SIGXCPU";
    default: return NULL;
    }
}

static void describe(af_engine_process *process, int status)
{
    const char *name = WIFSIGNALED(status) ? signal_name(WTERMSIG(status)) : NULL;
    if (name)
        (void)snprintf(process->cause, sizeof process->cause,
                       "the engine's process was ended by %s", name);
    else if (WIFSIGNALED(status))
        (void)snprintf(process->cause, sizeof process->cause,
                       "the engine's process was ended by signal %d", WTERMSIG(status));
    else
        (void)snprintf(process->cause, sizeof process->cause,
                       "the engine's process exited with status %d", WEXITSTATUS(status));
}

enum { RUNS = 0, UNKNOWN = -1 };

/* Its pid once it has ended; UNKNOWN if the program itself has waited for it, or does not want to
 * (SIGCHLD ignored). Until then the number is no other process's. */
static pid_t wait_for_end(pid_t pid, int *status, int options)
{
    pid_t ended;
    do
        ended = waitpid(pid, status, options);
    while (ended < 0 && errno == EINTR);
    return ended;
}

/* Its end of the channel goes with it, at the same time as those of its lanes. */
static int has_let_go(const af_engine_process *process)
{
    struct pollfd channel = {.fd = process->socket, .events = 0};
    return poll(&channel, 1, 0) > 0 && (channel.revents & POLLHUP);
}

void af_engine_process_end(af_engine_process *process, int32_t why)
{
    enum { PATIENCE = 5000, SAME_TIME = 500 }; /* milliseconds, mostly for unmapping gigabytes */
    if (process->ended)
        return;
    process->ended = 1;
    process->cancelled = why == AF_END_CANCELLED;
    const int patient = why == AF_END_UNNEEDED || why == AF_END_LANE_CLOSED;
    if (why == AF_END_UNNEEDED) /* not closed: a forked child may have the descriptor, too */
        (void)shutdown(process->socket, SHUT_RDWR);
    const struct timespec pause = {.tv_nsec = 1000000};
    int status = 0;
    pid_t ended = wait_for_end(process->pid, &status, WNOHANG);
    for (int waited = 0; ended == RUNS && patient && waited < PATIENCE; waited++) {
        if (why == AF_END_LANE_CLOSED && waited >= SAME_TIME && !has_let_go(process))
            break;
        (void)nanosleep(&pause, NULL);
        ended = wait_for_end(process->pid, &status, WNOHANG);
    }
    if (ended == RUNS) {
        (void)kill(process->pid, SIGKILL);
        (void)wait_for_end(process->pid, &status, 0);
        if (why > 0)
            (void)snprintf(process->cause, sizeof process->cause,
                           "the engine's process did not answer within %g s", why / 1e3);
        else if (process->cancelled)
            (void)snprintf(process->cause, sizeof process->cause,
                           "the engine's process was ended for a call that was cancelled");
        else
            (void)snprintf(process->cause, sizeof process->cause,
                           "the engine's process left a call without an answer");
        return;
    }
    if (ended == UNKNOWN)
        (void)snprintf(process->cause, sizeof process->cause,
                       "the engine's process ended, and the program has waited for it itself");
    else
        describe(process, status);
}

static void close_lane(af_lane *lane)
{
    (void)close(lane->socket);
    af_lane_memory_lost(lane);
    af_free(lane);
}

void af_engine_process_destroy(af_engine_process *process)
{
    while (process->idle) {
        af_lane *const lane = process->idle;
        process->idle = lane->next;
        close_lane(lane);
    }
    if (process->socket >= 0)
        (void)close(process->socket);
    af_free(process);
}

/* ---- lanes ------------------------------------------------------------------ */

af_lane *af_lane_take(af_engine_process *process)
{
    af_lane *lane = process->idle;
    if (lane) {
        process->idle = lane->next;
        return lane;
    }
    int ends[2];
    lane = af_alloc_array(1, sizeof *lane);
    if (!lane || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        af_free(lane);
        return NULL;
    }
    process->lanes++;
    lane->socket = ends[0];
    lane->unsent = -1;
    /* If the process has ended, so has the lane, which the first call in it tells. */
    static const char nothing;
    const af_sent sent = af_channel_send(process->socket, &nothing, sizeof nothing, ends[1]);
    (void)close(ends[1]);
    if (sent != AF_SENT_NOT)
        return lane;
    process->lanes--;
    close_lane(lane);
    return NULL;
}

void af_lane_give_back(af_engine_process *process, af_lane *lane)
{
    lane->next = process->idle;
    process->idle = lane;
}

/* All of it there, rather than killed for it later. */
static int make_memory(size_t size)
{
    const int memory = memfd_create("artfusion", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0)
        return -1;
    int error;
    do
        error = posix_fallocate(memory, 0, (off_t)size);
    while (error == EINTR);
    if (!error && fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return memory;
    (void)close(memory);
    return -1;
}

void af_lane_memory_lost(af_lane *lane)
{
    if (lane->memory)
        (void)munmap(lane->memory, lane->size);
    if (lane->unsent >= 0)
        (void)close(lane->unsent);
    lane->memory = NULL;
    lane->size = 0;
    lane->unsent = -1;
}

int af_lane_reserve(af_lane *lane, size_t size)
{
    enum { PART = 1 << 16 };
    if (size <= lane->size)
        return 1;
    if (size > SIZE_MAX / 2)
        return 0;
    af_lane_memory_lost(lane);
    size = (size + PART - 1) / PART * PART;
    lane->unsent = make_memory(size);
    if (lane->unsent < 0)
        return 0;
    void *const mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lane->unsent, 0);
    if (mapped == MAP_FAILED) {
        (void)close(lane->unsent);
        lane->unsent = -1;
        return 0;
    }
    lane->memory = mapped;
    lane->size = size;
    return 1;
}

void af_lane_memory_sent(af_lane *lane)
{
    (void)close(lane->unsent);
    lane->unsent = -1;
}
