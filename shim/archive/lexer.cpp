/* SPDX-License-Identifier: MIT */
#include "archive/lexer.hpp"

#include <algorithm>

#include "base/failure.hpp"

namespace af {

void refuse(const std::string &record, size_t line, const std::string &what)
{
    throw Failure(ARTFUSION_ERROR_FORMAT,
                  "the model file's " + record + ", line " + std::to_string(line) + ": " + what);
}

std::string quoted(std::string_view text)
{
    return '"' + std::string(text.substr(0, 64)) + '"';
}

namespace {

constexpr size_t MAX_STRING = 4096;

constexpr std::string_view METHOD_CHARS =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

class Lexer {
public:
    explicit Lexer(const CodeRecord &record) : record_(record), text_(record.text) {}

    std::vector<Line> lines()
    {
        std::vector<Line> found;
        while (at_ < text_.size()) {
            const size_t begin = at_;
            at_ = std::min(text_.find_first_not_of(' ', at_), text_.size());
            if (at_ == text_.size())
                break;
            if (text_[at_] == '\n') {
                newline();
                continue;
            }
            Line line{at_ - begin, {}};
            read(line);
            found.push_back(std::move(line));
        }
        return found;
    }

private:
    void newline()
    {
        at_++;
        line_++;
    }

    void read(Line &line)
    {
        size_t depth = 0;
        for (; at_ < text_.size();) {
            const char c = text_[at_];
            if (c == '\n') {
                newline();
                if (depth == 0)
                    return;
            } else if (c == ' ') {
                at_++;
            } else {
                const Token token = next();
                if (token.kind == Kind::symbol && (c == '(' || c == '['))
                    depth++;
                if (token.kind == Kind::symbol && (c == ')' || c == ']') && depth-- == 0)
                    refuse(record_.name, line_, "a bracket closes that was not opened");
                if (depth > MAX_NESTING)
                    refuse(record_.name, line_,
                           "brackets are nested deeper than " + std::to_string(MAX_NESTING));
                line.tokens.push_back(token);
            }
        }
        if (depth)
            refuse(record_.name, line_, "a bracket is never closed");
    }

    Token next()
    {
        const size_t begin = at_;
        const char c = text_[at_];
        if (c >= '0' && c <= '9')
            return take(Kind::number, number_end());
        if (METHOD_CHARS.find(c) != METHOD_CHARS.npos)
            return take(Kind::name,
                        std::min(text_.find_first_not_of(METHOD_CHARS, at_), text_.size()));
        if (c == '"')
            return take(Kind::string, string_end());
        if (text_.substr(at_, 2) == "->")
            return take(Kind::symbol, begin + 2);
        if (std::string_view("()[],.:=-").find(c) != std::string_view::npos)
            return take(Kind::symbol, begin + 1);
        if (c > ' ' && c <= '~')
            refuse(record_.name, line_, std::string("'") + c + "' is nothing a network's code has");
        refuse(record_.name, line_,
               "a byte " + std::to_string(static_cast<unsigned char>(c)) + " is in the code");
    }

    size_t number_end() const
    {
        size_t end = at_;
        while (end < text_.size() &&
               (METHOD_CHARS.find(text_[end]) != METHOD_CHARS.npos || text_[end] == '.' ||
                (text_[end] == '-' && (text_[end - 1] == 'e' || text_[end - 1] == 'E')) ||
                (text_[end] == '+' && (text_[end - 1] == 'e' || text_[end - 1] == 'E'))))
            end++;
        const std::string_view number = text_.substr(at_, end - at_);
        if (number.find_first_not_of("0123456789.eE+-") != number.npos || number.size() > 40)
            refuse(record_.name, line_, quoted(number) + " is no number");
        return end;
    }

    size_t string_end() const
    {
        for (size_t end = at_ + 1; end < text_.size() && text_[end] != '\n'; end++) {
            if (text_.substr(end, 2) == "\\\n")
                break;
            if (text_[end] == '\\')
                end++;
            else if (text_[end] == '"') {
                if (end - at_ > MAX_STRING)
                    break;
                /* """ would begin a longer one. */
                if (end == at_ + 1 && end + 1 < text_.size() && text_[end + 1] == '"')
                    break;
                return end + 1;
            }
        }
        refuse(record_.name, line_,
               "a string does not end, or is longer than " + std::to_string(MAX_STRING) + " bytes");
    }

    Token take(Kind kind, size_t end)
    {
        const Token token{kind, text_.substr(at_, end - at_), line_};
        at_ = end;
        return token;
    }

    const CodeRecord &record_;
    std::string_view text_;
    size_t at_ = 0, line_ = 1;
};

} // namespace

std::vector<Line> lines_of(const CodeRecord &record)
{
    return Lexer(record).lines();
}

} // namespace af
