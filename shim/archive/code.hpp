/* SPDX-License-Identifier: MIT
 *
 * The code of a model file, read before torch compiles it. Compiling runs some of it: defaults of
 * arguments, constants of classes, and what can be folded; and torch's parser and compiler recurse
 * as deep as the text nests. So the text may be no more than what torch.jit.save writes for a
 * network: classes of modules, functions, assignments, calls, `if`, and `for` over a range.
 */
#ifndef AF_SHIM_CODE_HPP
#define AF_SHIM_CODE_HPP

#include <cstddef>
#include <vector>

#include "archive/lexer.hpp"

namespace af {

/* Bounds that published networks are far below: docs/security.md lists them. */
constexpr size_t MAX_CODE_RECORD = size_t{1} << 20, MAX_CODE = size_t{8} << 20;

/* Gives the names of the classes of modules, "__torch__.a.b.C". Throws Failure with the record, the
 * line and what is not to be there. */
Names check_code(const std::vector<CodeRecord> &records);

} // namespace af

#endif
