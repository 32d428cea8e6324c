/* SPDX-License-Identifier: MIT
 * One line of a record's code, looked at token by token. */
#ifndef AF_SHIM_CURSOR_HPP
#define AF_SHIM_CURSOR_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "archive/lexer.hpp"

namespace af {

/* What is a word of the language, whether or not it may be here. */
bool is_keyword(std::string_view word);

/* Tokens are named by their places; there is nothing at a place that is not there. */
class Cursor {
public:
    explicit Cursor(const CodeRecord &record) : record_(record) {}

protected:
    void go_to(const Line &line) { line_ = &line; }

    size_t count() const { return line_->tokens.size(); }
    std::string_view text(size_t i) const
    {
        return i < count() ? line_->tokens[i].text : std::string_view();
    }
    bool is(size_t i, std::string_view what) const
    {
        return i < count() && line_->tokens[i].kind != Kind::string &&
               line_->tokens[i].text == what;
    }
    bool is_kind(size_t i, Kind kind) const { return i < count() && line_->tokens[i].kind == kind; }
    Tokens tokens(size_t begin, size_t end) const
    {
        return Tokens(line_->tokens).subspan(begin, end - begin);
    }

    /* a.b.c, from its first token to its last. */
    std::string dotted(size_t first, size_t last) const;

    /* The comma or the closing bracket that ends what begins at `i`. */
    size_t part_end(size_t i, bool comma) const;

    /* These throw Failure. */
    [[noreturn]] void fail(size_t token, const std::string &what) const;
    void need(size_t i, std::string_view what) const;
    void need_name(size_t i) const;

    const Line *line_ = nullptr;

private:
    const CodeRecord &record_;
};

} // namespace af

#endif
