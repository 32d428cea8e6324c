/* SPDX-License-Identifier: MIT */
#include "option_names.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 32 }; /* characters of a name that are compared */

/* The option at *at, which starts at {table, NULL} and moves on; NULL behind the last one. */
struct place {
    const struct poptOption *group, *option;
};

static const struct poptOption *next(struct place *at)
{
    while (at->group->arg != NULL) {
        at->option = at->option == NULL ? at->group->arg : at->option + 1;
        if (at->option->longName != NULL)
            return at->option;
        at->group++;
        at->option = NULL;
    }
    return NULL;
}

const char *option_name(const struct poptOption *table, enum option option)
{
    struct place at = {table, NULL};
    const struct poptOption *each;
    while ((each = next(&at)) != NULL)
        if (each->val == (int)option)
            return each->longName;
    return "?";
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, left out or changed to make one word of the other. */
static size_t distance(const char *a, const char *b)
{
    const size_t width = least(strlen(b), LONGEST);
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0]++;
        for (size_t j = 0; j < width; j++) {
            const size_t changed = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = least(changed, least(row[j], diagonal) + 1);
        }
    }
    return row[width];
}

bool is_slip(const char *typed, const char *name)
{
    return distance(typed, name) <= least(2, (strlen(name) + 1) / 3);
}

const char *option_nearest(const struct poptOption *table, const char *typed)
{
    struct place at = {table, NULL};
    const struct poptOption *each;
    char word[LONGEST];
    typed += strspn(typed, "-");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(typed, "="), typed);
    for (char *underscore = word; (underscore = strchr(underscore, '_')) != NULL;)
        *underscore = '-'; /* as the library and its bindings write them */
    while ((each = next(&at)) != NULL)
        if (is_slip(word, each->longName))
            return option_name(table, (enum option)each->val); /* of an alias, today's name */
    return NULL;
}

/* Whether the first `length` characters of `word` are `name`, underscores being dashes. */
static bool is_field(const char *word, size_t length, const char *name)
{
    for (size_t i = 0; i < length; i++)
        if ((word[i] == '_' ? '-' : word[i]) != name[i])
            return false;
    return name[length] == '\0';
}

static const char *find_field(const struct poptOption *table, const char *word, size_t length)
{
    struct place at = {table, NULL};
    const struct poptOption *each;
    while ((each = next(&at)) != NULL)
        if (is_field(word, length, each->longName))
            return each->longName;
    return NULL;
}

const char *option_translate(const struct poptOption *table, const char *sentence, char *to,
                             size_t size)
{
    const char *first = NULL, *word = sentence;
    size_t used = 0;
    to[0] = '\0';
    while (*word != '\0' && used < size) {
        const size_t length = strcspn(word, " ,:");
        const size_t end = length + strspn(word + length, " ,:");
        /* Within the sentence "steps" is a word; "content_end" is nothing but the field. */
        const bool may_be = word == sentence ? strncmp(word + length, " is ", 4) == 0
                                             : memchr(word, '_', length) != NULL;
        const char *name = may_be ? find_field(table, word, length) : NULL;
        if (name != NULL)
            used += (size_t)snprintf(to + used, size - used, "--%s%.*s", name, (int)(end - length),
                                     word + length);
        else
            used += (size_t)snprintf(to + used, size - used, "%.*s", (int)end, word);
        if (first == NULL)
            first = name;
        word += end;
    }
    return first;
}
