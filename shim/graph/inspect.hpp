/* SPDX-License-Identifier: MIT
 *
 * What torch has loaded and compiled, before any of it runs.
 */
#ifndef AF_SHIM_INSPECT_HPP
#define AF_SHIM_INSPECT_HPP

#include <torch/csrc/jit/api/module.h>

#include <string>

namespace af {

/* Published: 369. The default model: 602. */
constexpr size_t MAX_USES = 2048;

/* Throws FORMAT where a module's attributes are not of the types that its code was compiled for:
 * torch does not look, and reads by them. */
void check_types(const torch::jit::Module &module);

/* Throws LIMIT where more than MAX_USES nodes in a row each use what the one before gives: torch
 * recurses along them when a method first runs. All calls must have been inlined. */
void check_uses(const std::string &name, torch::jit::Graph &graph);

/* Throws FORMAT for a method that, or whose functions, use an operator that is not allowed
 * (allowed.hpp), call themselves, or do more than a network. */
void check_method(const std::string &name, const torch::jit::Method &method);

} // namespace af

#endif
