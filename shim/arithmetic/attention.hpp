/* SPDX-License-Identifier: MIT */
#ifndef AF_SHIM_ATTENTION_HPP
#define AF_SHIM_ATTENTION_HPP

#include <ATen/core/Tensor.h>

namespace af {

/* softmax(q k^T / sqrt(d)) v for q[N, heads, T, d], k, v[N, heads, S, d] in bfloat16 -> [N, heads, T,
 * d], which lies in memory as [N, T, heads, d]. On the CPU in blocks (Dao et al., arXiv 2205.14135),
 * so that no matrix of all pairs is made. */
at::Tensor attention(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v);

} // namespace af

#endif
