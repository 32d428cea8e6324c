/* SPDX-License-Identifier: MIT
 * The expressions of a record's code: what a function computes, calls and names. */
#ifndef AF_SHIM_EXPRESSION_HPP
#define AF_SHIM_EXPRESSION_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/cursor.hpp"
#include "archive/definitions.hpp"
#include "archive/divisors.hpp"
#include "archive/tuples.hpp"

namespace af {

/* Of one record, line by line; what was seen in a function is kept to its end. All throw Failure. */
class Expressions : public Cursor {
public:
    Expressions(const CodeRecord &record, Definitions &definitions)
        : Cursor(record), definitions_(definitions)
    {
    }

protected:
    void begin_definition(std::string name, Definition &definition)
    {
        own_name_ = std::move(name);
        current_ = &definition;
    }
    void begin_function();

    /* __torch__.a.b.C, which must be one of the file's own. Gives its last token. */
    size_t reference(size_t i);

    /* Tokens of an expression, each looked at with its neighbours. `target`: to be assigned to. */
    void expression(size_t begin, size_t end, bool target);

    Definitions &definitions_;
    Definition *current_ = nullptr;
    Names strings_, aliases_, messages_; /* names of the function that have such values */
    Divisors divisors_;
    Tuples tuples_;

private:
    struct Bracket {
        std::string_view callee; /* "torch.add", "range", ".forward"; empty: a group or a list */
        bool call = false, list = false;
        size_t before = 0; /* nesting outside of it */
    };

    void string_use(size_t i, size_t end, const std::vector<Bracket> &brackets) const;
    void read_by_name(size_t i) const;
    size_t attribute(size_t i, std::string_view &callee) const;
    size_t name(size_t i, size_t end, const std::vector<Bracket> &brackets,
                std::string_view &callee, bool target);
    size_t operation(size_t i, const std::vector<Bracket> &brackets, std::string_view &callee);

    std::string own_name_;
    size_t nesting_ = 0, deepest_ = 0;
};

} // namespace af

#endif
