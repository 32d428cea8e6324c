/* SPDX-License-Identifier: MIT
 * The type that networks compute in. */
#ifndef AF_SHIM_ARITHMETIC_HPP
#define AF_SHIM_ARITHMETIC_HPP

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "model/engine.h"

namespace af {

/* AUTO is bfloat16 where the processor multiplies it, which the CPU's features and the GPU's
 * generation tell; nothing is measured. The others are as they were asked for, fast or not. */
at::ScalarType choose_arithmetic(const af_network_options &options, c10::Device device);

/* Whether the CPU has instructions for it, without which program.cpp's own operators are no help. */
bool multiplies_bfloat16();

/* "bfloat16" */
const char *arithmetic_name(at::ScalarType type);

} // namespace af

#endif
