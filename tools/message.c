/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <errno.h>
#include <stdarg.h>

#include "printable.h"

enum { LONGEST = 8192 }; /* bytes of a sentence: two paths, and what is said of them */

static struct {
    const char *command;
    bool json;
    const char *content, *out;
} now;

void message_begin(const char *command, bool json)
{
    now.command = command;
    now.json = json;
}

void message_subject(const char *content, const char *out)
{
    now.content = content;
    now.out = out;
}

json_t *json_text(const char *text)
{
    json_t *string = text == NULL ? NULL : json_string(text);
    return string == NULL ? json_null() : string;
}

/* In a sentence, unlike in a path, bytes that are not UTF-8 may be escaped. */
static json_t *sentence_json(const char *sentence)
{
    char printable[LONGEST];
    json_t *string = json_string(sentence);
    if (string != NULL)
        return string;
    printable_copy(printable, sizeof printable, sentence);
    return json_text(printable);
}

static void print_json(artfusion_status status, const char *option, const char *file,
                       const char *sentence)
{
    char name[64];
    snprintf(name, sizeof name, "--%s", option == NULL ? "" : option);
    errno = 0; /* jansson leaves out what it has no memory for: only errno shows it */
    json_t *object =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "status", artfusion_status_name(status), "command",
                  json_text(now.command), "message", sentence_json(sentence), "option",
                  option == NULL ? json_null() : json_text(name), "file", json_text(file));
    if (now.out != NULL) {
        json_object_set_new(object, "content", json_text(now.content));
        json_object_set_new(object, "out", json_text(now.out));
    }
    if (object == NULL || errno == ENOMEM || json_dumpf(object, stdout, JSON_ENSURE_ASCII) != 0)
        fputs("{\"status\": \"ARTFUSION_ERROR_MEMORY\", \"message\": \"out of memory\"}", stdout);
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

static void say(artfusion_status status, const char *option, const char *file, const char *sentence)
{
    print_line(stderr, "artfusion: %s", sentence);
    if (now.json)
        print_json(status, option, file, sentence);
}

int failure(artfusion_status status, const char *file, const char *format, ...)
{
    char sentence[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 does not see va_start. */
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    say(status, NULL, file, sentence);
    return STATUS_FAILURE;
}

int library_failure(artfusion_status status, const char *file)
{
    return failure(status, file, "%s", artfusion_error_message());
}

int out_of_memory(void)
{
    return failure(ARTFUSION_ERROR_MEMORY, NULL, "out of memory");
}

int usage_error(const char *option, const char *format, ...)
{
    char sentence[LONGEST];
    int length = 0;
    va_list arguments;
    if (option != NULL)
        length = snprintf(sentence, sizeof sentence, "--%s: ", option);
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): as above. */
    vsnprintf(sentence + length, sizeof sentence - (size_t)length, format, arguments);
    va_end(arguments);
    return usage_error_named(option, "%s", sentence);
}

int usage_error_named(const char *option, const char *format, ...)
{
    char sentence[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): as above. */
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    say(ARTFUSION_ERROR_ARGUMENT, option, NULL, sentence);
    fprintf(stderr, "Try 'artfusion %s%s--help'.\n", now.command == NULL ? "" : now.command,
            now.command == NULL ? "" : " ");
    return STATUS_USAGE;
}

void print_line(FILE *stream, const char *format, ...)
{
    char line[LONGEST + 64], printable[LONGEST + 64];
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): as above. */
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    printable_copy(printable, sizeof printable, line);
    fprintf(stream, "%s\n", printable);
}
