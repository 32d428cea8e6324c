/* SPDX-License-Identifier: MIT */
#include "convolution.hpp"

#include <ATen/Functions.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels.hpp"
#include "parallel.hpp"

namespace af {
namespace {

/* A panel is PANEL output channels: its sums are what the processor's registers hold. A tile is the
 * sums of a panel for TILE_ROWS pixels, 64 KiB of floats, in runs of up to RUN pixels of a line. */
constexpr int64_t PANEL = 64;
constexpr int64_t TILE_ROWS = 256;
constexpr int64_t RUN = 64;
/* Weights of this size stay in a core's cache; of larger ones, each panel is read once. */
constexpr int64_t CACHED_BYTES = 512 << 10;

int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t panel_width(int64_t channels_out)
{
    return std::min(PANEL, 16 * divide_up(channels_out, 16));
}

const uint16_t *bits(const at::Tensor &x)
{
    return static_cast<const uint16_t *>(x.const_data_ptr());
}

uint16_t *mutable_bits(const at::Tensor &x)
{
    return static_cast<uint16_t *>(x.mutable_data_ptr());
}

const at::BFloat16 *values(const uint16_t *bits)
{
    return reinterpret_cast<const at::BFloat16 *>(bits);
}

/* taps[phases, taps, Cin, Cout] -> [phases, panels, taps, Cin / 2, width, 2] */
at::Tensor pack(const at::Tensor &taps)
{
    const int64_t phases = taps.size(0), count = taps.size(1), cin = taps.size(2);
    const int64_t cout = taps.size(3), width = panel_width(cout), panels = divide_up(cout, width);
    const int64_t pairs = divide_up(cin, 2);
    return at::constant_pad_nd(taps.to(at::kBFloat16),
                               {0, panels * width - cout, 0, 2 * pairs - cin})
        .view({phases, count, pairs, 2, panels, width})
        .permute({0, 4, 1, 2, 5, 3})
        .contiguous();
}

/* Pixels in memory as rows of channels: [batch, height, width, channels]. */
struct Pixels {
    at::Tensor tensor;
    int64_t batch, height, width, channels;
};

/* What a product's rows are and where its results go. */
struct Task {
    Pixels x; /* borders included */
    const at::Tensor &weight;
    int64_t phase, taps_y, taps_x; /* of the weights; where the taps begin follows from the phase */
    int64_t offset_y, offset_x, step_y, step_x;
    int64_t height, width; /* of what this task computes */
    /* Where pixel (0, 0) of it lies in y, and how far the next line, pixel and image are. */
    uint16_t *y;
    int64_t image_stride, line_stride, pixel_stride;
    int64_t channels_out;
    const float *bias, *gate; /* [Cout], [N, Cout] */
    const uint16_t *residual; /* as y */
};

/* A run of pixels of one line. */
struct Run {
    int64_t image, line, first, count;
};

class Product {
public:
    explicit Product(const Task &task)
        : task_(task), runs_a_line_(divide_up(task.width, RUN)),
          runs_(task.x.batch * task.height * runs_a_line_),
          runs_a_tile_(std::max<int64_t>(1, TILE_ROWS / std::min(task.width, RUN))),
          width_(panel_width(task.channels_out)), panels_(divide_up(task.channels_out, width_)),
          taps_(task.taps_y * task.taps_x), pairs_(divide_up(task.x.channels, 2))
    {
    }

    void run() const
    {
        const int64_t tiles = divide_up(runs_, runs_a_tile_);
        const bool cached = panels_ * panel_size() * 2 <= CACHED_BYTES;
        parallel_for(panels_ * tiles, [&](int64_t begin, int64_t end) {
            std::vector<float> sums(static_cast<size_t>(TILE_ROWS * width_));
            for (int64_t i = begin; i < end; i++) {
                const int64_t panel = cached ? i % panels_ : i / tiles;
                const int64_t tile = cached ? i / panels_ : i % tiles;
                compute(panel, tile, sums.data());
            }
            at::native::cpublas::brgemm_release();
        });
    }

private:
    int64_t panel_size() const { return taps_ * pairs_ * width_ * 2; }

