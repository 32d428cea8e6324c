/* SPDX-License-Identifier: MIT
 *
 * What a method hands to operators, once all calls have been inlined: what is known is looked at
 * here, and what a run decides then, by operators of ours that are put before (checks.hpp).
 */
#ifndef AF_SHIM_WATCH_HPP
#define AF_SHIM_WATCH_HPP

#include "graph/capture.hpp"

namespace af {

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
