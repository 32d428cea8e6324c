/* SPDX-License-Identifier: MIT
 * Whole reads, and writes that leave either the old file or the new one. */
#define _XOPEN_SOURCE 700

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#define assert_message_has(part) assert_non_null(strstr(artfusion_error_message(), part))

static char directory[64];

/* Paths for as many as are in use at once. */
static const char *in_directory(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static int enter(void **state)
{
    (void)state;
    af_error_clear();
    (void)strcpy(directory, "/tmp/artfusion-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int entries(void)
{
    int count = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    while (readdir(d))
        count++;
    (void)closedir(d);
    return count - 2;
}

static int leave(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

static void write_plain(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *path, const char *text)
{
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(af_file_read(path, 1000, &data, &size), ARTFUSION_OK);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(data, text, size);
    af_free(data);
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static artfusion_status try_read(const char *path, uint64_t limit)
{
    uint8_t *data = NULL;
    size_t size = 7;
    af_error_clear();
    const artfusion_status status = af_file_read(path, limit, &data, &size);
    if (status) {
        assert_null(data);
        assert_int_equal(size, 0);
        assert_message_has(path);
    }
    af_free(data);
    return status;
}

static artfusion_status try_write(const char *path)
{
    af_error_clear();
    const artfusion_status status = af_file_write(path, "new", 3);
    if (status)
        assert_message_has(path);
    return status;
}

static void reads_up_to_the_limit(void **state)
{
    (void)state;
    const char *path = in_directory("file");
    write_plain(path, "12345");
    assert_int_equal(try_read(path, 5), ARTFUSION_OK);
    assert_int_equal(try_read(path, 4), ARTFUSION_ERROR_LIMIT);
    assert_message_has("5 bytes");
    assert_holds(path, "12345");
}

static void reads_an_empty_file(void **state)
{
    (void)state;
    write_plain(in_directory("empty"), "");
    assert_holds(in_directory("empty"), "");
}

static void reads_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(try_read(in_directory("missing"), 5), ARTFUSION_ERROR_IO);
    assert_message_has("No such file");
    assert_int_equal(try_read(directory, 5), ARTFUSION_ERROR_IO);
    assert_message_has("directory");
    assert_int_equal(mkfifo(in_directory("pipe"), 0600), 0);
    assert_int_equal(try_read(in_directory("pipe"), 5), ARTFUSION_ERROR_IO); /* and does not wait */
    assert_message_has("regular");
    assert_int_equal(try_read("/dev/zero", 5), ARTFUSION_ERROR_IO);
}

static void writes_and_replaces(void **state)
{
    (void)state;
    const char *path = in_directory("file");
    assert_int_equal(try_write(path), ARTFUSION_OK);
    assert_holds(path, "new");
    assert_int_equal(af_file_write(path, "newer", 5), ARTFUSION_OK);
    assert_holds(path, "newer");
    assert_int_equal(af_file_write(path, "", 0), ARTFUSION_OK);
    assert_holds(path, "");
    assert_int_equal(entries(), 1);
}

static void writes_into_the_current_directory(void **state)
{
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(try_write("bare"), ARTFUSION_OK);
    assert_holds("bare", "new");
    assert_int_equal(chdir(before), 0);
}

static void writes_names_as_long_as_names_can_be(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    assert_int_equal(try_write(in_directory(name)), ARTFUSION_OK);
    assert_holds(in_directory(name), "new");
}

static void new_files_obey_the_umask(void **state)
{
    (void)state;
    const mode_t before = umask(027);
    assert_int_equal(try_write(in_directory("file")), ARTFUSION_OK);
    assert_int_equal(umask(before), 027);
    assert_int_equal(mode_of(in_directory("file")), 0640);
}

static void an_existing_mode_is_kept(void **state)
{
    (void)state;
    const char *path = in_directory("file");
    write_plain(path, "old");
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(try_write(path), ARTFUSION_OK);
    assert_int_equal(mode_of(path), 0604);
    assert_holds(path, "new");
}

/* What is being written, at each write and at the end. */
static struct {
    mode_t modes; /* of all, together */
    int writes;
} seen;

ssize_t __real_write(int file, const void *data, size_t size);
ssize_t __wrap_write(int file, const void *data, size_t size);
ssize_t __wrap_write(int file, const void *data, size_t size)
{
    struct stat info;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
        seen.modes |= info.st_mode & 0777;
        seen.writes++;
    }
    return __real_write(file, data, size);
}

/* For whom the file was not, what replaces it is not either, while it is written too. */
static void what_replaces_a_file_is_never_wider(void **state)
{
    (void)state;
    const char *path = in_directory("file");
    static const mode_t modes[] = {0600, 0640, 0604, 0200, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        write_plain(path, "old");
        assert_int_equal(chmod(path, modes[i]), 0);
        const mode_t before = umask(022);
        memset(&seen, 0, sizeof seen);
        assert_int_equal(try_write(path), ARTFUSION_OK);
        (void)umask(before);
        assert_true(seen.writes > 0);
        assert_int_equal(seen.modes & ~modes[i], 0);
        assert_int_equal(mode_of(path), modes[i]);
        assert_int_equal(unlink(path), 0);
    }
}

/* The group's bits were meant for the file's own group. */
static void another_group_sees_no_more(void **state)
{
    (void)state;
    const char *path = in_directory("file");
    struct stat info;
    if (geteuid() != 0)
        skip(); /* who may not give a file to a group */
    write_plain(path, "old");
    assert_int_equal(chown(path, (uid_t)-1, 4321), 0);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(try_write(path), ARTFUSION_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_gid, 4321);
    assert_int_equal(mode_of(path), 0640);

    /* By somebody who may write it and is not of the group. */
    assert_int_equal(chmod(directory, 0777), 0);
    assert_int_equal(chmod(path, 0662), 0);
    assert_int_equal(seteuid(65534), 0);
    const artfusion_status status = try_write(path);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, ARTFUSION_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_not_equal(info.st_gid, 4321);
    assert_int_equal(mode_of(path), 0622);
}

static void a_link_stays_and_its_target_is_replaced(void **state)
{
    (void)state;
    const char *target = in_directory("target"), *link = in_directory("link");
    write_plain(target, "old");
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(try_write(link), ARTFUSION_OK);
    struct stat info;
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_holds(target, "new");

    assert_int_equal(unlink(target), 0);
    assert_int_equal(try_write(link), ARTFUSION_ERROR_IO);
    assert_message_has("link");
    assert_int_equal(entries(), 1);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    (void)state;
    assert_int_equal(try_write(directory), ARTFUSION_ERROR_IO);
    assert_message_has("directory");
    assert_int_equal(mkfifo(in_directory("pipe"), 0600), 0);
    assert_int_equal(try_write(in_directory("pipe")), ARTFUSION_ERROR_IO);
    assert_int_equal(try_write("/dev/null"), ARTFUSION_ERROR_IO);
    struct stat info;
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    assert_int_equal(entries(), 1);
}

static void impossible_targets_are_named(void **state)
{
    (void)state;
    assert_int_equal(try_write(in_directory("missing/file")), ARTFUSION_ERROR_IO);
    assert_message_has("No such file");
    write_plain(in_directory("file"), "old");
    assert_int_equal(try_write(in_directory("file/inside")), ARTFUSION_ERROR_IO);
    assert_int_equal(try_write(in_directory("new/")), ARTFUSION_ERROR_IO);
    assert_int_equal(try_write(""), ARTFUSION_ERROR_IO);
    assert_holds(in_directory("file"), "old");
    assert_int_equal(entries(), 1);
}

static void permissions_are_heeded(void **state)
{
    (void)state;
    const char *path = in_directory("file");
    write_plain(path, "old");
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(directory, 0777), 0);
    const int root = geteuid() == 0; /* who may do everything */
    if (root)
        assert_int_equal(seteuid(65534), 0);

    const artfusion_status read_only = try_write(path);
    const int names_reason = strstr(artfusion_error_message(), "Permission denied") != NULL;
    const artfusion_status beside = try_write(in_directory("other"));

    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(read_only, ARTFUSION_ERROR_IO); /* though the directory would allow it */
    assert_true(names_reason);
    assert_int_equal(beside, ARTFUSION_OK);
    assert_holds(path, "old");
    assert_int_equal(entries(), 2);
}

/* A limit on file size stands for a full disk: write() fails in the middle. */
static void a_write_that_fails_leaves_what_was_there(void **state)
{
    (void)state;
    static const char big[100000];
    const char *path = in_directory("file");
    write_plain(path, "old");
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 4096;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const artfusion_status status = af_file_write(path, big, sizeof big);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);

    assert_int_equal(status, ARTFUSION_ERROR_IO);
    assert_message_has("too large");
    assert_holds(path, "old");
    assert_int_equal(entries(), 1);
}

/* What was wrong stands at the end of the sentence, and a path may be longer than a message. */
static void long_paths_leave_room_for_what_was_wrong(void **state)
{
    (void)state;
    char path[3000];
    for (size_t i = 0; i < sizeof path - 1; i += 2)
        memcpy(path + i, "\xc3\xa4", 2); /* a-umlaut; cut in two it is no UTF-8 */
    path[sizeof path - 2] = path[sizeof path - 1] = '\0';
    for (size_t shift = 0; shift < 2; shift++) {
        uint8_t *data;
        size_t size;
        path[0] = 'x';
        path[1] = 'x';
        af_error_clear();
        assert_int_equal(af_file_read(path + shift, 1, &data, &size), ARTFUSION_ERROR_IO);
        const char *message = artfusion_error_message();
        assert_true(strlen(message) < 1024);
        const char *gap = strstr(message, " ... ");
        assert_non_null(gap);
        assert_memory_equal(gap - 2, "\xc3\xa4", 2);
        assert_memory_equal(gap + 5, "\xc3\xa4", 2);
        char end[128];
        (void)snprintf(end, sizeof end, ": opening: %s", strerror(ENAMETOOLONG));
        assert_string_equal(strchr(message, ':'), end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_up_to_the_limit, enter, leave),
        cmocka_unit_test_setup_teardown(reads_an_empty_file, enter, leave),
        cmocka_unit_test_setup_teardown(reads_nothing_else, enter, leave),
        cmocka_unit_test_setup_teardown(writes_and_replaces, enter, leave),
        cmocka_unit_test_setup_teardown(writes_into_the_current_directory, enter, leave),
        cmocka_unit_test_setup_teardown(writes_names_as_long_as_names_can_be, enter, leave),
        cmocka_unit_test_setup_teardown(new_files_obey_the_umask, enter, leave),
        cmocka_unit_test_setup_teardown(an_existing_mode_is_kept, enter, leave),
        cmocka_unit_test_setup_teardown(what_replaces_a_file_is_never_wider, enter, leave),
        cmocka_unit_test_setup_teardown(another_group_sees_no_more, enter, leave),
        cmocka_unit_test_setup_teardown(a_link_stays_and_its_target_is_replaced, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_replaced, enter, leave),
        cmocka_unit_test_setup_teardown(impossible_targets_are_named, enter, leave),
        cmocka_unit_test(long_paths_leave_room_for_what_was_wrong),
        cmocka_unit_test_setup_teardown(permissions_are_heeded, enter, leave),
        cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_what_was_there, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
