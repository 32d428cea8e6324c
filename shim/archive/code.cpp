/* SPDX-License-Identifier: MIT */
#include "archive/code.hpp"

#include <algorithm>

#include "archive/expression.hpp"
#include "base/allowed.hpp"

namespace af {
namespace {

constexpr size_t MAX_INDENTATION = 40; /* blocks in blocks */

struct File {
    const CodeRecord *record;
    std::string prefix; /* "__torch__.a.b." */
    std::vector<Line> lines;
};

std::string prefix_of(const CodeRecord &record)
{
    constexpr size_t folder = 5, ending = 3; /* "code/", ".py" */
    std::string path = record.name.substr(folder, record.name.size() - folder - ending);
    std::replace(path.begin(), path.end(), '/', '.');
    return path + '.';
}

class Checker : public Expressions {
public:
    Checker(const File &file, Definitions &definitions)
        : Expressions(*file.record, definitions), file_(file)
    {
    }

    /* What is defined here, for the second pass. */
    void collect()
    {
        for (const Line &line : file_.lines) {
            go_to(line);
            if (line.indentation == 0) {
                if (!is(0, "class") && !is(0, "def"))
                    fail(0, "neither a class nor a function begins with " + quoted(text(0)));
                define(is(0, "class"));
            } else if (!current_) {
                fail(0, "is outside of any class");
            } else if (line.indentation == 2 && is(0, "def")) {
                definitions_.methods.emplace(method_name());
            } else if (line.indentation == 2 && is(1, ":")) {
                collect_attribute();
            }
        }
    }

    void check()
    {
        enum { nothing, module, tuple, body } where = nothing;
        bool in_class = false, is_module = false;
        size_t base = 0, previous = 0;
        bool opens = false;
        for (const Line &line : file_.lines) {
            go_to(line);
            const size_t depth = line.indentation / 2;
            if (line.indentation % 2 || depth > MAX_INDENTATION)
                fail(0, "is indented by " + std::to_string(line.indentation) +
                            " spaces; blocks are by two each, and at most " +
                            std::to_string(MAX_INDENTATION) + " deep");
            if (opens ? depth != previous + 1 : depth > previous)
                fail(0, "is not indented as the line before it wants");
            previous = depth;
            opens = false;
            if (depth == 0) {
                const std::string name = file_.prefix + std::string(text(1));
                begin_definition(name, definitions_.all.find(name)->second);
                in_class = is(0, "class");
                if (in_class) {
                    is_module = class_head();
                    where = is_module ? module : tuple;
                } else {
                    head(1);
                    where = body;
                    base = 1;
                }
                opens = true;
            } else if (depth == 1 && in_class) {
                if (is(0, "def")) {
                    if (!is_module)
                        fail(0, "a NamedTuple has no methods");
                    head(1);
                    where = body;
                    base = 2;
                    opens = true;
                } else {
                    where = is_module ? module : tuple;
                    class_line(is_module);
                }
            } else if (where == body && depth >= base) {
                opens = statement();
            } else {
                fail(0, "is outside of any function");
            }
        }
        definitions_.tuple = std::max(definitions_.tuple, tuples_.heaviest());
    }

private:
    void collect_attribute()
    {
        if (!is(2, "Final"))
            current_->attributes.emplace(text(0));
        else if (std::any_of(line_->tokens.begin(), line_->tokens.end(),
                             [](const Token &t) { return t.kind == Kind::string; }))
            definitions_.text_constants.emplace(text(0));
    }

    void define(bool is_class)
    {
        need_name(1);
        const std::string name = file_.prefix + std::string(text(1));
        const auto [place, is_new] = definitions_.all.try_emplace(name);
        if (!is_new)
            fail(1, name + " is defined twice");
        current_ = &place->second;
        current_->module = is_class && is(3, "Module");
        if (definitions_.all.size() > MAX_DEFINITIONS)
            fail(1, "there are more than " + std::to_string(MAX_DEFINITIONS) + " definitions");
    }

