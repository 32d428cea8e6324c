/* SPDX-License-Identifier: MIT
 * What a convolution reads: a picture line by line, normalised and with borders. */
#ifndef AF_SHIM_LINES_HPP
#define AF_SHIM_LINES_HPP

#include <ATen/core/Tensor.h>

#include <optional>

#include "arithmetic/layout.hpp"

namespace af {

/* Group normalisation before a convolution: (x - mean) / deviation, * scale + shift, then SiLU. */
struct Normalisation {
    int64_t groups; /* 0: none */
    double eps;
    std::optional<at::Tensor> scale, shift; /* of C or N C values; none: 1, 0 */
    bool activation;
};

/* Pixels in memory as rows of channels: [batch, height, width, channels]. */
struct Pixels {
    at::Tensor tensor;
    int64_t batch, height, width, channels;
};

/* x[N, C, h, w] as such, in bfloat16. */
Pixels pixels_of(const at::Tensor &x);

/* A factor of C or N C values as floats [N, C]. */
at::Tensor per_sample(const at::Tensor &x, int64_t batch, int64_t channels);

/* x normalised, with borders, and with an even number of channels. */
Pixels bordered(const Pixels &x, const Geometry &g, const Normalisation &normalisation);

/* The same, transformed for pairs of pixels: [4, batch, height, pairs, channels]. */
Pixels bordered_pairs(const Pixels &x, const Geometry &g, const Normalisation &normalisation);

/* The normalisation by itself. */
at::Tensor normalise(const at::Tensor &x, const Normalisation &normalisation);

} // namespace af

#endif
