/* SPDX-License-Identifier: MIT */
#include "scope.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "failure.hpp"

namespace af {
namespace {

/* The OpenMP that libtorch uses, which need not be the compiler's: packages of torch may bring one
 * under a name of their own. Looked up as libtorch's references were; ThreadScope verifies it. */
struct OpenMP {
    int (*get_max_threads)();
    void (*set_num_threads)(int);

    OpenMP()
        : get_max_threads(reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"))),
          set_num_threads(
              reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads")))
    {
        if (!get_max_threads || !set_num_threads)
            throw Failure(ARTFUSION_ERROR_UNSUPPORTED, "this libtorch runs without OpenMP");
    }
};

const OpenMP &openmp()
{
    static const OpenMP table;
    return table;
}

} // namespace

int32_t thread_count(int32_t wanted)
{
    return wanted > 0 ? wanted : openmp().get_max_threads();
}

ThreadScope::ThreadScope(int32_t wanted) : host_(openmp().get_max_threads())
{
    at::get_num_threads();
    const int32_t count = wanted > 0 ? wanted : host_;
    openmp().set_num_threads(count);
    if (const int actual = at::get_num_threads(); actual != count) {
        openmp().set_num_threads(host_);
        throw Failure(ARTFUSION_ERROR_ENGINE, "libtorch uses " + std::to_string(actual) +
                                                  " threads where " + std::to_string(count) +
                                                  " were set: it has another OpenMP");
    }
}

ThreadScope::~ThreadScope()
{
    openmp().set_num_threads(host_);
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
