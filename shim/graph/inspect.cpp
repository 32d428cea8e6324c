/* SPDX-License-Identifier: MIT */
#include "graph/inspect.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_map>

#include "base/allowed.hpp"
#include "base/failure.hpp"

namespace af {

using torch::jit::Block;
using torch::jit::GraphFunction;
using torch::jit::Node;
using torch::jit::Value;

GraphFunction *called_function(const Node *node)
{
    torch::jit::Function *function = nullptr;
    if (node->kind() == c10::prim::CallFunction)
        function = node->input(0)->type()->expectRef<c10::FunctionType>().function();
    else if (node->kind() == c10::prim::CallMethod)
        if (const auto type = node->input(0)->type()->cast<c10::ClassType>())
            function = type->findMethod(node->s(c10::attr::name));
    return function ? torch::jit::tryToGraphFunction(*function) : nullptr;
}

namespace {

/* Steps that a run of one method may take, loops counted by their most rounds. Published: 20000. */
constexpr uint64_t MAX_STEPS = uint64_t{1} << 24;

uint64_t add(uint64_t a, uint64_t b)
{
    return a > MAX_STEPS || b > MAX_STEPS ? MAX_STEPS + 1 : a + b;
}

class Inspector {
public:
    explicit Inspector(const std::string &method) : method_(method) {}

    uint64_t steps(GraphFunction &function)
    {
        const auto [known, is_new] = steps_.try_emplace(&function, BEGUN);
        if (!is_new) {
            if (known->second == BEGUN)
                refuse("calls " + function.qualname().qualifiedName() +
                       " from within itself: recursion");
            return known->second;
        }
        const uint64_t count = steps(function.graph()->block());
        if (count > MAX_STEPS)
            refuse("takes more than " + std::to_string(MAX_STEPS) + " steps");
        steps_[&function] = count;
        return count;
    }

private:
    static constexpr uint64_t BEGUN = std::numeric_limits<uint64_t>::max();

    [[noreturn]] void refuse(const std::string &what) const
    {
        throw Failure(ARTFUSION_ERROR_FORMAT, "the model file's " + method_ + ' ' + what);
    }

    uint64_t steps(Block *block)
    {
        uint64_t count = 0;
        for (Node *node : block->nodes())
            count = add(count, steps(node));
        return count;
    }

    uint64_t steps(Node *node)
    {
        uint64_t count = 1;
        for (Block *inner : node->blocks())
            count = add(count, steps(inner));
        if (node->kind() == c10::prim::Loop)
            return std::min<uint64_t>(count * uint64_t{MAX_ROUNDS}, MAX_STEPS + 1);
        if (node->kind() == c10::prim::CallFunction || node->kind() == c10::prim::CallMethod) {
            GraphFunction *function = called_function(node);
            if (!function)
                refuse("calls what a run decides");
            return add(count, steps(*function));
        }
        look_at(node);
        return count;
    }

    void look_at(Node *node) const
    {
        const c10::Symbol kind = node->kind();
        const std::string_view space = kind.is_aten()   ? "aten"
                                       : kind.is_prim() ? "prim"
                                                        : std::string_view();
        /* A function's name, where one is called; a module's value that is set is told below. */
        if (kind == c10::prim::SetAttr)
            refuse("changes its module");
        if (!is_allowed(space, kind.toUnqualString()))
            refuse(std::string("uses ") + kind.toQualString() + ", which is " + WHAT_MAY_BE);
        if (kind == c10::prim::unchecked_cast && !unwraps(node))
            refuse("takes a value for one of another type");
        if (!kind.is_aten())
            return;
        const auto *schema = node->maybeSchema();
        if (!schema)
            refuse(std::string("uses ") + kind.toQualString() + " as nobody does");
        /* An output that is given is resized to the result's size. */
        for (const auto &argument : schema->arguments())
            if (argument.kwarg_only() && argument.alias_info() && argument.alias_info()->isWrite())
                refuse(std::string("uses ") + kind.toQualString() + " with " + argument.name() +
                       '=');
        for (const Value *output : node->outputs())
            if (output->type()->kind() == c10::TypeKind::StringType && !is_message(output))
                refuse(std::string("makes text with ") + kind.toQualString());
        const bool sums_lists = node->outputs().size() == 1 &&
                                node->output()->type()->kind() == c10::TypeKind::ListType &&
                                (kind == c10::aten::add || kind == c10::aten::mul);
        if (sums_lists && !std::all_of(node->inputs().begin(), node->inputs().end(), is_short))
            refuse(std::string("makes lists of lists with ") + kind.toQualString());
    }

