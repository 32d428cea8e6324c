/* SPDX-License-Identifier: MIT
 * The sandbox of an isolated engine: what it tries is refused by the kernel, and the same succeeds
 * where there is no sandbox; a kernel that lacks a part of it is told of. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolated.h"
#include "runs.h"

/* ---- what is tried, and what it is aimed at ----------------------------------------- */

#define DONE "it has come to pass"
#define ACCESS "Permission denied"
#define RIGHT "Operation not permitted"
#define CALL "Function not implemented"
#define ENDED "the engine's process was ended by SIGSYS, which is how its sandbox"
#define CRASHED "the engine's process was ended by SIGSEGV"

static const struct {
    const char *name, *on_cpu, *on_gpu;
} attempts[] = {
    {"read_file", ACCESS, DONE},
    {"write_file", ACCESS, ACCESS},
    {"make_file", ACCESS, ACCESS},
    {"remove_file", CALL, ACCESS},
    {"write_memory_file", ACCESS, ACCESS},
    {"share_memory", ACCESS, ACCESS},
    {"make_memory_file", CALL, DONE},
    {"map_shared", RIGHT, DONE},
    {"call_out", ACCESS, ACCESS},
    {"call_locally", ACCESS, ACCESS},
    {"execute", ENDED, ACCESS},
    {"fork_one", ENDED, RIGHT},
    {"clone_one", CALL, CALL},
    {"trace", ENDED, ENDED},
    {"write_memory", ENDED, ENDED},
    {"read_memory", ENDED, ENDED},
    {"write_beyond", CRASHED, CRASHED},
    {"signal_parent", ENDED, ENDED},
    {"signal_thread", ENDED, ENDED},
    {"signal_all", ENDED, ENDED},
    {"signal_by_descriptor", RIGHT, RIGHT},
    {"limit_parent", RIGHT, RIGHT},
    {"limit_itself", RIGHT, RIGHT},
    {"place_parent", RIGHT, RIGHT},
    {"show_itself", RIGHT, RIGHT},
    {"be_shown", RIGHT, RIGHT},
    {"leave_namespace", ENDED, ENDED},
};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

static char *variable; /* a page at an address that no other program has by chance */
static char file[] = "/tmp/artfusion-sandbox-XXXXXX";
static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static void arrange_attempt(const char *name)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%d %s %p %s", TEST_OPEN, name, (void *)variable, file);
    assert_int_equal(setenv(TEST_ENGINE_ATTEMPT, text, 1), 0);
}

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int remake_file(void)
{
    const int made = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return made >= 0 && close(made) == 0;
}

static int prepare(void **state)
{
    (void)state;
    const int made = mkstemp(file);
    variable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return made < 0 || close(made) != 0 || variable == MAP_FAILED ||
           signal(SIGUSR1, count_signal) == SIG_ERR;
}

static int clean(void **state)
{
    (void)state;
    return unlink(file);
}

/* ---- children, before this program has used the library -------------------------------- */

typedef struct report {
    char text[2048];
    int status;
} report;

static void say(int out, const char *text)
{
    if (write(out, text, strlen(text)) != (ssize_t)strlen(text))
        _exit(99);
}

static void in_child(void (*work)(int out, const void *data), const void *data, report *r)
{
    int ends[2];
    size_t size = 0;
    ssize_t got;
    *r = (report){.status = -1};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work(ends[1], data);
        _exit(0);
    }
    (void)close(ends[1]);
    while ((got = read(ends[0], r->text + size, sizeof r->text - 1 - size)) > 0 ||
           (got < 0 && errno == EINTR))
        size += got > 0 ? (size_t)got : 0;
    (void)close(ends[0]);
    while (waitpid(child, &r->status, 0) < 0 && errno == EINTR)
        ;
}

static artfusion_status open_model(const artfusion_context_options *given, artfusion_model **model)
{
    artfusion_context_options options = *given;
    artfusion_context *context;
    size_t size;
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    assert_ok(artfusion_context_create(&options, &context));
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    const artfusion_status status = artfusion_model_open_memory(context, bundle, size, model);
    free(bundle);
    artfusion_context_destroy(context);
    return status;
}

static void open_here(int out, const void *data)
{
    artfusion_context_options options;
    artfusion_model *model;
    (void)data;
    if (artfusion_context_options_init(&options, sizeof options) != ARTFUSION_OK)
        _exit(98);
    (void)open_model(&options, &model);
    say(out, artfusion_error_message());
}

/* Whether this user may look into other processes of his: not so with the Yama of many systems. */
static int may_trace(void)
{
    char level = '0';
    const int setting = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
    if (setting >= 0) {
        (void)!read(setting, &level, 1);
        (void)close(setting);
    }
    return geteuid() == 0 ? level < '3' : level == '0';
}

