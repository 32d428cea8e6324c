/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "cases.h"

row rows[MAX_CALLS];
int row_count;

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

void read_header(const char *path)
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

void read_commands(const char *path)
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

row *row_of(const char *call)
{
    for (int i = 0; i < row_count; i++)
        if (!strcmp(rows[i].call, call))
            return &rows[i];
    return NULL;
}

static void print_count(FILE *file, long count)
{
    if (count)
        (void)fprintf(file, " %ld |", count);
    else
        (void)fputs(" - |", file);
}

void print_table(FILE *file)
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
    (void)fprintf(file, "| %d calls that ask nobody for anything | - | - | - | - | - | - |\n",
                  quiet);
    (void)fprintf(file, "| **all %d** | %ld | %ld | %ld | %ld | **%ld** | **%ld** |\n", row_count,
                  total[FAULT_ALLOCATION], total[FAULT_SYSTEM], total[FAULT_NETWORK],
                  total[FAULT_CALLBACK], total[0], total[0] - failed);
}
