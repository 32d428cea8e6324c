/* SPDX-License-Identifier: MIT
 * Where the engine is looked for, in the order of docs/architecture.md, and what is taken for one;
 * and where the default model. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static char program[PATH_MAX];

static artfusion_status open_small(void)
{
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    assert_ok(artfusion_context_create(NULL, &context));
    const artfusion_status status = artfusion_model_open_memory(context, bundle, size, &model);
    artfusion_model_destroy(model);
    artfusion_context_destroy(context);
    free(bundle);
    return status;
}

static void the_environment_names_it(void **state)
{
    (void)state;
    assert_int_equal(setenv("ARTFUSION_ENGINE", required_environment("ARTFUSION_TEST_ENGINE"), 1),
                     0);
    assert_ok(open_small());
    /* What is named is not passed over. */
    assert_int_equal(setenv("ARTFUSION_ENGINE", "/no/such/engine.so", 1), 0);
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, "/no/such/engine.so");
    /* A library that is none, by a name that the loader finds. */
    assert_int_equal(setenv("ARTFUSION_ENGINE", "libc.so.6", 1), 0);
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, "libc.so.6 is no artfusion engine");
    assert_int_equal(unsetenv("ARTFUSION_ENGINE"), 0);
}

static void another_version_is_refused(void **state)
{
    (void)state;
    test_engine_control *engine = test_engine();
    assert_int_equal(setenv("ARTFUSION_ENGINE", required_environment("ARTFUSION_TEST_ENGINE"), 1),
                     0);
    engine->table_version = 77;
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, "is an engine of version 77, and artfusion");
    /* The one before, with the number that is needed, which must be another. */
    char words[128];
    engine->table_version = AF_ENGINE_VERSION - 1;
    (void)snprintf(words, sizeof words, "is an engine of version %d, and artfusion %s needs %d",
                   AF_ENGINE_VERSION - 1, artfusion_version_string(), AF_ENGINE_VERSION);
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, words);
    engine->table_version = 0;
    engine->table_short = 1; /* of this version, and without its last function */
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, "is an engine of version");
    (void)snprintf(words, sizeof words, "whose table has %zu bytes, and artfusion %s needs %zu",
                   sizeof(af_engine) - sizeof(void *), artfusion_version_string(),
                   sizeof(af_engine));
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, words);
    engine->table_short = 0;
    assert_ok(open_small());
    assert_int_equal(unsetenv("ARTFUSION_ENGINE"), 0);
}

/* An entry was once appended without: engines with and without it had one number. Who changes the
 * table changes both of these. */
static void a_version_is_of_one_table(void **state)
{
    (void)state;
    assert_int_equal(AF_ENGINE_VERSION, 7);
    assert_int_equal((sizeof(af_engine) - offsetof(af_engine, open)) / sizeof(void *), 12);
    assert_int_equal(offsetof(af_engine, prepare), sizeof(af_engine) - sizeof(void *));
}

static void copy(const char *from, const char *to)
{
    char bytes[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, got, out), got);
    assert_int_equal(fclose(in) | fclose(out), 0);
    assert_int_equal(chmod(to, 0700), 0);
}

/* What this program says in another place, called by `name`, of which the folder may be in PATH: asked
 * to "open" a model, the message, or for the default model's "path", that or the message; and the
 * status. */
