/* SPDX-License-Identifier: MIT
 * The process of an isolated engine: how it starts and what it gets, its end with the program's,
 * and the model file when it is opened again. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolated.h"
#include "model/channel.h"
#include "runs.h"

/* ---- the model file, when it is opened again ------------------------------------ */

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static artfusion_status decode_zeros(artfusion_model *model)
{
    float latent[VALUES] = {0}, rgb[3 * SIDE * SIDE];
    return artfusion_model_decode(model, latent, 1, 4, 4, rgb, 3 * SIDE * SIDE);
}

static void the_file_may_have_changed(void **state)
{
    (void)state;
    char path[] = "/tmp/artfusion-test-XXXXXX", moved[64];
    const int made = mkstemp(path);
    assert_true(made >= 0);
    (void)close(made);
    (void)snprintf(moved, sizeof moved, "%s.moved", path);
    size_t size, others;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    uint8_t *other =
        make_bundle(small_manifest, "\"name\": \"small\"", "\"name\": \"smell\"", &others);
    assert_int_equal(size, others); /* another model, valid in itself, of the same size */
    artfusion_context *context = isolated_context(0);
    artfusion_model *model;
    write_file(path, bundle, size);
    assert_ok(artfusion_model_open_file(context, path, &model));

    /* Removed, it is still the model's. */
    assert_int_equal(rename(path, moved), 0);
    write_file(path, other, others);
    end_process();
    assert_error(decode_zeros(model), ARTFUSION_ERROR_ENGINE, "SIGKILL");
    assert_ok(decode_zeros(model));

    write_file(moved, other, others);
    end_process();
    assert_error(decode_zeros(model), ARTFUSION_ERROR_ENGINE, "SIGKILL");
    assert_error(decode_zeros(model), ARTFUSION_ERROR_CHECKSUM,
                 "was changed since the model was opened: its SHA-256 is");
    write_file(moved, bundle, size - 1);
    assert_error(decode_zeros(model), ARTFUSION_ERROR_CHECKSUM,
                 "was changed since the model was opened: it has");
    write_file(moved, bundle, size);
    assert_ok(decode_zeros(model));

    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(bundle);
    free(other);
    assert_int_equal(unlink(path) | unlink(moved), 0);
    assert_nothing_left();
}

typedef struct callback_file {
    const uint8_t *bytes;
    int over; /* the reader may not be asked any more */
} callback_file;

static int32_t read_bytes(void *data, uint64_t offset, void *buffer, size_t size)
{
    const callback_file *file = data;
    if (file->over)
        return 1;
    memcpy(buffer, file->bytes + offset, size);
    return 0;
}

static void a_reader_is_asked_at_opening_alone(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    callback_file file = {.bytes = bundle};
    artfusion_context *context = isolated_context(0);
    artfusion_model *model;
    assert_ok(artfusion_model_open_reader(context, read_bytes, &file, size, &model));
    file.over = 1;
    end_process();
    assert_error(decode_zeros(model), ARTFUSION_ERROR_ENGINE, "SIGKILL");
    assert_ok(decode_zeros(model));
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(bundle);
    assert_nothing_left();
}

/* ---- what is missing ------------------------------------------------------------ */

static void what_is_missing_is_named(void **state)
{
    (void)state;
    char host[4096];
    artfusion_model *model;
    (void)snprintf(host, sizeof host, "%s", required_environment("ARTFUSION_ENGINE_HOST"));
    static const struct {
        const char *host, *words;
    } cases[] = {
        {"/no/such/host", "/no/such/host cannot be started: No such file"},
        {"/dev/null", "/dev/null cannot be started: Permission denied"},
        {"/bin/false", "loading the engine: the engine's process exited with status 1"},
    };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(setenv("ARTFUSION_ENGINE_HOST", cases[i].host, 1), 0);
        assert_error(open_isolated(0, &model), ARTFUSION_ERROR_ENGINE, cases[i].words);
    }
    assert_int_equal(unsetenv("ARTFUSION_ENGINE_HOST"), 0); /* nor beside this program */
    assert_error(open_isolated(0, &model), ARTFUSION_ERROR_ENGINE,
                 "isolation needs the program artfusion-engine-host");
    assert_int_equal(setenv("ARTFUSION_ENGINE_HOST", host, 1), 0);

    artfusion_context *context;
    artfusion_context_options options;
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    assert_int_equal(options.isolation, ARTFUSION_ISOLATION_NONE);
    assert_int_equal(options.isolation_timeout, 0);
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    options.engine_path = "/no/such/engine.so";
    assert_ok(artfusion_context_create(&options, &context));
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    assert_error(artfusion_model_open_memory(context, bundle, size, &model), ARTFUSION_ERROR_ENGINE,
                 "the engine cannot be loaded: ");
    assert_non_null(strstr(artfusion_error_message(), "/no/such/engine.so: "));
    artfusion_context_destroy(context);

    /* What the engine itself says comes through. */
    options.engine_path = required_environment("ARTFUSION_TEST_ENGINE");
    options.device = ARTFUSION_DEVICE_CUDA;
    assert_ok(artfusion_context_create(&options, &context));
    assert_error(artfusion_model_open_memory(context, bundle, size, &model),
                 ARTFUSION_ERROR_UNSUPPORTED,
                 "opening the model (test): the test engine has no GPU");
    artfusion_context_destroy(context);
    free(bundle);

    options.isolation = 3;
    assert_error(artfusion_context_create(&options, &context), ARTFUSION_ERROR_ARGUMENT,
                 "isolation is 3, which is not one of its constants");
    options.isolation = ARTFUSION_ISOLATION_PROCESS;
    options.isolation_timeout = -1;
    assert_error(artfusion_context_create(&options, &context), ARTFUSION_ERROR_ARGUMENT,
                 "isolation_timeout is -1");
    assert_nothing_left();
}

