/* SPDX-License-Identifier: MIT
 *
 * The filter of system calls, written as rows of a table that become a BPF program. By hand and not
 * by libseccomp, which Debian has: the table is all there is to it, the compiler knows the numbers,
 * and a library would have to come along in every package for a process that is to have little.
 *
 * What an engine needs was measured: docs/security.md, "What an engine's process may ask for".
 */
#define _GNU_SOURCE /* CLONE_*, syscall */
#include "host/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

/* What comes of a call. A library that only tries takes the first three for an answer, as it would
 * on another kernel. The last is for what no library tries: it says that the engine is in somebody
 * else's hands. */
#define ALLOW SECCOMP_RET_ALLOW
#define NO_SUCH_CALL (SECCOMP_RET_ERRNO | ENOSYS)
#define NO_RIGHT (SECCOMP_RET_ERRNO | EPERM)
#define NO_ACCESS (SECCOMP_RET_ERRNO | EACCES)
#define END SECCOMP_RET_KILL_PROCESS

/* A row without a condition is for all calls of that number; IF and UNLESS compare the bits `mask`
 * of half an argument. The first row that applies decides. */
typedef struct row {
    uint32_t number, outcome;
    uint8_t condition, half;
    uint32_t mask, value;
} row;
enum { ALWAYS, IF, UNLESS };

#define ALL_BITS 0xffffffffu
/* Half an argument, as seccomp_data has it on machines whose low half comes first: all of these. An
 * int is its low half. */
#define LOW(argument) (uint8_t)(2 * (argument))
#define HIGH(argument) (uint8_t)(2 * (argument) + 1)
/* This process, whose number is not known before. */
#define OWN 0xfffffff1u

