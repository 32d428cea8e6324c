/* SPDX-License-Identifier: MIT
 * In how many ways each thing fails. */
#ifndef WAYS_H
#define WAYS_H

#include "inject.h"

extern const fault_way system_ways[], callback_ways[], network_ways[], lie_ways[];
extern const fault_way lasting_way; /* a disk that is gone */

#define STATUS_BIT(status) (1u << -(status))

#endif
