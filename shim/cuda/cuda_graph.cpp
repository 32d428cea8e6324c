/* SPDX-License-Identifier: MIT */
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/InferenceMode.h>

#include <mutex>
#include <utility>

#include "cuda/cuda_graph.hpp"

namespace af {
namespace {

/* torch's generator of random numbers, one a GPU, keeps a set of all graphs that it does not lock. */
std::unique_lock<std::mutex> one_at_a_time()
{
    static std::mutex lock;
    return std::unique_lock<std::mutex>(lock);
}

class TorchCudaGraph final : public CudaGraph {
public:
    TorchCudaGraph() = default;
    TorchCudaGraph(const TorchCudaGraph &) = delete;
    TorchCudaGraph &operator=(const TorchCudaGraph &) = delete;
    ~TorchCudaGraph() override
    {
        if (!turn_)
            turn_ = one_at_a_time();
        graph_.reset();
    }

    void begin() override
    {
        auto turn = one_at_a_time();
        /* That generator keeps tensors, too, which the host may write to outside of inference. */
        const c10::InferenceMode ordinary(false);
        graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
        turn_ = std::move(turn);
    }
    void end() override
    {
        const auto turn = std::move(turn_);
        graph_.capture_end();
    }
    void replay() override { graph_.replay(); }

private:
    std::unique_lock<std::mutex> turn_; /* from begin to end */
    at::cuda::CUDAGraph graph_;
};

} // namespace

std::unique_ptr<CudaGraph> make_cuda_graph()
{
    return std::make_unique<TorchCudaGraph>();
}

} // namespace af
