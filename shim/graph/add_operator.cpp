/* SPDX-License-Identifier: MIT */
#include "graph/add_operator.hpp"

#include <torch/csrc/jit/runtime/operator.h>

namespace af {

c10::Symbol add_operator(const std::string &name, const char *signature,
                         void (*run)(torch::jit::Stack &))
{
    const c10::Symbol symbol = c10::Symbol::fromQualString("artfusion::" + name);
    /* A second copy of the engine in the process finds it there. */
    if (torch::jit::getAllOperatorsFor(symbol).empty())
        torch::jit::registerOperator(
            torch::jit::Operator(symbol.toQualString() + std::string(signature), run,
                                 c10::AliasAnalysisKind::FROM_SCHEMA));
    return symbol;
}

} // namespace af