static void a_program_of_another_release_says_so(void **state)
{
    (void)state;
    int ends[2], status;
    af_greeting greeting;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *const host = getenv("ARTFUSION_ENGINE_HOST");
        (void)dup2(ends[1], AF_CHANNEL_DESCRIPTOR);
        (void)execl(host, host, getenv("ARTFUSION_TEST_ENGINE"), "0.9.0", "0", (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    assert_int_equal(af_channel_receive(ends[0], &greeting, sizeof greeting, NULL, 0), AF_RECEIVED);
    assert_int_equal(greeting.status, ARTFUSION_ERROR_ENGINE);
    char words[128];
    (void)snprintf(words, sizeof words,
                   "artfusion-engine-host is of artfusion %s, and the library is 0.9.0",
                   artfusion_version_string());
    assert_string_equal(greeting.message, words);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    (void)close(ends[0]);
    assert_nothing_left();
}

static void link_of(const char *folder, const char *name, char target[512])
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    const ssize_t length = readlink(path, target, 511);
    assert_true(length > 0);
    target[length] = '\0';
}

/* The engine gets nothing that the program has open, and blocks no folder. */
static void it_has_nothing_of_the_programs(void **state)
{
    (void)state;
    enum { BEYOND = 20 }; /* the descriptors that the process has itself */
    const int opened = open("/proc/self/status", O_RDONLY); /* without O_CLOEXEC */
    const int file = fcntl(opened, F_DUPFD, BEYOND);
    assert_true(file >= BEYOND);
    (void)close(opened);
    char attempt[64];
    artfusion_model *model;
    (void)snprintf(attempt, sizeof attempt, "%d count_descriptors 0 -", TEST_OPEN);
    assert_int_equal(setenv(TEST_ENGINE_ATTEMPT, attempt, 1), 0);
    assert_error(open_isolated(0, &model), ARTFUSION_ERROR_ENGINE, ": 6 descriptors");
    assert_int_equal(unsetenv(TEST_ENGINE_ATTEMPT), 0);
    if (geteuid() != 0) { /* nor is it to be debugged */
        print_message("which they are is shown to root alone\n");
        (void)close(file);
        skip();
    }
    model = isolated_model(0);
    pid_t pid;
    char folder[64], target[512];
    assert_int_equal(children(getpid(), &pid), 1);
    (void)snprintf(folder, sizeof folder, "/proc/%ld", (long)pid);
    link_of(folder, "cwd", target);
    assert_string_equal(target, "/");
    (void)snprintf(folder, sizeof folder, "/proc/%ld/fd", (long)pid);
    DIR *list = opendir(folder);
    assert_non_null(list);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        link_of(folder, entry->d_name, target);
        if (strtol(entry->d_name, NULL, 10) < AF_CHANNEL_DESCRIPTOR)
            assert_string_equal(target, "/dev/null");
        else if (!strstr(target, "pidfd"))
            assert_memory_equal(target, "socket:", 7);
    }
    assert_int_equal(count, 6); /* with the channel, one lane, and the program's end */
    assert_int_equal(closedir(list), 0);
    artfusion_model_destroy(model);
    (void)close(file);
    assert_nothing_left();
}

