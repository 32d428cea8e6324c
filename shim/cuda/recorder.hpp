/* SPDX-License-Identifier: MIT
 *
 * The UNet's passes on a GPU, recorded once a size and replayed (CUDA graphs): hundreds of kernels start
 * by one call, from and to pinned memory, and the host waits once.
 */
#ifndef AF_SHIM_RECORDER_HPP
#define AF_SHIM_RECORDER_HPP

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>

namespace af {

/* The stream of a network's calls: all of them, since memory of one must not be used in another before
 * it is ready. None on the CPU. */
std::optional<c10::Stream> new_stream(c10::Device device);

/* Passes of one size. */
struct Passes {
    const at::Tensor &modulations; /* [M, condition_width], on the device */
    const at::Tensor &contents;    /* [N, C, h, w], on the device */
    at::Tensor rows;               /* int32 [2, batch] in the host's memory: of each, which */
    const float *x;                /* [batch, C, h, w], also there */
    float *prediction;             /* likewise */
};

/* x, content, modulation of the passes -> prediction in float32. */
using Evaluate =
    std::function<at::Tensor(const at::Tensor &, const at::Tensor &, const at::Tensor &)>;

/* For one network, within a CallScope, in which the threads take turns. */
class Recorder {
public:
    explicit Recorder(c10::Stream stream);
    ~Recorder();
    Recorder(const Recorder &) = delete;
    Recorder &operator=(const Recorder &) = delete;

    /* Returns false, with nothing written, where what `evaluate` does cannot be recorded. */
    bool run(const Passes &passes, const Evaluate &evaluate);

private:
    class Recording;
    Recording &recording_of(const Passes &passes, const Evaluate &evaluate);

    c10::Stream stream_;
    bool able_;
    std::list<std::unique_ptr<Recording>> recordings_; /* the last used first */
};

} // namespace af

#endif
