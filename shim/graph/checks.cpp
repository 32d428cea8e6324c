/* SPDX-License-Identifier: MIT */
#include "graph/checks.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/failure.hpp"
#include "graph/add_operator.hpp"

namespace af {
namespace {

using at::Tensor;
using torch::jit::Stack;

[[noreturn]] void refuse(const Stack &stack)
{
    throw Failure(ARTFUSION_ERROR_FORMAT, "the model file's " + stack.back().toStringRef() +
                                              " asks for more than " +
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
        throw Failure(ARTFUSION_ERROR_FORMAT, "the model file's " + stack.back().toStringRef() +
                                                  " divides whole numbers by less than " +
                                                  std::to_string(limit));
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

} // namespace

bool is_bounded(const std::vector<int64_t> &sizes)
{
    int64_t count = 1;
    for (const int64_t size : sizes) { /* 0 and -1 stand for others */
        if (size < -MAX_COUNT)
            return false;
        if (size > 1 && (__builtin_mul_overflow(count, size, &count) || count > MAX_COUNT))
            return false;
    }
    return true;
}

const Checks &checks()
{
    static const Checks all{
        .bounded = add_operator("bounded", "(t(a) n, int limit, str what) -> t(a)", bounded),
        .bounded_sizes = add_operator("bounded_sizes", "(t(a) sizes, int limit, str what) -> t(a)",
                                      bounded_sizes),
        .at_least = add_operator("at_least", "(t(a) n, int limit, str what) -> t(a)", at_least),
        .transposed = add_operator(
            "transposed", "(t(a) stride, Tensor weight, int limit, str what) -> t(a)", transposed),
    };
    return all;
}

} // namespace af
