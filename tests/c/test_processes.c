/* SPDX-License-Identifier: MIT
 * fork, exit and dlclose with the test engine; and exit in the midst of a call, which it can arrange. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"

/* ---- exit, while a call is under way ------------------------------------------- */

static sem_t inside;
static atomic_int finished;
static artfusion_sampler *running;

static void take_long(int32_t function)
{
    (void)function;
    (void)sem_post(&inside);
    (void)usleep(200000);
    atomic_store(&finished, 1);
}

static void leave_from_call(int32_t function)
{
    (void)function;
    exit(PROCESS_STATUS);
}

/* As a library does that ends the process on a thread of its own, for which the call waits. */
static void *leave_from_thread(void *unused)
{
    (void)unused;
    exit(PROCESS_STATUS);
}

static void wait_for_leaver(int32_t function)
{
    pthread_t thread;
    (void)function;
    if (pthread_create(&thread, NULL, leave_from_thread, NULL) == 0)
        (void)pthread_join(thread, NULL);
}

/* Another thread's call waits for a lock that this call keeps. */
static void leave_with_lock(int32_t function)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static atomic_int calls;
    (void)function;
    const int first = atomic_fetch_add(&calls, 1) == 0;
    if (!first)
        (void)sem_post(&inside);
    (void)pthread_mutex_lock(&lock);
    if (!first)
        return;
    while (sem_wait(&inside) != 0)
        ;
    exit(PROCESS_STATUS);
}

static int32_t leave_from_callback(void *user_data, artfusion_sampler *sampler)
{
    (void)user_data;
    (void)sampler;
    exit(PROCESS_STATUS);
}

/* Registered before the library did, it comes after it, as what libtorch destroys does. */
static void destroy_what_is_used(void)
{
    if (!atomic_load(&finished))
        _exit(9);
}

static void *run(void *unused)
{
    (void)unused;
    (void)artfusion_sampler_run(running);
    return NULL;
}

static int leave(const char *how)
{
    artfusion_sampler_options options;
    pthread_t thread;
    const int waits = strcmp(how, "waits") == 0;
    if ((waits && atexit(destroy_what_is_used) != 0) || sem_init(&inside, 0, 0) != 0)
        return 1;
    (void)alarm(60);
    test_engine_control *engine = test_engine();
    artfusion_model *model = test_model(NULL, NULL);
    assert_ok(artfusion_sampler_options_init(&options, sizeof options, model));
    if (strcmp(how, "callback") == 0)
        options.step_callback = leave_from_callback;
    assert_ok(artfusion_sampler_create(model, &options, &running));
    engine->on_call = waits                           ? take_long
                      : strcmp(how, "call") == 0      ? leave_from_call
                      : strcmp(how, "thread") == 0    ? wait_for_leaver
                      : strcmp(how, "opening") == 0   ? wait_for_leaver
                      : strcmp(how, "with lock") == 0 ? leave_with_lock
                                                      : NULL;
    if (strcmp(how, "opening") == 0)
        (void)test_model(NULL, NULL);
    if ((waits || engine->on_call == leave_with_lock) &&
        pthread_create(&thread, NULL, run, NULL) != 0)
        return 1;
    if (engine->on_call == leave_with_lock) {
        artfusion_sampler *another;
        assert_ok(artfusion_sampler_create(model, &options, &another));
        (void)artfusion_sampler_run(another);
    } else if (!waits) {
        (void)artfusion_sampler_run(running);
    }
    if (!waits)
        return 2;
    while (sem_wait(&inside) != 0)
        ;
    exit(PROCESS_STATUS);
}

/* It waits for another thread's call, and not for the one it was called from, nor for one that waits
 * for it. */
static void test_exit_in_calls(void **state)
{
    (void)state;
    static const char *const ways[] = {"waits",  "callback", "call",
                                       "thread", "opening",  "with lock"};
    assert_int_equal(setenv("ASAN_OPTIONS", "detect_leaks=0", 1), 0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *const arguments[] = {"leaves", "--within", ways[i], NULL};
        const int status = process_run_anew(arguments);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != PROCESS_STATUS)
            fail_msg("%s: the process ended with status 0x%x", ways[i], (unsigned)status);
    }
    assert_int_equal(unsetenv("ASAN_OPTIONS"), 0);
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "--within") == 0)
        return leave(arguments[2]);
    process_setup setup = {.engine = required_environment("ARTFUSION_TEST_ENGINE"),
                           .exits = 17,
                           .loads = 150,
                           .models_each = 5,
                           .growth = 256};
    static uint8_t *bundle; /* for the threads that main leaves behind */
    bundle = make_bundle(small_manifest, NULL, NULL, &setup.size);
    setup.model = bundle;
    const int errand = process_errand(count, arguments, &setup);
    if (errand >= 0)
        return errand;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_fork_before, &setup),
        cmocka_unit_test_prestate(test_fork_after, &setup),
        cmocka_unit_test_prestate(test_fork_at_work, &setup),
        cmocka_unit_test_prestate(test_fork_in_callbacks, &setup),
        cmocka_unit_test_prestate(test_exits, &setup),
        cmocka_unit_test_prestate(test_loading, &setup),
        cmocka_unit_test(test_exit_in_calls),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(bundle);
    return failed;
}
