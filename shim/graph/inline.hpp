/* SPDX-License-Identifier: MIT */
#ifndef AF_SHIM_INLINE_HPP
#define AF_SHIM_INLINE_HPP

#include "graph/capture.hpp"

namespace af {

/* Puts what is called in the place of each call: torch's own inliner, except for calls that are better
 * known by their names, for which one operator is put. */
void inline_calls(Capture &capture);

} // namespace af

#endif
