/* SPDX-License-Identifier: MIT */
#include "graph/operators.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "arithmetic/attention.hpp"
#include "arithmetic/convolution.hpp"
#include "base/failure.hpp"
#include "graph/watch.hpp"

namespace af {
namespace {

using at::Tensor;
using torch::jit::Stack;
using MaybeTensor = std::optional<Tensor>;

/* An operator's arguments, which lie on top of the stack until its result replaces them. */
class Arguments {
public:
    Arguments(Stack &stack, size_t count) : stack_(stack), first_(stack.size() - count) {}

    Tensor tensor(size_t i) const { return stack_[first_ + i].toTensor(); }
    MaybeTensor maybe(size_t i) const { return stack_[first_ + i].toOptional<Tensor>(); }
    const c10::IValue &value(size_t i) const { return stack_[first_ + i]; }

    void finish(Tensor result)
    {
        stack_.resize(first_);
        stack_.emplace_back(std::move(result));
    }

private:
    Stack &stack_;
    size_t first_;
};

/* One value a channel, or one a sample and channel: what the fused loops take. */
bool is_per_channel(const Tensor &factor, int64_t batch, int64_t channels)
{
    const int64_t dims = factor.dim();
    return (dims == 3 || dims == 4) && factor.size(dims - 1) == 1 && factor.size(dims - 2) == 1 &&
           factor.size(dims - 3) == channels &&
           (dims == 3 || factor.size(0) == 1 || factor.size(0) == batch);
}

bool is_per_channel(const MaybeTensor &factor, const Tensor &x)
{
    return !factor || is_per_channel(*factor, x.size(0), x.size(1));
}

/* What torch would have computed, for factors that are not per channel. */
Tensor normalise_plainly(const Tensor &x, const Normalisation &n)
{
    Tensor y = at::group_norm(x.to(at::kFloat), n.groups, {}, {}, n.eps);
    if (n.scale)
        y = y * *n.scale;
    if (n.shift)
        y = y + *n.shift;
    return n.activation ? at::silu(y) : y;
}

Tensor run_normalisation(const Tensor &x, const Normalisation &n)
{
    return is_per_channel(n.scale, x) && is_per_channel(n.shift, x) ? normalise(x, n)
                                                                    : normalise_plainly(x, n);
}

void convolution(Stack &stack)
{
    Arguments a(stack, 11);
    Tensor x = a.tensor(0);
    const Geometry geometry = Geometry::from(a.value(3).toIntVector());
    Normalisation n{a.value(4).toInt(), a.value(5).toDouble(), a.maybe(6), a.maybe(7),
                    a.value(8).toBool()};
    if (!is_per_channel(n.scale, x) || !is_per_channel(n.shift, x)) {
        x = normalise_plainly(x, n);
        n = {};
    }
    const MaybeTensor gate = a.maybe(9), residual = a.maybe(10);
    /* A residual of float32 stays that, and what is broadcast is torch's. */
    const bool fits =
        (!gate || is_per_channel(*gate, x.size(0), geometry.channels_out)) &&
        (!residual || (residual->scalar_type() == at::kBFloat16 &&
                       residual->sizes() == convolved_sizes(x.sizes(), geometry)));
    if (fits) {
        a.finish(convolve(x, a.tensor(1), a.maybe(2), geometry, n, gate, residual));
        return;
    }
    Tensor y = convolve(x, a.tensor(1), a.maybe(2), geometry, n, {}, {});
    if (gate)
        y = *gate * y;
    a.finish(residual ? *residual + y : y);
}

void linear(Stack &stack)
{
    Arguments a(stack, 4);
    a.finish(multiply(a.tensor(0), a.tensor(1), a.maybe(2), a.value(3).toInt()));
}

void attention(Stack &stack)
{
    Arguments a(stack, 3);
    a.finish(af::attention(a.tensor(0), a.tensor(1), a.tensor(2)));
}

void normalisation(Stack &stack)
{
    Arguments a(stack, 6);
    a.finish(run_normalisation(a.tensor(0), {a.value(1).toInt(), a.value(2).toDouble(), a.maybe(3),
                                             a.maybe(4), a.value(5).toBool()}));
}

void gated_sum(Stack &stack)
{
    Arguments a(stack, 3);
    const Tensor base = a.tensor(0), gate = a.tensor(1), x = a.tensor(2);
    const bool narrow = base.scalar_type() == at::kBFloat16 && x.scalar_type() == at::kBFloat16;
    a.finish(narrow ? at::addcmul(base, gate.to(at::kBFloat16), x) : base + gate * x);
}

[[noreturn]] void refuse(const Stack &stack)
{
    throw Failure(ARTFUSION_ERROR_FORMAT,
                  "the model file's " + stack.back().toStringRef() + " asks for more than " +
                      std::to_string(stack[stack.size() - 2].toInt()));
}

/* The checks' arguments: what is looked at, a limit, and whose it is. */
bool is_within(const c10::IValue &n, int64_t limit)
{
    if (n.isNone())
        return true;
    if (n.isIntList()) {
        const std::vector<int64_t> numbers = n.toIntVector();
        return std::all_of(numbers.begin(), numbers.end(),
                           [&](int64_t number) { return -limit <= number && number <= limit; });
    }
    const double value = n.isInt() ? static_cast<double>(n.toInt()) : n.toDouble();
    return std::abs(value) <= static_cast<double>(limit);
}

void bounded(Stack &stack)
{
    if (!is_within(stack[stack.size() - 3], stack[stack.size() - 2].toInt()))
        refuse(stack);
    stack.resize(stack.size() - 2);
}

void bounded_sizes(Stack &stack)
{
    const c10::IValue &sizes = stack[stack.size() - 3];
    if (!sizes.isNone() && !is_bounded(sizes.toIntVector()))
        refuse(stack);
    stack.resize(stack.size() - 2);
}

/* Numbers with a fraction are divided without harm. */
bool is_at_least(const c10::IValue &n, int64_t limit)
{
    if (n.isInt())
        return n.toInt() >= limit;
    if (!n.isTensor() || c10::isFloatingType(n.toTensor().scalar_type()))
        return true;
    return n.toTensor().ge(limit).all().item<bool>();
}

void at_least(Stack &stack)
{
    const int64_t limit = stack[stack.size() - 2].toInt();
    if (!is_at_least(stack[stack.size() - 3], limit))
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      "the model file's " + stack.back().toStringRef() +
                          " divides whole numbers by less than " + std::to_string(limit));
    stack.resize(stack.size() - 2);
}

void transposed(Stack &stack)
{
    const std::vector<int64_t> strides = stack[stack.size() - 4].toIntVector();
    const Tensor weight = stack[stack.size() - 3].toTensor();
    const int64_t limit = stack[stack.size() - 2].toInt();
    for (size_t i = 0; i < strides.size() && weight.dim() == 4; i++) { /* or torch refuses it */
        /* One stride is for both. */
        const int64_t kernel = strides.size() == 1 ? std::min(weight.size(2), weight.size(3))
                                                   : weight.size(2 + static_cast<int64_t>(i % 2));
        if (strides[i] > std::max(kernel, limit))
            throw Failure(ARTFUSION_ERROR_FORMAT,
                          "the model file's " + stack.back().toStringRef() + " has a stride of " +
                              std::to_string(strides[i]) + " and a kernel of " +
                              std::to_string(kernel) + ", limit that or " + std::to_string(limit));
    }
    stack.resize(stack.size() - 3);
}

c10::Symbol add(const std::string &name, const char *signature, void (*run)(Stack &))
{
    const c10::Symbol symbol = c10::Symbol::fromQualString("artfusion::" + name);
    /* A second copy of the engine in the process finds it there. */
    if (torch::jit::getAllOperatorsFor(symbol).empty())
        torch::jit::registerOperator(
            torch::jit::Operator(symbol.toQualString() + std::string(signature), run,
                                 c10::AliasAnalysisKind::FROM_SCHEMA));
    return symbol;
}

} // namespace

