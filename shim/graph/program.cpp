/* SPDX-License-Identifier: MIT */
#include "graph/program.hpp"

#include "arithmetic/arithmetic.hpp"
#include "graph/fuse.hpp"
#include "graph/narrow.hpp"

namespace af {

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
