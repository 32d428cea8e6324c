/* SPDX-License-Identifier: MIT
 *
 * A method of a model file, made ready for one device: what it reads from its module is taken out
 * of there, and its convolutions, matrix products and attentions are replaced by operators.hpp's on
 * weights that are cast and laid out once. Everything between them stays as the file has it, in the
 * type that reaches it, so that a network keeps float32 where it computes in float32 on purpose.
 */
#ifndef AF_SHIM_PROGRAM_HPP
#define AF_SHIM_PROGRAM_HPP

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "graph/capture.hpp"

namespace af {

/* A method that may be run, with all calls inlined. All methods of a module are prepared before a
 * program is made of one, which takes weights away. Throws for what a model file may not do. */
Capture prepare(const std::string &name, const torch::jit::Method &method, Uses &uses);

/* Immutable; any number of threads may call it at once. Does not need the module. */
class Program {
public:
    Program() = default; /* not to be called */
    /* `weights` is the type to compute in. Takes from the module what it lays out otherwise. */
    Program(Capture &capture, at::ScalarType weights, c10::Device device);

    const std::string &name() const { return name_; } /* "unet.denoise" */
    c10::IValue operator()(std::initializer_list<at::Tensor> inputs) const;

private:
    std::string name_;
    /* An error's trace names the functions that were inlined. */
    std::shared_ptr<torch::jit::CompilationUnit> functions_;
    std::vector<at::Tensor> captured_; /* what the graph takes after its own inputs */
    std::shared_ptr<torch::jit::GraphExecutor> executor_;
};

} // namespace af

#endif
