/* SPDX-License-Identifier: MIT
 *
 * The operators that fuse.cpp puts in the place of torch's own. They compute in bfloat16 on the
 * CPU what a few of torch's in a row compute.
 */
#ifndef AF_SHIM_OPERATORS_HPP
#define AF_SHIM_OPERATORS_HPP

#include <ATen/core/symbol.h>

namespace af {

struct Operators {
    /* (x, weight, bias?, geometry, groups, eps, scale?, shift?, activation, gate?, residual?): convolve. */
    c10::Symbol convolution;
    /* (x, weight, bias?, channels_out): multiply. */
    c10::Symbol linear;
    /* (q, k, v): attention. */
    c10::Symbol attention;
    /* (x, groups, eps, scale?, shift?, activation): normalise. */
    c10::Symbol normalisation;
    /* (base, gate, x): base + gate * x, which stays in bfloat16 where base and x are. */
    c10::Symbol gated_sum;
};

/* The first call makes them known to the TorchScript interpreter. Not while the library is loaded:
 * what is thrown then ends the process. */
const Operators &operators();

} // namespace af

#endif