    /* __setstate__ and its like are run while the file is loaded. */
    std::string_view method_name() const
    {
        need_name(1);
        if (text(1).starts_with("__") && text(1) != "__len__")
            fail(1, "a method " + std::string(text(1)) +
                        " is defined, which torch would run by itself");
        /* Of another value than a module, that name is the operator. */
        if (is_operator(text(1)))
            fail(1, "a method has the name of torch's operator " + std::string(text(1)));
        return text(1);
    }

    /* class NAME(Module): */
    bool class_head() const
    {
        need_name(1);
        need(2, "(");
        if (!is(3, "Module") && !is(3, "NamedTuple"))
            fail(3, "class " + std::string(text(1)) + " is a " + quoted(text(3)) +
                        "; only modules and named tuples are read");
        need(4, ")");
        need(5, ":");
        if (count() != 6)
            fail(6, "something follows the head of a class");
        return is(3, "Module");
    }

    void class_line(bool is_module)
    {
        /* NAME : Type, NAME : Final[Type] = constant, __annotations__["0"] = Type, __x__ = [...] */
        const bool listed = is(0, "__annotations__") && is(1, "[") && is_kind(2, Kind::string) &&
                            is(3, "]") && is(4, "=");
        if (is(0, "pass") && count() == 1)
            return;
        need_name(0);
        if (listed && is_module) {
            type(5, count());
        } else if (is(1, ":")) {
            size_t equals = 2;
            while (equals < count() && !is(equals, "="))
                equals++;
            type(2, equals);
            if (!is_module)
                field(2, equals);
            if (equals < count() && (!is_module || !is(2, "Final")))
                fail(equals, "an attribute has a value in the code");
            constant(equals + 1, count());
        } else if (is_module && is(1, "=") && text(0).starts_with("__") &&
                   (text(0) == "__parameters__" || text(0) == "__buffers__")) {
            constant(2, count());
        } else {
            fail(0, quoted(text(0)) + " in a class is nothing a module has");
        }
    }

    /* The type of a NamedTuple's. Of constants, its values are known while torch compiles. */
    void field(size_t begin, size_t end)
    {
        for (size_t i = begin; i < end; i++) {
            if (is(i, "__torch__")) {
                const size_t last = reference(i);
                current_->parts.push_back(dotted(i, last));
                i = last;
            } else if (is(i, "str") || is(i, "Any")) {
                fail(i, "a NamedTuple has text");
            } else {
                current_->values += size_t{is_kind(i, Kind::name)};
            }
        }
    }

    /* def NAME(a: Type, b: Type=constant) -> Type: */
    void head(size_t at)
    {
        begin_function();
        need_name(at);
        need(at + 1, "(");
        size_t i = at + 2;
        while (!is(i, ")")) {
            need_name(i);
            need(i + 1, ":");
            divisors_.parameter(text(i));
            const size_t begin = i + 2, end = part_end(begin, true);
            size_t equals = begin;
            while (equals < end && !is(equals, "="))
                equals++;
            type(begin, equals);
            if (equals < end)
                constant(equals + 1, end);
            i = is(end, ",") ? end + 1 : end;
            if (i >= count())
                fail(i, "the head of a function does not end");
        }
        if (is(i + 1, "->")) {
            need(count() - 1, ":");
            type(i + 2, count() - 1);
        } else {
            need(i + 1, ":");
            if (count() != i + 2)
                fail(i, "something follows the head of a function");
        }
        current_->weight += 4;
    }

    /* Names, dots and brackets: nothing that could be run. */
    void type(size_t begin, size_t end)
    {
        if (begin >= end)
            fail(begin, "a type is missing");
        size_t names = 0;
        for (size_t i = begin; i < end; i++) {
            names += size_t{is_kind(i, Kind::name)};
            definitions_.type = std::max(definitions_.type, names);
            if (is(i, "__torch__")) {
                i = reference(i);
            } else if (!(is(i, "[") || is(i, "]") || is(i, ",") ||
                         (is_kind(i, Kind::name) && !is_keyword(text(i)) && !is(i + 1, ".")))) {
                fail(i, quoted(text(i)) + " is in a type");
            }
        }
    }

