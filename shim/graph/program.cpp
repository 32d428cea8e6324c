/* SPDX-License-Identifier: MIT */
#include "graph/program.hpp"

#include <torch/csrc/jit/passes/constant_propagation.h>

#include "arithmetic/arithmetic.hpp"
#include "graph/fuse.hpp"
#include "graph/inline.hpp"
#include "graph/narrow.hpp"
#include "graph/watch.hpp"

namespace af {

Capture prepare(const std::string &name, const torch::jit::Method &method, Uses &uses)
{
    Capture capture(check_method(name, method), uses);
    inline_calls(capture);
    check_uses(name, *capture.graph());
    watch_divisions(capture);
    /* Functions have branches for arguments that are constants here. */
    auto graph = capture.graph();
    torch::jit::ConstantPropagationImmutableTypes(graph);
    watch_arguments(capture);
    capture.count_uses();
    return capture;
}

Program::Program(Capture &capture, at::ScalarType weights, c10::Device device)
    : name_(capture.name()), functions_(capture.functions())
{
    if (weights == at::kBFloat16 && device.is_cpu() && multiplies_bfloat16())
        fuse(capture);
    else if (weights != at::kFloat)
        narrow(capture, weights);
    else if (device.is_cuda())
        exact(capture);
    captured_ = capture.finish();
    executor_ = std::make_shared<torch::jit::GraphExecutor>(capture.graph(), name_);
}

c10::IValue Program::operator()(std::initializer_list<at::Tensor> inputs) const
{
    torch::jit::Stack stack;
    stack.reserve(inputs.size() + captured_.size());
    stack.insert(stack.end(), inputs.begin(), inputs.end());
    stack.insert(stack.end(), captured_.begin(), captured_.end());
    executor_->run(stack);
    return std::move(stack.back());
}

} // namespace af
