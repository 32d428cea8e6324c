/* SPDX-License-Identifier: MIT
 *
 * What torch has loaded and compiled, before any of it runs.
 */
#ifndef AF_SHIM_INSPECT_HPP
#define AF_SHIM_INSPECT_HPP

#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <string>
#include <vector>

namespace af {

class Capture;

/* Of one loop, and of what an operator is asked for by numbers: no picture needs more. */
constexpr int64_t MAX_ROUNDS = 64, MAX_COUNT = int64_t{1} << 31;

/* Whether a tensor of these sizes has no more than MAX_COUNT values. */
bool is_bounded(const std::vector<int64_t> &sizes);

/* Throws FORMAT where a module's attributes are not of the types that its code was compiled for:
 * torch does not look, and reads by them. */
void check_types(const torch::jit::Module &module);

/* Throws FORMAT for a method that, or whose functions, use an operator that is not allowed
 * (allowed.hpp), call themselves, or do more than a network. */
void check_method(const std::string &name, const torch::jit::Method &method);

/* Puts a check before what takes a number of rounds or of values that a run decides, and throws for
 * constants that are too large. All calls must have been inlined. */
void watch_sizes(Capture &capture);

} // namespace af

#endif
