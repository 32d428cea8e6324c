/* SPDX-License-Identifier: MIT
 * The code of a model file: the records that lines "#NAME" part, the first one "__torch__". What is read
 * calls and names nothing that a network has not: that is looked for anew, in the text. */
#include "archive/code.hpp"

#include <algorithm>
#include <vector>

#include "archive/lexer.hpp"
#include "base/allowed.hpp"
#include "operators.hpp"
#include "readers.hpp"

namespace {

using af::Kind;
using af::Token;

std::vector<af::CodeRecord> records_of(std::string_view text)
{
    std::vector<af::CodeRecord> records{{"code/__torch__.py", {}}};
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end);
        if (line[0] != '#')
            records.back().text += line;
        else
            records.push_back(
                {"code/__torch__/" + std::string(line.substr(1, end - 2)) + ".py", {}});
    }
    return records;
}

bool is(const std::vector<Token> &tokens, size_t i, std::string_view text)
{
    return i < tokens.size() && tokens[i].kind != Kind::string && tokens[i].text == text;
}

/* Words of the language that no network's code has, and operators that are on no list. */
void require_harmless(const std::vector<Token> &tokens, size_t i)
{
    constexpr std::string_view words[] = {"while", "import", "lambda", "del",   "raise",  "with",
                                          "try",   "assert", "yield",  "async", "global", "from"};
    const bool after_dot = i > 0 && is(tokens, i - 1, ".");
    if (tokens[i].kind != Kind::name || after_dot)
        return;
    for (const std::string_view word : words)
        REQUIRE(!is(tokens, i, word));
    if (is(tokens, i, "torch") && is(tokens, i + 1, ".") && is(tokens, i + 3, "("))
        REQUIRE(af::is_allowed("aten", tokens[i + 2].text));
    if (is(tokens, i, "ops") && is(tokens, i + 1, "."))
        REQUIRE(is(tokens, i + 2, "prim") && af::is_allowed("prim", tokens[i + 4].text));
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const std::vector<af::CodeRecord> records = records_of(text_of(data, size));
    std::set<std::string, std::less<>> modules;
    if (refusal_of([&] { modules = af::check_code(records); }))
        return 0;
    size_t classes = 0;
    for (const af::CodeRecord &record : records)
        for (const af::Line &line : af::lines_of(record)) {
            for (size_t i = 0; i < line.tokens.size(); i++)
                require_harmless(line.tokens, i);
            classes += size_t{is(line.tokens, 0, "class") && is(line.tokens, 3, "Module")};
        }
    REQUIRE(modules.size() == classes);
    for (const std::string &module : modules)
        REQUIRE(module.starts_with("__torch__."));
    return 0;
}
