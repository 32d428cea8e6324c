/* SPDX-License-Identifier: MIT */
#include "base/scope.hpp"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <string>
#include <unordered_map>

#include "base/failure.hpp"
#include "base/parallel.hpp"

namespace af {
int32_t thread_count(int32_t wanted)
{
    return wanted > 0 ? wanted : max_threads();
}

FloatScope::FloatScope()
{
    std::fegetenv(&host_);
    std::fesetenv(FE_DFL_ENV);
}

FloatScope::~FloatScope()
{
    std::fesetenv(&host_);
}

ThreadScope::ThreadScope(int32_t wanted) : host_(max_threads()), dynamic_(dynamic_threads())
{
    static_cast<void>(std::current_exception()); /* as in parallel.cpp */
    at::get_num_threads();
    const int32_t count = wanted > 0 ? wanted : host_;
    set_max_threads(count);
    set_dynamic_threads(false);
    if (const int actual = at::get_num_threads(); actual != count) {
        set_max_threads(host_);
        set_dynamic_threads(dynamic_);
        throw Failure(ARTFUSION_ERROR_ENGINE, "libtorch uses " + std::to_string(actual) +
                                                  " threads where " + std::to_string(count) +
                                                  " were set: it has another OpenMP");
    }
}

ThreadScope::~ThreadScope()
{
    set_max_threads(host_);
    set_dynamic_threads(dynamic_);
}

std::unique_lock<std::mutex> turn_in(const std::optional<c10::Stream> &stream)
{
    if (!stream)
        return {};
    static std::mutex lock;
    static std::unordered_map<c10::Stream, std::mutex> turns;
    const auto turn = [&]() -> std::mutex & {
        const std::lock_guard<std::mutex> guard(lock);
        return turns[*stream];
    };
    return std::unique_lock<std::mutex>(turn());
}

void require_own_process()
{
    static std::atomic<pid_t> owner{0};
    const pid_t here = getpid();
    pid_t first = 0;
    if (!owner.compare_exchange_strong(first, here) && first != here)
        throw Failure(ARTFUSION_ERROR_ENGINE,
                      "process " + std::to_string(here) + " was forked from process " +
                          std::to_string(first) +
                          ", which had used the engine: libtorch cannot run in both; fork before "
                          "the first model is opened");
}

} // namespace af
