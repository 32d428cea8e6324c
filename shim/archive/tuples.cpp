/* SPDX-License-Identifier: MIT */
#include "archive/tuples.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace af {
namespace {

/* Calls that give what they are given, or what it has; others give tensors, numbers, or what the file
 * says. */
constexpr std::array PASSING =
    std::to_array<std::string_view>({"__getitem__", "add", "annotate", "append", "list", "mul",
                                     "pop", "slice", "unchecked_cast", "uninitialized"});
constexpr std::array TYPES = std::to_array<std::string_view>({"List", "Optional", "Tuple"});

template <class Words> bool any_of(const Words &words, std::string_view word)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

/* Torch's own, such as TupleConstruct. */
bool is_internal(std::string_view callee)
{
    return callee[0] >= 'A' && callee[0] <= 'Z';
}

/* What stands in brackets, and how it weighs. */
struct Part {
    enum { group, list, type, call, nothing } what;
    bool tuple = false; /* a group with a comma */
    size_t sum = 0, most = 0;

    void add(size_t weight)
    {
        sum = std::min(sum + weight, Tuples::MOST);
        most = std::max(most, weight);
    }

    size_t weight() const
    {
        const bool adds = tuple || what == type;
        return what == nothing ? 0 : adds ? sum + 1 : what == list ? most + 1 : most;
    }
};

} // namespace

size_t Tuples::weight_of(std::string_view name) const
{
    const auto found = weights_.find(name);
    return found == weights_.end() ? 1 : found->second;
}

void Tuples::assignment(Tokens targets, Tokens value)
{
    const size_t found = weight(value);
    for (const Token &target : targets)
        if (target.kind == Kind::name) {
            size_t &kept = weights_[std::string(target.text)];
            kept = std::max(kept, found);
        }
}

size_t Tuples::weight(Tokens value)
{
    std::vector<Part> parts{{Part::group}};
    const auto is = [&](size_t i, std::string_view text) {
        return value[i].kind != Kind::string && value[i].text == text;
    };
    /* The part that a bracket begins. */
    const auto part_at = [&](size_t i) -> Part {
        if (i == 0 || is(i - 1, "(") || is(i - 1, "[") || is(i - 1, ",") || is(i - 1, "="))
            return {is(i, "(") ? Part::group : Part::list};
        const std::string_view before = value[i - 1].text;
        if (is(i, "["))
            return {any_of(TYPES, before) ? Part::type : Part::nothing};
        if (i >= 3 && is(i - 3, "prim") && is_internal(before))
            return {Part::type};
        return {any_of(PASSING, before) ? Part::call : Part::nothing};
    };
    for (size_t i = 0; i < value.size(); i++) {
        if (is(i, "(") || is(i, "[")) {
            parts.push_back(part_at(i));
        } else if ((is(i, ")") || is(i, "]")) && parts.size() > 1) {
            const size_t inner = parts.back().weight();
            heaviest_ = std::max(heaviest_, inner);
            parts.pop_back();
            parts.back().add(inner);
        } else if (is(i, ",")) {
            parts.back().tuple |= parts.back().what == Part::group;
        } else if (value[i].kind == Kind::name && (i == 0 || !is(i - 1, "."))) {
            parts.back().add(weight_of(value[i].text));
        }
    }
    heaviest_ = std::max(heaviest_, parts[0].weight());
    return parts[0].weight();
}

} // namespace af
