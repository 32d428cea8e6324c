/* SPDX-License-Identifier: MIT */
#include "archive/cursor.hpp"

#include <algorithm>
#include <array>

namespace af {
namespace {

constexpr std::array<std::string_view, 33> KEYWORDS = {
    "and",    "as",   "assert", "async",  "await",    "break",   "class", "continue", "def",
    "del",    "elif", "else",   "except", "finally",  "for",     "from",  "global",   "if",
    "import", "in",   "is",     "lambda", "nonlocal", "not",     "or",    "pass",     "raise",
    "return", "try",  "while",  "with",   "yield",    "Ellipsis"};

} // namespace

bool is_keyword(std::string_view word)
{
    return std::find(KEYWORDS.begin(), KEYWORDS.end(), word) != KEYWORDS.end();
}

void Cursor::fail(size_t token, const std::string &what) const
{
    const auto &tokens = line_->tokens;
    const size_t line = tokens.empty() ? 0 : tokens[std::min(token, tokens.size() - 1)].line;
    refuse(record_.name, line, what);
}

void Cursor::need(size_t i, std::string_view what) const
{
    if (!is(i, what))
        fail(i, quoted(text(i)) + " stands where " + quoted(what) + " should");
}

void Cursor::need_name(size_t i) const
{
    if (!is_kind(i, Kind::name) || is_keyword(text(i)))
        fail(i, quoted(text(i)) + " is no name");
}

std::string Cursor::dotted(size_t first, size_t last) const
{
    std::string name(text(first));
    for (size_t i = first + 2; i <= last; i += 2)
        name += '.' + std::string(text(i));
    return name;
}

size_t Cursor::part_end(size_t i, bool comma) const
{
    size_t depth = 0;
    for (; i < count(); i++) {
        if (is(i, "(") || is(i, "["))
            depth++;
        else if (is(i, ")") || is(i, "]")) {
            if (depth-- == 0)
                return i;
        } else if (comma && depth == 0 && is(i, ",")) {
            return i;
        }
    }
    return i;
}

} // namespace af
