/* SPDX-License-Identifier: MIT */
#include "arithmetic/kernels.hpp"

#include <algorithm>
#include <bit>

/* Chosen by the loader; the plain one runs anywhere. */
#define AF_MANY_PROCESSORS __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#define AF_INLINE static inline __attribute__((always_inline))

namespace af::kernels {
namespace {

constexpr int LANES = 16; /* floats in the widest register: that many sums run side by side */

AF_INLINE uint16_t round_to_bfloat16(float x)
{
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    /* A NaN must not round up to zero. */
    return static_cast<uint16_t>(x != x ? 0x7fc0u : rounded);
}

/* 2^x for x <= 0, to 2e-7; 0 below the smallest normal number. A polynomial on -1/2..1/2, minimax
 * in relative error. */
AF_INLINE float exp2_negative(float x)
{
    x = x < -126.0f ? -126.0f : x;
    const float shifted = x + 12582912.0f; /* 1.5 * 2^23: the fraction's bits are rounded away */
    const float f = x - (shifted - 12582912.0f);
    float p = 1.33952832e-3f;
    p = p * f + 9.61817102e-3f;
    p = p * f + 5.55034000e-2f;
    p = p * f + 2.40226462e-1f;
    p = p * f + 6.93147182e-1f;
    p = p * f + 1.0f;
    const uint32_t exponent = std::bit_cast<uint32_t>(shifted) << 23;
    const float y = std::bit_cast<float>(std::bit_cast<uint32_t>(p) + exponent);
    return x <= -126.0f ? 0.0f : y;
}

AF_INLINE float widen(uint16_t x)
{
    return std::bit_cast<float>(static_cast<uint32_t>(x) << 16);
}

AF_INLINE float silu(float x)
{
    /* Both branches have an exponent that is not above 0: nothing overflows. */
    constexpr float log2_e = 1.44269504f;
    const float e = exp2_negative((x < 0.0f ? x : -x) * log2_e);
    return x * ((x < 0.0f ? e : 1.0f) / (1.0f + e));
}

} // namespace

AF_MANY_PROCESSORS
void pack_transposed(const uint16_t *x, int64_t stride, int64_t count, int64_t width,
                     uint16_t *packed)
{
    /* In tiles, so that neither side is walked through a cache line at a time. */
    constexpr int64_t tile = 16;
    for (int64_t j = 0; j < width; j += 2 * tile) {
        const int64_t pairs = std::min(tile, (width - j) / 2);
        for (int64_t i = 0; i < count; i += tile) {
            const int64_t rows = std::min(tile, count - i);
            for (int64_t p = 0; p < pairs; p++)
                for (int64_t r = 0; r < rows; r++) {
                    const uint16_t *from = x + (i + r) * stride + j + 2 * p;
                    uint16_t *to = packed + 2 * ((j / 2 + p) * count + i + r);
                    to[0] = from[0];
                    to[1] = from[1];
                }
        }
    }
}

AF_MANY_PROCESSORS
void transpose(const float *x, int64_t stride, int64_t rows, int64_t columns, int64_t width,
               float *transposed)
{
    for (int64_t r = 0; r < width; r++)
        for (int64_t c = 0; c < columns; c++)
            transposed[c * width + r] = r < rows ? x[r * stride + c] : 0.0f;
}

AF_MANY_PROCESSORS
void pack_sums(const float *x, int64_t width, const int64_t *places, const float *factors,
               int64_t count, int64_t step, uint16_t *packed)
{
    for (int64_t begin = 0; begin < width; begin += LANES) {
        float even[LANES] = {}, odd[LANES] = {};
        for (int64_t i = 0; i < count; i++) {
            const float *from = x + places[i] * width + begin;
            for (int lane = 0; lane < LANES; lane++) {
                even[lane] += factors[i] * from[lane];
                odd[lane] += factors[i] * from[step * width + lane];
            }
        }
        for (int lane = 0; lane < LANES; lane++) {
            packed[2 * (begin + lane)] = round_to_bfloat16(even[lane]);
            packed[2 * (begin + lane) + 1] = step ? round_to_bfloat16(odd[lane]) : uint16_t{0};
        }
    }
}

AF_MANY_PROCESSORS
void pack_rows(const uint16_t *x, int64_t stride, int64_t count, int64_t width, uint16_t *packed)
{
    for (int64_t i = 0; i < count; i += 2) {
        const uint16_t *even = x + i * stride;
        uint16_t *to = packed + i * width;
        if (i + 1 < count) {
            const uint16_t *odd = even + stride;
            for (int64_t j = 0; j < width; j++) {
                to[2 * j] = even[j];
                to[2 * j + 1] = odd[j];
            }
        } else {
            for (int64_t j = 0; j < width; j++) {
                to[2 * j] = even[j];
                to[2 * j + 1] = 0;
            }
        }
    }
}

AF_MANY_PROCESSORS
void softmax_block(const float *scores, int64_t rows, int64_t columns, float scale, bool first,
                   float *maximum, float *sum, float *sums, int64_t width, uint16_t *weights)
{
    constexpr float log2_e = 1.44269504f;
    const float unit = scale * log2_e;
    const int64_t even = columns + (columns & 1), whole = columns - columns % LANES;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = scores + r * columns;
        float lanes[LANES];
        float most = first ? row[0] : maximum[r];
        for (int i = 0; i < LANES; i++)
            lanes[i] = most;
        for (int64_t c = 0; c < whole; c += LANES)
            for (int i = 0; i < LANES; i++)
                lanes[i] = row[c + i] > lanes[i] ? row[c + i] : lanes[i];
        for (int i = 0; i < LANES; i++)
            most = lanes[i] > most ? lanes[i] : most;
        for (int64_t c = whole; c < columns; c++)
            most = row[c] > most ? row[c] : most;

        uint16_t *out = weights + r * even;
        for (int i = 0; i < LANES; i++)
            lanes[i] = 0.0f;
        for (int64_t c = 0; c < whole; c += LANES)
            for (int i = 0; i < LANES; i++) {
                const float weight = exp2_negative((row[c + i] - most) * unit);
                lanes[i] += weight;
                out[c + i] = round_to_bfloat16(weight);
            }
        float total = 0.0f;
        for (int i = 0; i < LANES; i++)
            total += lanes[i];
        for (int64_t c = whole; c < columns; c++) {
            const float weight = exp2_negative((row[c] - most) * unit);
            total += weight;
            out[c] = round_to_bfloat16(weight);
        }
        if (columns & 1)
            out[columns] = 0;

        if (!first) {
            const float older = exp2_negative((maximum[r] - most) * unit);
            total += sum[r] * older;
            float *values = sums + r * width;
            if (older != 1.0f)
                for (int64_t j = 0; j < width; j++)
                    values[j] *= older;
        }
        maximum[r] = most;
        sum[r] = total;
    }
}