    Run run_at(int64_t index) const
    {
        const int64_t line = index / runs_a_line_, first = index % runs_a_line_ * RUN;
        return {line / task_.height, line % task_.height, first,
                std::min(RUN, task_.width - first)};
    }

    void compute(int64_t panel, int64_t tile, float *sums) const
    {
        const Pixels &x = task_.x;
        const int64_t begin = tile * runs_a_tile_, end = std::min(begin + runs_a_tile_, runs_);
        const int64_t tile_stride = std::min(task_.width, RUN) * width_;
        const uint16_t *weights =
            bits(task_.weight) + (task_.phase * panels_ + panel) * panel_size();
        /* A line's taps lie side by side in x as in the weights: they are one product. */
        const int64_t depth = 2 * pairs_ * task_.taps_x;
        for (int64_t tap = 0; tap < task_.taps_y; tap++) {
            for (int64_t i = begin; i < end; i++) {
                const Run run = run_at(i);
                const int64_t line =
                    run.image * x.height + run.line * task_.step_y + task_.offset_y + tap;
                const int64_t pixel =
                    line * x.width + run.first * task_.step_x + task_.offset_x;
                at::native::cpublas::brgemm(
                    run.count, width_, depth, task_.step_x * x.channels, width_, width_, tap != 0,
                    values(bits(x.tensor) + pixel * x.channels),
                    values(weights + tap * depth * width_), sums + (i - begin) * tile_stride);
            }
        }
        const int64_t channel = panel * width_;
        const int64_t channels = std::min(width_, task_.channels_out - channel);
        for (int64_t i = begin; i < end; i++) {
            const Run run = run_at(i);
            const int64_t at = run.image * task_.image_stride + run.line * task_.line_stride +
                               run.first * task_.pixel_stride + channel;
            kernels::finish_rows(
                sums + (i - begin) * tile_stride, width_, run.count, channels,
                task_.bias ? task_.bias + channel : nullptr,
                task_.gate ? task_.gate + run.image * task_.channels_out + channel : nullptr,
                task_.residual ? task_.residual + at : nullptr, task_.y + at, task_.pixel_stride);
        }
    }

