/* SPDX-License-Identifier: MIT
 * How the command writes a folder's record, into a folder that others may write to as well. What is
 * in the record is in python/test_cli_folders.py and test_long_runs.py. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/folder_record.h"
#include "../c/support.h"

static char folder[64], victim[96], record[96];

/* Somebody else's part: a link that lies, in the last moment, where a file is about to be made. */
static struct {
    int links; /* still to be planted */
    char made[4][160];
    int made_count, folder_syncs;
} others;

static void plant(const char *path)
{
    if (others.links > 0 && symlink(victim, path) == 0)
        others.links--;
    if (others.made_count < 4)
        (void)snprintf(others.made[others.made_count++], sizeof others.made[0], "%s", path);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
        plant(path);
    }
    return __real_open(path, flags, mode);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (mode[0] == 'w')
        plant(path);
    return __real_fopen(path, mode);
}

int __real_fsync(int file);
int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    struct stat info;
    others.folder_syncs += fstat(file, &info) == 0 && S_ISDIR(info.st_mode);
    return __real_fsync(file);
}

static int enter(void **state)
{
    (void)state;
    memset(&others, 0, sizeof others);
    (void)strcpy(folder, "/tmp/artfusion-record-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(victim, sizeof victim, "%s/mine", folder);
    (void)snprintf(record, sizeof record, "%s/artfusion-run.json", folder);
    FILE *file = __real_fopen(victim, "w");
    return file && fputs("keep", file) >= 0 && fclose(file) == 0 ? 0 : -1;
}

static int discard(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static int leave(void **state)
{
    (void)state;
    return nftw(folder, discard, 8, FTW_DEPTH | FTW_PHYS);
}

static int write_record(void)
{
    json_t *settings = json_pack("{s:i}", "steps", 2);
    assert_non_null(settings);
    const int code = folder_record(folder, settings, NULL);
    json_decref(settings);
    return code;
}

/* Nothing else is there than what was, and perhaps the record. */
static void assert_folder_holds(int with_record)
{
    struct stat info;
    assert_int_equal(lstat(victim, &info), 0);
    assert_int_equal(info.st_size, 4);
    assert_int_equal(lstat(record, &info) == 0, with_record);
    assert_true(!with_record || S_ISREG(info.st_mode));
    int entries = 0;
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;)
        entries += entry->d_name[0] != '.' || entry->d_name[1] == 'a';
    (void)closedir(list);
    assert_int_equal(entries, 1 + with_record);
}

static void a_record_is_written_and_lasts(void **state)
{
    (void)state;
    const mode_t before = umask(027);
    assert_int_equal(write_record(), 0);
    (void)umask(before);
    struct stat info;
    assert_int_equal(stat(record, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_folder_holds(1);
    assert_true(others.folder_syncs > 0); /* else a power failure loses its name */
    assert_int_equal(write_record(), 0);  /* the same run */
}

static void no_link_is_followed(void **state)
{
    (void)state;
    others.links = 1;
    const int code = write_record();
    assert_int_equal(others.links, 0);
    if (code != 0) { /* the link is not ours to remove at once */
        assert_int_equal(access(record, F_OK), -1);
        assert_int_equal(write_record(), 0);
    }
    assert_folder_holds(1);
}

static void its_name_cannot_be_foreseen(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(write_record(), 0);
        assert_int_equal(unlink(record), 0);
    }
    assert_int_equal(others.made_count, 2);
    assert_string_not_equal(others.made[0], others.made[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_written_and_lasts, enter, leave),
        cmocka_unit_test_setup_teardown(no_link_is_followed, enter, leave),
        cmocka_unit_test_setup_teardown(its_name_cannot_be_foreseen, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
