/* SPDX-License-Identifier: MIT */
#include "model/record_list.h"

#include <string.h>

enum { SIZE = 8, CRC = 4 };

size_t af_record_list_size(const af_model_record *records, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += SIZE + CRC + strlen(records[i].name) + 1;
    return size;
}

void af_record_list_write(const af_model_record *records, size_t count, uint8_t *list)
{
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(records[i].name) + 1;
        memcpy(list, &records[i].size, SIZE);
        memcpy(list + SIZE, &records[i].crc, CRC);
        memcpy(list + SIZE + CRC, records[i].name, length);
        list += SIZE + CRC + length;
    }
}

int af_record_list_read(const uint8_t *list, size_t size, af_model_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (size < SIZE + CRC)
            return 0;
        const uint8_t *name = list + SIZE + CRC, *end = memchr(name, 0, size - SIZE - CRC);
        if (!end)
            return 0;
        memcpy(&records[i].size, list, SIZE);
        memcpy(&records[i].crc, list + SIZE, CRC);
        records[i].name = (const char *)name;
        size -= (size_t)(end + 1 - list);
        list = end + 1;
    }
    return size == 0;
}
