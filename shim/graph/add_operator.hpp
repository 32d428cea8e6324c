/* SPDX-License-Identifier: MIT
 * Operators of the engine's own, as the TorchScript interpreter knows them. */
#ifndef AF_SHIM_ADD_OPERATOR_HPP
#define AF_SHIM_ADD_OPERATOR_HPP

#include <ATen/core/stack.h>
#include <ATen/core/symbol.h>

#include <string>

namespace af {

/* artfusion::NAME, with that signature, as `run` computes it. */
c10::Symbol add_operator(const std::string &name, const char *signature,
                         void (*run)(torch::jit::Stack &));

} // namespace af

#endif
