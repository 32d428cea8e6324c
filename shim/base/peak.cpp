/* SPDX-License-Identifier: MIT */
#include "base/peak.hpp"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <memory>
#include <mutex>

namespace af {
namespace {

/* What torch's profiler is told, too, which is off while this is on. */
class Peak final : public c10::MemoryReportingInfoBase {
public:
    void reportMemoryUsage(void *, int64_t bytes, size_t, size_t, c10::Device) override
    {
        const std::lock_guard guard(lock_);
        now_ += bytes;
        most_ = std::max(most_, now_);
    }
    bool memoryProfilingEnabled() const override { return true; }

    uint64_t most()
    {
        const std::lock_guard guard(lock_);
        return static_cast<uint64_t>(most_);
    }

private:
    std::mutex lock_;
    int64_t now_ = 0, most_ = 0;
};

} // namespace

uint64_t peak_bytes(const std::function<void()> &body)
{
    const auto peak = std::make_shared<Peak>();
    {
        const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, peak);
        body();
    }
    return peak->most();
}

} // namespace af
