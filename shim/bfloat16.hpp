/* SPDX-License-Identifier: MIT
 * Tensors of bfloat16 as kernels.hpp and products take them. */
#ifndef AF_SHIM_BFLOAT16_HPP
#define AF_SHIM_BFLOAT16_HPP

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace af {

inline const uint16_t *bits(const at::Tensor &x)
{
    return static_cast<const uint16_t *>(x.const_data_ptr());
}

inline uint16_t *mutable_bits(const at::Tensor &x)
{
    return static_cast<uint16_t *>(x.mutable_data_ptr());
}

inline const at::BFloat16 *values(const uint16_t *bits)
{
    return reinterpret_cast<const at::BFloat16 *>(bits);
}

inline int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

} // namespace af

#endif
