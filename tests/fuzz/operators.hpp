/* SPDX-License-Identifier: MIT
 * What shim/base/registry.cpp asks libtorch, for the targets that read code. */
#ifndef FUZZ_OPERATORS_HPP
#define FUZZ_OPERATORS_HPP

#include "base/allowed.hpp"

/* Without libtorch, of its operators those of the list. */
bool af::is_operator(std::string_view name)
{
    return is_allowed("aten", name) || is_allowed("prim", name);
}

#endif
