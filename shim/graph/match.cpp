/* SPDX-License-Identifier: MIT */
#include "graph/match.hpp"

#include <algorithm>
#include <vector>

namespace af {

using torch::jit::Node;
using torch::jit::Value;

const Node *made_by(const Value *value, c10::Symbol kind)
{
    const Node *node = value->node();
    return node->kind() == kind && value->uses().size() == 1 ? node : nullptr;
}

Node *used_by(const Value *value, c10::Symbol kind)
{
    if (value->uses().size() != 1)
        return nullptr;
    Node *node = value->uses()[0].user;
    return node->kind() == kind && node->owningBlock() == value->node()->owningBlock() ? node
                                                                                       : nullptr;
}

bool are_twos(const Capture &capture, const Value *factors)
{
    const Node *node = factors->node();
    if (node->kind() == c10::prim::ListConstruct)
        return node->inputs().size() == 2 &&
               std::all_of(node->inputs().begin(), node->inputs().end(), [&](const Value *factor) {
                   return capture.known_number(factor) == 2.0;
               });
    const auto known = capture.known(factors);
    return known && known->isDoubleList() &&
           known->toDoubleVector() == std::vector<double>{2.0, 2.0};
}

} // namespace af
