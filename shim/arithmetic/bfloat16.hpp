/* SPDX-License-Identifier: MIT
 * Tensors as kernels.hpp and products take them: by their addresses. */
#ifndef AF_SHIM_BFLOAT16_HPP
#define AF_SHIM_BFLOAT16_HPP

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdint>

namespace af {

/* Whether x lies in the CPU's memory as its strides say, as numbers of that type. Tensors of the
 * device meta lie nowhere, and sparse ones elsewhere. */
inline bool is_plain(const at::Tensor &x, at::ScalarType type)
{
    return x.defined() && x.is_cpu() && x.layout() == at::kStrided && x.scalar_type() == type;
}

inline void require_plain(const at::Tensor &x, at::ScalarType type)
{
    TORCH_CHECK(is_plain(x, type), "a kernel of the engine takes ", type,
                " in the CPU's memory, and was given ", x.toString());
}

inline const uint16_t *bits(const at::Tensor &x)
{
    require_plain(x, at::kBFloat16);
    return static_cast<const uint16_t *>(x.const_data_ptr());
}

inline uint16_t *mutable_bits(const at::Tensor &x)
{
    require_plain(x, at::kBFloat16);
    return static_cast<uint16_t *>(x.mutable_data_ptr());
}

inline const float *floats(const at::Tensor &x)
{
    require_plain(x, at::kFloat);
    return x.const_data_ptr<float>();
}

inline float *mutable_floats(const at::Tensor &x)
{
    require_plain(x, at::kFloat);
    return x.mutable_data_ptr<float>();
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
