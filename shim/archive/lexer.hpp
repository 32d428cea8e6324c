/* SPDX-License-Identifier: MIT
 * A model file's code as lines of tokens, of the few kinds that a network's code has. */
#ifndef AF_SHIM_LEXER_HPP
#define AF_SHIM_LEXER_HPP

#include <cstddef>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace af {

struct CodeRecord {
    std::string name; /* "code/__torch__/torch/nn/functional.py" */
    std::string text;
};

constexpr size_t MAX_NESTING = 64; /* of brackets, and of what is appended to a value */

enum class Kind { name, number, string, symbol };

/* `text` is the record's. */
struct Token {
    Kind kind;
    std::string_view text;
    size_t line;
};

using Tokens = std::span<const Token>;
using Names = std::set<std::string, std::less<>>;

struct Line { /* a logical one: brackets join lines */
    size_t indentation;
    std::vector<Token> tokens;
};

/* Throws Failure, as refuse does: with the record, the line and what is not to be there. */
std::vector<Line> lines_of(const CodeRecord &record);

[[noreturn]] void refuse(const std::string &record, size_t line, const std::string &what);

/* For messages: the beginning of a long text. */
std::string quoted(std::string_view text);

} // namespace af

#endif