/* Its threads leave the cores to others while they wait, unless the user has said how they wait. */
static void openmp_waits_gently(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *words;
    } cases[] = {{NULL, "exited with status 113"}, {"active", "exited with status 97"}};
    const char *const set = getenv("OMP_WAIT_POLICY");
    char *const kept = set ? strdup(set) : NULL;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(cases[i].policy ? setenv("OMP_WAIT_POLICY", cases[i].policy, 1)
                                         : unsetenv("OMP_WAIT_POLICY"),
                         0);
        arrange(TEST_DECODE, 1, "policy");
        artfusion_model *model = isolated_model(0);
        arrange_nothing();
        assert_error(decode_zeros(model), ARTFUSION_ERROR_ENGINE, cases[i].words);
        artfusion_model_destroy(model);
    }
    assert_int_equal(kept ? setenv("OMP_WAIT_POLICY", kept, 1) : unsetenv("OMP_WAIT_POLICY"), 0);
    free(kept);
    assert_nothing_left();
}

/* The buffers that are shared are counted. */
static void memory_is_known(void **state)
{
    (void)state;
    artfusion_model *models[] = {test_model(NULL, NULL), isolated_model(0)};
    uint64_t bytes[2];
    for (int i = 0; i < 2; i++) {
        artfusion_sampler_options options = options_for(models[i]);
        assert_ok(artfusion_sampler_memory_needed(models[i], &options, &bytes[i]));
        artfusion_model_destroy(models[i]);
    }
    assert_true(bytes[1] > bytes[0]);
    assert_true(bytes[1] < bytes[0] + 65536);
    assert_nothing_left();
}

/* ---- the program's own end ------------------------------------------------------ */

/* A program with an isolated model that says which process that is, and waits to be killed: at rest
 * or in a call. With a child of its own, which has all its descriptors. */
static void be_a_host(int out, int in_call)
{
    artfusion_model *model;
    if (open_isolated(0, &model) != ARTFUSION_OK)
        _exit(1);
    pid_t pids[2] = {0, 0};
    if (children(getpid(), &pids[0]) != 1 || (pids[1] = fork()) < 0)
        _exit(2);
    if (pids[1] && write(out, pids, sizeof pids) != sizeof pids)
        _exit(3);
    if (pids[1] && in_call)
        (void)decode_zeros(model);
    for (;;)
        (void)pause();
}

static int has_ended(pid_t pid)
{
    pid_t parent;
    char state;
    for (int i = 0; i < 500; i++) { /* 5 s; what nobody has waited for has ended, too */
        if (!stat_of(pid, &parent, &state) || state == 'Z' || state == 'X')
            return 1;
        (void)usleep(10000);
    }
    return 0;
}

static void it_ends_with_the_program(void **state)
{
    (void)state;
    for (int in_call = 0; in_call < 2; in_call++) {
        int ends[2];
        pid_t pids[2];
        assert_int_equal(pipe(ends), 0);
        if (in_call)
            arrange(TEST_DECODE, 1, "hang");
        (void)fflush(NULL);
        const pid_t host = fork();
        assert_true(host >= 0);
        if (host == 0)
            be_a_host(ends[1], in_call);
        assert_int_equal(read(ends[0], pids, sizeof pids), sizeof pids);
        if (in_call)
            (void)usleep(200000); /* so that it's in the call; if not, the other case */
        arrange_nothing();
        assert_int_equal(kill(host, SIGKILL), 0);
        assert_int_equal(waitpid(host, NULL, 0), host);
        assert_true(has_ended(pids[0]));
        pid_t parent;
        char its;
        assert_true(stat_of(pids[1], &parent, &its)); /* the child lives, with the descriptors */
        assert_int_equal(kill(pids[1], SIGKILL), 0);
        assert_true(has_ended(pids[1]));
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    assert_nothing_left();
}

/* A program may wait for all its children, or for none. */
static void the_program_may_wait_itself(void **state)
{
    (void)state;
    artfusion_model *model = isolated_model(0);
    end_process();
    assert_true(waitpid(-1, NULL, 0) > 0);
    assert_error(decode_zeros(model), ARTFUSION_ERROR_ENGINE,
                 "the program has waited for it itself");
    assert_ok(decode_zeros(model));
    artfusion_model_destroy(model);

    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    model = isolated_model(0);
    assert_ok(decode_zeros(model));
    artfusion_model_destroy(model);
    assert_true(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
    assert_nothing_left();
}

int main(void)
{
    let_signals_end_it();
    remember_what_is_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_with_the_program), /* first: it forks before the library is used */
        cmocka_unit_test(the_file_may_have_changed),
        cmocka_unit_test(a_reader_is_asked_at_opening_alone),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_program_of_another_release_says_so),
        cmocka_unit_test(it_has_nothing_of_the_programs),
        cmocka_unit_test(openmp_waits_gently),
        cmocka_unit_test(memory_is_known),
        cmocka_unit_test(the_program_may_wait_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
