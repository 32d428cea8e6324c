/* SPDX-License-Identifier: MIT
 * Every failure, in turn: each public call is made with its first allocation failing, then with its
 * second, until none is left to fail, and so with system calls, networks and callbacks. After each
 * the call must have failed with a fitting status and a message, or have given the bytes that it
 * gives undisturbed; called again it must give them; and nothing may be left behind.
 *
 *     test_faults [--all] [--table FILE] [CALL...]
 *
 * Under a sanitizer, without --all, every series of more than LIMIT faults is sampled: the first third
 * of LIMIT in full, the others evenly. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"
#include "run.h"
#include "sanitizer.h"
#include "support.h"
#include "ways.h"
#include "world.h"

#ifdef __SANITIZE_ADDRESS__
enum { LIMIT = 90, LIMIT_FORKED = 12 };
#else
enum { LIMIT = 100000, LIMIT_FORKED = 100000 };
#endif

enum { MAX_COMPLAINTS = 1000, MAX_OF_CASE = 5, REPEATS = 20 };

static int complaints, of_case, exhaustive;

/* ---- judging one -------------------------------------------------------------- */

static const char *const kind_names[FAULT_KINDS] = {"undisturbed", "allocation", "system call",
                                                    "network", "callback"};

static void name_fault(const fault_case *c, const fault *f)
{
    (void)snprintf(running, sizeof running, "%s%s%s%s, %s %ld%s%s%s", c->call, c->way ? " (" : "",
                   c->way ? c->way : "", c->way ? ")" : "", kind_names[f->kind], f->at,
                   f->lasting ? " and on" : "", f->way ? ": " : "", f->way ? f->way->name : "");
}

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...)
{
    if (of_case++ < MAX_OF_CASE) {
        va_list arguments;
        va_start(arguments, format);
        printf("FAIL: %s:\n      ", running);
        vprintf(format, arguments);
        putchar('\n');
        va_end(arguments);
    }
    if (++complaints == MAX_COMPLAINTS) {
        puts("... and no more are looked for");
        exit(1);
    }
}

/* The statuses that are fitting, bit 0 for succeeding. */
static uint32_t fitting(const fault_case *c, const fault *f)
{
    if (!c->run && f->kind == FAULT_SYSTEM && f->way->of == CALL_stat) /* a look ahead only */
        return STATUS_BIT(ARTFUSION_OK);
    uint32_t statuses = f->way ? f->way->statuses : STATUS_BIT(ARTFUSION_ERROR_MEMORY);
    if (f->kind == FAULT_ALLOCATION && faults->in_loader) /* dlopen says no more than that */
        statuses |= STATUS_BIT(ARTFUSION_ERROR_ENGINE);
    if (f->kind == FAULT_ALLOCATION && (c->flags & ABSORBS))
        statuses |= STATUS_BIT(ARTFUSION_OK);
    if (f->kind == FAULT_SYSTEM && faults->optional)
        statuses = f->lasting ? statuses | STATUS_BIT(ARTFUSION_OK) : STATUS_BIT(ARTFUSION_OK);
    return statuses;
}

static int steps_of(const char *call)
{
    return strstr(call, "sampler_") || strstr(call, "stylize");
}

static void judge(const fault_case *c, const fault *f, const result *r, const result *undisturbed)
{
    const uint32_t statuses = fitting(c, f);
    const artfusion_status status = r->status;
    if (r->wrong[0])
        complain("%s", r->wrong);
    else if (r->abandoned)
        complain("what came after it failed too: the handle is broken (it answered %s: %s)",
                 artfusion_status_name(status), r->message);
    else if (!c->run ? status != -1 && !(status == 0 && (statuses & 1))
                     : status > 0 || status < -12 || !(statuses & STATUS_BIT(status)))
        complain("it answered %s: %s", artfusion_status_name(status), r->message);
    else if (status < 0 && !r->message[0])
        complain("it answered %s and no message", artfusion_status_name(status));
    else if (r->again < 0)
        complain("called again without a fault it answered %s", artfusion_status_name(r->again));
    else if ((c->run || status == 0) &&
             (r->hash != undisturbed->hash || r->size != undisturbed->size))
        complain("%s: other bytes than undisturbed", status < 0 ? "called again" : "it succeeded");
    else if (c->run && status < 0 && f->way && f->way->words &&
             !strstr(r->message, f->way->words) &&
             (f->way->of != TEST_DENOISE || f->kind != FAULT_NETWORK || steps_of(c->call)))
        complain("the message lacks \"%s\": %s", f->way->words, r->message);
    else if (status == ARTFUSION_ERROR_NUMERIC && f->kind == FAULT_NETWORK && steps_of(c->call) &&
             (f->way->of == TEST_CONDITION || f->way->of == TEST_DENOISE ||
              f->way->of == TEST_DECODE) &&
             !strstr(r->message, "step "))
        complain("the message names no step: %s", r->message);
}

