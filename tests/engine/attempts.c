/* SPDX-License-Identifier: MIT
 * What an engine in somebody else's hands would try. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_engine.h"

/* The file and the variable of the program's that are aimed at. */
static char file[128];
static char *variable;

static int closed(int descriptor)
{
    return descriptor < 0 ? -1 : close(descriptor);
}

static int read_file(void)
{
    return closed(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int write_file(void)
{
    return closed(open(file, O_WRONLY | O_CLOEXEC));
}

static int make_file(void)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s.made", file);
    return closed(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int remove_file(void)
{
    return unlink(file);
}

static int write_memory_file(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/mem", (long)getppid());
    const int memory = open(path, O_RDWR | O_CLOEXEC);
    const ssize_t written = memory < 0 ? -1 : pwrite(memory, "f", 1, (off_t)(uintptr_t)variable);
    return closed(memory) < 0 || written != 1 ? -1 : 0;
}

static int share_memory(void)
{
    return closed(shm_open("/artfusion-test-engine", O_RDWR | O_CREAT, 0600)) < 0
               ? -1
               : shm_unlink("/artfusion-test-engine");
}

static int make_memory_file(void)
{
    return closed(memfd_create("artfusion-test-engine", MFD_CLOEXEC));
}

static int map_shared(void)
{
    void *const made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? -1 : munmap(made, 4096);
}

static int call_out(void)
{
    return closed(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int call_locally(void)
{
    return closed(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int execute(void)
{
    return execl("/bin/sh", "sh", "-c", "exit 42", (char *)NULL);
}

static int waited(pid_t child)
{
    return child < 0 ? -1 : waitpid(child, NULL, 0) == child ? 0 : -1;
}

static int fork_one(void)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    return waited(child);
}

static int clone_one(void) /* by the call whose flags no filter sees */
{
    uint64_t arguments[8] = {[4] = SIGCHLD};
    const pid_t child = (pid_t)syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0)
        _exit(0);
    return waited(child);
}

static int trace(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int write_memory(void)
{
    struct iovec from = {"w", 1}, to = {variable, 1};
    return process_vm_writev(getppid(), &from, 1, &to, 1, 0) == 1 ? 0 : -1;
}

static int read_memory(void)
{
    char byte;
    struct iovec to = {&byte, 1}, from = {variable, 1};
    return process_vm_readv(getppid(), &to, 1, &from, 1, 0) == 1 ? 0 : -1;
}

/* An address of the program's, which is none of this process's. */
static int write_beyond(void)
{
    *(volatile char *)variable = 'b';
    return 0;
}

static int signal_parent(void)
{
    return kill(getppid(), SIGUSR1);
}

static int signal_thread(void)
{
    return (int)syscall(SYS_tgkill, getppid(), getppid(), SIGUSR1);
}

static int signal_all(void)
{
    return kill(-1, 0);
}

static int signal_by_descriptor(void)
{
    return fcntl(STDIN_FILENO, F_SETOWN, (int)getppid());
}

static int limit_parent(void)
{
    struct rlimit now;
    if (prlimit(0, RLIMIT_CPU, NULL, &now) != 0)
        return 0; /* looking is allowed: that it fails is another result than expected */
    return prlimit(getppid(), RLIMIT_CPU, &now, NULL);
}

static int limit_itself(void)
{
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none);
}

static int place_parent(void)
{
    cpu_set_t processors;
    if (sched_getaffinity(0, sizeof processors, &processors) != 0)
        return 0;
    return sched_setaffinity(getppid(), sizeof processors, &processors);
}

static int show_itself(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int be_shown(void) /* to debuggers and in core dumps */
{
    const int is = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    if (is == 0)
        errno = EPERM;
    return is > 0 ? 0 : -1;
}

static int leave_namespace(void)
{
    return unshare(CLONE_FS);
}

/* Memory of its own, as malloc takes it. */
static int take(size_t megabytes)
{
    void *const made =
        mmap(NULL, megabytes << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? -1 : munmap(made, megabytes << 20);
}

static int take_some(void)
{
    return take(64);
}

static int take_much(void)
{
    return take(1024);
}

static int take_most(void)
{
    return take(3072);
}

static const struct {
    const char *name;
    int (*make)(void);
} attempts[] = {
    {"read_file", read_file},
    {"write_file", write_file},
    {"make_file", make_file},
    {"remove_file", remove_file},
    {"write_memory_file", write_memory_file},
    {"share_memory", share_memory},
    {"make_memory_file", make_memory_file},
    {"map_shared", map_shared},
    {"call_out", call_out},
    {"call_locally", call_locally},
    {"execute", execute},
    {"fork_one", fork_one},
    {"clone_one", clone_one},
    {"trace", trace},
    {"write_memory", write_memory},
    {"read_memory", read_memory},
    {"write_beyond", write_beyond},
    {"signal_parent", signal_parent},
    {"signal_thread", signal_thread},
    {"signal_all", signal_all},
    {"signal_by_descriptor", signal_by_descriptor},
    {"limit_parent", limit_parent},
    {"limit_itself", limit_itself},
    {"place_parent", place_parent},
    {"show_itself", show_itself},
    {"be_shown", be_shown},
    {"leave_namespace", leave_namespace},
    {"take_some", take_some},
    {"take_much", take_much},
    {"take_most", take_most},
};

/* As the process itself sees them. */
static int descriptors(void)
{
    int count = 0;
    for (int i = 0; i < 1024; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

int test_engine_attempt(int32_t function, af_engine_error *error)
{
    char name[32];
    int at;
    void *aim;
    const char *const wanted = getenv(TEST_ENGINE_ATTEMPT);
    if (!wanted || sscanf(wanted, "%d %31s %p %127s", &at, name, &aim, file) != 4 || at != function)
        return 0;
    variable = aim;
    if (strcmp(name, "count_descriptors") == 0) {
        (void)snprintf(error->text, sizeof error->text, "%d descriptors", descriptors());
        return 1;
    }
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strcmp(attempts[i].name, name) == 0) {
            errno = 0;
            const int result = attempts[i].make();
            (void)snprintf(error->text, sizeof error->text, "%s: %s", name,
                           result == 0 ? "it has come to pass"
                                       : strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
            return 1;
        }
    (void)snprintf(error->text, sizeof error->text, "%s is no attempt", name);
    return 1;
}
