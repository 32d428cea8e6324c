/* SPDX-License-Identifier: MIT
 *
 * Loops over plain memory that the processor's widest registers are used for. No torch here: the
 * same source is compiled for several processors, and inline functions of a library's headers
 * must not be. A uint16_t is a bfloat16.
 */
#ifndef AF_SHIM_KERNELS_HPP
#define AF_SHIM_KERNELS_HPP

#include <cstdint>

namespace af::kernels {

/* The transpose of x[count, width] as the second factor of a matrix product of bfloat16 takes it:
 * packed[width / 2][count][2]. `stride` is in values, between rows; width is even. */
void pack_transposed(const uint16_t *x, int64_t stride, int64_t count, int64_t width,
                     uint16_t *packed);

/* transposed[columns, width] of x[rows, columns], whose `stride` is between rows; zeros from `rows` on. */
void transpose(const float *x, int64_t stride, int64_t rows, int64_t columns, int64_t width,
               float *transposed);

/* A sum of rows of x[..., width], the rows `places` by `factors`, as one of the second factor's:
 * packed[width][2], with the same sum `step` rows further on, or zeros where that is 0. */
void pack_sums(const float *x, int64_t width, const int64_t *places, const float *factors,
               int64_t count, int64_t step, uint16_t *packed);

/* x[count, width] as the second factor: packed[(count + 1) / 2][width][2], a last row of zeros
 * where count is odd. */
void pack_rows(const uint16_t *x, int64_t stride, int64_t count, int64_t width, uint16_t *packed);

/* A block of columns of a softmax that is taken over many blocks, row by row (Milakov and
 * Gimelshein, arXiv 1805.02867): scores[rows, columns] -> weights, exp(scale * score - maximum), the
 * columns from `columns` to an even number being zeros; `maximum` and `sum` of each row go along,
 * and what was summed with an older maximum, sums[rows, width], is scaled to the new one. */
void softmax_block(const float *scores, int64_t rows, int64_t columns, float scale, bool first,
                   float *maximum, float *sum, float *sums, int64_t width, uint16_t *weights);

/* y[rows, width] = sums[rows, width] / sum[rows], rounded; `stride` is y's, in values. */
void softmax_finish(const float *sums, const float *sum, int64_t rows, int64_t width, uint16_t *y,
                    int64_t stride);

/* Adds up the columns of x[rows, width], and their squares. */
void add_columns(const uint16_t *x, int64_t rows, int64_t width, float *sum, float *squares);

/* y[width] = x * scale + shift, then SiLU where `activation` is set. Without a scale, y = x. */
void normalise_row(const uint16_t *x, int64_t width, const float *scale, const float *shift,
                   bool activation, uint16_t *y);

/* The input of F(2, 3) along a line (Winograd; Lavin and Gray, arXiv 1509.09308): of the pixels
 * x[2 p], ..., x[2 p + 3] of `width` channels, x0 - x2, x1 + x2, x2 - x1, x1 - x3, for each of `pairs`
 * pairs, to y, y + plane, y + 2 plane, y + 3 plane. */
void transform_pairs(const uint16_t *x, int64_t pairs, int64_t width, int64_t plane, uint16_t *y);

/* Its output, by finish_rows: two pixels, m0 + m1 + m2 and m1 - m2 - m3, of the sums of each row at
 * sums, sums + plane, ... The second goes where the next pixel is, unless `single`. */
void finish_pair(const float *sums, int64_t plane, int64_t columns, const float *bias,
                 const float *gate, const uint16_t *residual, uint16_t *y, int64_t stride,
                 bool single);

/* What becomes of a tile of sums, sums[rows, columns]: + bias, * gate, + residual, rounded. Each of
 * the three may be null; bias and gate are of one value a column. `sums_stride`, `stride`: between
 * rows, in values; the residual has y's. */
void finish_rows(const float *sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 const float *bias, const float *gate, const uint16_t *residual, uint16_t *y,
                 int64_t stride);

} // namespace af::kernels

#endif
