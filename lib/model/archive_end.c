/* SPDX-License-Identifier: MIT */
#include "model/archive_end.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* An archive ends in its end (22 bytes). One of 4 GB and more has a second end before that (56
 * bytes), which holds the numbers that the first has no room for, and between them a locator (20
 * bytes), which says where it is. */
enum { LARGE_END = 56, LOCATOR = 20, END = 22 };

/* Some readers look for a locator in as much of the file's end as a comment could take. */
#define TAIL_BYTES (65535u + END + LOCATOR)

static artfusion_status misplaced(void)
{
    return af_fail(ARTFUSION_ERROR_FORMAT,
                   "the model's archive does not begin with the file, or its directory is not "
                   "before its end");
}

/* Of either end, of one disk; what has no room in the first is all ones there. */
static int matches(uint64_t value, uint64_t large, int bytes)
{
    return value == large || value == (bytes == 2 ? UINT16_MAX : UINT32_MAX);
}

static int read_large_end(const uint8_t *large, const uint8_t *end, uint64_t at,
                          af_directory_place *place)
{
    const uint8_t *const locator = large + LARGE_END;
    place->count = af_little(large + 32, 8);
    place->size = af_little(large + 40, 8);
    place->offset = af_little(large + 48, 8);
    return memcmp(large, "PK\6\6", 4) == 0 && af_little(large + 4, 8) == LARGE_END - 12 &&
           af_little(large + 16, 8) == 0 && af_little(large + 24, 8) == place->count &&
           af_little(locator + 4, 4) == 0 && af_little(locator + 8, 8) == at &&
           af_little(locator + 16, 4) == 1 && matches(af_little(end + 10, 2), place->count, 2) &&
           matches(af_little(end + 12, 4), place->size, 4) &&
           matches(af_little(end + 16, 4), place->offset, 4);
}

static int has_locator(const uint8_t *tail, size_t size)
{
    return size >= LARGE_END + LOCATOR + END &&
           memcmp(tail + size - END - LOCATOR, "PK\6\7", 4) == 0;
}

/* Another reader would take the archive that a stray locator leads to. Four bytes may be
 * anything's, of weights for instance; with a place in the file and the number of disks behind them
 * they are not. */
static artfusion_status check_stray_locators(const uint8_t *tail, size_t size, uint64_t file_size)
{
    const size_t end = size - END - (has_locator(tail, size) ? LOCATOR : 0);
    for (size_t at = 0; at + LOCATOR <= size; at++) {
        if (tail[at] != 'P' || memcmp(tail + at, "PK\6\7", 4) != 0 || at == end)
            continue;
        if (af_little(tail + at + 4, 4) == 0 && af_little(tail + at + 16, 4) <= 1 &&
            af_little(tail + at + 8, 8) < file_size)
            return af_fail(ARTFUSION_ERROR_FORMAT,
                           "the model's archive has the locator of a second directory %zu bytes "
                           "before its end, where none belongs",
                           size - at);
    }
    return ARTFUSION_OK;
}

static artfusion_status find(const uint8_t *tail, size_t size, uint64_t file_size,
                             af_directory_place *place)
{
    const uint8_t *const end = tail + size - END;
    uint64_t at = file_size - END;
    place->count = af_little(end + 10, 2);
    place->size = af_little(end + 12, 4);
    place->offset = af_little(end + 16, 4);
    int is_sound = af_little(end + 4, 4) == 0 && af_little(end + 8, 2) == af_little(end + 10, 2);
    if (has_locator(tail, size)) {
        at -= LOCATOR + LARGE_END;
        is_sound = is_sound && read_large_end(end - LOCATOR - LARGE_END, end, at, place);
    } else if (place->count == UINT16_MAX || place->size == UINT32_MAX ||
               place->offset == UINT32_MAX) {
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "the model's archive has no room for its numbers in its end, and no second "
                       "one before it");
    }
    if (!is_sound || place->size > at || place->offset != at - place->size)
        return misplaced();
    return check_stray_locators(tail, size, file_size);
}

static artfusion_status cut_short(const af_source *source)
{
    return af_fail(ARTFUSION_ERROR_FORMAT,
                   "this is no model, or one that was cut short: no archive directory ends its "
                   "%llu bytes",
                   (unsigned long long)source->size);
}

/* The end must be the file's: another reader would look for one further up, and so read an archive
 * that lacks its last bytes or has others behind them. */
artfusion_status af_archive_find_directory(const af_source *source, af_directory_place *place)
{
    const size_t size = source->size < TAIL_BYTES ? (size_t)source->size : TAIL_BYTES;
    if (size < END)
        return cut_short(source);
    uint8_t *tail = af_alloc(size);
    if (!tail)
        return af_fail_memory(size, "the end of the model's archive");
    artfusion_status status = source->read(source, source->size - size, tail, size);
    if (status == ARTFUSION_OK)
        status = memcmp(tail + size - END, "PK\5\6", 4) == 0 && af_little(tail + size - 2, 2) == 0
                     ? find(tail, size, source->size, place)
                     : cut_short(source);
    af_free(tail);
    return status;
}
