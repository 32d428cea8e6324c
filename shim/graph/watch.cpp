/* SPDX-License-Identifier: MIT */
#include "graph/watch.hpp"

#include <ATen/core/function_schema.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/failure.hpp"
#include "graph/checks.hpp"

namespace af {
namespace {

using torch::jit::Node;
using torch::jit::Value;

/* Types of numbers that tensors may have. Others are complex, or need a quantiser beside them, or are
 * none: libtorch looks them up in tables without asking. */
constexpr std::array NUMBERS = {at::kByte, at::kChar,  at::kShort,  at::kInt,  at::kLong,
                                at::kHalf, at::kFloat, at::kDouble, at::kBool, at::kBFloat16};

/* A stride of a transposed convolution, if its kernel is not as long. */
constexpr int64_t MAX_GAP = 16;

/* `t` of t and t?. */
c10::TypePtr given_type(const c10::Argument &argument)
{
    const auto optional = argument.type()->cast<c10::OptionalType>();
    return optional ? optional->getElementType() : argument.type();
}

bool has_tensors(const c10::Argument &argument)
{
    c10::TypePtr type = given_type(argument);
    if (const auto list = type->cast<c10::ListType>())
        type = list->getElementType();
    if (const auto optional = type->cast<c10::OptionalType>())
        type = optional->getElementType();
    return type->kind() == c10::TypeKind::TensorType;
}

bool is_of_tensors(const c10::FunctionSchema &schema)
{
    return std::any_of(schema.arguments().begin(), schema.arguments().end(), has_tensors) ||
           std::any_of(schema.returns().begin(), schema.returns().end(), has_tensors);
}

/* Whether an int[] that an operator calls `name` says how large its result is. */
bool is_size(const Node *node, const std::string &name)
{
    return name == "repeats" || name == "output_size" ||
           (name == "size" && node->kind() != c10::aten::view);
}

/* What both passes have. */
class Watch {
public:
    explicit Watch(Capture &capture) : capture_(capture) {}

protected:
    /* What is called would not be seen. */
    static void require_no_call(const Node *node)
    {
        TORCH_INTERNAL_ASSERT(!called_function(node), "a call was to be watched, not inlined");
    }

    [[noreturn]] void refuse(const Node *node, const std::string &what) const
    {
        throw Failure(ARTFUSION_ERROR_FORMAT, "the model file's " + what_of(node) + ' ' + what);
    }

    std::string what_of(const Node *node) const
    {
        return capture_.name() + ", " + node->kind().toQualString();
    }

    void put(Node *node, size_t input, c10::Symbol check, int64_t limit)
    {
        const torch::jit::WithInsertPoint here(node);
        node->replaceInput(input,
                           capture_.graph()->insert(check, {node->input(input), c10::IValue(limit),
                                                            c10::IValue(what_of(node))}));
    }

    Capture &capture_;
};

class Divisions : public Watch {
public:
    using Watch::Watch;

    void look_at(Node *node)
    {
        require_no_call(node);
        constexpr size_t divisor = 1;
        if (gives_whole_numbers(node) && !(capture_.known_number(node->input(divisor)) > 0.0))
            put(node, divisor, checks().at_least, 1);
    }

private:
    bool gives_whole_numbers(const Node *node) const
    {
        const c10::Symbol kind = node->kind();
        if (kind == c10::aten::div || kind == c10::aten::div_) /* (x, y, rounding_mode) */
            return node->inputs().size() == 3 && !capture_.is_none(node->input(2));
        return kind == c10::aten::floordiv || kind == c10::aten::remainder ||
               kind == c10::aten::floor_divide || kind == c10::aten::fmod;
    }
};

class Arguments : public Watch {
public:
    using Watch::Watch;

    void look_at(Node *node)
    {
        require_no_call(node);
        if (node->kind() == c10::prim::Loop) {
            number(node, 0, MAX_ROUNDS, "rounds");
            return;
        }
        const auto *schema = node->kind().is_aten() ? node->maybeSchema() : nullptr;
        if (!schema)
            return;
        const bool of_tensors = is_of_tensors(*schema);
        for (size_t i = 0; i < schema->arguments().size(); i++) {
            const c10::Argument &argument = schema->arguments()[i];
            written_list(node, i, argument);
            if (of_tensors && !is_option(node, i, argument.name()))
                count(node, i, argument);
        }
        if (node->kind() == c10::aten::conv_transpose2d)
            transposed(node);
    }

private:
    /* A list that the method has not made may be one of the file's, which all threads share. */
    void written_list(const Node *node, size_t i, const c10::Argument &argument) const
    {
        if (!argument.alias_info() || !argument.alias_info()->isWrite() ||
            argument.type()->kind() != c10::TypeKind::ListType)
            return;
        const c10::Symbol kind = node->kind(), made = node->input(i)->node()->kind();
        if (kind != c10::aten::append && kind != c10::aten::pop)
            refuse(node, "multiplies a list in place");
        if (made != c10::prim::ListConstruct && made != c10::aten::list)
            refuse(node, "writes to a list that it has not made");
    }

