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

} // namespace af

#endif
