/* SPDX-License-Identifier: MIT
 * What a function of a model file may divide whole numbers by. */
#ifndef AF_SHIM_DIVISORS_HPP
#define AF_SHIM_DIVISORS_HPP

#include <string_view>

#include "archive/lexer.hpp"

namespace af {

/* Torch's compiler computes what follows from constants, and divides without looking: a divisor of 0
 * would end the process while a file is opened. So a divisor is a positive number, or what no compiler
 * can know: a parameter, an attribute, a tensor's size, and what is computed from one. What that is in a
 * run is looked at then (watch.hpp). */
class Divisors {
public:
    /* `attributes`: of its module, but for constants. */
    void begin_function(const Names &attributes);
    void parameter(std::string_view name) { assign(name, true); }

    /* NAME, NAME, = value. */
    void assignment(Tokens targets, Tokens value);

    /* Of torch.floordiv(a, b), from "torch" to the closing bracket. */
    bool may_divide(Tokens call) const;

private:
    void assign(std::string_view name, bool unknown);
    bool is_unknown(Tokens value) const;

    const Names *attributes_ = nullptr;
    Names unknown_, known_; /* of the function, so far; what has been known once stays so */
};

} // namespace af

#endif