static artfusion_status ask(const char *name, const char *what, char *message, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execlp(name, name, what, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], message + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    message[length] = '\0';
    (void)close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

static artfusion_status open_from(const char *moved, char *message, size_t size)
{
    return ask(moved, "open", message, size);
}

static void it_lies_beside_the_program_or_in_a_folder_there(void **state)
{
    (void)state;
    char folder[] = "/tmp/artfusion-test-XXXXXX", moved[64], inside[64], engines[2][96], text[1024];
    const char *engine = required_environment("ARTFUSION_TEST_ENGINE");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(moved, sizeof moved, "%s/program", folder);
    (void)snprintf(inside, sizeof inside, "%s/artfusion", folder);
    (void)snprintf(engines[0], sizeof engines[0], "%s/libartfusion-engine-torch.so", folder);
    (void)snprintf(engines[1], sizeof engines[1], "%s/libartfusion-engine-torch.so", inside);
    copy(program, moved);
    assert_int_equal(mkdir(inside, 0700), 0);
    assert_int_equal(unsetenv("ARTFUSION_ENGINE"), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(symlink(engine, engines[i]), 0);
        assert_int_equal(open_from(moved, text, sizeof text), ARTFUSION_OK);
        assert_int_equal(unlink(engines[i]), 0);
    }

    /* An empty variable names nothing; the first place comes first, though it holds no engine; and
     * where there is none, the loader's own search is left, whose words name what it wanted. */
    assert_int_equal(setenv("ARTFUSION_ENGINE", "", 1), 0);
    assert_int_equal(symlink(engine, engines[1]), 0);
    assert_int_equal(open_from(moved, text, sizeof text), ARTFUSION_OK);
    assert_int_equal(symlink("/dev/null", engines[0]), 0);
    assert_int_equal(open_from(moved, text, sizeof text), ARTFUSION_ERROR_ENGINE);
    assert_non_null(strstr(text, engines[0]));
    assert_int_equal(unlink(engines[0]) | unlink(engines[1]), 0);
    assert_int_equal(open_from(moved, text, sizeof text), ARTFUSION_ERROR_ENGINE);
    assert_non_null(strstr(text, "libartfusion-engine-torch.so: "));
    assert_non_null(strstr(text, "No such file or directory"));

    assert_int_equal(unlink(moved) | rmdir(inside) | rmdir(folder), 0);
}

static void make_folders(const char *path)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        (void)mkdir(part, 0700);
    }
}

/* From the last place to the first, each of which goes before those that were there already; a program
 * called by a word that PATH leads to finds the same. Where there is none, all are named. */
static void the_default_model(void **state)
{
    (void)state;
    static const char *const places[] = {
        "/models/mini.artfusion", "/build/share/artfusion/mini.artfusion",
        "/build/preset/share/artfusion/mini.artfusion", "/build/preset/lib/mini.artfusion"};
    enum { PLACES = sizeof places / sizeof *places };
    char folder[PATH_MAX] = "/tmp/artfusion-test-XXXXXX", moved[PATH_MAX + 64], text[4096];
    char place[PLACES][PATH_MAX + 64], *path = text;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(moved, sizeof moved, "%s/build/preset/lib/", folder);
    make_folders(moved);
    assert_int_equal(setenv("PATH", moved, 1), 0);
    strcat(moved, "program");
    copy(program, moved);

    assert_int_equal(unsetenv("ARTFUSION_MODEL"), 0);
    assert_int_equal(ask(moved, "path", text, sizeof text), ARTFUSION_ERROR_IO);
    assert_non_null(strstr(text, "ARTFUSION_MODEL is not set"));
    for (size_t i = 0; i < PLACES; i++) {
        (void)snprintf(place[i], sizeof *place, "%s%s", folder, places[i]);
        assert_non_null(strstr(text, place[i]));
    }
    for (size_t i = 0; i < PLACES; i++) {
        make_folders(place[i]);
        assert_int_equal(symlink("/dev/null", place[i]), 0);
        char found[2][4096];
        assert_int_equal(ask(moved, "path", found[0], sizeof *found), ARTFUSION_OK);
        assert_string_equal(found[0], place[i]);
        assert_int_equal(ask("program", "path", found[1], sizeof *found), ARTFUSION_OK);
        assert_string_equal(found[1], place[i]);
    }

    /* What is named is taken at its word; an empty name is none. */
    assert_int_equal(setenv("ARTFUSION_MODEL", "none/such", 1), 0);
    assert_int_equal(ask(moved, "path", text, sizeof text), ARTFUSION_OK);
    assert_string_equal(text, "none/such");
    assert_int_equal(setenv("ARTFUSION_MODEL", "", 1), 0);
    assert_int_equal(ask(moved, "path", text, sizeof text), ARTFUSION_OK);
    assert_string_equal(text, place[PLACES - 1]);
    assert_int_equal(unsetenv("ARTFUSION_MODEL"), 0);

    assert_error(artfusion_default_model_path(NULL), ARTFUSION_ERROR_ARGUMENT, "path is NULL");
    assert_ok(artfusion_default_model_path(&path)); /* this program's, in its source tree */
    assert_non_null(strstr(path, "/models/mini.artfusion"));
    assert_int_equal(access(path, R_OK), 0);
    artfusion_free(path);

    assert_true(snprintf(text, sizeof text, "/bin/rm -r %s", folder) < (int)sizeof text);
    assert_int_equal(system(text), 0);
}

