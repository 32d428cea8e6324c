/* SPDX-License-Identifier: MIT */
#include "cuda/recorder.hpp"

#include <ATen/Functions.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <vector>

#include "base/failure.hpp"
#include "cuda/cuda_graph.hpp"

namespace af {
namespace {

/* Each keeps the memory of its activations. */
constexpr size_t MOST_RECORDINGS = 4;

/* The first calls choose kernels and allocate workspaces, which a recording cannot. */
constexpr int WARM_UPS = 2;

} // namespace

class Recorder::Recording {
public:
    Recording(const Passes &p, c10::Device device)
        : sizes_(sizes_of(p)), modulation_width_(p.modulations.size(1))
    {
        const at::TensorOptions host = at::TensorOptions(at::kFloat).pinned_memory(true);
        const at::TensorOptions there = at::TensorOptions(at::kFloat).device(device);
        host_x_ = at::empty(sizes_, host);
        host_prediction_ = at::empty(sizes_, host);
        host_rows_ = at::empty(p.rows.sizes(), host.dtype(at::kInt));
        x_ = at::empty(sizes_, there);
        content_ = at::empty(sizes_, there);
        rows_ = at::empty(p.rows.sizes(), there.dtype(at::kInt));
        modulation_ = at::empty({sizes_[0], modulation_width_}, there);
    }

    bool fits(const Passes &p) const
    {
        return sizes_of(p) == sizes_ && p.modulations.size(1) == modulation_width_;
    }

    void fill(const Passes &p)
    {
        send(p.x, host_x_, x_);
        send(p.rows.const_data_ptr(), host_rows_, rows_);
        at::index_select_out(modulation_, p.modulations, 0, rows_[0]);
        at::index_select_out(content_, p.contents, 0, rows_[1]);
    }

    void record(const Evaluate &evaluate, const c10::Stream &stream)
    {
        for (int i = 0; i < WARM_UPS; i++)
            prediction_ = evaluate(x_, content_, modulation_);
        stream.synchronize();
        graph_ = make_cuda_graph();
        graph_->begin();
        try {
            prediction_ = evaluate(x_, content_, modulation_);
        } catch (...) {
            try {
                graph_->end(); /* or the stream would stay in it */
            } catch (const c10::Error &) {
            }
            throw;
        }
        graph_->end();
    }

    void replay(float *prediction, const c10::Stream &stream)
    {
        graph_->replay();
        host_prediction_.copy_(prediction_, /*non_blocking=*/true);
        stream.synchronize();
        std::memcpy(prediction, host_prediction_.const_data_ptr(), host_prediction_.nbytes());
    }

private:
    static std::vector<int64_t> sizes_of(const Passes &p)
    {
        return {p.rows.size(1), p.contents.size(1), p.contents.size(2), p.contents.size(3)};
    }

    static void send(const void *values, const at::Tensor &host, const at::Tensor &there)
    {
        std::memcpy(host.mutable_data_ptr(), values, host.nbytes());
        there.copy_(host, /*non_blocking=*/true);
    }

    std::vector<int64_t> sizes_; /* of x, content and prediction */
    int64_t modulation_width_;
    at::Tensor host_x_, host_rows_, host_prediction_;
    at::Tensor x_, content_, rows_, modulation_, prediction_;
    std::unique_ptr<CudaGraph> graph_;
};

std::optional<c10::Stream> new_stream(c10::Device device)
{
    if (device.is_cpu())
        return std::nullopt;
    return c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

Recorder::Recorder(c10::Stream stream) : stream_(stream), able_(make_cuda_graph() != nullptr)
{
}

Recorder::~Recorder() = default;

Recorder::Recording &Recorder::recording_of(const Passes &passes, const Evaluate &evaluate)
{
    const auto found = std::find_if(recordings_.begin(), recordings_.end(),
                                    [&](const auto &each) { return each->fits(passes); });
    if (found != recordings_.end()) {
        recordings_.splice(recordings_.begin(), recordings_, found);
        recordings_.front()->fill(passes);
        return *recordings_.front();
    }
    while (recordings_.size() >= MOST_RECORDINGS)
        recordings_.pop_back();
    auto made = std::make_unique<Recording>(passes, stream_.device());
    made->fill(passes);
    made->record(evaluate, stream_);
    recordings_.push_front(std::move(made));
    return *recordings_.front();
}

bool Recorder::run(const Passes &passes, const Evaluate &evaluate)
{
    if (!able_)
        return false;
    try {
        recording_of(passes, evaluate).replay(passes.prediction, stream_);
        return true;
    } catch (const std::exception &) { /* no c10::Error, once it has passed the interpreter */
        recordings_.clear();
        if (report_exception(nullptr) == ARTFUSION_ERROR_MEMORY)
            throw; /* a smaller call may find room */
        /* What is wrong otherwise is found again by the plain call. */
        able_ = false;
        return false;
    }
}

} // namespace af
