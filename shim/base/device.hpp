/* SPDX-License-Identifier: MIT
 * Which processor a network runs on. */
#ifndef AF_SHIM_DEVICE_HPP
#define AF_SHIM_DEVICE_HPP

#include <c10/core/Device.h>

#include <string>

#include "model/engine.h"

namespace af {

/* Throws UNSUPPORTED for a GPU that is not there. */
c10::Device choose_device(const af_network_options &options);

/* "cpu", or the GPU's name as its maker has it. */
std::string device_name(c10::Device device);

/* A GPU's generation: 90 for 9.0. 0 where the driver does not tell. */
int compute_capability(c10::Device device);

} // namespace af

#endif
