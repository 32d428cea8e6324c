/* SPDX-License-Identifier: MIT */
#include "archive/divisors.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

namespace af {
namespace {

constexpr size_t NAME = 2, OPENS = 3; /* of torch . NAME ( */

bool is(const Token &token, std::string_view text)
{
    return token.kind != Kind::string && token.text == text;
}

bool opens(const Token &token)
{
    return is(token, "(") || is(token, "[");
}

bool closes(const Token &token)
{
    return is(token, ")") || is(token, "]");
}

/* The bracket that closes the one at `i`; the last token, where none does. */
size_t closing(Tokens tokens, size_t i)
{
    size_t depth = 0;
    for (; i + 1 < tokens.size(); i++) {
        depth += size_t{opens(tokens[i])};
        depth -= size_t{closes(tokens[i])};
        if (depth == 0)
            break;
    }
    return i;
}

/* torch.NAME(...), and nothing besides. */
bool is_call(Tokens tokens)
{
    return tokens.size() > OPENS + 1 && is(tokens[0], "torch") && is(tokens[1], ".") &&
           is(tokens[OPENS], "(") && closing(tokens, OPENS) == tokens.size() - 1;
}

/* What commas part between the brackets of a call. */
std::vector<Tokens> arguments_of(Tokens call)
{
    std::vector<Tokens> arguments;
    size_t begin = OPENS + 1;
    for (size_t i = begin; i < call.size(); i++) {
        if (opens(call[i])) {
            i = closing(call, i);
        } else if (is(call[i], ",") || i + 1 == call.size()) {
            arguments.push_back(call.subspan(begin, i - begin));
            begin = i + 1;
        }
    }
    return arguments;
}

/* (x)[i] -> x, and (x) -> x. */
Tokens without_index(Tokens tokens)
{
    if (tokens.size() > 2 && is(tokens[0], "(")) {
        const size_t end = closing(tokens, 0);
        const bool whole = end == tokens.size() - 1;
        if (whole || (is(tokens[end + 1], "[") && closing(tokens, end + 1) == tokens.size() - 1))
            return tokens.subspan(1, end - 1);
    }
    return tokens;
}

} // namespace

void Divisors::begin_function(const Names &attributes)
{
    attributes_ = &attributes;
    unknown_.clear();
    known_.clear();
}

void Divisors::assign(std::string_view name, bool unknown)
{
    if (unknown && !known_.contains(name)) {
        unknown_.emplace(name);
        return;
    }
    known_.emplace(name);
    if (const auto found = unknown_.find(name); found != unknown_.end())
        unknown_.erase(found);
}

void Divisors::assignment(Tokens targets, Tokens value)
{
    const bool attribute = value.size() == 3 && is(value[0], "self") &&
                           unknown_.contains(value[0].text) && is(value[1], ".") &&
                           attributes_->contains(value[2].text);
    const bool unknown = attribute || is_unknown(value);
    for (const Token &target : targets)
        if (target.kind == Kind::name)
            assign(target.text, unknown);
}

bool Divisors::may_divide(Tokens call) const
{
    if (!is_call(call))
        return false;
    const std::vector<Tokens> arguments = arguments_of(call);
    if (arguments.size() != 2)
        return false;
    const Tokens divisor = arguments[1];
    if (divisor.size() == 1 && divisor[0].kind == Kind::number)
        return std::strtod(std::string(divisor[0].text).c_str(), nullptr) > 0.0;
    return is_unknown(divisor);
}

bool Divisors::is_unknown(Tokens value) const
{
    constexpr std::array<std::string_view, 4> arithmetic = {"add", "floordiv", "mul", "sub"};
    const Tokens inner = without_index(value);
    if (is_call(inner) && is(inner[NAME], "size"))
        return true;
    if (value.size() == 1)
        return value[0].kind == Kind::name && unknown_.contains(value[0].text);
    if (!is_call(value) ||
        std::find(arithmetic.begin(), arithmetic.end(), value[NAME].text) == arithmetic.end())
        return false;
    const std::vector<Tokens> arguments = arguments_of(value);
    return std::any_of(arguments.begin(), arguments.end(),
                       [&](Tokens argument) { return is_unknown(argument); });
}

} // namespace af