    const Task &task_;
    const int64_t runs_a_line_, runs_, runs_a_tile_, width_, panels_, taps_, pairs_;
};

/* ---- normalisation -------------------------------------------------------- */

/* Factors and addends [N, C] that a group normalisation comes down to, in float32. */
struct Affine {
    at::Tensor scale, shift;
};

/* x as [N, C] floats; of one value a channel, or one a sample and channel. */
at::Tensor per_sample(const at::Tensor &x, int64_t batch, int64_t channels)
{
    return x.to(at::kFloat).reshape({-1, channels}).expand({batch, channels});
}

Affine affine_of(const Pixels &x, const Normalisation &normalisation)
{
    constexpr int64_t chunk = 64; /* of pixels, whose sums are floats; they are added as doubles */
    const int64_t pixels = x.height * x.width, chunks = divide_up(pixels, chunk);
    const at::Tensor sums =
        at::zeros({x.batch, chunks, 2, x.channels}, x.tensor.options().dtype(at::kFloat));
    float *partial = sums.mutable_data_ptr<float>();
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
    float *factors = scale.mutable_data_ptr<float>(), *addends = shift.mutable_data_ptr<float>();
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

Pixels pixels_of(const at::Tensor &x)
{
    TORCH_CHECK(x.dim() == 4, "a convolution's input has ", x.dim(), " dimensions, not 4");
    return {x.to(at::kBFloat16, false, false, at::MemoryFormat::ChannelsLast), x.size(0), x.size(2),
            x.size(3), x.size(1)};
}

/* x normalised, with borders, and with an even number of channels. */
Pixels bordered(const Pixels &x, const Geometry &g, const Normalisation &normalisation)
{
    const int64_t border = g.top | g.bottom | g.left | g.right;
    if (!border && !normalisation.groups && x.channels % 2 == 0)
        return x;
    Affine affine;
    if (normalisation.groups)
        affine = affine_of(x, normalisation);
    const float *scale = affine.scale.defined() ? affine.scale.const_data_ptr<float>() : nullptr;
    const float *shift = affine.shift.defined() ? affine.shift.const_data_ptr<float>() : nullptr;

    Pixels y{{},
             x.batch,
             x.height + g.top + g.bottom,
             x.width + g.left + g.right,
             x.channels + x.channels % 2};
    y.tensor = at::empty({y.batch, y.height, y.width, y.channels}, x.tensor.options());
    uint16_t *to = mutable_bits(y.tensor);
    parallel_for(y.batch * y.height, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t n = i / y.height;
            int64_t line = i % y.height - g.top;
            uint16_t *row = to + i * y.width * y.channels;
            if (!g.replicate && (line < 0 || line >= x.height)) {
                std::fill_n(row, y.width * y.channels, uint16_t{0});
                continue;
            }
            line = std::clamp<int64_t>(line, 0, x.height - 1);
            const uint16_t *from = bits(x.tensor) + (n * x.height + line) * x.width * x.channels;
            uint16_t *inner = row + g.left * y.channels;
            for (int64_t p = 0; p < x.width; p++) {
                kernels::normalise_row(from + p * x.channels, x.channels,
                                       scale ? scale + n * x.channels : nullptr,
                                       shift ? shift + n * x.channels : nullptr,
                                       normalisation.activation, inner + p * y.channels);
                if (y.channels != x.channels)
                    inner[p * y.channels + x.channels] = 0;
            }
            const uint16_t *last = inner + (x.width - 1) * y.channels;
            for (int64_t p = 0; p < g.left; p++)
                if (g.replicate)
                    std::copy_n(inner, y.channels, row + p * y.channels);
                else
                    std::fill_n(row + p * y.channels, y.channels, uint16_t{0});
            for (int64_t p = 0; p < g.right; p++) {
                uint16_t *pixel = inner + (x.width + p) * y.channels;
                if (g.replicate)
                    std::copy_n(last, y.channels, pixel);
                else
                    std::fill_n(pixel, y.channels, uint16_t{0});
            }
        }
    });
    return y;
}

std::optional<at::Tensor> floats(const std::optional<at::Tensor> &x)
{
    if (!x)
        return std::nullopt;
    return x->to(at::kFloat).contiguous();
}

const float *data(const std::optional<at::Tensor> &x)
{
    return x ? x->const_data_ptr<float>() : nullptr;
}

/* Of a 3-tap kernel on a picture taken twice as large, which two of the picture's own lines the
 * even and odd lines see: each tap of the two is a sum of taps of the three. */
at::Tensor halve_taps(const at::Tensor &taps, int64_t dim, bool odd)
{
    const at::Tensor a = taps.narrow(dim, 0, 1), b = taps.narrow(dim, 1, 1),
                     c = taps.narrow(dim, 2, 1);
    const std::vector<at::Tensor> pair = odd ? std::vector<at::Tensor>{at::add(a, b), c}
                                             : std::vector<at::Tensor>{a, at::add(b, c)};
    return at::cat(pair, dim);
}

} // namespace

Geometry Geometry::from(at::IntArrayRef n)
{
    TORCH_CHECK(n.size() == 11, "a geometry has 11 numbers, not ", n.size());
    return {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9] != 0, n[10] != 0};
}

std::vector<int64_t> Geometry::numbers() const
{
    return {channels_out, height, width, stride_y,  stride_x, top,
            bottom,       left,   right, replicate, upsample};
}

