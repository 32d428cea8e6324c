/* SPDX-License-Identifier: MIT */
#include "graph/inline.hpp"

#include <string_view>
#include <vector>

#include "graph/match.hpp"

namespace af {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::GraphFunction;
using torch::jit::Node;
using torch::jit::Value;

/* torch.nn.functional.interpolate(input, size, scale_factor, mode, ...) that doubles. */
bool doubles(const Capture &capture, const Node *call)
{
    const auto mode = capture.known(call->input(3));
    if (!capture.is_none(call->input(1)) || !mode || !mode->isString() ||
        mode->toStringRef() != "nearest")
        return false;
    return capture.known_number(call->input(2)) == 2.0 || are_twos(capture, call->input(2));
}

/* Puts one operator for a call of torch.nn.functional's, whose body is checks for the most part
 * and hides what is called. `node` keeps its place, without uses. False: an ordinary function. */
bool replace_call(Capture &capture, Node *node, std::string_view name)
{
    constexpr std::string_view home = "__torch__.torch.nn.functional.";
    if (!name.starts_with(home))
        return false;
    Graph &graph = *capture.graph();
    const torch::jit::WithInsertPoint here(node);
    Value *result;
    if (name.ends_with(".group_norm") && node->inputs().size() == 5) {
        result =
            graph.insert(c10::aten::group_norm, {node->input(0), node->input(1), node->input(2),
                                                 node->input(3), node->input(4)});
    } else if (name.ends_with(".interpolate") && node->inputs().size() == 7 &&
               doubles(capture, node)) {
        result = graph.insert(
            c10::aten::upsample_nearest2d,
            {node->input(0), c10::IValue(), c10::IValue(std::vector<double>{2.0, 2.0})});
    } else {
        return false;
    }
    node->output()->replaceAllUsesWith(result);
    return true;
}

void inline_calls(Capture &capture, Block *block)
{
    for (auto at = block->nodes().begin(); at != block->nodes().end();) {
        Node *node = *at;
        for (Block *inner : node->blocks())
            inline_calls(capture, inner);
        GraphFunction *function = called_function(node);
        if (!function) {
            ++at;
            continue;
        }
        if (node->kind() == c10::prim::CallFunction) {
            node->removeInput(0);
            if (replace_call(capture, node, function->qualname().qualifiedName())) {
                at = node->iterator();
                ++at;
                node->destroy();
                continue;
            }
        }
        /* What is put there is visited next. */
        Node *before = node->prev();
        torch::jit::inlineCallTo(node, function);
        at = before->iterator();
        ++at;
    }
}

} // namespace

void inline_calls(Capture &capture)
{
    inline_calls(capture, capture.graph()->block());
}

} // namespace af
