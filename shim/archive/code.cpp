/* SPDX-License-Identifier: MIT */
#include "archive/code.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "archive/divisors.hpp"
#include "archive/lexer.hpp"
#include "archive/tuples.hpp"
#include "base/allowed.hpp"
#include "base/failure.hpp"

namespace af {
namespace {

/* A level of nesting, brackets included, costs torch's compiler up to 1.5 KB of the host's stack: what
 * is deepest by these bounds opens with 1.5 MiB. */
constexpr size_t MAX_INDENTATION = 40;  /* blocks in blocks */
constexpr size_t MAX_CHAIN = 1000;      /* nesting of a definition and of all it refers to */
constexpr size_t MAX_REFERENCES = 64;   /* definitions that refer to another */
constexpr size_t MAX_DEFINITIONS = 20000;

template <size_t N>
bool any_of(const std::array<std::string_view, N> &words, std::string_view word)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

/* What is a word of the language, whether or not it may be here. */
constexpr std::array<std::string_view, 33> KEYWORDS = {
    "and",    "as",     "assert", "async",    "await",  "break", "class",  "continue", "def",
    "del",    "elif",   "else",   "except",   "finally", "for",  "from",   "global",   "if",
    "import", "in",     "is",     "lambda",   "nonlocal", "not", "or",     "pass",     "raise",
    "return", "try",    "while",  "with",     "yield",  "Ellipsis"};

/* Calls that are no operator's and no definition's. */
constexpr std::array<std::string_view, 8> BUILTINS = {
    "annotate", "bool", "float", "getattr", "int", "range", "unchecked_cast", "uninitialized"};

/* What text makes text of, or hands on, while torch compiles. */
constexpr std::array<std::string_view, 5> TEXT_MAKERS = {"torch.add", "torch.slice",
                                                         "torch.__getitem__", "annotate",
                                                         "unchecked_cast"};

/* A class or a function, and what it refers to. */
struct Definition {
    bool module = false;
    size_t weight = 0; /* nesting that compiling it takes at most */
    Names references;
    Names attributes;               /* of a module, but for constants */
    std::vector<std::string> parts; /* of a NamedTuple: definitions in its fields */
    size_t values = 1;              /* of a NamedTuple: itself and its fields, and then their parts */
    /* while paths are measured: 0 not yet, 1 begun, 2 done */
    int state = 0;
    size_t chain = 0, depth = 0;
};

/* ---- one record -------------------------------------------------------- */

struct File {
    const CodeRecord *record;
    std::string prefix; /* "__torch__.a.b." */
    std::vector<Line> lines;
};

/* What is defined anywhere in the file. */
struct Definitions {
    std::map<std::string, Definition, std::less<>> all;
    Names methods;
    Names text_constants; /* Final ones with strings */
    size_t type = 1;      /* names in the longest type */
    size_t tuple = 1;     /* Tuples::heaviest of any record */
};

std::string prefix_of(const CodeRecord &record)
{
    constexpr size_t folder = 5, ending = 3; /* "code/", ".py" */
    std::string path = record.name.substr(folder, record.name.size() - folder - ending);
    std::replace(path.begin(), path.end(), '/', '.');
    return path + '.';
}

class Checker {
public:
    Checker(const File &file, Definitions &definitions)
        : file_(file), definitions_(definitions)
    {
    }

    /* What is defined here, for the second pass. */
    void collect()
    {
        for (const Line &line : file_.lines) {
            line_ = &line;
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
            line_ = &line;
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
                current_ = &definitions_.all.find(file_.prefix + std::string(text(1)))->second;
                own_name_ = file_.prefix + std::string(text(1));
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

    [[noreturn]] void fail(size_t token, const std::string &what) const
    {
        const auto &tokens = line_->tokens;
        const size_t line = tokens.empty() ? 0 : tokens[std::min(token, tokens.size() - 1)].line;
        refuse(file_.record->name, line, what);
    }

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

    void need(size_t i, std::string_view what) const
    {
        if (!is(i, what))
            fail(i, quoted(text(i)) + " stands where " + quoted(what) + " should");
    }
    void need_name(size_t i) const
    {
        if (!is_kind(i, Kind::name) || any_of(KEYWORDS, text(i)))
            fail(i, quoted(text(i)) + " is no name");
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
        divisors_.begin_function(current_->attributes);
        tuples_.begin_function();
        deepest_ = 0;
        strings_.clear();
        aliases_.clear();
        messages_.clear();
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

    /* The comma or the closing bracket that ends what begins at `i`. */
    size_t part_end(size_t i, bool comma) const
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
                         (is_kind(i, Kind::name) && !any_of(KEYWORDS, text(i)) &&
                          !is(i + 1, ".")))) {
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
            const bool word = is(i, "True") || is(i, "False") || is(i, "None") || is(i, "inf") ||
                              is(i, "nan");
            const bool good = is(i, ")") || is(i, "]") || is(i, ",") ||
                              (before && (opens || is(i, "-") || word || is_kind(i, Kind::string) ||
                                          is_kind(i, Kind::number))) ||
                              (after_minus && (is_kind(i, Kind::number) || is(i, "inf")));
            if (!good)
                fail(i, quoted(text(i)) + " is in a constant, which torch would run");
        }
    }

    /* __torch__.a.b.C, which must be one of the file's own. Gives its last token. */
    size_t reference(size_t i)
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

