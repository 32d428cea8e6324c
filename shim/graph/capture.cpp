/* SPDX-License-Identifier: MIT */
#include "graph/capture.hpp"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <algorithm>
#include <utility>

#include "base/failure.hpp"

namespace af {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;

Capture::Capture(const CheckedMethod &checked, Uses &uses)
    : name_(checked.name()), functions_(checked.method().owner()._ivalue()->compilation_unit()),
      self_(checked.method().owner()._ivalue()), uses_(uses),
      graph_(checked.method().graph()->copy())
{
}

void Capture::count_uses()
{
    visit([this](const Node *node) {
        if (node->kind() == c10::prim::GetAttr)
            if (const auto tensor = known_tensor(node->output()))
                uses_[tensor->unsafeGetTensorImpl()] += node->output()->uses().size();
    });
}

void Capture::visit(Block *block, const std::function<void(Node *)> &act)
{
    for (auto at = block->nodes().begin(); at != block->nodes().end();) {
        Node *node = *at++;
        for (Block *inner : node->blocks())
            visit(inner, act);
        act(node);
    }
}

std::optional<c10::IValue> Capture::known(const Value *value) const
{
    if (value == graph_->inputs()[0])
        return self_;
    const Node *node = value->node();
    if (node->kind() != c10::prim::GetAttr)
        return torch::jit::toIValue(value);
    const auto owner = known(node->input());
    if (!owner || !owner->isObject())
        return std::nullopt;
    return owner->toObjectRef().getAttr(node->s(c10::attr::name));
}

std::optional<at::Tensor> Capture::known_tensor(const Value *value) const
{
    const auto found = known(value);
    if (!found || !found->isTensor() || !found->toTensor().defined())
        return std::nullopt;
    return found->toTensor();
}

std::optional<std::vector<int64_t>> Capture::known_ints(const Value *value) const
{
    if (value->node()->kind() == c10::prim::ListConstruct) {
        std::vector<int64_t> numbers;
        for (const Value *element : value->node()->inputs()) {
            const auto number = known(element);
            if (!number || !number->isInt())
                return std::nullopt;
            numbers.push_back(number->toInt());
        }
        return numbers;
    }
    const auto found = known(value);
    if (!found || !found->isIntList())
        return std::nullopt;
    return found->toIntVector();
}

std::optional<double> Capture::known_number(const Value *value) const
{
    const auto found = known(value);
    if (!found || !(found->isInt() || found->isDouble()))
        return std::nullopt;
    return found->isInt() ? static_cast<double>(found->toInt()) : found->toDouble();
}

bool Capture::is_none(const Value *value) const
{
    const auto found = known(value);
    return found && found->isNone();
}

at::Tensor Capture::take(const Value *value)
{
    const auto tensor = known_tensor(value);
    TORCH_INTERNAL_ASSERT(tensor, "a value that is known in every run was to be taken");
    forget(value, 1);
    return *tensor;
}

/* Weights that were laid out otherwise would double the memory that a model needs. */
void Capture::forget(const Value *value, size_t uses)
{
    const Node *read = value->node();
    if (read->kind() != c10::prim::GetAttr)
        return;
    size_t &left = uses_.at(known(value)->toTensor().unsafeGetTensorImpl());
    left -= std::min(left, uses);
    if (left == 0)
        known(read->input())->toObjectRef().setAttr(read->s(c10::attr::name), at::Tensor());
}

Value *Capture::input(const at::Tensor &tensor)
{
    captured_.push_back(tensor);
    return graph_->addInput();
}

void Capture::replace_read(Node *node)
{
    if (node->kind() != c10::prim::GetAttr || !node->output()->hasUses())
        return;
    const auto found = known(node->output());
    if (!found || found->isObject())
        return;
    Value *instead = nullptr;
    if (found->isTensor()) {
        const at::Tensor tensor = found->toTensor();
        Value *&once = reads_[tensor.unsafeGetTensorImpl()];
        if (!once) {
            /* Weights stored in 16 bits become float32. What is stored wider stays as it is. */
            const bool narrow =
                tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
            once = input(narrow ? tensor.to(at::kFloat) : tensor);
        }
        forget(node->output(), node->output()->uses().size());
        instead = once;
    } else if (const auto constant = torch::jit::tryInsertConstant(*graph_, *found)) {
        (*constant)->node()->moveBefore(node);
        instead = *constant;
    } else {
        return;
    }
    node->output()->replaceAllUsesWith(instead);
    node->destroy();
}

std::vector<at::Tensor> Capture::finish()
{
    TORCH_INTERNAL_ASSERT(divisions_watched_ && arguments_watched_,
                          "a graph was to be finished that nothing has watched");
    torch::jit::EliminateDeadCode(graph_);
    visit([this](Node *node) { replace_read(node); });
    torch::jit::EliminateDeadCode(graph_);
    if (graph_->inputs()[0]->hasUses())
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      "the model file's " + name_ + " hands its module around");
    graph_->eraseInput(0);
    return std::move(captured_);
}

} // namespace af
