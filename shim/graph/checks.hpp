/* SPDX-License-Identifier: MIT
 *
 * The operators that watch.cpp puts before others: what these are handed is looked at in each run.
 */
#ifndef AF_SHIM_CHECKS_HPP
#define AF_SHIM_CHECKS_HPP

#include <ATen/core/symbol.h>

#include <cstdint>
#include <vector>

namespace af {

/* The largest whole number that an operator takes, which products of sizes are too: no picture needs
 * more. */
constexpr int64_t MAX_COUNT = int64_t{1} << 31;

/* Whether a tensor of these sizes has no more than MAX_COUNT values. */
bool is_bounded(const std::vector<int64_t> &sizes);

struct Checks {
    /* (n, limit, what) of a number or of each of a list: n as it is; throws beyond -limit...limit. */
    c10::Symbol bounded;
    /* (sizes, limit, what) of a tensor's sizes: the same of their product. */
    c10::Symbol bounded_sizes;
    /* (n, limit, what) of a number or of each of a tensor's: n as it is; throws where they are whole
     * numbers, and below the limit. */
    c10::Symbol at_least;
    /* (stride, weight, limit, what) of a transposed convolution: its stride as it is; throws where
     * that is beyond the limit and beyond the kernel. */
    c10::Symbol transposed;
};

/* As operators() of operators.hpp. */
const Checks &checks();

} // namespace af

#endif
