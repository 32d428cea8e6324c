/* SPDX-License-Identifier: MIT
 *
 * The operators that program.cpp puts in the place of torch's own. They compute in bfloat16 on the
 * CPU what a few of torch's in a row compute.
 */
#ifndef AF_SHIM_OPERATORS_HPP
#define AF_SHIM_OPERATORS_HPP

#include <ATen/core/symbol.h>

namespace af {

/* Makes the operators known to the TorchScript interpreter; any number of times. */
void register_operators();

namespace ops {
/* (x, weight, bias?, geometry, groups, eps, scale?, shift?, activation, gate?, residual?): convolve. */
extern const c10::Symbol convolution;
/* (x, weight, bias?, channels_out): multiply. */
extern const c10::Symbol linear;
/* (q, k, v): attention. */
extern const c10::Symbol attention;
/* (x, groups, eps, scale?, shift?, activation): normalise. */
extern const c10::Symbol normalisation;
/* (base, gate, x): base + gate * x, which stays in bfloat16 where base and x are. */
extern const c10::Symbol gated_sum;
/* (x): twice the height and width, by nearest pixels. */
extern const c10::Symbol upsampling;
/* (n, limit, what), of an int, of any number, of a tensor's sizes: the first as it is; throws where
 * it, or the product, is above the limit. */
extern const c10::Symbol bounded, bounded_number, bounded_sizes;
} // namespace ops

} // namespace af

#endif