    std::string dotted(size_t first, size_t last) const
    {
        std::string name(text(first));
        for (size_t i = first + 2; i <= last; i += 2)
            name += '.' + std::string(text(i));
        return name;
    }

    Tokens tokens(size_t begin, size_t end) const
    {
        return Tokens(line_->tokens).subspan(begin, end - begin);
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

    struct Bracket {
        std::string_view callee; /* "torch.add", "range", ".forward"; empty: a group or a list */
        bool call = false, list = false;
        size_t before = 0; /* nesting outside of it */
    };

    /* Tokens of an expression, each looked at with its neighbours. */
    void expression(size_t begin, size_t end, bool target)
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
            const bool first = i == begin || is(i - 1, "(") || is(i - 1, "[") || is(i - 1, ",") ||
                               is(i - 1, "=");
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
                if (any_of(KEYWORDS, text(i)))
                    fail(i, quoted(text(i)) +
                                " is nothing that networks' code has: an `if`, or a `for` over a "
                                "range, begins a line");
                const bool dotted = i > begin && is(i - 1, ".");
                i = dotted ? attribute(i, callee) : name(i, end, brackets, callee, target);
            } else if (!(is(i, "=") && i == named + 1 && !brackets.empty() &&
                         brackets.back().call)) {
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
    void string_use(size_t i, size_t end, const std::vector<Bracket> &brackets) const
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
    void read_by_name(size_t i) const
    {
        const std::string_view name = text(i).substr(1, text(i).size() - 2);
        if (name.find('\\') != name.npos)
            fail(i, "an attribute has a name that is written otherwise than it is");
        if (definitions_.text_constants.contains(name))
            fail(i, "the text " + std::string(name) + " of a module is read");
    }

    /* .NAME */
    size_t attribute(size_t i, std::string_view &callee) const
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
    size_t name(size_t i, size_t end, const std::vector<Bracket> &brackets,
                std::string_view &callee, bool target)
    {
        if (is(i, "__torch__")) {
            const size_t last = reference(i);
            if (!is(last + 1, "(") && !is(last + 1, ",") && !is(last + 1, ")") &&
                !is(last + 1, "]"))
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
    size_t operation(size_t i, const std::vector<Bracket> &brackets, std::string_view &callee)
    {
        const bool plain = is(i, "torch");
        size_t last = i;
        std::string shown(text(i));
        while (is(last + 1, ".") && is_kind(last + 2, Kind::name)) {
            shown += '.' + std::string(text(last + 2));
            last += 2;
        }
        const bool good = plain ? last == i + 2 && is_allowed("aten", text(last))
                                : last == i + 4 && is(i + 2, "prim") &&
                                      is_allowed("prim", text(last));
        if (!good || !is(last + 1, "("))
            fail(i, shown + " is " + WHAT_MAY_BE);
        const bool message = brackets.empty() ? messages_.contains(text(0))
                                              : brackets.back().callee == "RaiseException";
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

    const File &file_;
    Definitions &definitions_;
    const Line *line_ = nullptr;
    Definition *current_ = nullptr;
    std::string own_name_;
    size_t nesting_ = 0, deepest_ = 0;
    Names strings_, aliases_, messages_; /* of the function */
    Divisors divisors_;
    Tuples tuples_;
};

/* ---- what refers to what ------------------------------------------------- */

void measure(Definitions &definitions, const std::string &name, Definition &definition,
             size_t level)
{
    if (definition.state == 2)
        return;
    if (definition.state == 1)
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      "the model file's " + name + " refers to itself by way of others: recursion");
    if (level > MAX_REFERENCES)
        throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's definitions refer to one another " +
                                                 std::to_string(level) + " deep, limit " +
                                                 std::to_string(MAX_REFERENCES));
    definition.state = 1;
    for (const std::string &other : definition.references) {
        Definition &found = definitions.all.find(other)->second;
        measure(definitions, other, found, level + 1);
        definition.chain = std::max(definition.chain, found.chain);
        definition.depth = std::max(definition.depth, found.depth + 1);
    }
    for (const std::string &part : definition.parts)
        definition.values = std::min(definition.values + definitions.all.find(part)->second.values,
                                     Tuples::MOST + 1);
    definition.chain += definition.weight;
    definition.state = 2;
    if (definition.depth > MAX_REFERENCES || definition.chain > MAX_CHAIN)
        throw Failure(ARTFUSION_ERROR_LIMIT,
                      "the model file's " + name +
                          " and what it refers to are nested deeper than " +
                          std::to_string(MAX_CHAIN));
}

} // namespace

std::set<std::string, std::less<>> check_code(const std::vector<CodeRecord> &records)
{
    std::vector<File> files;
    Definitions definitions;
    for (const CodeRecord &record : records) {
        files.push_back({&record, prefix_of(record), lines_of(record)});
        Checker(files.back(), definitions).collect();
    }
    for (const File &file : files)
        Checker(file, definitions).check();
    Names modules;
    size_t values = 1;
    for (auto &[name, definition] : definitions.all) {
        measure(definitions, name, definition, 0);
        if (definition.module)
            modules.insert(name);
        values = std::max(values, definition.values);
    }
    /* Each value of a tuple may be of the longest type, and each name in that a NamedTuple. */
    if (std::max({values, definitions.type, definitions.tuple}) > Tuples::MOST ||
        values * definitions.type * definitions.tuple > Tuples::MOST)
        throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's tuples may hold more than " +
                                                 std::to_string(Tuples::MOST) +
                                                 " values, by every way to each");
    return modules;
}

} // namespace af
