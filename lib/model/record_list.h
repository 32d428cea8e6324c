/* SPDX-License-Identifier: MIT
 * A model file's records as bytes, for an engine in another process: of each its size in 8 bytes,
 * its CRC-32 in 4, both in the machine's order, its name and a zero. */
#ifndef AF_MODEL_RECORD_LIST_H
#define AF_MODEL_RECORD_LIST_H

#include "model/engine.h"

size_t af_record_list_size(const af_model_record *records, size_t count);
void af_record_list_write(const af_model_record *records, size_t count, uint8_t *list);

/* Names point into `list`. 0: there are not `count` in its `size` bytes. */
int af_record_list_read(const uint8_t *list, size_t size, af_model_record *records, size_t count);

#endif
