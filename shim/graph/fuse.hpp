/* SPDX-License-Identifier: MIT
 *
 * Which operators of a graph are replaced by operators.hpp's.
 */
#ifndef AF_SHIM_FUSE_HPP
#define AF_SHIM_FUSE_HPP

#include "graph/capture.hpp"

namespace af {

/* Convolutions, matrix products, attentions and group normalisations in bfloat16, for a CPU that
 * multiplies it. */
void fuse(Capture &capture);

} // namespace af

#endif
