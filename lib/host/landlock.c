/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_PATH, syscall */
#include "host/landlock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/landlock.h, which is as old as the headers that this is compiled with: the kernel that
 * it runs on may know more. */
typedef struct ruleset {
    uint64_t files;
    uint64_t ports;  /* since version 4 */
    uint64_t others; /* since 6 */
} ruleset;

typedef struct __attribute__((packed)) beneath {
    uint64_t allowed;
    int32_t folder;
} beneath;

enum { GET_VERSION = 1, PATH_BENEATH = 1 };
enum { WRITE_FILE = 1 << 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3, CONTROL_DEVICE = 1 << 15 };

/* All rights to files that this version knows; those of later ones are not in its power. */
static uint64_t rights_to_files(int version)
{
    static const uint8_t count[] = {0, 13, 14, 15, 15, 16};
    enum { KNOWN = sizeof count - 1 };
    return ((uint64_t)1 << count[version < KNOWN ? version : KNOWN]) - 1;
}

static void allow(int rules, const char *path, uint64_t rights)
{
    const beneath rule = {.allowed = rights, .folder = open(path, O_PATH | O_CLOEXEC)};
    if (rule.folder < 0)
        return;
    (void)syscall(SYS_landlock_add_rule, rules, PATH_BENEATH, &rule, 0);
    (void)close(rule.folder);
}

static void allow_gpus(int rules, int version)
{
    const uint64_t known = rights_to_files(version);
    allow(rules, "/", READ_FILE | READ_DIR);
    DIR *folder = opendir("/dev");
    if (!folder)
        return;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread has this folder. */
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strncmp(entry->d_name, "nvidia", 6) != 0 && strcmp(entry->d_name, "dxg") != 0)
            continue;
        char path[sizeof entry->d_name + 8];
        (void)snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        allow(rules, path, (READ_FILE | WRITE_FILE | CONTROL_DEVICE) & known);
    }
    (void)closedir(folder);
}

int af_landlock_restrict(int gpu)
{
    const int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);
    if (version < 1)
        return 0;
    const ruleset all = {
        .files = rights_to_files(version),
        .ports = version < 4 ? 0 : 3, /* to bind and to connect */
        .others = version < 6 ? 0 : 3 /* abstract sockets and signals */
    };
    const size_t size = version < 4   ? offsetof(ruleset, ports)
                        : version < 6 ? offsetof(ruleset, others)
                                      : sizeof all;
    const int rules = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
    if (rules < 0)
        return 0;
    if (gpu)
        allow_gpus(rules, version);
    const int restricted = syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    (void)close(rules);
    return restricted ? version : 0;
}
