/* SPDX-License-Identifier: MIT
 *
 * What a model file's networks may compute with: the one list, which the code's reader (code.hpp)
 * and the graphs' (inspect.hpp) ask. docs/model-format.md says what it is for.
 */
#ifndef AF_SHIM_ALLOWED_HPP
#define AF_SHIM_ALLOWED_HPP

#include <string_view>

namespace af {

/* Of `space` "aten" or "prim". */
bool is_allowed(std::string_view space, std::string_view name);

/* Whether libtorch has an operator of that name, listed or not. */
bool is_operator(std::string_view name);

/* What follows the name of an operator in the sentence that refuses it. */
constexpr char WHAT_MAY_BE[] =
    "none of the operators that a model file may use (docs/model-format.md lists them)";

} // namespace af

#endif
