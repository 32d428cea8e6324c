/* SPDX-License-Identifier: MIT
 * What stands around a node, for passes that recognise what they replace.
 */
#ifndef AF_SHIM_MATCH_HPP
#define AF_SHIM_MATCH_HPP

#include "graph/capture.hpp"

namespace af {

/* The node that made `value`, where it is of that kind and made for one use alone. */
const torch::jit::Node *made_by(const torch::jit::Value *value, c10::Symbol kind);

/* The one node that uses `value`, where it is of that kind. */
torch::jit::Node *used_by(const torch::jit::Value *value, c10::Symbol kind);

/* Whether a list of factors is 2 for height and 2 for width: a constant one, or as code makes it. */
bool are_twos(const Capture &capture, const torch::jit::Value *factors);

} // namespace af

#endif
