/* SPDX-License-Identifier: MIT
 * CUDA graphs, where libtorch has CUDA: cuda_graph.cpp, else cuda_graph_none.cpp. */
#ifndef AF_SHIM_GRAPH_HPP
#define AF_SHIM_GRAPH_HPP

#include <memory>

namespace af {

/* What was done between `begin` and `end`, in the current stream, which is not the default one. */
class CudaGraph {
public:
    virtual ~CudaGraph() = default;
    virtual void begin() = 0; /* other threads may go on allocating */
    virtual void end() = 0;
    virtual void replay() = 0;
};

/* NULL where there are none. */
std::unique_ptr<CudaGraph> make_cuda_graph();

} // namespace af

#endif
