/* SPDX-License-Identifier: MIT
 * What an engine of the program's own process does not allow, with isolated ones: models in forked
 * children, and exit that waits for no call. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolated.h"
#include "processes.h"
#include "runs.h"

enum { PATIENCE = 120 }; /* seconds, until a process counts as hung */

static artfusion_status decode(artfusion_model *model, float rgb[3 * SIDE * SIDE])
{
    float latent[VALUES];
    for (int i = 0; i < VALUES; i++)
        latent[i] = (float)i / VALUES;
    return artfusion_model_decode(model, latent, 1, 4, 4, rgb, 3 * SIDE * SIDE);
}

static float expected[3 * SIDE * SIDE];

/* ---- in a child, where there is no cmocka to jump back to ----------------------------- */

#define need(condition) \
    do { \
        if (!(condition)) \
            return complain_of(__LINE__, #condition); \
    } while (0)

static int complain_of(int line, const char *condition)
{
    (void)fprintf(stderr, "line %d: not so in process %ld: %s (%s)\n", line, (long)getpid(),
                  condition, artfusion_error_message());
    return 1;
}

/* Opened there, used, killed, used again. */
static int use_own(void)
{
    artfusion_model *model;
    float rgb[3 * SIDE * SIDE];
    pid_t engine;
    need(open_isolated(0, &model) == ARTFUSION_OK);
    need(decode(model, rgb) == ARTFUSION_OK && memcmp(rgb, expected, sizeof rgb) == 0);
    need(children(getpid(), &engine) == 1 && kill(engine, SIGKILL) == 0);
    need(decode(model, rgb) == ARTFUSION_ERROR_ENGINE);
    need(decode(model, rgb) == ARTFUSION_OK && memcmp(rgb, expected, sizeof rgb) == 0);
    artfusion_model_destroy(model);
    need(children(getpid(), NULL) == 0);
    return 0;
}

static int refuses(artfusion_model *model)
{
    float rgb[3 * SIDE * SIDE];
    return decode(model, rgb) == ARTFUSION_ERROR_ENGINE &&
           strstr(artfusion_error_message(), "which had opened this isolated model: open it again");
}

/* What the parent has open is refused, and is the parent's afterwards as before. */
static int use_in_child(artfusion_model *inherited)
{
    need(!inherited || refuses(inherited));
    artfusion_model_destroy(inherited);
    return use_own();
}

static int in_child(int (*body)(artfusion_model *), artfusion_model *model)
{
    int status = -1;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(PATIENCE);
        _exit(body(model));
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* ---- fork ------------------------------------------------------------------------------ */

static void a_child_opens_its_own(void **state)
{
    (void)state;
    float rgb[3 * SIDE * SIDE];
    artfusion_model *model = isolated_model(0);
    assert_ok(decode(model, expected));
    pid_t before, after;
    assert_int_equal(children(getpid(), &before), 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(in_child(use_in_child, model), 0);
    assert_int_equal(children(getpid(), &after), 1);
    assert_int_equal(after, before);
    assert_ok(decode(model, rgb));
    assert_memory_equal(rgb, expected, sizeof rgb);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

static int use_in_grandchild(artfusion_model *model)
{
    (void)model;
    artfusion_model *own;
    need(open_isolated(0, &own) == ARTFUSION_OK);
    need(in_child(use_in_child, own) == 0);
    artfusion_model_destroy(own);
    return 0;
}

static void and_its_children_do(void **state)
{
    (void)state;
    assert_int_equal(in_child(use_in_grandchild, NULL), 0);
    assert_nothing_left();
}

static void *decode_for_ever(void *model)
{
    float rgb[3 * SIDE * SIDE];
    (void)decode(model, rgb);
    return NULL;
}

/* Another thread is in a call, and has whatever locks it has there. */
static void also_in_the_midst_of_a_call(void **state)
{
    (void)state;
    pthread_t thread;
    arrange(TEST_DECODE, 1, "hang");
    artfusion_model *model = isolated_model(0);
    arrange_nothing();
    assert_int_equal(pthread_create(&thread, NULL, decode_for_ever, model), 0);
    (void)usleep(100000);
    assert_int_equal(in_child(use_in_child, model), 0);
    end_process();
    assert_int_equal(pthread_join(thread, NULL), 0);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

/* Isolated models leave the program's own process free for an engine of one of its children. */
static int use_plain(artfusion_model *inherited)
{
    float rgb[3 * SIDE * SIDE];
    artfusion_model *plain = test_model(NULL, NULL);
    need(refuses(inherited));
    need(decode(plain, rgb) == ARTFUSION_OK && memcmp(rgb, expected, sizeof rgb) == 0);
    artfusion_model_destroy(plain);
    return 0;
}

static void a_child_may_have_the_engine_itself(void **state)
{
    (void)state;
    artfusion_model *model = isolated_model(0);
    assert_int_equal(in_child(use_plain, model), 0);
    artfusion_model_destroy(model);
    assert_nothing_left();
}

/* The last of these, for the engine stays in this process. */
static void also_if_the_program_has_it(void **state)
{
    (void)state;
    artfusion_model *plain = test_model(NULL, NULL);
    remember_what_is_open();
    assert_int_equal(in_child(use_in_child, NULL), 0);
    artfusion_model_destroy(plain);
    assert_nothing_left();
}

/* ---- exit ------------------------------------------------------------------------------ */

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* This program, run anew to be left: the moment, and the engine's process, go to `out`. */
typedef struct farewell {
    double when;
    pid_t engine;
} farewell;

static void *open_for_ever(void *unused)
{
    artfusion_model *model;
    (void)unused;
    (void)open_isolated(0, &model);
    return NULL;
}

static int leave(const char *how, int out)
{
    pthread_t thread;
    artfusion_model *model = NULL;
    (void)alarm(PATIENCE);
    const int opening = strcmp(how, "opening") == 0;
    arrange(opening ? TEST_OPEN : TEST_DECODE, 1, "hang");
    if (!opening)
        need(open_isolated(0, &model) == ARTFUSION_OK);
    need(pthread_create(&thread, NULL, opening ? open_for_ever : decode_for_ever, model) == 0);
    (void)usleep(200000); /* into the call */
    farewell bye = {0};
    need(children(getpid(), &bye.engine) == 1);
    bye.when = seconds();
    need(write(out, &bye, sizeof bye) == sizeof bye);
    exit(PROCESS_STATUS);
}

static void exit_returns_at_once(void **state)
{
    (void)state;
    static const char *const ways[] = {"call", "opening"};
    for (size_t i = 0; i < 2; i++) {
        int ends[2];
        char out[16];
        farewell bye;
        assert_int_equal(pipe(ends), 0);
        (void)snprintf(out, sizeof out, "%d", ends[1]);
        const char *const arguments[] = {"leaves", ways[i], out, NULL};
        const int status = process_run_anew(arguments);
        const double now = seconds();
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == PROCESS_STATUS);
        assert_int_equal(read(ends[0], &bye, sizeof bye), (int)sizeof bye);
        /* An engine in the program's process is waited for: two seconds if nothing moves. */
        if (now - bye.when > 1.5)
            fail_msg("%s: exit took %.2f s", ways[i], now - bye.when);
        pid_t parent;
        char its;
        int lives = 1;
        for (int t = 0; t < 500 && lives; t++, (void)usleep(10000))
            lives = stat_of(bye.engine, &parent, &its) && its != 'Z' && its != 'X';
        assert_false(lives);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

int main(int count, char **arguments)
{
    let_signals_end_it();
    if (count == 3)
        return leave(arguments[1], (int)strtol(arguments[2], NULL, 10));
    remember_what_is_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_opens_its_own),
        cmocka_unit_test(and_its_children_do),
        cmocka_unit_test(also_in_the_midst_of_a_call),
        cmocka_unit_test(exit_returns_at_once),
        cmocka_unit_test(a_child_may_have_the_engine_itself),
        cmocka_unit_test(also_if_the_program_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