    /* What torch's compiler writes where a value is known not to be None. Its interpreter believes it, and
     * would take more out of a tuple than there is. */
    static bool unwraps(const Node *node)
    {
        const c10::TypePtr from = node->input()->type(), to = node->output()->type();
        const auto optional = from->cast<c10::OptionalType>();
        return *from == *to || (optional && *optional->getElementType() == *to);
    }

    /* Text that only an error takes. */
    static bool is_message(const Value *value)
    {
        return value->node()->kind() == c10::aten::format &&
               std::all_of(value->uses().begin(), value->uses().end(), [](const auto &use) {
                   return use.user->kind() == c10::prim::RaiseException;
               });
    }

    /* A list that is as long as the code has it or as a tensor has dimensions: lists that are added
     * to themselves again and again have no end. */
    static bool is_short(const Value *value)
    {
        const Node *node = value->node();
        if (node->kind() == c10::prim::ListConstruct || node->kind() == c10::aten::size)
            return true;
        return (node->kind() == c10::aten::list || node->kind() == c10::aten::slice) &&
               is_short(node->input(0));
    }

    const std::string &method_;
    std::map<const GraphFunction *, uint64_t> steps_;
};

void check_types(const c10::ivalue::Object &object, const std::string &name)
{
    const auto type = object.type();
    const auto wrong = [&](const std::string &what) {
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      "the model file's " + name + " " + what + " that its code was made for");
    };
    if (object.slots().size() < type->numAttributes())
        wrong("lacks attributes");
    for (size_t i = 0; i < type->numAttributes(); i++) {
        const auto wanted = type->getAttribute(i);
        const c10::IValue &value = object.getSlot(i);
        const std::string inner = name + '.' + type->getAttributeName(i);
        if (value.isObject()) {
            if (!wanted->cast<c10::ClassType>() || *value.toObjectRef().type() != *wanted)
                throw Failure(ARTFUSION_ERROR_FORMAT, "the model file's " + inner +
                                                          " is of another class than its code "
                                                          "was made for");
            check_types(value.toObjectRef(), inner);
        } else if (!value.type()->isSubtypeOf(*wanted)) {
            throw Failure(ARTFUSION_ERROR_FORMAT,
                          "the model file's " + inner + " is " + value.type()->str() +
                              ", and its code was made for " + wanted->str());
        }
    }
}

/* How many nodes in a row use one another's results. */
class Chain {
public:
    /* Of what is in a block that `before` nodes lead to. */
    size_t longest(Block *block, size_t before)
    {
        size_t most = before;
        for (Node *node : block->nodes()) {
            size_t length = before;
            for (const Value *input : node->inputs())
                length = std::max(length, lengths_[input]);
            length++;
            for (Block *inner : node->blocks()) {
                for (const Value *input : inner->inputs())
                    lengths_[input] = length;
                length = longest(inner, length);
            }
            for (const Value *output : node->outputs())
                lengths_[output] = length;
            most = std::max(most, length);
        }
        return most;
    }

private:
    std::unordered_map<const Value *, size_t> lengths_;
};

} // namespace

void check_uses(const std::string &name, torch::jit::Graph &graph)
{
    const size_t found = Chain().longest(graph.block(), 0);
    if (found > MAX_USES)
        throw Failure(ARTFUSION_ERROR_LIMIT,
                      "the model file's " + name + " takes " + std::to_string(found) +
                          " steps that each use the one before, limit " + std::to_string(MAX_USES));
}

void check_types(const torch::jit::Module &module)
{
    check_types(*module._ivalue(), "module");
}

CheckedMethod check_method(std::string name, const torch::jit::Method &method)
{
    GraphFunction *function = torch::jit::tryToGraphFunction(method.function());
    if (!function)
        throw Failure(ARTFUSION_ERROR_FORMAT, "the model file's " + name + " is no code");
    Inspector(name).steps(*function);
    return {std::move(name), method};
}

} // namespace af