AF_MANY_PROCESSORS
void softmax_finish(const float *sums, const float *sum, int64_t rows, int64_t width, uint16_t *y,
                    int64_t stride)
{
    for (int64_t r = 0; r < rows; r++) {
        const float factor = 1.0f / sum[r];
        for (int64_t j = 0; j < width; j++)
            y[r * stride + j] = round_to_bfloat16(sums[r * width + j] * factor);
    }
}

AF_MANY_PROCESSORS
void add_columns(const uint16_t *x, int64_t rows, int64_t width, float *__restrict sum,
                 float *__restrict squares)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < width; c++) {
            const float value = widen(x[r * width + c]);
            sum[c] += value;
            squares[c] += value * value;
        }
}

AF_MANY_PROCESSORS
void normalise_row(const uint16_t *x, int64_t width, const float *scale, const float *shift,
                   bool activation, uint16_t *__restrict y)
{
    if (!scale)
        std::copy(x, x + width, y);
    else if (activation)
        for (int64_t c = 0; c < width; c++)
            y[c] = round_to_bfloat16(silu(widen(x[c]) * scale[c] + shift[c]));
    else
        for (int64_t c = 0; c < width; c++)
            y[c] = round_to_bfloat16(widen(x[c]) * scale[c] + shift[c]);
}

AF_MANY_PROCESSORS
void finish_rows(const float *sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 const float *bias, const float *gate, const uint16_t *residual,
                 uint16_t *__restrict y, int64_t stride)
{
    float none[64] = {0}, one[64];
    for (int i = 0; i < 64; i++)
        one[i] = 1.0f;
    for (int64_t at = 0; at < columns; at += 64) {
        const int64_t count = std::min<int64_t>(64, columns - at);
        const float *b = bias ? bias + at : none, *g = gate ? gate + at : one;
        for (int64_t r = 0; r < rows; r++) {
            const float *from = sums + r * sums_stride + at;
            uint16_t *to = y + r * stride + at;
            if (residual) {
                const uint16_t *base = residual + r * stride + at;
                for (int64_t c = 0; c < count; c++)
                    to[c] = round_to_bfloat16(widen(base[c]) + (from[c] + b[c]) * g[c]);
            } else {
                for (int64_t c = 0; c < count; c++)
                    to[c] = round_to_bfloat16((from[c] + b[c]) * g[c]);
            }
        }
    }
}

AF_MANY_PROCESSORS
void transform_pairs(const uint16_t *x, int64_t pairs, int64_t width, int64_t plane,
                     uint16_t *__restrict y)
{
    for (int64_t p = 0; p < pairs; p++) {
        const uint16_t *from = x + 2 * p * width;
        uint16_t *to = y + p * width;
        for (int64_t c = 0; c < width; c++) {
            const float x0 = widen(from[c]), x1 = widen(from[width + c]);
            const float x2 = widen(from[2 * width + c]), x3 = widen(from[3 * width + c]);
            to[c] = round_to_bfloat16(x0 - x2);
            to[plane + c] = round_to_bfloat16(x1 + x2);
            to[2 * plane + c] = round_to_bfloat16(x2 - x1);
            to[3 * plane + c] = round_to_bfloat16(x1 - x3);
        }
    }
}

AF_MANY_PROCESSORS
void finish_pair(const float *sums, int64_t plane, int64_t columns, const float *bias,
                 const float *gate, const uint16_t *residual, uint16_t *__restrict y,
                 int64_t stride, bool single)
{
    float none[64] = {0}, one[64], both[128];
    for (int i = 0; i < 64; i++)
        one[i] = 1.0f;
    const float *m0 = sums, *m1 = m0 + plane, *m2 = m1 + plane, *m3 = m2 + plane;
    for (int64_t c = 0; c < columns; c++) {
        both[c] = m0[c] + m1[c] + m2[c];
        both[64 + c] = m1[c] - m2[c] - m3[c];
    }
    const float *b = bias ? bias : none, *g = gate ? gate : one;
    for (int64_t r = 0; r < (single ? 1 : 2); r++) {
        const float *from = both + 64 * r;
        uint16_t *to = y + r * stride;
        if (residual) {
            const uint16_t *base = residual + r * stride;
            for (int64_t c = 0; c < columns; c++)
                to[c] = round_to_bfloat16(widen(base[c]) + (from[c] + b[c]) * g[c]);
        } else {
            for (int64_t c = 0; c < columns; c++)
                to[c] = round_to_bfloat16((from[c] + b[c]) * g[c]);
        }
    }
}

} // namespace af::kernels
