/* SPDX-License-Identifier: MIT */
#include "graph.hpp"

namespace af {

std::unique_ptr<Graph> make_graph()
{
    return nullptr;
}

} // namespace af
