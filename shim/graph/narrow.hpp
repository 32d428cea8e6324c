/* SPDX-License-Identifier: MIT
 *
 * In which digits torch's own operators compute, where fuse.hpp leaves them.
 */
#ifndef AF_SHIM_NARROW_HPP
#define AF_SHIM_NARROW_HPP

#include "graph/capture.hpp"

namespace af {

/* By torch's own operators: weights and inputs of convolutions and products in `type`,
 * weights of normalisations in the type of what they normalise. */
void narrow(Capture &capture, at::ScalarType type);

/* Convolutions on a GPU keep float32's digits: cuDNN would round what it multiplies to TensorFloat-32,
 * which torch allows by default, by a switch that is the process's. */
void exact(Capture &capture);

} // namespace af

#endif