/* Runs the case with the fault, and looks at what is left of it. */
static void disturb(const fault_case *c, const fault *f, const result *undisturbed, row *of)
{
    result r;
    const int before = complaints;
    const uint64_t hash = w.opened ? world_hash() : 0;
    name_fault(c, f);
    const int descriptor = faults_lowest_descriptor();
    long live = faults_live();
    run(c, f, &r);
    /* Whether the stack of a thread that has ended can be used again is a matter of moments: it is an
     * allocation or two more or less. */
    for (int repeat = 0; f->kind == FAULT_ALLOCATION && !faults->fired && repeat < REPEATS;
         repeat++)
        run(c, f, &r);
    if (f->kind == FAULT_ALLOCATION && !faults->fired &&
        faults->count[FAULT_ALLOCATION] >= f->at - 2)
        return;
    of->injected[f->kind]++;
    if (!faults->fired)
        complain("it never came to that");
    else
        judge(c, f, &r, undisturbed);
    of->absorbed[f->kind] += r.status == 0;
    if (!r.abandoned && faults_live() > live && !forked(c)) {
        /* What a library keeps for its next use is not kept twice. */
        int repeat = 0;
        do {
            live = faults_live();
            run(c, f, &r);
        } while (faults_live() > live && ++repeat < REPEATS);
        if (repeat == REPEATS)
            complain("%ld allocations are left each time", faults_live() - live);
    }
    if (ERR_peek_error())
        complain("an error is left in the host's queue of OpenSSL's: %s",
                 ERR_error_string(ERR_get_error(), NULL));
    ERR_clear_error();
    if (faults_lowest_descriptor() != descriptor)
        complain("a file is left open");
    if (world_clear() && !f->lasting)
        complain("a file is left in the folder");
    if (w.opened && world_hash() != hash)
        complain("it changed what was there before");
    of->failed += complaints != before;
}

/* ---- all of a case ---------------------------------------------------------------- */

/* The next of `total` faults after `n`: all, or a sample in even strides behind the first third. */
static long after(const fault_case *c, long n, long total)
{
    const long limit = forked(c) ? LIMIT_FORKED : LIMIT;
    if (exhaustive || total <= limit || n < limit / 3)
        return n + 1;
    return n + (total - limit / 3 + limit - limit / 3 - 1) / (limit - limit / 3);
}

static void disturb_allocations(const fault_case *c, const result *undisturbed, row *of, long total)
{
    for (int lasting = 0; lasting < 2; lasting++)
        for (long n = 1; n <= total; n = after(c, n, total))
            disturb(c, &(fault){FAULT_ALLOCATION, n, lasting, NULL}, undisturbed, of);
}

static void disturb_system(const fault_case *c, const result *undisturbed, row *of, long total)
{
    static uint8_t of_call[FAULT_TRACE];
    memcpy(of_call, faults->calls, sizeof of_call);
    for (long n = 1; n <= total && n <= FAULT_TRACE; n = after(c, n, total)) {
        for (const fault_way *way = system_ways; way->name; way++)
            if (way->of == of_call[n - 1])
                disturb(c, &(fault){FAULT_SYSTEM, n, 0, way}, undisturbed, of);
        disturb(c, &(fault){FAULT_SYSTEM, n, 1, &lasting_way}, undisturbed, of);
    }
}