/* Where the host has a libtorch that is not the engine's, the message names both. */
static void another_libtorch_is_named(void **state)
{
    (void)state;
    char folder[] = "/tmp/artfusion-test-XXXXXX", name[64];
    assert_int_equal(
        setenv("ARTFUSION_ENGINE", required_environment("ARTFUSION_LACKING_ENGINE"), 1), 0);
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, "symbol_of_another_release");
    assert_null(strstr(artfusion_error_message(), "the process has"));

    assert_non_null(mkdtemp(folder));
    (void)snprintf(name, sizeof name, "%s/libtorch_cpu.so", folder);
    copy(required_environment("ARTFUSION_TEST_ENGINE"), name);
    void *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(loaded);
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, "symbol_of_another_release");
    assert_non_null(strstr(artfusion_error_message(), "the process has /tmp/"));
    assert_non_null(
        strstr(artfusion_error_message(), "/libtorch_cpu.so, which is not the libtorch"));
    assert_int_equal(dlclose(loaded), 0);
    assert_int_equal(unlink(name) | rmdir(folder), 0);
    assert_int_equal(unsetenv("ARTFUSION_ENGINE"), 0);
}

static void on_signal(int number)
{
    (void)number;
}

/* Those that its libraries take as they are loaded are given back; what is not theirs stays as it is. */
static void the_host_keeps_its_signal_handlers(void **state)
{
    (void)state;
    const struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction now;
    assert_int_equal(sigaction(SIGHUP, &ours, NULL), 0);
    assert_int_equal(setenv("ARTFUSION_ENGINE", required_environment("ARTFUSION_TAKING_ENGINE"), 1),
                     0);
    assert_error(open_small(), ARTFUSION_ERROR_ENGINE, "is no artfusion engine");
    assert_int_equal(sigaction(SIGHUP, NULL, &now), 0);
    assert_true(now.sa_handler == on_signal && now.sa_flags & SA_RESTART);
    assert_int_equal(sigaction(SIGUSR1, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL && !(now.sa_flags & SA_SIGINFO));
    assert_int_equal(sigaction(SIGUSR2, NULL, &now), 0);
    assert_true(now.sa_handler == exit);
    assert_int_equal(unsetenv("ARTFUSION_ENGINE"), 0);
    assert_true(signal(SIGHUP, SIG_DFL) == on_signal && signal(SIGUSR2, SIG_DFL) == exit);
}

static int say_path(void)
{
    char *path;
    const artfusion_status status = artfusion_default_model_path(&path);
    (void)fputs(status == ARTFUSION_OK ? path : artfusion_error_message(), stdout);
    artfusion_free(path);
    return -status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "path") == 0)
        return say_path();
    if (argc == 2 && strcmp(argv[1], "open") == 0) {
        const artfusion_status status = open_small();
        if (status != ARTFUSION_OK)
            (void)fputs(artfusion_error_message(), stdout);
        return -status;
    }
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_names_it),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(a_version_is_of_one_table),
        cmocka_unit_test(another_libtorch_is_named),
        cmocka_unit_test(the_host_keeps_its_signal_handlers),
        cmocka_unit_test(it_lies_beside_the_program_or_in_a_folder_there),
        cmocka_unit_test(the_default_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
