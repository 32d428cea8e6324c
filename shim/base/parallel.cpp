/* SPDX-License-Identifier: MIT */
#include "base/parallel.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <exception>
#include <mutex>

#include "base/failure.hpp"

namespace af {
namespace {

template <class Signature> Signature *find(const char *name)
{
    return reinterpret_cast<Signature *>(dlsym(RTLD_DEFAULT, name));
}

/* GOMP_parallel is what the compiler calls for `#pragma omp parallel`; LLVM's and Intel's runtimes
 * have it as well. */
struct OpenMP {
    int (*get_max_threads)() = find<int()>("omp_get_max_threads");
    void (*set_num_threads)(int) = find<void(int)>("omp_set_num_threads");
    int (*get_dynamic)() = find<int()>("omp_get_dynamic");
    void (*set_dynamic)(int) = find<void(int)>("omp_set_dynamic");
    int (*in_parallel)() = find<int()>("omp_in_parallel");
    int (*get_num_threads)() = find<int()>("omp_get_num_threads");
    int (*get_thread_num)() = find<int()>("omp_get_thread_num");
    void (*parallel)(void (*)(void *), void *, unsigned, unsigned) =
        find<void(void (*)(void *), void *, unsigned, unsigned)>("GOMP_parallel");

    OpenMP()
    {
        if (!get_max_threads || !set_num_threads || !get_dynamic || !set_dynamic || !in_parallel ||
            !get_num_threads || !get_thread_num || !parallel)
            throw Failure(ARTFUSION_ERROR_UNSUPPORTED, "this libtorch runs without OpenMP");
    }
};

const OpenMP &openmp()
{
    static const OpenMP table;
    return table;
}

struct Team {
    int64_t count;
    const std::function<void(int64_t, int64_t)> &body;
    std::mutex lock;
    std::exception_ptr failure;
};

/* On each thread of the team. Nothing may be thrown through OpenMP's own frames. */
void work(void *data) noexcept
{
    Team &team = *static_cast<Team *>(data);
    /* What a thread's first exception needs, while it is to be had: the C library ends the process
     * where it cannot give it. */
    static_cast<void>(std::current_exception());
    try {
        const int64_t threads = openmp().get_num_threads(), self = openmp().get_thread_num();
        const int64_t begin = team.count * self / threads, end = team.count * (self + 1) / threads;
        if (begin < end)
            team.body(begin, end);
    } catch (...) {
        const std::lock_guard<std::mutex> guard(team.lock);
        team.failure = std::current_exception();
    }
}

} // namespace

int max_threads()
{
    return openmp().get_max_threads();
}

void set_max_threads(int count)
{
    openmp().set_num_threads(count);
}

bool dynamic_threads()
{
    return openmp().get_dynamic() != 0;
}

void set_dynamic_threads(bool on)
{
    openmp().set_dynamic(on);
}

void parallel_for(int64_t count, const std::function<void(int64_t, int64_t)> &body)
{
    const int64_t threads =
        openmp().in_parallel() ? 1 : std::min<int64_t>(count, openmp().get_max_threads());
    if (threads <= 1) {
        if (count > 0)
            body(0, count);
        return;
    }
    Team team{count, body, {}, {}};
    openmp().parallel(work, &team, static_cast<unsigned>(threads), 0);
    if (team.failure)
        std::rethrow_exception(team.failure);
}

} // namespace af
