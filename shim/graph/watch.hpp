/* SPDX-License-Identifier: MIT
 *
 * What a method hands to operators, once all calls have been inlined: what is known is looked at
 * here, and what a run decides then, by operators of ours that are put before.
 */
#ifndef AF_SHIM_WATCH_HPP
#define AF_SHIM_WATCH_HPP

#include <cstdint>
#include <vector>

namespace af {

class Capture;

/* The most rounds of one loop, and the largest whole number that an operator takes, which products
 * of sizes are too: no picture needs more. */
constexpr int64_t MAX_ROUNDS = 64, MAX_COUNT = int64_t{1} << 31;
/* A stride of a transposed convolution, if its kernel is not as long. */
constexpr int64_t MAX_GAP = 16;

/* Whether a tensor of these sizes has no more than MAX_COUNT values. */
bool is_bounded(const std::vector<int64_t> &sizes);

/* Sees to it that whole numbers are divided by positive ones only: libtorch divides them as the
 * processor does, which ends the process for 0, and for the least number by -1. To be called before
 * anything is computed from constants. */
void watch_divisions(Capture &capture);

/* Sees to it that whole numbers are bounded, that tensors are made where the others are, of numbers
 * that networks have, and that only lists of the method's own are written to. Throws FORMAT for what
 * is wrong in every run. */
void watch_arguments(Capture &capture);

} // namespace af

#endif
