/* SPDX-License-Identifier: MIT */
#include "cuda/cuda_graph.hpp"

namespace af {

std::unique_ptr<Graph> make_graph()
{
    return nullptr;
}

} // namespace af
