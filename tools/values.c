/* SPDX-License-Identifier: MIT */
#include "values.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

enum scan { SCANNED, NO_NUMBER, OUT_OF_RANGE };

/* A decimal number at the start of *text, which moves behind it. */
static enum scan scan_integer(const char **text, int64_t least, int64_t most, int64_t *value)
{
    if (strchr("+-0123456789", **text) == NULL || **text == '\0')
        return NO_NUMBER;
    char *end;
    errno = 0;
    *value = strtoll(*text, &end, 10);
    if (end == *text)
        return NO_NUMBER;
    *text = end;
    return errno != 0 || *value < least || *value > most ? OUT_OF_RANGE : SCANNED;
}

/* The same of a whole text. */
static enum scan read_integer(const char *text, int64_t least, int64_t most, int64_t *value)
{
    const enum scan scan = scan_integer(&text, least, most, value);
    return *text == '\0' ? scan : NO_NUMBER;
}

static int check_scan(const char *name, const char *text, enum scan scan, const char *range)
{
    if (scan == NO_NUMBER)
        return usage_error(name, "\"%s\" is not a whole number", text);
    if (scan == OUT_OF_RANGE)
        return usage_error(name, "\"%s\" is out of range: it must be %s", text, range);
    return 0;
}

int value_int32(const char *name, const char *text, int32_t least, int32_t most, int32_t *value)
{
    char range[64];
    int64_t number;
    const enum scan scan = read_integer(text, least, most, &number);
    snprintf(range, sizeof range, "%d to %d", (int)least, (int)most);
    *value = scan == SCANNED ? (int32_t)number : 0;
    return check_scan(name, text, scan, range);
}

int value_judged(const char *name, const char *text, const char *range, int32_t *value)
{
    int64_t number;
    const enum scan scan = read_integer(text, INT32_MIN, INT32_MAX, &number);
    *value = scan == SCANNED ? (int32_t)number : 0;
    return check_scan(name, text, scan, range);
}

int value_real(const char *name, const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end != '\0')
        return usage_error(name, "\"%s\" is not a number%s", text,
                           strchr(text, ',') == NULL ? "" : "; decimals have a point, as in 1.5");
    return 0;
}

int value_seed(const char *name, const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    enum scan scan = errno != 0 || text[0] == '-' ? OUT_OF_RANGE : SCANNED;
    if (strchr("+-0123456789", text[0]) == NULL || end == text || *end != '\0')
        scan = NO_NUMBER;
    return check_scan(name, text, scan, "0 to 18446744073709551615");
}

int value_milliseconds(const char *name, const char *text, int32_t *milliseconds)
{
    double seconds;
    const int status = value_real(name, text, &seconds);
    if (status != 0)
        return status;
    if (!(seconds > 0.0) || seconds > INT32_MAX / 1000)
        return usage_error(name, "\"%s\" is not between 0 and %d seconds", text, INT32_MAX / 1000);
    *milliseconds = (int32_t)ceil(seconds * 1000.0);
    return 0;
}

int value_constant(const char *name, const char *text, artfusion_enumeration enumeration,
                   int32_t *value)
{
    if (artfusion_value_of(enumeration, text, value) == ARTFUSION_OK)
        return 0;
    return usage_error(name, "%s", artfusion_error_message());
}

int value_size(const char *name, const char *text, int32_t most, int32_t *width, int32_t *height)
{
    int64_t w, h;
    const char *rest = text;
    if (scan_integer(&rest, 1, most, &w) != SCANNED || *rest++ != 'x' ||
        read_integer(rest, 1, most, &h) != SCANNED)
        return usage_error(name, "\"%s\" is not like 256x192, with sides from 1 to %d", text,
                           (int)most);
    *width = (int32_t)w;
    *height = (int32_t)h;
    return 0;
}

int value_device(const char *name, const char *text, artfusion_context_options *context)
{
    static const char cuda[] = "cuda:";
    int64_t index;
    if (strncmp(text, cuda, strlen(cuda)) != 0)
        return value_constant(name, text, ARTFUSION_ENUM_DEVICE, &context->device);
    if (read_integer(text + strlen(cuda), 0, INT32_MAX, &index) != SCANNED)
        return usage_error(name, "\"%s\" is not cuda:N, N being a GPU's number", text);
    context->device = ARTFUSION_DEVICE_CUDA;
    context->device_index = (int32_t)index;
    return 0;
}

struct named {
    const char *name;
    int32_t value;
};

static int find_named(const struct named *known, const char *text, int32_t *value)
{
    for (; known->name != NULL; known++)
        if (strcmp(text, known->name) == 0) {
            *value = known->value;
            return 0;
        }
    return -1;
}

int value_format(const char *name, const char *text, int32_t *format)
{
    static const struct named known[] = {{"png", ARTFUSION_FORMAT_PNG},
                                         {"jpeg", ARTFUSION_FORMAT_JPEG},
                                         {"jpg", ARTFUSION_FORMAT_JPEG},
                                         {"webp", ARTFUSION_FORMAT_WEBP},
                                         {NULL, 0}};
    if (find_named(known, text, format) == 0)
        return 0;
    return usage_error(name, "\"%s\" is unknown, there are png, jpeg and webp", text);
}

static const struct named readings[] = {
    {"viewed", ARTFUSION_READING_VIEWED}, {"reference", ARTFUSION_READING_REFERENCE}, {NULL, 0}};

int value_reading(const char *name, const char *text, artfusion_reading *reading)
{
    if (find_named(readings, text, reading) == 0)
        return 0;
    return usage_error(name, "\"%s\" is unknown, there are viewed and reference", text);
}

const char *reading_name(artfusion_reading reading)
{
    return readings[reading == ARTFUSION_READING_REFERENCE].name;
}

int value_background(const char *name, const char *text, uint8_t background[4])
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *hex = text[0] == '#' ? text + 1 : text;
    if (strcmp(text, "none") == 0) {
        memset(background, 0, 4);
        return 0;
    }
    if (strlen(hex) != 6 || strspn(hex, digits) != 6)
        return usage_error(name, "\"%s\" is neither a colour like ff8800 nor none", text);
    const unsigned long colour = strtoul(hex, NULL, 16);
    background[0] = (uint8_t)(colour >> 16);
    background[1] = (uint8_t)(colour >> 8);
    background[2] = (uint8_t)colour;
    background[3] = 1;
    return 0;
}

void background_text(const uint8_t background[4], char text[8])
{
    if (background[3] == 0)
        snprintf(text, 8, "none");
    else
        snprintf(text, 8, "%02x%02x%02x", background[0], background[1], background[2]);
}
