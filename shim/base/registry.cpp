/* SPDX-License-Identifier: MIT
 * What libtorch says of names: apart from the list, which needs no libtorch and is fuzzed without. */
#include <torch/csrc/jit/frontend/builtin_functions.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <string>

#include "base/allowed.hpp"

namespace af {

bool is_operator(std::string_view name)
{
    for (const char *space : {"aten::", "prim::"}) {
        const c10::Symbol symbol = c10::Symbol::fromQualString(space + std::string(name));
        if (!torch::jit::getAllOperatorsFor(symbol).empty() ||
            !torch::jit::getAllBuiltinFunctionsFor(symbol).empty())
            return true;
    }
    return false;
}

} // namespace af
