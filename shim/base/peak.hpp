/* SPDX-License-Identifier: MIT
 * How much memory torch's allocators give out while something runs. */
#ifndef AF_SHIM_PEAK_HPP
#define AF_SHIM_PEAK_HPP

#include <cstdint>
#include <functional>

namespace af {

/* The most bytes, on the device and in the host's memory together, that tensors made by `body` had at
 * a time. Allocations of the calling thread, and of those that libtorch hands its state to. */
uint64_t peak_bytes(const std::function<void()> &body);

} // namespace af

#endif
