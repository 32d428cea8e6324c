/* SPDX-License-Identifier: MIT
 * Products of small blocks by oneDNN's micro-kernels, which libtorch exports.
 */
#ifndef AF_SHIM_PRODUCT_HPP
#define AF_SHIM_PRODUCT_HPP

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace af {

/* c[m, n] = a[m, k] b[k, n], or c += that if `add`; b is packed in pairs of rows. Throws
 * std::bad_alloc where a kernel for a new shape could not be made. */
void product(int64_t m, int64_t n, int64_t k, int64_t stride_a, int64_t stride_b, int64_t stride_c,
             bool add, const c10::BFloat16 *a, const c10::BFloat16 *b, float *c);

/* At the end of a thread's products. */
void products_done();

} // namespace af

#endif
