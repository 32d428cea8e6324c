/* SPDX-License-Identifier: MIT */
#include "arithmetic/attention.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "arithmetic/bfloat16.hpp"
#include "arithmetic/kernels.hpp"
#include "arithmetic/product.hpp"
#include "base/parallel.hpp"

namespace af {
namespace {

/* Scores of a block are floats that stay in a core's own cache: 64 x 512 are 128 KiB. */
constexpr int64_t QUERIES = 64;
constexpr int64_t KEYS = 512;

/* oneDNN promises nothing for rows that overlap, or that lie 2^31 numbers apart. */
at::Tensor with_dense_rows(const at::Tensor &x)
{
    const bool dense = x.stride(3) == 1 && x.stride(2) >= x.size(3) &&
                       x.stride(2) <= std::numeric_limits<int32_t>::max();
    return dense ? x : x.contiguous();
}

/* What one thread works in. */
struct Workspace {
    explicit Workspace(int64_t width)
        : scores(QUERIES * KEYS), sums(static_cast<size_t>(QUERIES * width)), maximum(QUERIES),
          sum(QUERIES), weights(QUERIES * KEYS)
    {
    }
    std::vector<float> scores, sums, maximum, sum;
    std::vector<uint16_t> weights;
};

struct Problem {
    const at::Tensor &q, &k, &v;
    int64_t heads, queries, keys, width;
    float scale;
    uint16_t *packed_k, *packed_v; /* [N * heads] blocks of keys, padded to an even number */
    uint16_t *y;                   /* [N, queries, heads, width] */

    int64_t packed_keys() const { return keys + (keys & 1); }

    void pack(int64_t head) const
    {
        const int64_t n = head / heads, h = head % heads, size = packed_keys() * width;
        for (int64_t at = 0; at < keys; at += KEYS) {
            const int64_t count = std::min(KEYS, keys - at);
            kernels::pack_transposed(bits(k) + n * k.stride(0) + h * k.stride(1) + at * k.stride(2),
                                     k.stride(2), count, width,
                                     packed_k + head * size + at * width);
            kernels::pack_rows(bits(v) + n * v.stride(0) + h * v.stride(1) + at * v.stride(2),
                               v.stride(2), count, width, packed_v + head * size + at * width);
        }
    }

    void attend(int64_t head, int64_t first, Workspace &work) const
    {
        const int64_t n = head / heads, h = head % heads, size = packed_keys() * width;
        const int64_t rows = std::min(QUERIES, queries - first);
        const uint16_t *from = bits(q) + n * q.stride(0) + h * q.stride(1) + first * q.stride(2);
        for (int64_t at = 0; at < keys; at += KEYS) {
            const int64_t count = std::min(KEYS, keys - at), even = count + (count & 1);
            product(rows, count, width, q.stride(2), count, count, false, values(from),
                    values(packed_k + head * size + at * width), work.scores.data());
            kernels::softmax_block(work.scores.data(), rows, count, scale, at == 0,
                                   work.maximum.data(), work.sum.data(), work.sums.data(), width,
                                   work.weights.data());
            product(rows, width, even, even, width, width, at != 0, values(work.weights.data()),
                    values(packed_v + head * size + at * width), work.sums.data());
        }
        kernels::softmax_finish(work.sums.data(), work.sum.data(), rows, width,
                                y + ((n * queries + first) * heads + h) * width, heads * width);
    }
};

} // namespace

at::Tensor attention(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v)
{
    const bool fits = is_plain(q, at::kBFloat16) && is_plain(k, at::kBFloat16) &&
                      is_plain(v, at::kBFloat16) && q.dim() == 4 && k.dim() == 4 &&
                      v.sizes() == k.sizes() && q.size(0) == k.size(0) && q.size(1) == k.size(1) &&
                      q.size(3) == k.size(3) && q.size(3) % 2 == 0 && q.numel() > 0 &&
                      k.numel() > 0;
    if (!fits)
        return at::scaled_dot_product_attention(q, k, v);

    const at::Tensor dense_q = with_dense_rows(q), dense_k = with_dense_rows(k),
                     dense_v = with_dense_rows(v);
    const int64_t batch = q.size(0), heads = q.size(1), queries = q.size(2), width = q.size(3);
    const int64_t keys = k.size(2), blocks = divide_up(queries, QUERIES);
    const at::Tensor packed = at::empty({2, batch * heads, keys + (keys & 1), width}, q.options());
    const at::Tensor y = at::empty({batch, queries, heads, width}, q.options());
    uint16_t *room = mutable_bits(packed);
    const Problem problem{dense_q,        dense_k,
                          dense_v,        heads,
                          queries,        keys,
                          width,          1.0f / std::sqrt(static_cast<float>(width)),
                          room,           room + packed.numel() / 2,
                          mutable_bits(y)};

    parallel_for(batch * heads, [&](int64_t begin, int64_t end) {
        for (int64_t head = begin; head < end; head++)
            problem.pack(head);
    });
    parallel_for(batch * heads * blocks, [&](int64_t begin, int64_t end) {
        Workspace work(width);
        for (int64_t i = begin; i < end; i++)
            problem.attend(i / blocks, i % blocks * QUERIES, work);
        products_done();
    });
    return y.transpose(1, 2);
}

} // namespace af
