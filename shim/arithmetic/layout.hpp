/* SPDX-License-Identifier: MIT
 * How the weights of products lie in memory: in one order for all sizes of pictures. */
#ifndef AF_SHIM_LAYOUT_HPP
#define AF_SHIM_LAYOUT_HPP

#include <ATen/core/Tensor.h>

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

/* Whether the kernels may compute with these numbers, which a model file gives: no stride is 0, no
 * border negative, sides, strides and borders are at most 2^16, and what lies between two rows or in
 * one is less than 2^31 numbers, as oneDNN counts. */
bool is_in_bounds(const Geometry &g);

/* How many output channels are summed up together: up to 64, as many sums as the processor's
 * registers hold. */
int64_t panel_width(int64_t channels_out);

/* Whether a convolution is computed two pixels at a time: see convolution.cpp. */
bool takes_pairs(const Geometry &g);

/* weight[Cout, Cin, kh, kw] as `convolve` wants it. */
at::Tensor pack_convolution(const at::Tensor &weight, const Geometry &geometry);

/* weight[Cout, Cin] as `multiply` wants it. */
at::Tensor pack_linear(const at::Tensor &weight);

} // namespace af

#endif