    /* Torch runs it as an expression, so it is a literal: numbers, strings, tuples, lists. */
    void constant(size_t begin, size_t end) const
    {
        for (size_t i = begin; i < end; i++) {
            const bool opens = is(i, "(") || is(i, "[");
            const bool before = i == begin || is(i - 1, "(") || is(i - 1, "[") || is(i - 1, ",");
            const bool after_minus = i > begin && is(i - 1, "-");
            const bool word =
                is(i, "True") || is(i, "False") || is(i, "None") || is(i, "inf") || is(i, "nan");
            const bool good = is(i, ")") || is(i, "]") || is(i, ",") ||
                              (before && (opens || is(i, "-") || word || is_kind(i, Kind::string) ||
                                          is_kind(i, Kind::number))) ||
                              (after_minus && (is_kind(i, Kind::number) || is(i, "inf")));
            if (!good)
                fail(i, quoted(text(i)) + " is in a constant, which torch would run");
        }
    }

    /* ---- statements ------------------------------------------------------ */

    /* One in a function. Gives whether a block follows. */
    bool statement()
    {
        const size_t end = count();
        if (is(0, "pass")) {
            if (end != 1)
                fail(1, "something follows pass");
            return false;
        }
        if (is(0, "else")) {
            need(1, ":");
            if (end != 2)
                fail(2, "something follows else");
            return true;
        }
        if (is(0, "if")) {
            need(end - 1, ":");
            expression(1, end - 1, false);
            return true;
        }
        if (is(0, "for")) {
            expression(1, 2, true);
            divisors_.assignment(tokens(1, 2), {}); /* counts from 0 */
            need(2, "in");
            need(3, "range");
            need(end - 1, ":");
            expression(3, end - 1, false);
            return true;
        }
        if (is(0, "return")) {
            if (end == 2 && is_kind(1, Kind::string))
                return false;
            expression(1, end, false);
            return false;
        }
        assignment();
        return false;
    }

    void assignment()
    {
        size_t equals = 0, depth = 0;
        for (size_t i = 0; i < count(); i++) {
            if (is(i, "(") || is(i, "["))
                depth++;
            else if (is(i, ")") || is(i, "]"))
                depth--;
            else if (is(i, "=") && depth == 0) {
                equals = i;
                break;
            }
        }
        if (equals == 0) {
            expression(0, count(), false);
            return;
        }
        size_t left = equals;
        if (is(1, ":")) {
            left = 1;
            type(2, equals);
        }
        expression(0, left, true);
        divisors_.assignment(tokens(0, left), tokens(equals + 1, count()));
        tuples_.assignment(tokens(0, left), tokens(equals + 1, count()));
        const bool single = left == 1 && is_kind(0, Kind::name);
        const size_t begin = equals + 1;
        /* Below, `operation` sees to it that this is all. */
        if (single && is(begin, "torch") && is(begin + 2, "format"))
            messages_.emplace(text(0));
        if (single && is_kind(begin, Kind::string) && begin + 1 == count()) {
            strings_.emplace(text(0));
            return;
        }
        if (single && is(begin, "__torch__")) {
            const size_t last = reference(begin);
            if (last + 1 == count()) {
                aliases_.emplace(text(0));
                return;
            }
        }
        expression(begin, count(), false);
    }

    const File &file_;
};

} // namespace

Names check_code(const std::vector<CodeRecord> &records)
{
    std::vector<File> files;
    Definitions definitions;
    for (const CodeRecord &record : records) {
        files.push_back({&record, prefix_of(record), lines_of(record)});
        Checker(files.back(), definitions).collect();
    }
    for (const File &file : files)
        Checker(file, definitions).check();
    return check_definitions(definitions);
}

} // namespace af
