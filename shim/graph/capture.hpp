/* SPDX-License-Identifier: MIT
 *
 * A method's graph, freed from its module: all calls inlined, and what it reads of the module known.
 */
#ifndef AF_SHIM_CAPTURE_HPP
#define AF_SHIM_CAPTURE_HPP

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace af {

/* How often a module's tensors are still to be used, by all of its methods that were captured with
 * the same count: with the last use, a tensor leaves the module. */
using Uses = std::unordered_map<const c10::TensorImpl *, size_t>;

/* What a call in a graph calls; NULL for what is no call, or one whose target a run decides. */
torch::jit::GraphFunction *called_function(const torch::jit::Node *node);

class Capture {
public:
    /* Throws FORMAT for a method that changes its module, or that may not be (inspect.hpp).
     * `uses` must outlive this. */
    Capture(std::string name, const torch::jit::Method &method, Uses &uses);

    const std::string &name() const { return name_; }
    const std::shared_ptr<torch::jit::CompilationUnit> &functions() const { return functions_; }
    const std::shared_ptr<torch::jit::Graph> &graph() { return graph_; }

    /* `act` may put nodes before the one it is given, and may take that one away. */
    void visit(const std::function<void(torch::jit::Node *)> &act)
    {
        visit(graph_->block(), act);
    }

    /* What `value` is in every run, if it is a constant or read from the module. */
    std::optional<c10::IValue> known(const torch::jit::Value *value) const;
    std::optional<at::Tensor> known_tensor(const torch::jit::Value *value) const;
    std::optional<std::vector<int64_t>> known_ints(const torch::jit::Value *value) const;
    std::optional<double> known_number(const torch::jit::Value *value) const;
    bool is_none(const torch::jit::Value *value) const;

    /* As known_tensor, by one of the uses of `value`, which needs it no longer. */
    at::Tensor take(const torch::jit::Value *value);

    /* A graph input that is `tensor` in every run. */
    torch::jit::Value *input(const at::Tensor &tensor);

    /* Turns the module's values into inputs and constants, takes the module's input away, and
     * gives what the graph's further inputs are. */
    std::vector<at::Tensor> finish();

private:
    void visit(torch::jit::Block *block, const std::function<void(torch::jit::Node *)> &act);
    void inline_calls(torch::jit::Block *block);
    void replace_read(torch::jit::Node *node);
    void forget(const torch::jit::Value *value, size_t uses);

    std::string name_;
    std::shared_ptr<torch::jit::CompilationUnit> functions_;
    c10::IValue self_;
    Uses &uses_;
    std::shared_ptr<torch::jit::Graph> graph_;
    std::vector<at::Tensor> captured_;
    std::unordered_map<c10::TensorImpl *, torch::jit::Value *> reads_;
};

} // namespace af

#endif