#define CALL(name, outcome) {SYS_##name, outcome, ALWAYS, 0, 0, 0}
#define CALL_IF(name, half, mask, value, outcome) {SYS_##name, outcome, IF, half, mask, value}
#define CALL_UNLESS(name, half, mask, value, outcome) \
    {SYS_##name, outcome, UNLESS, half, mask, value}

#define THREAD_FLAGS (uint32_t)(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACE_FLAGS \
    (uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
               CLONE_NEWPID | CLONE_NEWNET)
/* arch_prctl of x86-64: the registers of AMX, which the kernel gives who asks. */
enum { ASK_REGISTERS = 0x1021, HAVE_REGISTERS = 0x1022, WANT_REGISTERS = 0x1023 };
/* ioctl by which a terminal, or the kernel in the process's name, acts upon others. */
enum { PUSH_INPUT = 0x5412, SET_OWNER = 0x8901, SET_GROUP = 0x8902 };

/* What reaches other processes or the kernel itself, whatever the device. */
static const row against_others[] = {
    CALL_UNLESS(kill, LOW(0), ALL_BITS, OWN, END),
    CALL_UNLESS(tgkill, LOW(0), ALL_BITS, OWN, END),
    CALL_UNLESS(rt_tgsigqueueinfo, LOW(0), ALL_BITS, OWN, END),
    CALL_UNLESS(rt_sigqueueinfo, LOW(0), ALL_BITS, OWN, END),
    CALL(tkill, END),
    CALL(pidfd_send_signal, END),
    CALL(ptrace, END),
    CALL(process_vm_readv, END),
    CALL(process_vm_writev, END),
    CALL(process_madvise, END),
    CALL(pidfd_getfd, END),
    CALL(kcmp, END),
    CALL(mount, END),
    CALL(umount2, END),
    CALL(pivot_root, END),
    CALL(chroot, END),
    CALL(unshare, END),
    CALL(setns, END),
    CALL(bpf, END),
    CALL(perf_event_open, END),
    CALL(userfaultfd, END),
    CALL(io_uring_setup, END),
    CALL(io_uring_enter, END),
    CALL(io_uring_register, END),
    CALL(init_module, END),
    CALL(finit_module, END),
    CALL(delete_module, END),
    CALL(kexec_load, END),
    CALL(reboot, END),
    CALL(add_key, END),
    CALL(request_key, END),
    CALL(keyctl, END),
    /* A thread is what shares all of the process. */
    CALL_UNLESS(clone, LOW(0), NAMESPACE_FLAGS, 0, END),
    CALL(clone3, NO_SUCH_CALL), /* its flags lie in memory; glibc then takes clone */
    /* Limits may be looked at. */
    CALL_UNLESS(prlimit64, LOW(0), ALL_BITS, 0, NO_RIGHT),
    CALL_UNLESS(prlimit64, LOW(2), ALL_BITS, 0, NO_RIGHT),
    CALL_UNLESS(prlimit64, HIGH(2), ALL_BITS, 0, NO_RIGHT),
    CALL(setrlimit, NO_RIGHT),
    /* Any thread of the user's can be named there; 0 is the calling one. */
    CALL_UNLESS(sched_setaffinity, LOW(0), ALL_BITS, 0, NO_RIGHT),
    CALL(sched_setscheduler, NO_RIGHT),
    CALL(sched_setparam, NO_RIGHT),
    CALL(sched_setattr, NO_RIGHT),
    CALL(setpriority, NO_RIGHT),
    CALL(ioprio_set, NO_RIGHT),
    CALL(migrate_pages, NO_RIGHT),
    CALL(move_pages, NO_RIGHT),
    /* No signals to others by way of a descriptor. */
    CALL_IF(fcntl, LOW(1), ALL_BITS, F_SETOWN, NO_RIGHT),
    CALL_IF(fcntl, LOW(1), ALL_BITS, F_SETOWN_EX, NO_RIGHT),
    CALL_IF(fcntl, LOW(1), ALL_BITS, F_SETSIG, NO_RIGHT),
    CALL_IF(ioctl, LOW(1), ALL_BITS, SET_OWNER, NO_RIGHT),
    CALL_IF(ioctl, LOW(1), ALL_BITS, SET_GROUP, NO_RIGHT),
    CALL_IF(ioctl, LOW(1), ALL_BITS, PUSH_INPUT, NO_RIGHT),
    CALL_IF(prctl, LOW(0), ALL_BITS, PR_SET_DUMPABLE, NO_RIGHT),
};

/* All that an engine on a CPU needs: nothing by a path, no descriptor but those that the library
 * sends. First what it asks for most. */
static const row of_a_cpu[] = {
    CALL(futex, ALLOW),
    CALL(sched_yield, ALLOW),
    CALL(madvise, ALLOW),
    CALL(munmap, ALLOW),
    CALL_IF(mmap, LOW(3), MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS,
            NO_RIGHT), /* memory that no limit counts */
    CALL(mmap, ALLOW),
    CALL(mremap, ALLOW),
    CALL(mprotect, ALLOW), /* PROT_EXEC included: oneDNN writes its kernels */
    CALL(brk, ALLOW),
    /* the channel */
    CALL(sendmsg, ALLOW),
    CALL(recvmsg, ALLOW),
    CALL(ppoll, ALLOW),
    CALL(close, ALLOW),
    CALL(read, ALLOW),
    CALL(write, ALLOW),
    CALL(writev, ALLOW), /* the C library's last words */
    CALL(fstat, ALLOW),
    CALL(lseek, ALLOW),
    CALL_IF(fcntl, LOW(1), ALL_BITS, F_GETFD, ALLOW),
    CALL_IF(fcntl, LOW(1), ALL_BITS, F_GETFL, ALLOW),
    /* threads, signals and the end */
    CALL_UNLESS(clone, LOW(0), THREAD_FLAGS, THREAD_FLAGS, END),
    CALL(clone, ALLOW),
    CALL(set_robust_list, ALLOW),
    CALL(rseq, ALLOW),
    CALL(set_tid_address, ALLOW),
    CALL(membarrier, ALLOW),
    CALL(rt_sigaction, ALLOW),
    CALL(rt_sigprocmask, ALLOW),
    CALL(rt_sigreturn, ALLOW),
    CALL(rt_sigtimedwait, ALLOW),
    CALL(rt_sigsuspend, ALLOW),
    CALL(sigaltstack, ALLOW),
    CALL(kill, ALLOW), /* of itself: the others are above */
    CALL(tgkill, ALLOW),
    CALL(restart_syscall, ALLOW),
    CALL(exit, ALLOW),
    CALL(exit_group, ALLOW),
    CALL_IF(prctl, LOW(0), ALL_BITS, PR_SET_NAME, ALLOW),
    CALL_IF(prctl, LOW(0), ALL_BITS, PR_GET_NAME, ALLOW),
    /* time */
    CALL(clock_gettime, ALLOW),
    CALL(clock_getres, ALLOW),
    CALL(clock_nanosleep, ALLOW),
    CALL(nanosleep, ALLOW),
    CALL(gettimeofday, ALLOW),
    /* what it is, and where */
    CALL(getpid, ALLOW),
    CALL(gettid, ALLOW),
    CALL(getppid, ALLOW),
    CALL(getuid, ALLOW),
    CALL(geteuid, ALLOW),
    CALL(getgid, ALLOW),
    CALL(getegid, ALLOW),
    CALL(getcpu, ALLOW),
    CALL(getrandom, ALLOW),
    CALL(getrusage, ALLOW),
    CALL(sched_getaffinity, ALLOW),
    CALL(sched_setaffinity, ALLOW),
    CALL(sched_getscheduler, ALLOW),
    CALL(sched_getparam, ALLOW),
    CALL(sysinfo, ALLOW),
    CALL(uname, ALLOW),
    CALL(prlimit64, ALLOW),
#ifdef SYS_arch_prctl
    CALL_IF(arch_prctl, LOW(0), ALL_BITS, ASK_REGISTERS, ALLOW),
    CALL_IF(arch_prctl, LOW(0), ALL_BITS, HAVE_REGISTERS, ALLOW),
    CALL_IF(arch_prctl, LOW(0), ALL_BITS, WANT_REGISTERS, ALLOW),
#endif
#ifdef SYS_poll /* those that newer processors do not have any more */
    CALL(poll, ALLOW),
    CALL(pause, ALLOW),
    CALL(time, ALLOW),
    CALL(getrlimit, ALLOW),
    CALL(fork, END),
    CALL(vfork, END),
    CALL(open, NO_ACCESS),
    CALL(stat, NO_ACCESS),
    CALL(lstat, NO_ACCESS),
    CALL(access, NO_ACCESS),
    CALL(readlink, NO_ACCESS),
#endif
    CALL(execve, END),
    CALL(execveat, END),
    /* libraries look for their settings, name services and processors by these */
    CALL(openat, NO_ACCESS),
    CALL(newfstatat, NO_ACCESS), /* of a descriptor, too: a path cannot be told from none */
    CALL(statx, NO_ACCESS),
    CALL(faccessat, NO_ACCESS),
    CALL(faccessat2, NO_ACCESS),
    CALL(readlinkat, NO_ACCESS),
    CALL(getcwd, NO_ACCESS),
    CALL(socket, NO_ACCESS),
    CALL(ioctl, SECCOMP_RET_ERRNO | ENOTTY),
    CALL(fcntl, NO_RIGHT),
    CALL(prctl, NO_RIGHT),
};

/* What an engine on a GPU does not get. The driver's library opens, asks and maps what is its own
 * affair, so that all else is allowed. */
static const row of_a_gpu[] = {
    CALL_UNLESS(clone, LOW(0), THREAD_FLAGS, THREAD_FLAGS, NO_RIGHT),
#ifdef SYS_fork
    CALL(fork, NO_RIGHT),
    CALL(vfork, NO_RIGHT),
#endif
    CALL(execve, NO_ACCESS), /* the driver's library starts nvidia-modprobe, if it can */
    CALL(execveat, NO_ACCESS),
    /* It makes a local socket that others may ask it by; it reaches nobody. */
    CALL_UNLESS(socket, LOW(0), ALL_BITS, AF_UNIX, NO_ACCESS),
    CALL_IF(socket, LOW(1), 0xf, SOCK_DGRAM, NO_ACCESS),
    CALL(connect, NO_ACCESS),
};

/* ---- the program ------------------------------------------------------------ */

enum { ROW = 6, MOST = 1024 }; /* instructions */
#define ROWS(table) (sizeof(table) / sizeof *(table))
_Static_assert(ROW *(ROWS(against_others) + ROWS(of_a_cpu)) + 8 <= MOST &&
                   ROW * (ROWS(against_others) + ROWS(of_a_gpu)) + 8 <= MOST,
               "the table fits");

typedef struct program {
    struct sock_filter code[MOST];
    unsigned short count;
} program;

static void add(program *p, uint16_t code, uint32_t value, uint8_t yes, uint8_t no)
{
    p->code[p->count++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = value};
}

static void load(program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void decide(program *p, uint32_t outcome)
{
    add(p, BPF_RET | BPF_K, outcome, 0, 0);
}

/* With the call's number loaded, as it is behind it. */
static void add_row(program *p, const row *r)
{
    if (r->condition == ALWAYS) {
        add(p, BPF_JMP | BPF_JEQ | BPF_K, r->number, 0, 1);
        decide(p, r->outcome);
        return;
    }
    const uint32_t value = r->value == OWN ? (uint32_t)getpid() : r->value;
    add(p, BPF_JMP | BPF_JEQ | BPF_K, r->number, 0, ROW - 1);
    load(p, offsetof(struct seccomp_data, args) + 4 * (size_t)r->half);
    add(p, BPF_ALU | BPF_AND | BPF_K, r->mask, 0, 0);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, value, r->condition == UNLESS, r->condition == IF);
    decide(p, r->outcome);
    load(p, offsetof(struct seccomp_data, nr));
}

static void add_rows(program *p, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_row(p, rows + i);
}

int af_filter_install(int gpu)
{
    static program p; /* of the one thread that does this */
    p.count = 0;
    load(&p, offsetof(struct seccomp_data, arch));
    add(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    decide(&p, END);
    load(&p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__ /* the numbers of x32, which are nobody's */
    add(&p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    decide(&p, END);
#endif
    add_rows(&p, against_others, ROWS(against_others));
    if (gpu)
        add_rows(&p, of_a_gpu, ROWS(of_a_gpu));
    else
        add_rows(&p, of_a_cpu, ROWS(of_a_cpu));
    decide(&p, gpu ? ALLOW : NO_SUCH_CALL);
    const struct sock_fprog whole = {.len = p.count, .filter = p.code};
    /* With the threads that libraries have started by now; and without the slower speculation that
     * kernels before 5.16 add, since the process has no secrets from itself. */
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                   SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &whole) == 0;
}

#else

int af_filter_install(int gpu)
{
    (void)gpu;
    errno = ENOSYS; /* the list of a processor's calls has to be measured on it */
    return 0;
}

#endif
