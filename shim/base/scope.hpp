/* SPDX-License-Identifier: MIT
 *
 * What a call changes in the thread it runs on, and puts back: OpenMP's and torch's settings belong
 * to the host.
 */
#ifndef AF_SHIM_SCOPE_HPP
#define AF_SHIM_SCOPE_HPP

#include <ATen/Context.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cfenv>
#include <cstdint>
#include <mutex>
#include <optional>

namespace af {

/* The number of threads that a call for `wanted` threads uses; 0: as the calling thread's OpenMP
 * has it. */
int32_t thread_count(int32_t wanted);

/* Networks compute in the default floating-point environment. A host may have another one (programs for
 * sound flush denormals to zero), and OpenMP's threads keep for ever the one in which they were
 * started: what a thread computes later would depend on who was first. */
class FloatScope {
public:
    FloatScope();
    ~FloatScope();
    FloatScope(const FloatScope &) = delete;
    FloatScope &operator=(const FloatScope &) = delete;

private:
    std::fenv_t host_;
};

/* Sets the calling thread's number of OpenMP threads, exactly: a host may allow OpenMP to take fewer by
 * the machine's load, and sums depend on how many they are split over. Not by at::set_num_threads, which is the
 * process's and empties oneDNN's caches. The first torch operation of a thread overwrites that
 * thread's OpenMP setting, so torch is made to do that here, before ours is set. */
class ThreadScope {
public:
    explicit ThreadScope(int32_t wanted);
    ~ThreadScope();
    ThreadScope(const ThreadScope &) = delete;
    ThreadScope &operator=(const ThreadScope &) = delete;

private:
    FloatScope floats_;
    int32_t host_;
    bool dynamic_;
};

/* torch's warnings go to the standard error otherwise. */
class SilentWarnings final : public c10::WarningHandler {
public:
    void process(const c10::Warning &) override {}
};

/* Throws in a process that was forked off one in which the engine had been used: OpenMP's threads
 * do not survive fork, and the first operation would wait for them for ever. Each copy of the core
 * sees to its own calls (model/process.h); this sees to those of two copies that share the engine. */
void require_own_process();

/* The profiling executor specialises the first two runs, which then take more than twice as long, and
 * the later ones are no faster. This switch is the thread's, not the process's. torch's own guard
 * would end the process where there is no memory: turning the switch back makes a string for a log. */
class NoProfiling {
public:
    NoProfiling() : host_(torch::jit::getGraphExecutorOptimize()) { put(false); }
    ~NoProfiling() { put(host_); }
    NoProfiling(const NoProfiling &) = delete;
    NoProfiling &operator=(const NoProfiling &) = delete;

private:
    static void put(bool on) noexcept
    {
        /* It is turned before the log is thought of; once more where that is not so. */
        for (int i = 0; i < 2 && torch::jit::getGraphExecutorOptimize() != on; i++)
            try {
                torch::jit::setGraphExecutorOptimize(on);
            } catch (const std::exception &) {
            }
    }

    bool host_;
};

/* Calls in one stream take turns: what another thread put into it while it is recorded (recorder.hpp)
 * would become a part of the record. Networks can share a stream, as torch has 32 of them. */
std::unique_lock<std::mutex> turn_in(const std::optional<c10::Stream> &stream);

/* All of it, for the length of one call. */
class CallScope {
public:
    CallScope(c10::Device device, const std::optional<c10::Stream> &stream, int32_t threads)
        : turn_(turn_in(stream)), threads_(threads), warnings_guard_(&warnings_), device_(device),
          stream_(stream)
    {
    }

private:
    std::unique_lock<std::mutex> turn_;
    ThreadScope threads_;
    SilentWarnings warnings_;
    c10::WarningUtils::WarningHandlerGuard warnings_guard_;
    c10::DeviceGuard device_;
    c10::OptionalStreamGuard stream_;
    c10::InferenceMode inference_;
    /* The host may be in autocast, which casts the weights anew at every call. */
    c10::impl::ExcludeDispatchKeyGuard no_autocast_{c10::autocast_dispatch_keyset};
    /* Or have allowed a GPU to round what it multiplies in float32: of products, see `exact` of fuse.hpp. */
    at::NoTF32Guard exact_products_;
    NoProfiling no_profiling_;
};

} // namespace af

#endif
