/* SPDX-License-Identifier: MIT */
#include "arithmetic/convolution.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <vector>

#include "arithmetic/bfloat16.hpp"
#include "arithmetic/kernels.hpp"
#include "arithmetic/product.hpp"
#include "base/parallel.hpp"

namespace af {
namespace {

/* A tile is the sums of a panel for TILE_ROWS pixels, 64 KiB of floats, in runs of up to RUN pixels of a
 * line. */
constexpr int64_t TILE_ROWS = 256;
constexpr int64_t RUN = 64;
/* Weights of this size stay in a core's cache; of larger ones, each panel is read once. */
constexpr int64_t CACHED_BYTES = 512 << 10;

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
            products_done();
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
                const int64_t pixel = line * x.width + run.first * task_.step_x + task_.offset_x;
                product(run.count, width_, depth, task_.step_x * x.channels, width_, width_,
                        tap != 0, values(bits(x.tensor) + pixel * x.channels),
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

/* A 3x3 convolution two pixels of a line at a time, by F(2, 3): four products of a third of its taps
 * each give both, six otherwise. A tile has half as many rows, four times. */
class PairedProduct {
public:
    explicit PairedProduct(const Task &task)
        : task_(task), pairs_(task.x.width), rows_(task.height * pairs_),
          runs_a_image_(divide_up(rows_, RUN)), runs_(task.x.batch * runs_a_image_),
          width_(panel_width(task.channels_out)), panels_(divide_up(task.channels_out, width_)),
          depth_(task.x.channels), plane_(task.x.batch * task.x.height * pairs_ * depth_)
    {
    }

    void run() const
    {
        constexpr int64_t runs_a_tile = TILE_ROWS / 2 / RUN;
        const int64_t tiles = divide_up(runs_, runs_a_tile);
        parallel_for(panels_ * tiles, [&](int64_t begin, int64_t end) {
            std::vector<float> sums(static_cast<size_t>(4 * runs_a_tile * RUN * width_));
            for (int64_t i = begin; i < end; i++) {
                const int64_t first = i % tiles * runs_a_tile;
                compute(i / tiles, first, std::min(first + runs_a_tile, runs_), sums.data());
            }
            products_done();
        });
    }

private:
    void compute(int64_t panel, int64_t begin, int64_t end, float *sums) const
    {
        const int64_t run_size = RUN * width_, sums_plane = (end - begin) * run_size;
        const int64_t line = pairs_ * depth_, tap_size = depth_ * width_;
        for (int64_t part = 0; part < 4; part++) {
            const uint16_t *x = bits(task_.x.tensor) + part * plane_;
            const uint16_t *weights = bits(task_.weight) + (part * panels_ + panel) * 3 * tap_size;
            for (int64_t tap = 0; tap < 3; tap++)
                for (int64_t i = begin; i < end; i++) {
                    const int64_t image = i / runs_a_image_, row = i % runs_a_image_ * RUN;
                    product(std::min(RUN, rows_ - row), width_, depth_, depth_, width_, width_,
                            tap != 0,
                            values(x + (image * task_.x.height + tap) * line + row * depth_),
                            values(weights + tap * tap_size),
                            sums + part * sums_plane + (i - begin) * run_size);
                }
        }
        for (int64_t i = begin; i < end; i++)
            finish(panel, i, sums + (i - begin) * run_size, sums_plane);
    }

    void finish(int64_t panel, int64_t run, const float *sums, int64_t sums_plane) const
    {
        const int64_t image = run / runs_a_image_, first = run % runs_a_image_ * RUN;
        const int64_t count = std::min(RUN, rows_ - first), channel = panel * width_;
        const int64_t channels = std::min(width_, task_.channels_out - channel);
        for (int64_t r = 0; r < count; r++) {
            const int64_t line = (first + r) / pairs_, pair = (first + r) % pairs_;
            const int64_t at = image * task_.image_stride + line * task_.line_stride +
                               2 * pair * task_.pixel_stride + channel;
            kernels::finish_pair(sums + r * width_, sums_plane, channels,
                                 task_.bias ? task_.bias + channel : nullptr,
                                 task_.gate ? task_.gate + image * task_.channels_out + channel
                                            : nullptr,
                                 task_.residual ? task_.residual + at : nullptr, task_.y + at,
                                 task_.pixel_stride, 2 * pair + 1 == task_.width);
        }
    }

    const Task &task_;
    const int64_t pairs_, rows_, runs_a_image_, runs_, width_, panels_, depth_, plane_;
};

std::optional<at::Tensor> widened(const std::optional<at::Tensor> &x)
{
    if (!x)
        return std::nullopt;
    return x->to(at::kFloat).contiguous();
}

const float *data(const std::optional<at::Tensor> &x)
{
    return x ? floats(*x) : nullptr;
}

} // namespace

std::vector<int64_t> convolved_sizes(at::IntArrayRef x, const Geometry &g)
{
    TORCH_CHECK(x.size() == 4, "a convolution's input has ", x.size(), " dimensions, not 4");
    TORCH_CHECK(x[1] == g.channels_in, "a convolution of ", g.channels_in, " channels was given ",
                x[1]);
    TORCH_CHECK(is_in_bounds(g), "a convolution's strides, borders or channels are out of bounds");
    constexpr int64_t most = int64_t{1} << 31;
    TORCH_CHECK(x[2] <= most && x[3] <= most, "a convolution's input is ", x[2], " x ", x[3]);
    if (g.upsample)
        return {x[0], g.channels_out, 2 * x[2], 2 * x[3]};
    const int64_t height = x[2] + g.top + g.bottom, width = x[3] + g.left + g.right;
    TORCH_CHECK(height >= g.height && width >= g.width, "a kernel of ", g.height, " x ", g.width,
                " is larger than its input of ", height, " x ", width);
    return {x[0], g.channels_out, (height - g.height) / g.stride_y + 1,
            (width - g.width) / g.stride_x + 1};
}

at::Tensor convolve(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, const Geometry &g,
                    const Normalisation &normalisation, const std::optional<at::Tensor> &gate,
                    const std::optional<at::Tensor> &residual)
{
    at::Tensor y = at::empty(convolved_sizes(x.sizes(), g), x.options().dtype(at::kBFloat16),
                             at::MemoryFormat::ChannelsLast);
    TORCH_CHECK(!bias || bias->numel() == g.channels_out, "a convolution to ", g.channels_out,
                " channels has a bias of ", bias ? bias->numel() : 0);
    TORCH_CHECK(x.numel() > 0, "a convolution's input is empty");
    TORCH_CHECK(2 * weight.size(3) == g.channels_in + g.channels_in % 2, "a product with ",
                2 * weight.size(3), " columns was given ", g.channels_in);
    const bool paired = takes_pairs(g);
    const Pixels given = pixels_of(x);
    const Pixels input =
        paired ? bordered_pairs(given, g, normalisation) : bordered(given, g, normalisation);
    const int64_t scale = g.upsample ? 2 : 1;
    const int64_t height = y.size(2), width = y.size(3);
    const auto biases = widened(bias);
    std::optional<at::Tensor> gates, base;
    if (gate)
        gates = per_sample(*gate, input.batch, g.channels_out).contiguous();
    if (residual)
        base = residual->contiguous(at::MemoryFormat::ChannelsLast);

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
        if (paired)
            PairedProduct(task).run();
        else
            Product(task).run();
    }
    return y;
}

at::Tensor multiply(const at::Tensor &x, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, int64_t channels_out)
{
    const at::Tensor dense = x.to(at::kBFloat16).contiguous();
    TORCH_CHECK(dense.dim() > 0, "a product's input has no dimensions");
    const int64_t channels = dense.size(-1), rows = dense.numel() / std::max<int64_t>(channels, 1);
    const at::Tensor picture = dense.view({1, 1, rows, channels}).permute({0, 3, 1, 2});
    const Geometry point{channels, channels_out, 1, 1, 1, 1, 0, 0, 0, 0, false, false};
    const at::Tensor y =
        convolve(picture, weight, bias, point, Normalisation{}, std::nullopt, std::nullopt);
    std::vector<int64_t> sizes = dense.sizes().vec();
    sizes.back() = channels_out;
    return y.permute({0, 2, 3, 1}).view(sizes);
}

} // namespace af
