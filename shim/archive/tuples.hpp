/* SPDX-License-Identifier: MIT
 * How many values the tuples of a function hold, counted by every way to each. */
#ifndef AF_SHIM_TUPLES_HPP
#define AF_SHIM_TUPLES_HPP

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "archive/lexer.hpp"

namespace af {

/* Torch's compiler visits a tuple's type through all of its parts: (x, x) in (y, y), and so on, doubles
 * them with each line. A value that no tuple of the function makes weighs 1; a tuple one more than its
 * parts together, a list one more than its heaviest part. */
class Tuples {
public:
    void begin_function() { weights_.clear(); }

    /* The function's tuples, so far: the heaviest there is in an expression. */
    void assignment(Tokens targets, Tokens value);
    void expression(Tokens value) { (void)weight(value); }

    /* Of all functions. */
    size_t heaviest() const { return heaviest_; }

    static constexpr size_t MOST = 4096;

private:
    size_t weight(Tokens value);
    size_t weight_of(std::string_view name) const;

    std::map<std::string, size_t, std::less<>> weights_;
    size_t heaviest_ = 1;
};

} // namespace af

#endif
