/* SPDX-License-Identifier: MIT */
#include "archive/expression.hpp"

#include <algorithm>
#include <array>

#include "base/allowed.hpp"

namespace af {
namespace {

/* Calls that are no operator's and no definition's. */
constexpr std::array<std::string_view, 8> BUILTINS = {
    "annotate", "bool", "float", "getattr", "int", "range", "unchecked_cast", "uninitialized"};

/* What text makes text of, or hands on, while torch compiles. */
constexpr std::array<std::string_view, 5> TEXT_MAKERS = {
    "torch.add", "torch.slice", "torch.__getitem__", "annotate", "unchecked_cast"};

template <size_t N> bool any_of(const std::array<std::string_view, N> &words, std::string_view word)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

} // namespace

void Expressions::begin_function()
{
    divisors_.begin_function(current_->attributes);
    tuples_.begin_function();
    deepest_ = 0;
    strings_.clear();
    aliases_.clear();
    messages_.clear();
}

size_t Expressions::reference(size_t i)
{
    const size_t first = i;
    while (is(i + 1, ".") && is_kind(i + 2, Kind::name))
        i += 2;
    const std::string name = dotted(first, i);
    if (name.starts_with("__torch__.torch.classes."))
        fail(i, name + " is a class of native code, which torch would run");
    if (!definitions_.all.contains(name))
        fail(i, name + " is not defined in the file");
    if (name != own_name_)
        current_->references.insert(name);
    else if (!current_->module)
        fail(i, name + " refers to itself");
    return i;
}

void Expressions::expression(size_t begin, size_t end, bool target)
{
    if (begin >= end)
        fail(begin, "something is missing");
    if (!target)
        tuples_.expression(tokens(begin, end));
    nesting_ = 1;
    std::vector<Bracket> brackets;
    size_t nesting = 1;
    const auto deeper = [&](size_t i) {
        nesting_ = std::max(nesting_, ++nesting);
        if (nesting > MAX_NESTING)
            fail(i, "an expression is nested deeper than " + std::to_string(MAX_NESTING));
    };
    std::string_view callee;
    size_t named = end; /* where an argument's name is */
    for (size_t i = begin; i < end; i++) {
        const bool first =
            i == begin || is(i - 1, "(") || is(i - 1, "[") || is(i - 1, ",") || is(i - 1, "=");
        const bool value_before = !first && !is(i - 1, ".") && !is(i - 1, "-");
        if (is(i, "(")) {
            if (value_before && !is_kind(i - 1, Kind::name))
                fail(i, "what a call or an index gives is called");
            brackets.push_back({callee, value_before, false, nesting});
            callee = {};
            deeper(i);
        } else if (is(i, "[")) {
            if (value_before && is_kind(i - 1, Kind::string))
                fail(i, "a string is taken apart");
            brackets.push_back({{}, false, !value_before, nesting});
            deeper(i);
        } else if (is(i, ")") || is(i, "]")) {
            nesting = brackets.back().before + 1;
            brackets.pop_back();
        } else if (is(i, ",")) {
            nesting = brackets.empty() ? 1 : brackets.back().before + 1;
        } else if (is(i, ".")) {
            if (first || is(i - 1, ".") || is(i - 1, "-") || !is_kind(i + 1, Kind::name) ||
                is_kind(i - 1, Kind::string) || is_kind(i - 1, Kind::number))
                fail(i, "a dot stands where none should");
            deeper(i);
        } else if (is(i, "-")) {
            if (!first || !(is_kind(i + 1, Kind::number) || is(i + 1, "inf")))
                fail(i, "'-' is nothing but a number's sign");
        } else if (is_kind(i, Kind::string)) {
            if (!first)
                fail(i, "a string follows " + quoted(text(i - 1)));
            string_use(i, end, brackets);
        } else if (is_kind(i, Kind::number)) {
            if (value_before)
                fail(i, "a number follows " + quoted(text(i - 1)));
        } else if (is_kind(i, Kind::name)) {
            if (value_before)
                fail(i, quoted(text(i)) + " follows " + quoted(text(i - 1)));
            if (i + 1 < end && is(i + 1, "=")) { /* an argument's name */
                if (is(i, "out"))
                    fail(i, "a result is written into another tensor: out=");
                named = i;
                continue;
            }
            if (is_keyword(text(i)))
                fail(i, quoted(text(i)) +
                            " is nothing that networks' code has: an `if`, or a `for` over a "
                            "range, begins a line");
            const bool dotted = i > begin && is(i - 1, ".");
            i = dotted ? attribute(i, callee) : name(i, end, brackets, callee, target);
        } else if (!(is(i, "=") && i == named + 1 && !brackets.empty() && brackets.back().call)) {
            fail(i, quoted(text(i)) + " stands where it should not");
        }
    }
    /* What a function nests at most counts once. */
    const size_t deepest = nesting_ + line_->indentation / 2;
    current_->weight += deepest > deepest_ ? deepest - deepest_ : 0;
    deepest_ = std::max(deepest_, deepest);
}

/* Strings that are constants are computed while torch compiles: nothing may make longer ones of
 * them. They go to calls, and not into what adds. */
void Expressions::string_use(size_t i, size_t end, const std::vector<Bracket> &brackets) const
{
    const bool ends = i + 1 == end || is(i + 1, ",") || is(i + 1, ")") || is(i + 1, "]");
    size_t depth = brackets.size();
    while (depth > 0 && brackets[depth - 1].list)
        depth--;
    if (!ends || depth == 0 || !brackets[depth - 1].call)
        fail(i, "a string is no call's argument");
    const std::string_view callee = brackets[depth - 1].callee;
    if (any_of(TEXT_MAKERS, callee))
        fail(i, std::string(callee) + " takes a string");
    if (callee == "getattr" && is_kind(i, Kind::string))
        read_by_name(i);
}

/* getattr(x, "NAME") */
void Expressions::read_by_name(size_t i) const
{
    const std::string_view name = text(i).substr(1, text(i).size() - 2);
    if (name.find('\\') != name.npos)
        fail(i, "an attribute has a name that is written otherwise than it is");
    if (definitions_.text_constants.contains(name))
        fail(i, "the text " + std::string(name) + " of a module is read");
}

/* .NAME */
size_t Expressions::attribute(size_t i, std::string_view &callee) const
{
    if (is(i + 1, "(")) {
        if (!definitions_.methods.contains(text(i)))
            fail(i, "a method " + std::string(text(i)) + " is called, which no module has");
        callee = text(i);
    } else if (definitions_.text_constants.contains(text(i))) {
        fail(i, "the text " + std::string(text(i)) + " of a module is read");
    }
    return i;
}

/* A name that no dot stands before. Gives the last token it has read. */
size_t Expressions::name(size_t i, size_t end, const std::vector<Bracket> &brackets,
                         std::string_view &callee, bool target)
{
    if (is(i, "__torch__")) {
        const size_t last = reference(i);
        if (!is(last + 1, "(") && !is(last + 1, ",") && !is(last + 1, ")") && !is(last + 1, "]"))
            fail(last, "a definition is neither called nor named");
        callee = "__torch__";
        return last;
    }
    if (is(i, "CONSTANTS")) {
        need(i + 1, ".");
        return i + 2;
    }
    if (is(i, "torch") || is(i, "ops"))
        return operation(i, brackets, callee);
    if (is(i + 1, "(")) {
        if (!any_of(BUILTINS, text(i)) && !aliases_.contains(text(i)))
            fail(i, std::string(text(i)) + " is called, which is " + WHAT_MAY_BE);
        callee = text(i);
    } else if (!target && messages_.contains(text(i))) {
        if (brackets.empty() || brackets.back().callee != "RaiseException")
            fail(i, "torch.format makes text of something that is no error's");
    } else if (!target && strings_.contains(text(i))) {
        if (is(i + 1, ".") || is(i + 1, "["))
            fail(i, "a string is taken apart");
        string_use(i, end, brackets);
    } else if (target && (aliases_.contains(text(i)) || any_of(BUILTINS, text(i)))) {
        fail(i, std::string(text(i)) + " is given another meaning");
    }
    return i;
}

/* torch.NAME(, ops.prim.NAME( */
size_t Expressions::operation(size_t i, const std::vector<Bracket> &brackets,
                              std::string_view &callee)
{
    const bool plain = is(i, "torch");
    size_t last = i;
    std::string shown(text(i));
    while (is(last + 1, ".") && is_kind(last + 2, Kind::name)) {
        shown += '.' + std::string(text(last + 2));
        last += 2;
    }
    const bool good = plain ? last == i + 2 && is_allowed("aten", text(last))
                            : last == i + 4 && is(i + 2, "prim") && is_allowed("prim", text(last));
    if (!good || !is(last + 1, "("))
        fail(i, shown + " is " + WHAT_MAY_BE);
    const bool message =
        brackets.empty() ? messages_.contains(text(0)) : brackets.back().callee == "RaiseException";
    if (plain && text(last) == "format" && !message)
        fail(i, "torch.format makes text of something that is no error's");
    callee = text(last);
    for (const std::string_view maker : TEXT_MAKERS)
        if (plain && maker.starts_with("torch.") && maker.substr(6) == callee)
            callee = maker;
    if (plain && (is(last, "floordiv") || is(last, "remainder"))) {
        const size_t end = part_end(last + 2, false);
        if (end == count() || !divisors_.may_divide(tokens(i, end + 1)))
            fail(i, shown + " divides by neither a positive number nor what a run decides");
    }
    return last;
}

} // namespace af
