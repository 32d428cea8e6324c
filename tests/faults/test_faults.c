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
#include <execinfo.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "ways.h"
#include "world.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
enum { SANITIZED = 1, LIMIT = 90, LIMIT_FORKED = 12 };
#else
enum { SANITIZED = 0, LIMIT = 100000, LIMIT_FORKED = 100000 };
#endif

enum { MAX_CALLS = 256, MAX_CASES = 512, MAX_COMPLAINTS = 1000, MAX_OF_CASE = 5, REPEATS = 20 };

int artfusion_command_main(int argc, char **argv);

/* What came of one run of a case; shared with the process that ran it, where it was another. */
typedef struct result {
    artfusion_status status, again;
    int done, abandoned;
    uint64_t hash;
    size_t size;
    char message[1024], wrong[512];
} result;

typedef struct row {
    char call[64];
    int fallible, cases, quiet; /* quiet: it was seen to ask for nothing */
    long injected[FAULT_KINDS], absorbed[FAULT_KINDS], failed;
} row;

static row rows[MAX_CALLS];
static int row_count, complaints, of_case, exhaustive;
static char running[512]; /* which fault, for a crash */
static result *shared;
static jmp_buf *way_out;

/* ---- what a case hands over ------------------------------------------------ */

void take(outcome *o, const void *bytes, size_t size)
{
    if (o->size + size > o->capacity) {
        o->capacity = 2 * (o->size + size);
        o->bytes = realloc(o->bytes, o->capacity);
        if (!o->bytes)
            abort();
    }
    if (size)
        memcpy(o->bytes + o->size, bytes, size);
    o->size += size;
}

void take_text(outcome *o, const char *text)
{
    if (text)
        take(o, text, strlen(text));
    else
        wrong(o, "there is no text");
}

void take_image(outcome *o, artfusion_image *image)
{
    if (!image) {
        wrong(o, "there is no image");
        return;
    }
    const size_t row_bytes = 3 * (size_t)artfusion_image_width(image);
    for (int32_t y = 0; y < artfusion_image_height(image); y++)
        take(o, artfusion_image_pixels(image) + (size_t)y * artfusion_image_stride(image),
             row_bytes);
}

void take_file(outcome *o, const char *path)
{
    uint8_t bytes[4096];
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info) != 0) {
        wrong(o, "%s cannot be read", path);
        return;
    }
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, file)) > 0;)
        take(o, bytes, got);
    take(o, &info.st_mode, sizeof info.st_mode);
    (void)fclose(file);
    o->size -= sizeof info.st_mode; /* compared, but not a part of it */
}

