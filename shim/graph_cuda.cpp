/* SPDX-License-Identifier: MIT */
#include <ATen/cuda/CUDAGraph.h>

#include "graph.hpp"

namespace af {
namespace {

class CudaGraph final : public Graph {
public:
    void begin() override { graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal); }
    void end() override { graph_.capture_end(); }
    void replay() override { graph_.replay(); }

private:
    at::cuda::CUDAGraph graph_;
};

} // namespace

std::unique_ptr<Graph> make_graph()
{
    return std::make_unique<CudaGraph>();
}

} // namespace af