const Operators &operators()
{
    static const Operators all{
        .convolution = add("convolution",
                           "(Tensor x, Tensor weight, Tensor? bias, int[] geometry, int groups, "
                           "float eps, Tensor? scale, Tensor? shift, bool activation, "
                           "Tensor? gate, Tensor? residual) -> Tensor",
                           convolution),
        .linear = add("linear", "(Tensor x, Tensor weight, Tensor? bias, int channels_out) -> Tensor",
                      linear),
        .attention = add("attention", "(Tensor q, Tensor k, Tensor v) -> Tensor", attention),
        .normalisation = add("normalisation",
                             "(Tensor x, int groups, float eps, Tensor? scale, Tensor? shift, "
                             "bool activation) -> Tensor",
                             normalisation),
        .gated_sum = add("gated_sum", "(Tensor base, Tensor gate, Tensor x) -> Tensor", gated_sum),
        .bounded = add("bounded", "(t(a) n, int limit, str what) -> t(a)", bounded),
        .bounded_sizes =
            add("bounded_sizes", "(t(a) sizes, int limit, str what) -> t(a)", bounded_sizes),
        .at_least = add("at_least", "(t(a) n, int limit, str what) -> t(a)", at_least),
        .transposed = add("transposed",
                          "(t(a) stride, Tensor weight, int limit, str what) -> t(a)", transposed),
    };
    return all;
}

} // namespace af
