/* SPDX-License-Identifier: MIT */
#include "printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_CHARACTER = 4 }; /* bytes, in UTF-8 */

/* The bytes of the character at `text`, which is not empty; 0 if there is none in UTF-8. */
static size_t decode(const unsigned char *text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by the number of bytes */
    const unsigned char first = text[0];
    size_t length = 4;
    if (first < 0x80)
        length = 1;
    else if (first < 0xE0)
        length = 2;
    else if (first < 0xF0)
        length = 3;
    if (length > 1 && (first < 0xC0 || first > 0xF7))
        return 0;
    *character = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        *character = *character << 6 | (text[i] & 0x3Fu);
    }
    const bool surrogate = *character >= 0xD800 && *character <= 0xDFFF;
    return *character < least[length] || *character > 0x10FFFF || surrogate ? 0 : length;
}

static bool is_obeyed(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     /* control characters */
        {0x061C, 0x061C}, {0x200E, 0x200F}, /* marks of direction */
        {0x2028, 0x202E},                   /* line and paragraph separators, embeddings */
        {0x2066, 0x2069},                   /* isolates */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

static size_t escape(unsigned char byte, char *to, size_t size)
{
    const char *name = byte == '\n' ? "\\n" : byte == '\r' ? "\\r" : byte == '\t' ? "\\t" : NULL;
    const int length =
        name != NULL ? snprintf(to, size, "%s", name) : snprintf(to, size, "\\x%02x", byte);
    return (size_t)length;
}

void printable_copy(char *to, size_t size, const char *text)
{
    size_t used = 0;
    while (*text != '\0' && size - used > (size_t)4 * LONGEST_CHARACTER) {
        uint32_t character;
        const size_t length = decode((const unsigned char *)text, &character);
        if (length > 0 && !is_obeyed(character)) {
            memcpy(to + used, text, length);
            used += length;
        } else {
            for (size_t i = 0; i < (length > 0 ? length : 1); i++)
                used += escape((unsigned char)text[i], to + used, size - used);
        }
        text += length > 0 ? length : 1;
    }
    to[used] = '\0';
}