/* So that a refusal is the sandbox's. */
static void without_a_sandbox_all_succeed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ATTEMPTS; i++) {
        const char *const name = attempts[i].name;
        const int traces = !strcmp(name, "write_memory_file") || !strcmp(name, "write_memory") ||
                           !strcmp(name, "read_memory");
        if (traces && !may_trace()) {
            print_message("%s: not without a sandbox either, by Yama\n", name);
            continue;
        }
        report r;
        signals = 0;
        *variable = 0;
        arrange_attempt(name);
        in_child(open_here, NULL, &r);
        if (!strcmp(name, "execute")) {
            assert_true(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 42);
            continue;
        }
        if (!strstr(r.text, DONE))
            fail_msg("%s: '%s', status %d", name, r.text, r.status);
        if (!strcmp(name, "write_memory"))
            assert_int_equal(*variable, 'w');
        if (!strcmp(name, "write_memory_file"))
            assert_int_equal(*variable, 'f');
        if (!strcmp(name, "signal_parent") || !strcmp(name, "signal_thread"))
            assert_int_equal(signals, 1);
        if (!strcmp(name, "remove_file")) {
            assert_false(exists(file));
            assert_true(remake_file());
        }
        if (!strcmp(name, "make_file")) {
            char made[64];
            (void)snprintf(made, sizeof made, "%s.made", file);
            assert_int_equal(unlink(made), 0);
        }
    }
    assert_int_equal(unsetenv(TEST_ENGINE_ATTEMPT), 0);
}

/* ---- kernels that lack a part ----------------------------------------------------------- */

static int landlock_version(void)
{
    enum { GET_VERSION = 1 }; /* LANDLOCK_CREATE_RULESET_VERSION */
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);
}

static int has_filters(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

typedef struct lack {
    int filters, landlock; /* 1: it is lacking */
    artfusion_device device;
    const char *attempt; /* or NULL: the model is opened and used */
} lack;

/* From here on the calls are those of a kernel without. */
static void take_away(const lack *l)
{
    const uint32_t none = 0xffffffff;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, l->filters ? SYS_seccomp : none, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, l->landlock ? SYS_landlock_create_ruleset : none, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog whole = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &whole) != 0)
        _exit(97);
}

static void tell(void *user_data, artfusion_log_level level, const char *message)
{
    const int out = *(int *)user_data;
    say(out, level == ARTFUSION_LOG_WARNING ? "warning: " : "note: ");
    say(out, message);
    say(out, "\n");
}

static void open_isolated_there(int out, const void *data)
{
    const lack *l = data;
    artfusion_context_options options;
    artfusion_model *model;
    if (l->attempt)
        arrange_attempt(l->attempt);
    else
        (void)unsetenv(TEST_ENGINE_ATTEMPT);
    if (l->filters || l->landlock)
        take_away(l);
    if (artfusion_context_options_init(&options, sizeof options) != ARTFUSION_OK)
        _exit(98);
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    options.device = l->device;
    options.log = tell;
    options.log_user_data = &out;
    options.log_level = ARTFUSION_LOG_INFO;
    if (open_model(&options, &model) != ARTFUSION_OK) {
        say(out, artfusion_error_message());
        return;
    }
    float latent[VALUES] = {0}, rgb[3 * SIDE * SIDE];
    if (artfusion_model_decode(model, latent, 1, 4, 4, rgb, 3 * SIDE * SIDE) == ARTFUSION_OK)
        say(out, "it computes");
    artfusion_model_destroy(model);
}