at::Tensor pack_convolution(const at::Tensor &weight, const Geometry &geometry)
{
    const int64_t cout = weight.size(0), cin = weight.size(1);
    const auto matrices = [&](const at::Tensor &w) {
        return w.permute({2, 3, 1, 0}).reshape({1, w.size(2) * w.size(3), cin, cout});
    };
    if (!geometry.upsample)
        return pack(matrices(weight));
    const at::Tensor exact = weight.to(at::kFloat);
    std::vector<at::Tensor> phases;
    for (const bool odd_y : {false, true})
        for (const bool odd_x : {false, true})
            phases.push_back(matrices(halve_taps(halve_taps(exact, 2, odd_y), 3, odd_x)));
    return pack(at::cat(phases, 0));
}

at::Tensor convolve(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, const Geometry &g,
                    const Normalisation &normalisation, const std::optional<at::Tensor> &gate,
                    const std::optional<at::Tensor> &residual)
{
    const Pixels input = bordered(pixels_of(x), g, normalisation);
    TORCH_CHECK(2 * weight.size(3) == input.channels, "a convolution of ", 2 * weight.size(3),
                " channels was given ", x.size(1));
    const int64_t scale = g.upsample ? 2 : 1;
    const int64_t height =
        g.upsample ? scale * x.size(2) : (input.height - g.height) / g.stride_y + 1;
    const int64_t width = g.upsample ? scale * x.size(3) : (input.width - g.width) / g.stride_x + 1;
    const at::Tensor y = at::empty({input.batch, g.channels_out, height, width},
                                   input.tensor.options(), at::MemoryFormat::ChannelsLast);
    const auto biases = floats(bias);
    std::optional<at::Tensor> gates, base;
    if (gate)
        gates = per_sample(*gate, input.batch, g.channels_out).contiguous();
    if (residual)
        base = residual->to(at::kBFloat16, false, false, at::MemoryFormat::ChannelsLast)
                   .expand_as(y)
                   .contiguous(at::MemoryFormat::ChannelsLast);

    const int64_t pixel = g.channels_out * scale, line = width * g.channels_out * scale;
    for (int64_t phase = 0; phase < scale * scale; phase++) {
        const int64_t py = phase / 2, px = phase % 2;
        const int64_t start = (py * width + px) * g.channels_out;
        const Task task{.x = input,
                        .weight = weight,
                        .phase = phase,
                        .taps_y = g.upsample ? 2 : g.height,
                        .taps_x = g.upsample ? 2 : g.width,
                        .offset_y = py,
                        .offset_x = px,
                        .step_y = g.stride_y,
                        .step_x = g.stride_x,
                        .height = height / scale,
                        .width = width / scale,
                        .y = mutable_bits(y) + start,
                        .image_stride = height * width * g.channels_out,
                        .line_stride = line,
                        .pixel_stride = pixel,
                        .channels_out = g.channels_out,
                        .bias = data(biases),
                        .gate = data(gates),
                        .residual = base ? bits(*base) + start : nullptr};
        Product(task).run();
    }
    return y;
}

at::Tensor pack_linear(const at::Tensor &weight)
{
    return pack(weight.t().unsqueeze(0).unsqueeze(0));
}

at::Tensor multiply(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, int64_t channels_out)
{
    const at::Tensor dense = x.to(at::kBFloat16).contiguous();
    const int64_t channels = dense.size(-1), rows = dense.numel() / std::max<int64_t>(channels, 1);
    const at::Tensor picture = dense.view({1, 1, rows, channels}).permute({0, 3, 1, 2});
    const Geometry point{channels_out, 1, 1, 1, 1, 0, 0, 0, 0, false, false};
    const at::Tensor y =
        convolve(picture, weight, bias, point, Normalisation{}, std::nullopt, std::nullopt);
    std::vector<int64_t> sizes = dense.sizes().vec();
    sizes.back() = channels_out;
    return y.permute({0, 2, 3, 1}).view(sizes);
}

at::Tensor normalise(const at::Tensor &x, const Normalisation &normalisation)
{
    const Geometry none{};
    const Pixels y = bordered(pixels_of(x), none, normalisation);
    return y.tensor.permute({0, 3, 1, 2}).narrow(1, 0, x.size(1));
}

} // namespace af
