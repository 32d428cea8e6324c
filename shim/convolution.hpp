/* SPDX-License-Identifier: MIT
 *
 * Convolutions and matrix products in bfloat16 on the CPU: products of small blocks (oneDNN's, by way
 * of libtorch), with what stands before and after a convolution done on the way. Weights lie in one
 * order for all sizes of pictures.
 */
#ifndef AF_SHIM_CONVOLUTION_HPP
#define AF_SHIM_CONVOLUTION_HPP

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace af {

struct Geometry {
    int64_t channels_in, channels_out, height, width; /* of the kernel */
    int64_t stride_y, stride_x;
    int64_t top, bottom, left, right; /* what is added at the borders */
    bool replicate;                   /* the border's pixels, instead of zeros */
    bool upsample;                    /* x is taken twice as large, by its nearest pixels */

    static Geometry from(at::IntArrayRef numbers);
    std::vector<int64_t> numbers() const;
};

/* Group normalisation before a convolution: (x - mean) / deviation, * scale + shift, then SiLU. */
struct Normalisation {
    int64_t groups; /* 0: none */
    double eps;
    std::optional<at::Tensor> scale, shift; /* of C or N C values; none: 1, 0 */
    bool activation;
};

/* weight[Cout, Cin, kh, kw] as `convolve` wants it. */
at::Tensor pack_convolution(const at::Tensor &weight, const Geometry &geometry);

/* Of the result, for an x of such sizes; throws where the kernel does not fit. */
std::vector<int64_t> convolved_sizes(at::IntArrayRef x, const Geometry &geometry);

/* residual + gate * (conv(normalised x) + bias). x[N, Cin, h, w], gate of C or N C values,
 * residual as the result: bfloat16, channels last. */
at::Tensor convolve(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, const Geometry &geometry,
                    const Normalisation &normalisation, const std::optional<at::Tensor> &gate,
                    const std::optional<at::Tensor> &residual);

/* weight[Cout, Cin], and x[..., Cin] -> [..., Cout]. */
at::Tensor pack_linear(const at::Tensor &weight);
at::Tensor multiply(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, int64_t channels_out);

/* The normalisation by itself. */
at::Tensor normalise(const at::Tensor &x, const Normalisation &normalisation);

} // namespace af

#endif