static void disturb_networks(const fault_case *c, const result *undisturbed, row *of,
                             const long calls[TEST_FUNCTIONS])
{
    for (const fault_way *way = network_ways; way->name; way++)
        for (long n = 1; n <= calls[way->of]; n++) {
            /* The conditions of all steps are made at the first, and the last ones used at the last. */
            if (way->of == TEST_CONDITION && way->poison != 0.0f && way->place != 1 &&
                !strcmp(c->call, "artfusion_sampler_next"))
                continue;
            disturb(c, &(fault){FAULT_NETWORK, n, 0, way}, undisturbed, of);
        }
}

static void disturb_callbacks(const fault_case *c, const result *undisturbed, row *of, long total)
{
    static uint8_t of_call[FAULT_TRACE];
    memcpy(of_call, faults->callbacks, sizeof of_call);
    for (long n = 1; n <= total && n <= FAULT_TRACE; n = after(c, n, total))
        for (const fault_way *way = callback_ways; way->name; way++)
            if (way->of == of_call[n - 1])
                disturb(c, &(fault){FAULT_CALLBACK, n, 0, way}, undisturbed, of);
}

static void disturb_by_lies(const fault_case *c, const result *undisturbed, row *of)
{
    for (const fault_way *way = lie_ways; way->name; way++)
        disturb(c, &(fault){FAULT_NETWORK, 1, 0, way}, undisturbed, of);
}

static void disturb_case(const fault_case *c)
{
    row *of = row_of(c->call);
    const fault none = {FAULT_NONE, 0, 0, NULL};
    result first, undisturbed;
    name_fault(c, &none);
    if (!of) {
        complain("the header has no such function");
        return;
    }
    of->cases++;
    of_case = 0;
    run(c, &none, &first); /* so that what libraries keep is there */
    run(c, &none, &undisturbed);
    if (undisturbed.status || undisturbed.wrong[0] || first.hash != undisturbed.hash ||
        !undisturbed.done || undisturbed.abandoned) {
        complain("it does not work: %s %s", undisturbed.message, undisturbed.wrong);
        return;
    }
    long count[FAULT_KINDS], calls[TEST_FUNCTIONS];
    memcpy(count, faults->count, sizeof count);
    memcpy(calls, faults->network_calls, sizeof calls);
    of->quiet = !count[FAULT_ALLOCATION] && !count[FAULT_SYSTEM];
    if (!of->fallible && !of->quiet)
        complain("it cannot fail, and makes %ld allocations and %ld system calls",
                 count[FAULT_ALLOCATION], count[FAULT_SYSTEM]);
    /* First, since they need the trace of the undisturbed run. */
    if (count[FAULT_CALLBACK])
        disturb_callbacks(c, &undisturbed, of, count[FAULT_CALLBACK]);
    run(c, &none, &first);
    disturb_system(c, &undisturbed, of, count[FAULT_SYSTEM]);
    disturb_allocations(c, &undisturbed, of, count[FAULT_ALLOCATION]);
    if (!forked(c))
        disturb_networks(c, &undisturbed, of, calls);
    if (c->flags & LIES)
        disturb_by_lies(c, &undisturbed, of);
#ifdef __SANITIZE_ADDRESS__
    name_fault(c, &none);
    if (__lsan_do_recoverable_leak_check())
        complain("one of its faults leaks");
#endif
}

/* ---- a disk that is full, for real ------------------------------------------------- */

static int save_in(const char *folder)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/full.png", folder);
    const artfusion_status status = artfusion_image_save_file(w.picture, path, NULL);
    const int there = access(path, F_OK) == 0;
    (void)unlink(path);
    return (status == ARTFUSION_ERROR_IO && artfusion_error_message()[0] && !there) ? 1
           : status == ARTFUSION_OK && there                                        ? 0
                                                                                    : -1;
}

/* A file system of 64 KiB, filled but for `spare` bytes. Only where this process may mount one. */
static void fill_disk(row *of)
{
    const char *folder = path_of("disk");
    if (mkdir(folder, 0700) != 0 || mount("tmpfs", folder, "tmpfs", 0, "size=64k") != 0) {
        printf("no file system of 64 KiB can be mounted (%s): limits of files alone\n",
               strerror(errno));
        (void)rmdir(folder);
        return;
    }
    static const uint8_t zeros[4096];
    char path[160];
    (void)snprintf(path, sizeof path, "%s/filler", folder);
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(file, zeros, sizeof zeros) > 0)
        ;
    (void)close(file);
    (void)snprintf(running, sizeof running, "artfusion_image_save_file, a full disk");
    of->injected[FAULT_SYSTEM]++;
    if (save_in(folder) != 1)
        complain("it did not fail, or left a file");
    (void)unlink(path);
    if (save_in(folder) != 0)
        complain("with room again it does not succeed");
    if (umount(folder) != 0 || rmdir(folder) != 0)
        complain("the disk is still in use: %s", strerror(errno));
}