void wrong(outcome *o, const char *format, ...)
{
    if (o->wrong[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(o->wrong, sizeof o->wrong, format, arguments);
    va_end(arguments);
}

void attempted(outcome *o, artfusion_status status)
{
    o->status = status;
    if (status < 0)
        (void)snprintf(o->message, sizeof o->message, "%s", artfusion_error_message());
}

_Noreturn void fault_abandon(void)
{
    if (way_out)
        longjmp(*way_out, 1);
    exit(2);
}

/* ---- running one ------------------------------------------------------------ */

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
    *r = (result){.status = o.status, .again = o.again, .done = 1, .abandoned = abandoned,
                  .hash = hash_bytes(0xcbf29ce484222325u, o.bytes, o.size), .size = o.size};
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

static int forked(const fault_case *c)
{
    return !c->run || (c->flags & COLD) != 0;
}

static void run(const fault_case *c, const fault *f, result *r)
{
    faults_set(f);
    if (!c->run)
        run_command(c, r);
    else if (c->flags & COLD)
        run_forked(c, r);
    else
        run_here(c, r);
}

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
    else if ((c->run || status == 0) && (r->hash != undisturbed->hash || r->size != undisturbed->size))
        complain("%s: other bytes than undisturbed", status < 0 ? "called again" : "it succeeded");
    else if (c->run && status < 0 && f->way && f->way->words && !strstr(r->message, f->way->words) &&
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
    for (int repeat = 0; f->kind == FAULT_ALLOCATION && !faults->fired && repeat < REPEATS; repeat++)
        run(c, f, &r);
    if (f->kind == FAULT_ALLOCATION && !faults->fired && faults->count[FAULT_ALLOCATION] >= f->at - 2)
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
    static uint8_t of_call[FAULT_TRACE], optional[FAULT_TRACE];
    for (long n = 0; n < total && n < FAULT_TRACE; n++) {
        of_call[n] = faults->calls[n].of;
        optional[n] = faults->calls[n].optional;
    }
    for (long n = 1; n <= total && n <= FAULT_TRACE; n = after(c, n, total)) {
        for (const fault_way *way = system_ways; way->name; way++)
            if (way->of == of_call[n - 1])
                disturb(c, &(fault){FAULT_SYSTEM, n, 0, way}, undisturbed, of);
        disturb(c, &(fault){FAULT_SYSTEM, n, 1, &lasting_way}, undisturbed, of);
    }
    (void)optional;
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

static row *row_of(const char *call)
{
    for (int i = 0; i < row_count; i++)
        if (!strcmp(rows[i].call, call))
            return &rows[i];
    return NULL;
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
           : status == ARTFUSION_OK && there                                       ? 0
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

/* ---- the list of calls --------------------------------------------------------------- */

static void add_row(const char *call, size_t length, int fallible)
{
    row *added = &rows[row_count++];
    if (row_count == MAX_CALLS || length >= sizeof added->call)
        abort();
    (void)snprintf(added->call, sizeof added->call, "%.*s", (int)length, call);
    added->fallible = fallible;
}

static char *text_of(const char *path)
{
    outcome o = {0};
    take_file(&o, path);
    take(&o, "", 1);
    if (o.wrong[0]) {
        puts(o.wrong);
        exit(2);
    }
    return (char *)o.bytes;
}

/* Every `ARTFUSION_API type name(`: those that return a status can fail. */
static void read_header(const char *path)
{
    static const char mark[] = "\nARTFUSION_API ";
    char *text = text_of(path);
    for (const char *at = text; (at = strstr(at, mark));) {
        at += sizeof mark - 1;
        const int fallible = !strncmp(at, "artfusion_status artfusion_", 27);
        const char *end = at + strcspn(at, "(;"), *name = end;
        while (name > at && !strchr(" *\n", name[-1]))
            name--;
        if (*end == '(')
            add_row(name, (size_t)(end - name), fallible);
    }
    free(text);
}

/* Every `int command_NAME(` of the command's own header. */
static void read_commands(const char *path)
{
    static const char mark[] = "\nint command_";
    char *text = text_of(path), call[64];
    for (const char *at = text; (at = strstr(at, mark));) {
        at += sizeof mark - 1;
        (void)snprintf(call, sizeof call, "command %.*s", (int)strcspn(at, "("), at);
        add_row(call, strlen(call), 1);
    }
    free(text);
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

/* ---- the table ------------------------------------------------------------------------ */

static void print_count(FILE *file, long count)
{
    if (count)
        (void)fprintf(file, " %ld |", count);
    else
        (void)fputs(" - |", file);
}

static void print_table(FILE *file)
{
    long total[FAULT_KINDS] = {0}, failed = 0;
    int quiet = 0;
    (void)fputs("| call | allocations | system calls | networks | callbacks | faults | survived |\n"
                "| --- | --: | --: | --: | --: | --: | --: |\n",
                file);
    for (int i = 0; i < row_count; i++) {
        const row *r = &rows[i];
        long sum = 0;
        for (int kind = FAULT_ALLOCATION; kind < FAULT_KINDS; kind++)
            sum += r->injected[kind];
        if (!sum) {
            quiet += r->cases > 0;
            continue;
        }
        const int command = !strncmp(r->call, "command ", 8);
        (void)fprintf(file, command ? "| `artfusion %s` |" : "| `%s` |",
                      command ? r->call + 8 : r->call);
        for (int kind = FAULT_ALLOCATION; kind < FAULT_KINDS; kind++) {
            print_count(file, r->injected[kind]);
            total[kind] += r->injected[kind];
        }
        (void)fprintf(file, " %ld | %ld |\n", sum, sum - r->failed);
        failed += r->failed;
        total[0] += sum;
    }
    (void)fprintf(file, "| %d calls that ask nobody for anything | - | - | - | - | - | - |\n", quiet);
    (void)fprintf(file, "| **all %d** | %ld | %ld | %ld | %ld | **%ld** | **%ld** |\n", row_count,
                  total[FAULT_ALLOCATION], total[FAULT_SYSTEM], total[FAULT_NETWORK],
                  total[FAULT_CALLBACK], total[0], total[0] - failed);
}

/* ---- all -------------------------------------------------------------------------------- */

static const fault_case *const tables[] = {base_cases,    image_cases, model_cases,
                                           sampler_cases, state_cases, math_cases,
                                           command_cases};

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
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    void *frame;
    (void)backtrace(&frame, 1); /* loads what it needs now */
    watch_for_crashes();
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
