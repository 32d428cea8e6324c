/* SPDX-License-Identifier: MIT
 * A record of code as lines of tokens. Those are all of its text but for what parts them, in its order,
 * each in the line that it says, of what its kind may be made of, in brackets that fit. */
#include "archive/lexer.hpp"

#include <algorithm>

#include "readers.hpp"

namespace {

using af::Kind;

constexpr std::string_view DIGITS = "0123456789";
constexpr std::string_view LETTERS =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

void require_kind(const af::Token &token)
{
    const std::string_view text = token.text;
    switch (token.kind) {
    case Kind::name:
        REQUIRE(text.find_first_not_of(LETTERS) == text.npos && DIGITS.find(text[0]) == text.npos);
        break;
    case Kind::number:
        REQUIRE(text.find_first_not_of("0123456789.eE+-") == text.npos &&
                DIGITS.find(text[0]) != text.npos && text.size() <= 40);
        break;
    case Kind::string:
        REQUIRE(text.size() >= 2 && text.front() == '"' && text.back() == '"' &&
                text.find('\n') == text.npos);
        break;
    case Kind::symbol:
        REQUIRE(text == "->" ||
                (text.size() == 1 && std::string_view("()[],.:=-").find(text[0]) != text.npos));
    }
}

void require_line(const af::Line &line)
{
    size_t depth = 0;
    REQUIRE(!line.tokens.empty());
    for (const af::Token &token : line.tokens) {
        REQUIRE(!token.text.empty());
        require_kind(token);
        if (token.kind != Kind::symbol)
            continue;
        depth += size_t{token.text == "(" || token.text == "["};
        REQUIRE(depth <= af::MAX_NESTING);
        if (token.text == ")" || token.text == "]")
            REQUIRE(depth-- > 0);
    }
    REQUIRE(depth == 0);
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const af::CodeRecord record{"code/__torch__.py", std::string(text_of(data, size))};
    std::vector<af::Line> lines;
    if (refusal_of([&] { lines = af::lines_of(record); }))
        return 0;
    const std::string_view text = record.text;
    size_t at = 0, number = 1; /* behind the last token */
    for (const af::Line &line : lines) {
        require_line(line);
        for (const af::Token &token : line.tokens) {
            const size_t begin = static_cast<size_t>(token.text.data() - text.data());
            REQUIRE(begin >= at && begin + token.text.size() <= text.size());
            const std::string_view gap = text.substr(at, begin - at);
            REQUIRE(gap.find_first_not_of(" \n") == gap.npos);
            number += static_cast<size_t>(std::count(gap.begin(), gap.end(), '\n'));
            REQUIRE(token.line == number);
            if (&token == line.tokens.data())
                REQUIRE(line.indentation == begin - (text.rfind('\n', begin) + 1));
            at = begin + token.text.size();
        }
    }
    REQUIRE(text.find_first_not_of(" \n", at) == text.npos);
    return 0;
}