static void limit_files(row *of)
{
    struct rlimit before, limit;
    (void)getrlimit(RLIMIT_FSIZE, &before);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit = before;
    int failed = 1;
    for (limit.rlim_cur = 0; failed == 1; limit.rlim_cur += exhaustive ? 1 : 16) {
        (void)snprintf(running, sizeof running, "artfusion_image_save_file, files of %lu bytes",
                       (unsigned long)limit.rlim_cur);
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        failed = save_in(path_of(""));
        (void)setrlimit(RLIMIT_FSIZE, &before);
        of->injected[FAULT_SYSTEM] += failed != 0;
        if (failed < 0 || world_clear())
            complain("it did not fail as it should, or left a file");
    }
    (void)signal(SIGXFSZ, SIG_DFL);
    if (limit.rlim_cur < 64)
        complain("no limit was felt");
}

static void find_gaps(void)
{
    running[0] = '\0';
    for (int i = 0; i < row_count; i++) {
        (void)snprintf(running, sizeof running, "%.63s", rows[i].call);
        if (!rows[i].cases)
            complain("no case in tests/faults/ calls it");
    }
    for (int i = 0; i < CALLS; i++) {
        (void)snprintf(running, sizeof running, "%s", call_names[i]);
        if (!faults->seen[i])
            complain("no case comes to this system call: is it still wrapped?");
    }
}

/* ---- all -------------------------------------------------------------------------------- */

static const fault_case *const tables[] = {base_cases,  image_cases, model_cases,   sampler_cases,
                                           state_cases, math_cases,  command_cases, isolated_cases};

static int wanted(const fault_case *c, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(c->call, names[i]))
            return 1;
    return !count;
}

static void disturb_all(int cold, int count, char **names)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const fault_case *c = tables[t]; c->call; c++)
            if (forked(c) == cold && wanted(c, count, names))
                disturb_case(c);
}

static void make_files(void)
{
    (void)fflush(NULL);
    const pid_t child = fork();
    int ended;
    if (child == 0) {
        world_make_files();
        _exit(0);
    }
    if (child < 0 || waitpid(child, &ended, 0) < 0 || ended)
        exit(2);
}

int main(int argc, char **argv)
{
    const char *table = NULL;
    int first = 1;
    for (; first < argc && !strncmp(argv[first], "--", 2); first++) {
        if (!strcmp(argv[first], "--all"))
            exhaustive = 1;
        else if (!strcmp(argv[first], "--table") && first + 1 < argc)
            table = argv[++first];
        else
            return fprintf(stderr, "test_faults [--all] [--table FILE] [CALL...]\n"), 2;
    }
    /* In memory if possible: a disk takes its time to sync. */
    char folder[48];
    (void)snprintf(folder, sizeof folder, "%s/artfusion-faults-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    const char *engine = required_environment("ARTFUSION_TEST_ENGINE");
    if (!mkdtemp(folder) || setenv("ARTFUSION_ENGINE", engine, 1) != 0)
        return 2;
    faults_init();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    runs_init();
    read_header(FAULTS_HEADER);
    read_commands(FAULTS_COMMANDS);
    world_name(folder);
    make_files();

    /* Before this process uses the engine, after which those forked off it may not. */
    disturb_all(1, argc - first, argv + first);
    world_open();
    faults_use_engine(test_engine());
    disturb_all(0, argc - first, argv + first);
    if (first == argc) {
        row *save = row_of("artfusion_image_save_file");
        limit_files(save);
        fill_disk(save);
        find_gaps();
    }
    world_close();

    print_table(stdout);
    FILE *file = table ? fopen(table, "w") : NULL;
    if (file)
        print_table(file);
    if (table && (!file || fclose(file) != 0))
        return perror(table), 2;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        return 2;
    if (complaints)
        printf("%d faults were not survived\n", complaints);
    return complaints != 0;
}
