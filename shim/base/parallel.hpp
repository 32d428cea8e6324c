/* SPDX-License-Identifier: MIT
 *
 * libtorch's threads. Its own at::parallel_for is a template that needs the compiler's OpenMP where it
 * is used, and packages of torch may bring another OpenMP under a name of their own: two of them in a
 * process have twice the threads. So the functions are looked up as libtorch's references were.
 */
#ifndef AF_SHIM_PARALLEL_HPP
#define AF_SHIM_PARALLEL_HPP

#include <cstdint>
#include <functional>

namespace af {

/* Throws UNSUPPORTED where libtorch runs without OpenMP. */
int max_threads();
void set_max_threads(int count);

/* Whether a region may have fewer threads than were set, by the machine's load. */
bool dynamic_threads();
void set_dynamic_threads(bool on);

/* Runs `body` on parts of 0..count, one a thread; what it throws is thrown once all are done. */
void parallel_for(int64_t count, const std::function<void(int64_t begin, int64_t end)> &body);

} // namespace af

#endif
