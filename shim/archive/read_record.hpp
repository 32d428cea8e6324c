/* SPDX-License-Identifier: MIT
 * Apart from records.hpp, which needs libtorch. */
#ifndef AF_SHIM_READ_RECORD_HPP
#define AF_SHIM_READ_RECORD_HPP

#include <cstddef>

#include "model/engine.h"

namespace af {

/* Throws Failure for what the library could not read. */
void read_record(const af_model_records &records, size_t index, void *buffer);

} // namespace af

#endif
