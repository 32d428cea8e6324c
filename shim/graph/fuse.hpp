/* SPDX-License-Identifier: MIT
 *
 * Which operators of a graph are replaced by operators.hpp's.
 */
#ifndef AF_SHIM_FUSE_HPP
#define AF_SHIM_FUSE_HPP

#include <string>

#include "graph/capture.hpp"

namespace af {

/* Puts one operator for a call of torch.nn.functional's, whose body is checks for the most part
 * and hides what is called. `node` keeps its place, without uses. False: an ordinary function. */
bool replace_call(Capture &capture, torch::jit::Node *node, const std::string &function);

/* Convolutions, matrix products, attentions and group normalisations in bfloat16, for a CPU that
 * multiplies it. */
void fuse(Capture &capture);

/* The same by torch's own operators: weights and inputs of convolutions and products in `type`,
 * weights of normalisations in the type of what they normalise. */
void narrow(Capture &capture, at::ScalarType type);

/* Convolutions on a GPU keep float32's digits: cuDNN would round what it multiplies to TensorFloat-32,
 * which torch allows by default, by a switch that is the process's. */
void exact(Capture &capture);

} // namespace af

#endif