    /* What says how and where a tensor is made; throws for what no network needs. */
    bool is_option(const Node *node, size_t i, const std::string &name) const
    {
        const Value *value = node->input(i);
        const auto known = capture_.known(value);
        const bool none = known && known->isNone();
        const auto is = [&](int64_t number) { return known && known->isInt() && *known == number; };
        if (name == "device") {
            if (!none && value->node()->kind() != c10::prim::device)
                refuse(node, "names a device");
        } else if (name == "layout") {
            if (!none && !is(static_cast<int64_t>(at::kStrided)))
                refuse(node, "names a layout that networks' tensors do not have");
        } else if (name == "pin_memory") {
            if (!none && !(known && known->isBool() && !known->toBool()))
                refuse(node, "asks for pinned memory");
        } else if (name == "memory_format") {
            constexpr int64_t last = static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
            if (!none &&
                !(known && known->isInt() && known->toInt() >= 0 && known->toInt() <= last))
                refuse(node, "names a memory format that there is not");
        } else if (name == "dtype") {
            if (!none && value->node()->kind() != c10::prim::dtype &&
                std::none_of(NUMBERS.begin(), NUMBERS.end(),
                             [&](at::ScalarType type) { return is(static_cast<int64_t>(type)); }))
                refuse(node, "names a type of numbers that networks do not have");
        } else {
            return false;
        }
        return true;
    }

    void count(Node *node, size_t i, const c10::Argument &argument)
    {
        const std::string &name = argument.name();
        const c10::TypePtr type = given_type(argument);
        const bool range = node->kind() == c10::aten::arange;
        if (range && name == "step" && !(capture_.known_number(node->input(i)) >= 1.0))
            refuse(node, "counts by less than 1");
        if (name == "repeats" && type->kind() == c10::TypeKind::TensorType)
            refuse(node, "takes from a tensor how often it repeats");
        if (type->isSubtypeOf(*c10::ListType::ofInts()))
            is_size(node, name) ? sizes(node, i) : numbers(node, i, name);
        else if (range && (name == "start" || name == "end"))
            number(node, i, MAX_COUNT, "values");
        else if (type->kind() == c10::TypeKind::IntType && !is_whole_slice(node, i, name))
            number(node, i, MAX_COUNT, name == "repeats" ? "values" : "as " + name);
    }

    /* Strides beyond the kernel leave columns to which nothing is added; where a whole block of them is
     * such, oneDNN's code writes to address 0. Which kernel it is, a run decides. */
    void transposed(Node *node)
    {
        constexpr size_t weight = 1, stride = 3;
        const torch::jit::WithInsertPoint here(node);
        node->replaceInput(
            stride, capture_.graph()->insert(checks().transposed,
                                             {node->input(stride), node->input(weight),
                                              c10::IValue(MAX_GAP), c10::IValue(what_of(node))}));
    }

    /* x[i:] may have its end as the largest number there is. */
    bool is_whole_slice(const Node *node, size_t i, const std::string &name) const
    {
        const auto known = capture_.known(node->input(i));
        return node->kind() == c10::aten::slice && name == "end" && known && known->isInt() &&
               known->toInt() == std::numeric_limits<int64_t>::max();
    }

    void number(Node *node, size_t input, int64_t limit, const std::string &of)
    {
        const auto known = capture_.known_number(node->input(input));
        if (known && !(std::abs(*known) <= static_cast<double>(limit)))
            refuse(node, node->kind() == c10::prim::Loop && *known > 1e18
                             ? "goes on until something happens; loops are over ranges"
                             : "asks for " + std::to_string(static_cast<int64_t>(*known)) + ' ' +
                                   of + ", limit " + std::to_string(limit));
        if (!known && !capture_.is_none(node->input(input)))
            put(node, input, checks().bounded, limit);
    }

    void numbers(Node *node, size_t input, const std::string &name)
    {
        const auto known = capture_.known_ints(node->input(input));
        if (known)
            for (const int64_t n : *known)
                if (n < -MAX_COUNT || n > MAX_COUNT)
                    refuse(node, "asks for " + std::to_string(n) + " as " + name + ", limit " +
                                     std::to_string(MAX_COUNT));
        if (!known && !capture_.is_none(node->input(input)))
            put(node, input, checks().bounded, MAX_COUNT);
    }

    void sizes(Node *node, size_t input)
    {
        const auto known = capture_.known_ints(node->input(input));
        if (known && !is_bounded(*known))
            refuse(node, "asks for more than " + std::to_string(MAX_COUNT) + " values");
        if (!known && !capture_.is_none(node->input(input)))
            put(node, input, checks().bounded_sizes, MAX_COUNT);
    }
};

} // namespace

void watch_divisions(Capture &capture)
{
    Divisions divisions(capture);
    capture.visit([&](Node *node) { divisions.look_at(node); });
    capture.divisions_watched_ = true;
}

void watch_arguments(Capture &capture)
{
    Arguments arguments(capture);
    capture.visit([&](Node *node) { arguments.look_at(node); });
    capture.arguments_watched_ = true;
}

} // namespace af