static void a_kernel_may_lack_a_part(void **state)
{
    (void)state;
    if (!has_filters() || landlock_version() < 1) {
        print_message("this kernel itself lacks seccomp or Landlock\n");
        skip();
    }
#define NO_FILTER "warning: the engine's process has no filter of system calls (" CALL ")"
#define NO_LANDLOCK "the engine's process is without Landlock (" CALL ")"
    static const struct {
        lack lacking;
        const char *words, *result;
    } cases[] = {
        {{0, 0, ARTFUSION_DEVICE_CPU, NULL}, "", "it computes"},
        {{1, 0, ARTFUSION_DEVICE_CPU, NULL}, NO_FILTER, "it computes"},
        {{0, 1, ARTFUSION_DEVICE_CPU, NULL}, "note: " NO_LANDLOCK, "it computes"},
        {{1, 1, ARTFUSION_DEVICE_CPU, NULL}, NO_FILTER, "it computes"},
        {{1, 1, ARTFUSION_DEVICE_CPU, NULL}, "warning: " NO_LANDLOCK, "it computes"},
        {{0, 1, ARTFUSION_DEVICE_CUDA, NULL}, "warning: " NO_LANDLOCK, "no GPU"},
        {{0, 0, ARTFUSION_DEVICE_CUDA, NULL}, "note: the engine's process may read", "no GPU"},
        /* What then holds. */
        {{1, 0, ARTFUSION_DEVICE_CPU, "read_file"}, "", ACCESS},
        {{1, 0, ARTFUSION_DEVICE_CPU, "make_file"}, "", ACCESS},
        {{1, 1, ARTFUSION_DEVICE_CPU, "be_shown"}, "", RIGHT},
        {{1, 0, ARTFUSION_DEVICE_CPU, "fork_one"}, "", DONE},
        {{0, 1, ARTFUSION_DEVICE_CPU, "read_file"}, "", ACCESS},
        {{0, 1, ARTFUSION_DEVICE_CPU, "signal_parent"}, "", ENDED},
        {{1, 1, ARTFUSION_DEVICE_CPU, "read_file"}, "", DONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        report r;
        in_child(open_isolated_there, &cases[i].lacking, &r);
        if (!strstr(r.text, cases[i].words) || !strstr(r.text, cases[i].result))
            fail_msg("case %zu: %s", i, r.text);
        if (i == 0)
            assert_null(strstr(r.text, "the engine's process"));
    }
    assert_int_equal(unsetenv(TEST_ENGINE_ATTEMPT), 0);
}

/* ---- the sandbox ------------------------------------------------------------------------ */

static void assert_unharmed(void)
{
    char made[64];
    (void)snprintf(made, sizeof made, "%s.made", file);
    assert_int_equal(*variable, 0);
    assert_int_equal(signals, 0);
    assert_true(exists(file));
    assert_false(exists(made));
    assert_false(exists("/dev/shm/artfusion-test-engine"));
    assert_nothing_left();
}

static void try_all(artfusion_device device)
{
    artfusion_context_options options;
    artfusion_model *model;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    options.device = device;
    signals = 0;
    *variable = 0;
    for (size_t i = 0; i < ATTEMPTS; i++) {
        const char *const expected =
            device == ARTFUSION_DEVICE_CUDA ? attempts[i].on_gpu : attempts[i].on_cpu;
        const int own = !strstr(expected, "was ended"); /* to say it itself */
        char words[128];
        (void)snprintf(words, sizeof words, "%s%s%s", own ? attempts[i].name : "", own ? ": " : "",
                       expected);
        arrange_attempt(attempts[i].name);
        assert_error(open_model(&options, &model), ARTFUSION_ERROR_ENGINE, words);
        assert_null(model);
        assert_unharmed();
    }
    assert_int_equal(unsetenv(TEST_ENGINE_ATTEMPT), 0);
}

static void what_it_tries_is_refused(void **state)
{
    (void)state;
    if (!has_filters()) {
        print_message("this kernel lacks seccomp\n");
        skip();
    }
    try_all(ARTFUSION_DEVICE_CPU);
}

static void for_gpus_it_is_weaker(void **state)
{
    (void)state;
    if (!has_filters() || landlock_version() < 1) {
        print_message("this kernel lacks seccomp or Landlock\n");
        skip();
    }
    try_all(ARTFUSION_DEVICE_CUDA);
}

/* What others see of it. */
static void its_limits_are_low(void **state)
{
    (void)state;
    char path[64], line[256];
    int found = 0;
    struct rlimit own;
    artfusion_model *model = isolated_model(0);
    pid_t pid;
    assert_int_equal(children(getpid(), &pid), 1);
    static const struct {
#ifdef __GLIBC__
        __rlimit_resource_t resource;
#else
        int resource;
#endif
        rlim_t most;
    } limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NOFILE, 1024}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        assert_int_equal(prlimit(pid, limits[i].resource, NULL, &own), 0);
        assert_true(own.rlim_cur <= limits[i].most && own.rlim_max <= limits[i].most);
    }
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *status = fopen(path, "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status))
        found += strcmp(line, "NoNewPrivs:\t1\n") == 0;
    assert_int_equal(fclose(status), 0);
    assert_int_equal(found, 1);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

/* Without a GPU there, AUTO is the CPU's; the attempt tells them apart. */
static void by_itself_it_is_the_strong_one(void **state)
{
    (void)state;
    artfusion_context_options options;
    artfusion_model *model;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    assert_int_equal(options.device, ARTFUSION_DEVICE_AUTO);
    arrange_attempt("read_file");
    assert_error(open_model(&options, &model), ARTFUSION_ERROR_ENGINE, "read_file: " ACCESS);
    assert_int_equal(unsetenv(TEST_ENGINE_ATTEMPT), 0);
    assert_nothing_left();
}

int main(void)
{
    let_signals_end_it();
    remember_what_is_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_sandbox_all_succeed), /* these two first: they fork */
        cmocka_unit_test(a_kernel_may_lack_a_part),
        cmocka_unit_test(what_it_tries_is_refused),
        cmocka_unit_test(for_gpus_it_is_weaker),
        cmocka_unit_test(its_limits_are_low),
        cmocka_unit_test(by_itself_it_is_the_strong_one),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
