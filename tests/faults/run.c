/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "run.h"

#include <execinfo.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sanitizer.h"
#include "world.h"

int artfusion_command_main(int argc, char **argv);

char running[512];
static result *shared;
static jmp_buf *way_out;

_Noreturn void fault_abandon(void)
{
    if (way_out)
        longjmp(*way_out, 1);
    exit(2);
}

static void say_where(int number)
{
    static const char text[] = "\nFAIL: a crash at ";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    (void)!write(STDERR_FILENO, running, strlen(running));
    (void)!write(STDERR_FILENO, "\n", 1);
    if (number) {
        void *frames[64];
        backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
}

#ifdef __SANITIZE_ADDRESS__
/* The loader's own, which LeakSanitizer knows by their caller: here that is this program's malloc.
 * By file, since the loader's functions have names only where the C library's symbols are installed. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:/ld-linux\n";
}

const char *__lsan_default_options(void);
__attribute__((visibility("default"))) const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

static void say_where_at_death(void)
{
    say_where(0);
}
#endif

static void watch_for_crashes(void)
{
    void *frame;
    (void)backtrace(&frame, 1); /* loads what it needs now */
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(say_where_at_death);
#else
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)signal(signals[i], say_where);
#endif
}

static void run_here(const fault_case *c, result *r)
{
    outcome o = {0};
    jmp_buf here;
    volatile int abandoned = 1;
    way_out = &here;
    if (!setjmp(here)) {
        c->run(&o);
        abandoned = 0;
    }
    way_out = NULL;
    faults_disarm();
    *r = (result){.status = o.status,
                  .again = o.again,
                  .done = 1,
                  .abandoned = abandoned,
                  .hash = hash_bytes(0xcbf29ce484222325u, o.bytes, o.size),
                  .size = o.size};
    memcpy(r->message, o.message, sizeof r->message);
    memcpy(r->wrong, o.wrong, sizeof r->wrong);
    free(o.bytes);
}

/* Seconds, and how they are written, differ from run to run. */
static void take_blurred(outcome *o, const char *path)
{
    outcome whole = {0};
    take_file(&whole, path);
    for (size_t i = 0; i < whole.size; i++) {
        if (!strchr(" 0123456789.e-+", whole.bytes[i]))
            take(o, whole.bytes + i, 1);
        else if (!i || !strchr(" 0123456789.e-+", whole.bytes[i - 1]))
            take(o, "#", 1);
    }
    free(whole.bytes);
}

static void point(int descriptor, const char *path)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, descriptor) < 0 || close(file) != 0)
        _exit(99);
}

/* The command, its output to files; `status` is the code it ended with, negative. */
static void run_command(const fault_case *c, result *r)
{
    char *arguments[16] = {(char *)"artfusion"};
    const int folder = c->arguments[2] && !strcmp(c->arguments[2], "@contents");
    const char *out = path_of(folder ? "results/one.png" : "out.png");
    const char *results = path_of("results"), *said = path_of("stdout"), *told = path_of("stderr");
    char record[256];
    (void)snprintf(record, sizeof record, "%s/artfusion-run.json", results);
    int count = 1;
    for (; c->arguments[count - 1]; count++) {
        const char *given = c->arguments[count - 1];
        arguments[count] = (char *)(!strcmp(given, "@png")        ? w.png
                                    : !strcmp(given, "@jpeg")     ? w.jpeg
                                    : !strcmp(given, "@contents") ? w.contents
                                    : !strcmp(given, "@style")    ? w.style_png
                                    : !strcmp(given, "@model")    ? w.model
                                    : !strcmp(given, "@out")      ? out
                                    : !strcmp(given, "@results")  ? results
                                                                  : given);
    }
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        point(STDOUT_FILENO, said);
        point(STDERR_FILENO, told);
        faults_arm();
        const int code = artfusion_command_main(count, arguments);
        faults_disarm();
        exit(code); /* by way of LeakSanitizer */
    }
    int ended;
    if (child < 0 || waitpid(child, &ended, 0) < 0)
        abort();
    outcome o = {0}, words = {0};
    *r = (result){.done = WIFEXITED(ended)};
    r->status = WIFEXITED(ended) ? -WEXITSTATUS(ended) : -128 - WTERMSIG(ended);
    if (!r->done)
        wrong(&o, "the command was ended by signal %d", WTERMSIG(ended));
    take_file(&words, told);
    (void)snprintf(r->message, sizeof r->message, "%.*s", (int)words.size, (char *)words.bytes);
    const int wrote = access(out, F_OK) == 0;
    if (r->status == 0) {
        take_blurred(&o, said);
        if (strcmp(c->arguments[0], "info") != 0)
            take_file(&o, out);
    } else if (r->status != -1) {
        wrong(&o, "the command ended with %d", -r->status);
    } else if (wrote && !strstr(r->message, "out of memory") && !strstr(r->message, "written")) {
        wrong(&o, "the command failed and left a picture");
    }
    (void)unlink(out);
    (void)unlink(record);
    (void)rmdir(results); /* which fails, and is found, if anything else is left there */
    (void)unlink(said);
    (void)unlink(told);
    r->hash = hash_bytes(0xcbf29ce484222325u, o.bytes, o.size);
    r->size = o.size;
    memcpy(r->wrong, o.wrong, sizeof r->wrong);
    free(o.bytes);
    free(words.bytes);
}

static void run_forked(const fault_case *c, result *r)
{
    memset(shared, 0, sizeof *shared);
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        run_here(c, shared);
        _exit(0);
    }
    int ended;
    if (child < 0 || waitpid(child, &ended, 0) < 0)
        abort();
    *r = *shared;
    if (!r->done || !WIFEXITED(ended) || WEXITSTATUS(ended))
        (void)snprintf(r->wrong, sizeof r->wrong, "the process ended by %s %d",
                       WIFSIGNALED(ended) ? "signal" : "status",
                       WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended));
}

int forked(const fault_case *c)
{
    return !c->run || (c->flags & COLD) != 0;
}

void run(const fault_case *c, const fault *f, result *r)
{
    faults_set(f);
    if (!c->run)
        run_command(c, r);
    else if (c->flags & COLD)
        run_forked(c, r);
    else
        run_here(c, r);
}

void runs_init(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        exit(2);
    watch_for_crashes();
}
