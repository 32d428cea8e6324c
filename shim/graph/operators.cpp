/* SPDX-License-Identifier: MIT */
#include "graph/operators.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <optional>
#include <utility>
#include <vector>

#include "arithmetic/attention.hpp"
#include "arithmetic/convolution.hpp"
#include "graph/add_operator.hpp"

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
    const bool fits = (!gate || is_per_channel(*gate, x.size(0), geometry.channels_out)) &&
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

} // namespace

const Operators &operators()
{
    static const Operators all{
        .convolution = add_operator(
            "convolution",
            "(Tensor x, Tensor weight, Tensor? bias, int[] geometry, int groups, float eps, "
            "Tensor? scale, Tensor? shift, bool activation, Tensor? gate, Tensor? residual) -> "
            "Tensor",
            convolution),
        .linear = add_operator(
            "linear", "(Tensor x, Tensor weight, Tensor? bias, int channels_out) -> Tensor",
            linear),
        .attention =
            add_operator("attention", "(Tensor q, Tensor k, Tensor v) -> Tensor", attention),
        .normalisation = add_operator("normalisation",
                                      "(Tensor x, int groups, float eps, Tensor? scale, "
                                      "Tensor? shift, bool activation) -> Tensor",
                                      normalisation),
        .gated_sum =
            add_operator("gated_sum", "(Tensor base, Tensor gate, Tensor x) -> Tensor", gated_sum),
    };
    return all;
}

} // namespace af
