/* SPDX-License-Identifier: MIT */
#include "graph/narrow.hpp"

#include <string>
#include <vector>

namespace af {
namespace {

using torch::jit::Node;
using torch::jit::Value;

/* A normalisation computes in the type that reaches it, which a run decides. CUDA's kernels take
 * weights in that type alone, and sum in float32 all the same; the CPU's take float32 beside any. */
void match_weights(Capture &capture, Node *node)
{
    const torch::jit::WithInsertPoint here(node);
    const auto &arguments = node->schema().arguments();
    for (size_t i = 0; i < arguments.size(); i++) {
        const std::string &name = arguments[i].name();
        if ((name == "weight" || name == "bias") &&
            node->input(i)->type()->isSubtypeOf(*c10::TensorType::get()))
            node->replaceInput(
                i, capture.graph()->insert(c10::aten::type_as, {node->input(i), node->input(0)}));
    }
}

bool is_normalisation(c10::Symbol kind)
{
    return kind == c10::aten::group_norm || kind == c10::aten::layer_norm ||
           kind == c10::aten::native_layer_norm;
}

} // namespace

void narrow(Capture &capture, at::ScalarType type)
{
    capture.visit([&](Node *node) {
        if (is_normalisation(node->kind()))
            match_weights(capture, node);
        if (node->kind() != c10::aten::conv2d && node->kind() != c10::aten::linear)
            return;
        const auto weight = capture.known_tensor(node->input(1));
        const auto bias = capture.known_tensor(node->input(2));
        if (!weight || (!bias && !capture.is_none(node->input(2))))
            return;
        const torch::jit::WithInsertPoint here(node);
        Value *x = capture.graph()->insert(c10::aten::to, {node->input(0), c10::IValue(type)});
        const auto format =
            weight->dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
        node->replaceInput(0, x);
        /* In one go: of a large model's weights every further copy is felt. */
        const at::Tensor narrowed = capture.take(node->input(1)).to(type, false, false, format);
        node->replaceInput(1, capture.input(narrowed));
        if (bias)
            node->replaceInput(2, capture.input(bias->to(type)));
    });
}

void exact(Capture &capture)
{
    capture.visit([&](Node *node) {
        if (node->kind() != c10::aten::conv2d || /* its other form has a name for the borders */
            !node->input(4)->type()->isSubtypeOf(*c10::ListType::ofInts()))
            return;
        const torch::jit::WithInsertPoint here(node);
        const bool transposed = false, benchmark = false, deterministic = false, cudnn = true,
                   tensor_float = false;
        Value *result = capture.graph()->insert(
            c10::aten::_convolution,
            {node->input(0), node->input(1), node->input(2), node->input(3), node->input(4),
             node->input(5), transposed, c10::IValue(std::vector<int64_t>{0, 0}), node->input(6),
             benchmark, deterministic, cudnn, tensor_float});
        node->output()->replaceAllUsesWith(result);
        node->destroy();
    });
}

} // namespace af
