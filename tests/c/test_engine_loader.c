/* SPDX-License-Identifier: MIT
 * The engine's thread, and what opening does where there can be none (--wrap, in CMakeLists.txt). */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static int refuse, started, interruptible;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data)
{
    if (refuse)
        return EAGAIN;
    started++;
    sigset_t inherited;
    if (pthread_sigmask(SIG_SETMASK, NULL, &inherited) != 0 || !sigismember(&inherited, SIGTERM) ||
        !sigismember(&inherited, SIGUSR1))
        interruptible++;
    return __real_pthread_create(thread, attributes, run, data);
}

static void open_and_fail(void)
{
    artfusion_context_options options;
    artfusion_context *context;
    artfusion_model *model;
    size_t size;
    uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
    assert_ok(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = "/nowhere/engine.so";
    assert_ok(artfusion_context_create(&options, &context));
    assert_error(artfusion_model_open_memory(context, bundle, size, &model), ARTFUSION_ERROR_ENGINE,
                 "/nowhere/engine.so");
    assert_null(model);

    /* What the file has wrong is said first. */
    bundle[size / 2] ^= 1;
    const artfusion_status status = artfusion_model_open_memory(context, bundle, size, &model);
    assert_true(status == ARTFUSION_ERROR_FORMAT || status == ARTFUSION_ERROR_CHECKSUM);
    artfusion_context_destroy(context);
    free(bundle);
}

static void test_opens(void **state)
{
    refuse = *(const int *)*state;
    started = 0;
    artfusion_model_destroy(test_model(NULL, NULL));
    open_and_fail();
    assert_int_equal(started, refuse ? 0 : 3);
}

/* The host's signals stay the host's: its mask is what it was, and the thread has all blocked. */
static void test_signals(void **state)
{
    (void)state;
    sigset_t before, after;
    refuse = interruptible = 0;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    artfusion_model_destroy(test_model(NULL, NULL));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    assert_int_equal(interruptible, 0);
}

/* A host whose folder was removed, where libtorch's MKL would end the process, is left in it. */
static void test_removed_folder(void **state)
{
    refuse = *(const int *)*state;
    started = 0;
    char folder[] = "/tmp/artfusion-XXXXXX", path[PATH_MAX];
    struct stat before, after;
    const int home = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(home >= 0);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder) | stat(".", &before) | rmdir(folder), 0);
    assert_null(getcwd(path, sizeof path));
    if (refuse) {
        artfusion_context *context = test_context();
        artfusion_model *model;
        size_t size;
        uint8_t *bundle = make_bundle(small_manifest, NULL, NULL, &size);
        assert_error(artfusion_model_open_memory(context, bundle, size, &model),
                     ARTFUSION_ERROR_ENGINE, "working directory");
        artfusion_context_destroy(context);
        free(bundle);
    } else {
        artfusion_model_destroy(test_model(NULL, NULL));
        assert_int_equal(started, 1);
    }
    assert_int_equal(stat(".", &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_dev == after.st_dev);
    assert_int_equal(fchdir(home) | close(home), 0);
}

int main(void)
{
    static const int with = 0, without = 1;
    const struct CMUnitTest tests[] = {
        {"test_opens, by a thread", test_opens, NULL, NULL, (void *)&with},
        {"test_opens, without one", test_opens, NULL, NULL, (void *)&without},
        cmocka_unit_test(test_signals),
        {"test_removed_folder, by a thread", test_removed_folder, NULL, NULL, (void *)&with},
        {"test_removed_folder, without one", test_removed_folder, NULL, NULL, (void *)&without},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
