/* SPDX-License-Identifier: MIT */
#include "base/digests.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"

enum { DIGITS = 64 };

#define BETWEEN " \t\r\n,"

/* The word that begins in `text` or behind it; its length is 0 at the end. */
static const char *word_in(const char *text, size_t *length)
{
    text += strspn(text, BETWEEN);
    *length = strcspn(text, BETWEEN);
    return text;
}

artfusion_status af_digests_check(const char *field, const char *digests)
{
    size_t length = 0;
    for (const char *word = digests ? digests : ""; *(word = word_in(word, &length));
         word += length)
        if (length != DIGITS || strspn(word, "0123456789abcdefABCDEF") != DIGITS)
            return af_fail(ARTFUSION_ERROR_ARGUMENT,
                           "%s is \"%.*s\": a file's SHA-256 has %d hexadecimal digits", field,
                           length > DIGITS ? DIGITS : (int)length, word, DIGITS);
    return ARTFUSION_OK;
}

int af_digests_have(const char *digests, const char *sha256)
{
    size_t length = 0;
    for (const char *word = digests ? digests : ""; *(word = word_in(word, &length));
         word += length)
        if (strncasecmp(word, sha256, DIGITS) == 0)
            return 1;
    return 0;
}
