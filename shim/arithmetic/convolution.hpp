/* SPDX-License-Identifier: MIT
 *
 * Convolutions and matrix products in bfloat16 on the CPU: products of small blocks (oneDNN's, by way
 * of libtorch), with what stands before and after a convolution done on the way.
 */
#ifndef AF_SHIM_CONVOLUTION_HPP
#define AF_SHIM_CONVOLUTION_HPP

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "arithmetic/lines.hpp"

namespace af {

/* Of the result, for an x of such sizes; throws where the kernel does not fit. */
std::vector<int64_t> convolved_sizes(at::IntArrayRef x, const Geometry &geometry);

/* residual + gate * (conv(normalised x) + bias). x[N, Cin, h, w], gate of C or N C values,
 * residual as the result: bfloat16, channels last. */
at::Tensor convolve(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, const Geometry &geometry,
                    const Normalisation &normalisation, const std::optional<at::Tensor> &gate,
                    const std::optional<at::Tensor> &residual);

/* x[..., Cin] -> [..., Cout]. */
at::Tensor multiply(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, int64_t channels_out);

} // namespace af

#endif
