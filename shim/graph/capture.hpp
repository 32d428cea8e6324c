/* SPDX-License-Identifier: MIT
 *
 * A method's graph, on its way out of its module: what it reads of the module is known. program.cpp
 * says what is done to it, in which order.
 */
#ifndef AF_SHIM_CAPTURE_HPP
#define AF_SHIM_CAPTURE_HPP

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/inspect.hpp"

namespace af {

/* How often a module's tensors are still to be used, by all of its methods that are counted together:
 * with the last use, a tensor leaves the module. */
using Uses = std::unordered_map<const c10::TensorImpl *, size_t>;

class Capture {
public:
    /* Copies the graph, as it is. `uses` must outlive this. */
    Capture(const CheckedMethod &checked, Uses &uses);

    const std::string &name() const { return name_; }
    const std::shared_ptr<torch::jit::CompilationUnit> &functions() const { return functions_; }
    const std::shared_ptr<torch::jit::Graph> &graph() { return graph_; }

    /* `act` may put nodes before the one it is given, and may take that one away. */
    void visit(const std::function<void(torch::jit::Node *)> &act) { visit(graph_->block(), act); }

    /* What `value` is in every run, if it is a constant or read from the module. */
    std::optional<c10::IValue> known(const torch::jit::Value *value) const;
    std::optional<at::Tensor> known_tensor(const torch::jit::Value *value) const;
    std::optional<std::vector<int64_t>> known_ints(const torch::jit::Value *value) const;
    std::optional<double> known_number(const torch::jit::Value *value) const;
    bool is_none(const torch::jit::Value *value) const;

    /* Counts what is to be taken, or to be read by the program. */
    void count_uses();

    /* As known_tensor, by one of the uses of `value`, which needs it no longer. */
    at::Tensor take(const torch::jit::Value *value);

    /* A graph input that is `tensor` in every run. */
    torch::jit::Value *input(const at::Tensor &tensor);

    /* Turns the module's values into inputs and constants, takes the module's input away, and
     * gives what the graph's further inputs are. Throws for a graph that was not watched (watch.hpp). */
    std::vector<at::Tensor> finish();

private:
    friend void watch_divisions(Capture &capture);
    friend void watch_arguments(Capture &capture);

    void visit(torch::jit::Block *block, const std::function<void(torch::jit::Node *)> &act);
    void replace_read(torch::jit::Node *node);
    void forget(const torch::jit::Value *value, size_t uses);

    std::string name_;
    std::shared_ptr<torch::jit::CompilationUnit> functions_;
    c10::IValue self_;
    Uses &uses_;
    std::shared_ptr<torch::jit::Graph> graph_;
    std::vector<at::Tensor> captured_;
    std::unordered_map<c10::TensorImpl *, torch::jit::Value *> reads_;
    bool divisions_watched_ = false, arguments_watched_ = false;
};

} // namespace af

#endif
