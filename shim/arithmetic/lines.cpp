/* SPDX-License-Identifier: MIT */
#include "arithmetic/lines.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "arithmetic/bfloat16.hpp"
#include "arithmetic/kernels.hpp"
#include "base/parallel.hpp"

namespace af {

at::Tensor per_sample(const at::Tensor &x, int64_t batch, int64_t channels)
{
    return x.to(at::kFloat).reshape({-1, channels}).expand({batch, channels});
}

namespace {

/* Factors and addends [N, C] that a group normalisation comes down to, in float32. */
struct Affine {
    at::Tensor scale, shift;
};

Affine affine_of(const Pixels &x, const Normalisation &normalisation)
{
    TORCH_CHECK(x.channels % normalisation.groups == 0, x.channels,
                " channels are not to be divided into ", normalisation.groups, " groups");
    constexpr int64_t chunk = 64; /* of pixels, whose sums are floats; they are added as doubles */
    const int64_t pixels = x.height * x.width, chunks = divide_up(pixels, chunk);
    const at::Tensor sums =
        at::zeros({x.batch, chunks, 2, x.channels}, x.tensor.options().dtype(at::kFloat));
    float *partial = mutable_floats(sums);
    parallel_for(x.batch * chunks, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = i % chunks * chunk;
            kernels::add_columns(bits(x.tensor) + (i / chunks * pixels + first) * x.channels,
                                 std::min(chunk, pixels - first), x.channels,
                                 partial + i * 2 * x.channels, partial + (2 * i + 1) * x.channels);
        }
    });

    const at::Tensor scale = at::empty({x.batch, x.channels}, sums.options());
    const at::Tensor shift = at::empty_like(scale);
    float *factors = mutable_floats(scale), *addends = mutable_floats(shift);
    const int64_t width = x.channels / normalisation.groups;
    const double count = static_cast<double>(width * pixels);
    for (int64_t n = 0; n < x.batch; n++)
        for (int64_t first = 0; first < x.channels; first += width) {
            double sum = 0.0, squares = 0.0;
            for (int64_t i = n * chunks; i < (n + 1) * chunks; i++)
                for (int64_t c = first; c < first + width; c++) {
                    sum += static_cast<double>(partial[2 * i * x.channels + c]);
                    squares += static_cast<double>(partial[(2 * i + 1) * x.channels + c]);
                }
            const double mean = sum / count;
            const double variance = std::max(squares / count - mean * mean, 0.0);
            const double factor = 1.0 / std::sqrt(variance + normalisation.eps);
            for (int64_t c = first; c < first + width; c++) {
                factors[n * x.channels + c] = static_cast<float>(factor);
                addends[n * x.channels + c] = static_cast<float>(-mean * factor);
            }
        }
    if (normalisation.scale) {
        const at::Tensor given = per_sample(*normalisation.scale, x.batch, x.channels);
        scale.mul_(given);
        shift.mul_(given);
    }
    if (normalisation.shift)
        shift.add_(per_sample(*normalisation.shift, x.batch, x.channels));
    return {scale, shift};
}

/* Normalises x line by line, with borders, to an even number of channels. */
class Lines {
public:
    Lines(const Pixels &x, const Geometry &g, const Normalisation &normalisation)
        : x_(x), g_(g), activation_(normalisation.activation), height_(x.height + g.top + g.bottom),
          width_(x.width + g.left + g.right), channels_(x.channels + x.channels % 2)
    {
        if (normalisation.groups)
            affine_ = affine_of(x, normalisation);
    }

    int64_t height() const { return height_; }
    int64_t width() const { return width_; }
    int64_t channels() const { return channels_; }

    void write(int64_t image, int64_t line, uint16_t *row) const
    {
        line -= g_.top;
        if (!g_.replicate && (line < 0 || line >= x_.height)) {
            std::fill_n(row, width_ * channels_, uint16_t{0});
            return;
        }
        line = std::clamp<int64_t>(line, 0, x_.height - 1);
        const uint16_t *from =
            bits(x_.tensor) + (image * x_.height + line) * x_.width * x_.channels;
        const float *scale = factors(affine_.scale, image), *shift = factors(affine_.shift, image);
        uint16_t *inner = row + g_.left * channels_;
        for (int64_t p = 0; p < x_.width; p++) {
            kernels::normalise_row(from + p * x_.channels, x_.channels, scale, shift, activation_,
                                   inner + p * channels_);
            if (channels_ != x_.channels)
                inner[p * channels_ + x_.channels] = 0;
        }
        for (int64_t p = 0; p < g_.left; p++)
            write_border(inner, row + p * channels_);
        for (int64_t p = 0; p < g_.right; p++)
            write_border(inner + (x_.width - 1) * channels_, inner + (x_.width + p) * channels_);
    }

private:
    const float *factors(const at::Tensor &affine, int64_t image) const
    {
        return affine.defined() ? floats(affine) + image * x_.channels : nullptr;
    }

    void write_border(const uint16_t *pixel, uint16_t *to) const
    {
        if (g_.replicate)
            std::copy_n(pixel, channels_, to);
        else
            std::fill_n(to, channels_, uint16_t{0});
    }

    const Pixels &x_;
    const Geometry &g_;
    bool activation_;
    int64_t height_, width_, channels_;
    Affine affine_;
};

} // namespace

Pixels pixels_of(const at::Tensor &x)
{
    TORCH_CHECK(x.dim() == 4, "a picture has 4 dimensions, not ", x.dim());
    /* Not by `to` alone, which leaves a part of a picture as it is, with gaps between its lines. */
    return {x.to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast), x.size(0), x.size(2),
            x.size(3), x.size(1)};
}

Pixels bordered(const Pixels &x, const Geometry &g, const Normalisation &normalisation)
{
    const int64_t border = g.top | g.bottom | g.left | g.right;
    if (!border && !normalisation.groups && x.channels % 2 == 0)
        return x;
    const Lines lines(x, g, normalisation);
    Pixels y{{}, x.batch, lines.height(), lines.width(), lines.channels()};
    y.tensor = at::empty({y.batch, y.height, y.width, y.channels}, x.tensor.options());
    uint16_t *to = mutable_bits(y.tensor);
    parallel_for(y.batch * y.height, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            lines.write(i / y.height, i % y.height, to + i * y.width * y.channels);
    });
    return y;
}

Pixels bordered_pairs(const Pixels &x, const Geometry &g, const Normalisation &normalisation)
{
    const Lines lines(x, g, normalisation);
    Pixels y{{}, x.batch, lines.height(), divide_up(lines.width() - 2, 2), lines.channels()};
    y.tensor = at::empty({4, y.batch, y.height, y.width, y.channels}, x.tensor.options());
    const int64_t line = y.width * y.channels, plane = y.batch * y.height * line;
    uint16_t *to = mutable_bits(y.tensor);
    parallel_for(y.batch * y.height, [&](int64_t begin, int64_t end) {
        /* An odd line's last pair sees a pixel more, which counts for nothing. */
        std::vector<uint16_t> row(static_cast<size_t>((2 * y.width + 2) * y.channels));
        for (int64_t i = begin; i < end; i++) {
            lines.write(i / y.height, i % y.height, row.data());
            kernels::transform_pairs(row.data(), y.width, y.channels, plane, to + i * line);
        }
    });
    return y;
}

at::Tensor normalise(const at::Tensor &x, const Normalisation &normalisation)
{
    const Geometry none{};
    const Pixels y = bordered(pixels_of(x), none, normalisation);
    return y.tensor.permute({0, 3, 1, 2}).narrow(1, 0, x.size(1));
}

} // namespace af
