/* SPDX-License-Identifier: MIT
 *
 * What torch has loaded and compiled, before any of it runs.
 */
#ifndef AF_SHIM_INSPECT_HPP
#define AF_SHIM_INSPECT_HPP

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace af {

/* Published: 369. The default model: 602. */
constexpr size_t MAX_USES = 2048;
/* The most rounds of one loop. */
constexpr int64_t MAX_ROUNDS = 64;

/* Throws FORMAT where a module's attributes are not of the types that its code was compiled for:
 * torch does not look, and reads by them. */
void check_types(const torch::jit::Module &module);

/* Throws LIMIT where more than MAX_USES nodes in a row each use what the one before gives: torch
 * recurses along them when a method first runs. All calls must have been inlined. */
void check_uses(const std::string &name, torch::jit::Graph &graph);

/* What a call in a graph calls; NULL for what is no call, or one whose target a run decides. */
torch::jit::GraphFunction *called_function(const torch::jit::Node *node);

/* A method that check_method has passed, which alone makes one. */
class CheckedMethod {
public:
    const std::string &name() const { return name_; } /* "unet.denoise" */
    const torch::jit::Method &method() const { return method_; }

private:
    friend CheckedMethod check_method(std::string name, const torch::jit::Method &method);
    CheckedMethod(std::string name, torch::jit::Method method)
        : name_(std::move(name)), method_(std::move(method))
    {
    }

    std::string name_;
    torch::jit::Method method_;
};

/* Throws FORMAT for a method that, or whose functions, use an operator that is not allowed
 * (allowed.hpp), call themselves, or do more than a network. */
CheckedMethod check_method(std::string name, const torch::jit::Method &method);

} // namespace af

#endif
